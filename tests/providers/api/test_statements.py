"""How many statements one recorded consent takes: few, and as many for the last as for the first.

Counted with what it sets off, an account at a provider that is owed the change, and with the
savepoint that stands for the transaction here.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.consents.factories import NUMBER, NoticeFactory, british_number
from tests.providers.factories import opt_in_many

pytestmark = pytest.mark.django_db

OF_SOMEBODY_NEW = 11
OF_SOMEBODY_KNOWN = 10
WITH_NO_EFFECT = 10


def statements(api: Any, action: str, number: str = NUMBER, **more: Any) -> int:
    said = {"action": action, "channel": "WHATSAPP", "identity": number, "source": "WEB", **more}
    with CaptureQueriesContext(connection) as queries:
        answer = api.post("consent-events/", said)
    assert answer.status_code == 201
    return len(queries)


@pytest.fixture(autouse=True)
def _warm(api, make_account):
    """The key's use is noted once a minute, and what is asked for once is remembered."""
    make_account()
    statements(api, "opt_in", british_number(999))
    statements(api, "opt_out", british_number(999))


def test_of_somebody_new(api):
    assert statements(api, "opt_in") == OF_SOMEBODY_NEW


def test_of_somebody_known(api):
    statements(api, "opt_in")
    assert statements(api, "opt_out") == OF_SOMEBODY_KNOWN


def test_of_what_was_so_already(api):
    statements(api, "opt_in")
    assert statements(api, "opt_in") == WITH_NO_EFFECT


def test_of_what_names_a_notice_one_more(api):
    NoticeFactory()
    assert statements(api, "opt_in", evidence={"notice": "banner"}) == OF_SOMEBODY_NEW + 1


def test_however_many_people_there_are_and_however_much_they_have_said(api):
    opt_in_many([british_number(at) for at in range(300)])
    for _ in range(5):
        statements(api, "opt_out")
        statements(api, "opt_in")
    assert statements(api, "opt_out") == OF_SOMEBODY_KNOWN
    assert statements(api, "opt_in", british_number(500)) == OF_SOMEBODY_NEW
