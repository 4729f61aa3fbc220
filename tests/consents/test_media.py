"""What kind of file something is."""

from __future__ import annotations

import pytest

from consents import media
from tests.consents.attaching import KINDS, LETTER, MAIL


@pytest.mark.parametrize("type", KINDS)
def test_a_file_is_known_by_its_bytes(type: str) -> None:
    found = media.media_of(KINDS[type])
    assert found is not None
    assert found.type == type


def test_every_kind_has_an_example() -> None:
    assert set(KINDS) == {one.type for one in media.KINDS}


@pytest.mark.parametrize(
    "frame", [b"\xff\xfb\x90\x64", b"\xff\xf3\x40\xc4", b"\xff\xe3\x18\xc4"], ids=bytes.hex
)
def test_an_mp3_needs_no_tag_before_its_frames(frame: bytes) -> None:
    assert media.media_of(frame + bytes(64)) is media.MP3


@pytest.mark.parametrize("brand", [b"M4A ", b"mp42", b"isom"])
def test_recordings_of_telephones_are_taken(brand: bytes) -> None:
    assert media.media_of(b"\x00\x00\x00\x18ftyp" + brand + bytes(16)) is media.M4A


@pytest.mark.parametrize(
    "content",
    {
        "a zip": b"PK\x03\x04" + bytes(30),
        "a program": b"\x7fELF\x02\x01\x01" + bytes(30),
        "a picture of a kind not taken": b"GIF89a" + bytes(30),
        "a moving picture": b"\x00\x00\x00\x14ftypqt  " + bytes(30),
        "a sound of a kind not taken": b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(30),
        "a word document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(30),
        "text in UTF-16": "Hör auf".encode("utf-16"),
        "text in Latin-1": "Hör auf".encode("latin-1"),
        "text with control characters": b"stop\x1b[31m",
        "text with a NUL": b"stop\0",
        "a frame of a reserved version": b"\xff\xeb\x90\x64" + bytes(64),
        "a frame of another layer": b"\xff\xfd\x90\x64" + bytes(64),
        "a frame without a bitrate": b"\xff\xfb\xf0\x64" + bytes(64),
        "a picture cut off": b"\x89PN",
    }.items(),
    ids=lambda item: item[0],
)
def test_anything_else_is_no_kind_of_ours(content: tuple[str, bytes]) -> None:
    assert media.media_of(content[1]) is None


def test_a_name_changes_nothing_and_is_made_to_fit() -> None:
    assert media.named("letter.PDF", media.PDF) == "letter.PDF"
    assert media.named("scan.jpeg", media.JPEG) == "scan.jpeg"
    assert media.named("page.html", media.TEXT) == "page.html.txt"
    assert media.named("", media.PNG) == ".png"


@pytest.mark.parametrize(
    "mail",
    {
        "as it was sent": MAIL,
        "with lines that go on": MAIL.replace(b"Date", b"Received: by mx\r\n\tfor you\r\nDate"),
        "with a body in another character set": MAIL + "Hör auf".encode("latin-1"),
        "with lines that end as on Unix": MAIL.replace(b"\r\n", b"\n"),
        "with small letters": MAIL.replace(b"From", b"from").replace(b"Date", b"date"),
        "with a mark before it": b"\xef\xbb\xbf" + MAIL,
        "with more fields than are looked at": b"X-Long: "
        + b"a" * 40_000
        + b"\r\n"
        + MAIL.replace(b"\r\n\r\n", b"\r\nX-More: " + b"b" * 40_000 + b"\r\n\r\n"),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_mail_is_told_by_the_fields_that_every_mail_has(mail: tuple[str, bytes]) -> None:
    assert media.media_of(mail[1]) is media.MAIL


@pytest.mark.parametrize(
    "text",
    {
        "a talk": b"From: here\nto there\n",
        "without a date": b"From: Astrid\n\nStop\n",
        "fields below": b"She wrote:\n\nFrom: Astrid\nDate: today\n\n",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_text_that_only_looks_like_a_mail_is_text(text: tuple[str, bytes]) -> None:
    assert media.media_of(text[1]) is media.TEXT


def test_a_beginning_alone_decides_nothing_of_what_is_no_file() -> None:
    assert media.media_of(b"") is media.TEXT
    assert media.media_of(LETTER[:4]) is media.TEXT
