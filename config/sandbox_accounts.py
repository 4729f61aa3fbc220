"""Accounts at the local sandbox: one of each kind, with the credentials the sandbox expects."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from config import sandbox_callbacks
from consents.models import Sender
from providers import accounts
from providers.models import ProviderAccount

_LOOPBACK = "http://127.0.0.1:"


def ensure_accounts(sender: Sender, port: int) -> None:
    """Creates those that are missing and follows the sandbox to another port.

    One that staff have pointed elsewhere stays as it is.
    """
    for wanted in _accounts(f"{_LOOPBACK}{port}"):
        account = ProviderAccount.objects.filter(sender=sender, name=wanted["name"]).first()
        if account is None:
            accounts.save(ProviderAccount(sender=sender, **wanted))
        elif _is_astray(account, wanted["base_url"]):
            account.base_url, account.credentials = wanted["base_url"], wanted["credentials"]
            accounts.save(account)


def _is_astray(account: ProviderAccount, base_url: str) -> bool:
    return account.base_url.startswith(_LOOPBACK) and account.base_url != base_url


def _accounts(url: str) -> list[dict[str, Any]]:
    return [
        {
            "kind": "pepipost",
            "name": "Pepipost sandbox",
            "base_url": url,
            "credentials": {"token": "sandbox-pepipost-token"},
        },
        {
            "id": sandbox_callbacks.ACCOUNT,
            "kind": "sinch_conversation",
            "name": "Sinch Conversation sandbox",
            "base_url": url,
            "external_id": "01HZCONSENTAPP000000000001",
            "credentials": {
                "project_id": "00000000-0000-4000-8000-000000000001",
                "key_id": "sandbox-key-id",
                "key_secret": "sandbox-key-secret",
                "token_url": f"{url}/oauth2/token",
                "callback_secret": sandbox_callbacks.SECRET,
            },
            "settings": {"await_result": sandbox_callbacks.are_heard(settings)},
        },
        {
            "kind": "sinch_whatsapp",
            "name": "Sinch WhatsApp sandbox",
            "base_url": url,
            "external_id": "sandbox-bot",
            "credentials": {"token": "sandbox-whatsapp-token"},
        },
    ]
