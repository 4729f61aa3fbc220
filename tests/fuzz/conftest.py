"""A small world to attack."""

from __future__ import annotations

import pytest

from consents.defaults import DEFAULT_SENDER, ensure_defaults
from consents.models import Sender
from providers import accounts
from providers.models import ProviderAccount
from tests.consents.api.caller import issue
from tests.consents.factories import ContactFactory, NoticeFactory, OptInFactory
from tests.fuzz.fitting import CONTACT, NOTICE


@pytest.fixture
def key(transactional_db: None) -> dict[str, str]:
    """The header of a key that may do everything, in a world with a person and an account."""
    ensure_defaults()
    account = ProviderAccount(
        sender=Sender.objects.get(key=DEFAULT_SENDER),
        kind="pepipost",
        name="shop",
        base_url="http://127.0.0.1:9",
        credentials={"token": "a-secret-token"},
    )
    accounts.save(account)
    OptInFactory(contact=ContactFactory(external_id=CONTACT))
    NoticeFactory(key=NOTICE)
    return {"Authorization": f"Bearer {issue().key}"}
