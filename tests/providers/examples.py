"""Accounts and changes as the outbox would hand them over."""

from __future__ import annotations

from itertools import count
from typing import Any

from providers.contract import Account, Change, Kind

TOKEN = "header.payload-of-token.signature"
KEY_ID, KEY_SECRET = "key-id-0001", "key-secret-0001"
PROJECT = "7d2f1c1e-0b6c-4f5e-9a1d-3f2f5a6b7c8d"
APP_ID = "01HZC0NSENTAPP000000000001"
ACCESS_TOKEN = {"access_token": "access-token-0001", "expires_in": 3599, "token_type": "bearer"}

_numbers = count(1)


def change(kind: Kind = Kind.OPT_IN, identity: str = "46732001122", **other: Any) -> Change:
    """A change with an id of its own."""
    number = next(_numbers)
    given = {"id": f"change-{number}", "request_id": f"request-{number}", "source": "WEB"}
    return Change(kind=kind, identity=identity, **{"channel": "WHATSAPP", **given, **other})


def account(kind: str, base_url: str, **settings: Any) -> Account:
    """A complete account of one provider at `base_url`."""
    external_id, credentials = {
        "pepipost": ("", {"token": TOKEN}),
        "sinch_whatsapp": ("example-bot", {"token": TOKEN}),
        "sinch_conversation": (
            APP_ID,
            {
                "project_id": PROJECT,
                "key_id": KEY_ID,
                "key_secret": KEY_SECRET,
                "token_url": f"{base_url}/oauth2/token",
            },
        ),
    }[kind]
    return Account(
        id=f"{kind}@{base_url}",
        kind=kind,
        base_url=base_url,
        external_id=external_id,
        credentials=credentials,
        settings=settings,
    )
