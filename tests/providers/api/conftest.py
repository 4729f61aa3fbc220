"""An account at a provider, and a caller of the API who may do everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consents.defaults import DEFAULT_SENDER, ensure_defaults
from consents.models import Sender
from providers import accounts
from providers.models import ProviderAccount
from tests.consents.api.caller import Caller, issue

MakeAccount = Callable[..., ProviderAccount]


@pytest.fixture
def api(db: None) -> Caller:
    ensure_defaults()
    return issue()


@pytest.fixture
def make_account(db: None) -> MakeAccount:
    """Makes an account, of the default sender where no other is given."""

    def make(name: str = "shop", sender: Sender | None = None) -> ProviderAccount:
        account = ProviderAccount(
            sender=sender or Sender.objects.get(key=DEFAULT_SENDER),
            kind="pepipost",
            name=name,
            base_url="http://127.0.0.1:9",
            credentials={"token": "a-secret-token"},
        )
        accounts.save(account)
        return account

    return make
