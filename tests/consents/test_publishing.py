"""Putting notices in: each version once, in its exact words."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from consents import publishing
from consents.errors import ConsentError
from consents.models import Notice, Sender
from tests.consents.factories import NoticeFactory, SenderFactory, ago
from tests.consents.parallel import at_once, attempt_at_once

WORDS = {"key": "banner", "version": "2026-03", "language": "sv", "text": "Skicka erbjudanden 🎁\n"}


@pytest.mark.usefixtures("sender")
def test_the_text_is_kept_to_the_letter_with_its_hash() -> None:
    notice = Notice.objects.get(id=NoticeFactory(**WORDS).id)
    assert notice.text == WORDS["text"]
    assert notice.digest == hashlib.sha256(WORDS["text"].encode()).hexdigest()


def test_it_is_valid_from_now_where_nothing_is_said(sender: Sender) -> None:
    before = timezone.now()
    notice = publishing.publish(sender, **WORDS).notice
    assert before <= notice.valid_from == notice.created_at


@pytest.mark.parametrize("again", [{}, {"valid_from": datetime(2026, 3, 1, tzinfo=UTC)}])
def test_the_same_once_more_is_no_error(sender: Sender, again: dict[str, Any]) -> None:
    fields = {**WORDS, "valid_from": datetime(2026, 3, 1, tzinfo=UTC)}
    first = publishing.publish(sender, **fields)
    second = publishing.publish(sender, **WORDS, **again)
    assert (first.is_new, second.is_new) == (True, False)
    assert second.notice == first.notice
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "field"), [({"text": "Other"}, "text"), ({"valid_from": ago(days=1)}, "valid_from")]
)
def test_the_same_version_with_something_else_is_refused(
    sender: Sender, changed: dict[str, Any], field: str
) -> None:
    publishing.publish(sender, **WORDS)
    with pytest.raises(ConsentError) as refused:
        publishing.publish(sender, **{**WORDS, **changed})
    assert (refused.value.code, refused.value.field) == ("notice_differs", field)
    assert Notice.objects.get().text == WORDS["text"]


def test_other_versions_languages_keys_and_senders_stand_beside_it(sender: Sender) -> None:
    for other in ({}, {"version": "3"}, {"language": "de"}, {"key": "footer"}):
        publishing.publish(sender, **{**WORDS, **other})
    publishing.publish(SenderFactory(), **WORDS)
    assert Notice.objects.count() == 5


@pytest.mark.usefixtures("sender")
@pytest.mark.parametrize(
    ("given", "kept"), [("SV", "sv"), ("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW")]
)
def test_a_language_is_kept_in_one_spelling(given: str, kept: str) -> None:
    assert NoticeFactory(language=given).language == kept


IMPOSSIBLE: list[tuple[str, Any]] = [
    *[("key", ""), ("key", "a b"), ("key", "ö"), ("key", "x" * 65), ("key", "a\0")],
    *[("version", " "), ("version", "x" * 65), ("version", "a\0"), ("version", "\ud800")],
    *[("language", ""), ("language", "svenska!"), ("language", "x"), ("language", "sv\0")],
    *[("text", ""), ("text", " \n"), ("text", "a\0b"), ("text", "\ud800"), ("text", "x" * 50_001)],
    *[("valid_from", datetime(2026, 3, 1)), ("valid_from", datetime(1969, 3, 1, tzinfo=UTC))],  # noqa: DTZ001
]


@pytest.mark.parametrize(("field", "value"), IMPOSSIBLE)
def test_what_cannot_be_is_refused(sender: Sender, field: str, value: Any) -> None:
    with pytest.raises(ConsentError) as refused:
        publishing.publish(sender, **{**WORDS, field: value})
    assert (refused.value.code, refused.value.field) == (f"invalid_{field}", field)
    assert not Notice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_at_once_is_there_once(sender: Sender) -> None:
    done = at_once(*[lambda: publishing.publish(sender, **WORDS)] * 4)
    assert sorted(one.is_new for one in done) == [False, False, False, True]
    assert {one.notice for one in done} == {Notice.objects.get()}


@pytest.mark.django_db(transaction=True)
def test_of_two_texts_at_once_one_is_the_version(sender: Sender) -> None:
    def publish(text: str) -> publishing.Published:
        return publishing.publish(sender, **{**WORDS, "text": text})

    done = attempt_at_once(lambda: publish("One"), lambda: publish("Other"))
    [refused] = [one for one in done if isinstance(one, ConsentError)]
    assert refused.code == "notice_differs"
    assert Notice.objects.count() == 1
