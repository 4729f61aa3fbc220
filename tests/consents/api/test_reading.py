"""`GET consent-events/`: the ledger read, page by page."""

import base64
from urllib.parse import urlsplit

import pytest

from consents.models import ConsentEvent
from tests.consents.api.caller import code_of, issue
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    SenderFactory,
    british_number,
)

pytestmark = pytest.mark.django_db


def seqs(answer):
    assert answer.status_code == 200, answer.json()
    return [event["seq"] for event in answer.json()["results"]]


def follow(api, link):
    return api.client.get(
        f"{urlsplit(link).path}?{urlsplit(link).query}",
        headers={"Authorization": f"Bearer {api.key}"},
    )


def cursor(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


def test_the_newest_line_comes_first(api):
    written = [OptInFactory(identity=british_number(index)).seq for index in range(3)]
    answer = api.get("consent-events/")
    assert seqs(answer) == written[::-1]
    assert answer.json()["next"] is None


def test_pages_lead_through_all_lines_and_back_while_new_ones_come_in(api):
    written = [OptInFactory(identity=british_number(index)).seq for index in range(5)][::-1]
    first = api.get("consent-events/", limit=2, action="opt_in")
    OptInFactory(identity=OTHER_NUMBER)
    second = follow(api, first.json()["next"])
    third = follow(api, second.json()["next"])
    assert [seqs(first), seqs(second), seqs(third)] == [written[:2], written[2:4], written[4:]]
    assert third.json()["next"] is None
    back = follow(api, third.json()["previous"])
    assert seqs(back) == written[2:4]
    newest = follow(api, follow(api, back.json()["previous"]).json()["previous"])
    assert seqs(newest) == [ConsentEvent.objects.order_by("-seq")[0].seq]


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ({"identity": NUMBER}, {"in", "late", "out"}),
        ({"identity": f"+{NUMBER}"}, {"in", "late", "out"}),
        ({"identity": f" {NUMBER}"}, {"in", "late", "out"}),
        ({"identity": NUMBER, "channel": "SMS"}, {"out"}),
        ({"identity": "46700000000"}, set()),
        ({"channel": "sms"}, {"out"}),
        ({"action": "opt_out"}, {"out"}),
        ({"source": "PAPER"}, {"late"}),
        ({"origin": "keyword"}, {"said"}),
        ({"purpose": "newsletter"}, {"late"}),
        ({"contact": "crm-7"}, {"other"}),
        ({"contact": "nobody"}, set()),
        ({"action": "opt_in", "source": "WEB"}, {"in", "other"}),
        ({"from": "2999-01-01T00:00:00Z"}, set()),
        ({"to": "2000-01-01T00:00:00+00:00"}, set()),
        ({"from": "2000-01-01T00:00:00 01:00", "action": "opt_out"}, {"out"}),
    ],
)
def test_filters_narrow_the_list(api, query, matches):
    PurposeFactory(key="newsletter")
    contact = ContactFactory(external_id="crm-7")
    lines = {
        "in": OptInFactory(),
        "late": OptInFactory(purpose="newsletter", source="PAPER"),
        "out": OptOutFactory(channel="SMS"),
        "other": OptInFactory(identity=OTHER_NUMBER, contact=contact),
        "said": MessageFactory(identity=british_number(1), text="START").events[0],
    }
    found = set(seqs(api.get("consent-events/", **query)))
    assert found == {lines[name].seq for name in matches}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "invalid_limit"),
        ({"limit": "501"}, "invalid_limit"),
        ({"limit": "ten"}, "invalid_limit"),
        ({"limit": "²"}, "invalid_limit"),
        ({"limit": "1" * 5000}, "invalid_limit"),
        ({"cursor": ""}, "invalid_cursor"),
        ({"identity": ""}, "invalid_identity"),
        ({"action": ""}, "invalid_action"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"cursor": "ü"}, "invalid_cursor"),
        ({"cursor": cursor("o")}, "invalid_cursor"),
        ({"cursor": cursor("x5")}, "invalid_cursor"),
        ({"cursor": cursor("o-5")}, "invalid_cursor"),
        ({"cursor": cursor("o99999999999999999999")}, "invalid_cursor"),
        ({"action": "opt_up"}, "unknown_action"),
        ({"origin": "heaven"}, "unknown_origin"),
        ({"channel": "FAX"}, "unknown_channel"),
        ({"purpose": "world-peace"}, "unknown_purpose"),
        ({"identity": "\t"}, "invalid_identity"),
        ({"identity": "x", "channel": "SMS"}, "invalid_identity"),
        ({"identity": "x\0"}, "invalid_identity"),
        ({"contact": "x\0"}, "invalid_contact"),
        ({"source": "x\0"}, "invalid_source"),
        ({"from": "2026-01-31T12:00:00"}, "invalid_from"),
        ({"to": "soon"}, "invalid_to"),
        ({"sort": "seq"}, "unknown_parameter"),
        ({"action": ["opt_in", "opt_out"]}, "invalid_action"),
    ],
)
def test_parameters_that_cannot_be_are_refused(api, query, code):
    assert code_of(api.get("consent-events/", **query)) == (400, code)


def test_a_key_sees_only_lines_of_its_senders(sender):
    SenderFactory(key="other")
    own, others = OptInFactory(), OptInFactory(sender="other")
    assert seqs(issue().get("consent-events/")) == [own.seq]
    both = issue(senders=["default", "other"])
    assert seqs(both.get("consent-events/")) == [others.seq, own.seq]
    assert seqs(both.get("consent-events/", sender="other")) == [others.seq]
    assert code_of(issue().get("consent-events/", sender="other")) == (403, "sender_forbidden")
    assert code_of(issue().get(f"consent-events/{others.id}/")) == (404, "not_found")


@pytest.mark.parametrize("path", ["consent-events/", "contacts/"])
def test_a_long_page_takes_no_more_queries_than_a_short_one(
    api, path, django_assert_max_num_queries
):
    for index in range(20):
        OptInFactory(identity=british_number(index))
    for limit in (1, 20):
        with django_assert_max_num_queries(6):
            assert len(api.get(path, limit=limit).json()["results"]) == limit
