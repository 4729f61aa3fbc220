"""Asks the gate for many, and reads its answers as it gives them for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from consents import gate_bulk
from consents.decision import Permission
from consents.models import Sender


def together(
    sender: Sender, identities: Sequence[object], purpose: str = "service", on: str = "WHATSAPP"
) -> list[Permission]:
    answers = gate_bulk.check_many(sender, on, identities, purpose, show=lambda answer: answer)
    return [
        replace(form.permission, event=UUID(event) if event else None) for _, form, event in answers
    ]
