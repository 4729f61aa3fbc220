"""`consent-events/{id}/proof/` and `…/receipt/`: what can be shown to others of one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from consents import proofs, receipts
from consents.api import evidence_examples, evidence_shapes, operations
from consents.api.door import Door
from consents.models import ConsentEvent
from consents.vocabulary import Scope


class Proof(Door):
    scopes = {"GET": Scope.READ}

    @operations.describe(
        "read_proof",
        {200: evidence_shapes.ProofBody},
        finds=True,
        example=evidence_examples.PROOF,
    )
    def get(self, request: Request, id: UUID) -> Response:
        """The proof that a line stands in the ledger as it was sealed.

        With the public key, `docs/verify.py` verifies it anywhere, without Optbook. A line is
        sealed some minutes after it was written.
        """
        return _shown(self, id, proofs.prove)


class Receipt(Door):
    scopes = {"GET": Scope.READ}

    @operations.describe(
        "read_receipt",
        {200: evidence_shapes.ReceiptBody},
        finds=True,
        example=evidence_examples.RECEIPT,
    )
    def get(self, request: Request, id: UUID) -> Response:
        """The receipt for an opt-in, with the fields of ISO/IEC TS 27560, for the person to keep.

        `proof` is null while the line is not sealed.
        """
        return _shown(self, id, receipts.receipt)


def _shown(door: Door, id: UUID, made: Callable[[ConsentEvent], dict[str, Any]]) -> Response:
    event = receipts.lines().filter(id=id, sender__in=door.senders(door.query())).first()
    if event is None:
        raise Http404
    return Response(made(event))
