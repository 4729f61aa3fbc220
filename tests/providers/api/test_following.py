"""The outbox and the log of notifications can be followed as the ledger can."""

from __future__ import annotations

import pytest

from consents import feeds
from providers.models import ProviderSync, WebhookDelivery
from tests.consents.api.test_following import Follower
from tests.consents.factories import NUMBER, OTHER_NUMBER, OptInFactory
from tests.consents.test_feeds import held_open

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("path", "table"),
    [("provider-syncs/", ProviderSync), ("webhook-deliveries/", WebhookDelivery)],
)
def test_a_row_that_commits_late_is_not_missed(api, make_account, path, table):
    make_account()
    wanted = {"url": "https://subscriber.example/hooks", "triggers": ["CONSENT_CHANGED"]}
    api.post("webhook-endpoints/", wanted)
    follower = Follower(api, path)
    with held_open(NUMBER):
        OptInFactory(identity=OTHER_NUMBER)
        newer = table.objects.get().seq
        assert follower.step() == []
        assert feeds.horizon(table) < newer - 1
    assert follower.step() == [newer, newer - 1]
