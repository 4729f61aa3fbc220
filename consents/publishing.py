"""The only writer of notices: a version is put in once, and followed by another."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from consents.entries import is_storable, moment
from consents.errors import ConsentError
from consents.models import Notice, Sender
from consents.notices import language_tag
from consents.writing import database_clock

TEXT_MAX: Final = 50_000
_WORKED_OUT: Final = ("id", "sender", "sha256", "valid_from", "created_at")


class Published(NamedTuple):
    """`is_new`: False where it was there already."""

    notice: Notice
    is_new: bool


def publish(
    sender: Sender,
    *,
    key: str,
    version: str,
    language: str,
    text: str,
    valid_from: datetime | None = None,
) -> Published:
    """Put a version in. `valid_from`: as it is now, where it is not said.

    The same once more is no error. Raises ConsentError `notice_differs` where this version is
    there with another text, or from another time on, and `invalid_…` for what cannot be.
    """
    now = database_clock()
    notice = Notice(
        sender=sender,
        key=key,
        version=version.strip(),
        language=language_tag(language),
        text=text,
        valid_from=now if valid_from is None else moment(valid_from, "valid_from"),
        created_at=now,
    )
    _check(notice)
    notice.sha256 = hashlib.sha256(text.encode()).digest()
    try:
        with transaction.atomic():
            notice.append()
        return Published(notice, is_new=True)
    except IntegrityError as error:
        if getattr(error, "constraint_name", None) != "notice_version_unique":
            raise
    return Published(_as_it_was(notice, is_dated=valid_from is not None), is_new=False)


def _check(notice: Notice) -> None:
    """Raises ConsentError for what cannot be kept, or says nothing."""
    for name in ("version", "text"):
        if not is_storable(getattr(notice, name)):
            message = "This text holds characters that cannot be kept."
            raise ConsentError(f"invalid_{name}", message, name)
    if not notice.text.strip() or len(notice.text) > TEXT_MAX:
        message = f"The text is what people are shown, in at most {TEXT_MAX} characters."
        raise ConsentError("invalid_text", message, "text")
    try:
        notice.clean_fields(exclude=_WORKED_OUT)
    except ValidationError as invalid:
        name, messages = next(iter(invalid.message_dict.items()))
        raise ConsentError(f"invalid_{name}", " ".join(messages), name) from None


def _as_it_was(notice: Notice, *, is_dated: bool) -> Notice:
    """The same version as it is there already. Raises ConsentError where it is another."""
    known = Notice.objects.get(
        sender=notice.sender, key=notice.key, version=notice.version, language=notice.language
    )
    if known.text != notice.text:
        message = "This version is there with another text: a new text is a new version."
        raise ConsentError("notice_differs", message, "text")
    if is_dated and known.valid_from != notice.valid_from:
        message = "This version is there, and valid from another time on."
        raise ConsentError("notice_differs", message, "valid_from")
    return known
