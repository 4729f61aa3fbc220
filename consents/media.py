"""Which kind of file something is: told by its bytes, never by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Media:
    """A kind of file. `suffixes`: what its names end in, the usual one first."""

    type: str
    words: str
    suffixes: tuple[str, ...]


PDF: Final = Media("application/pdf", "PDF", (".pdf",))
PNG: Final = Media("image/png", "PNG picture", (".png",))
JPEG: Final = Media("image/jpeg", "JPEG picture", (".jpg", ".jpeg"))
MAIL: Final = Media("message/rfc822", "E-mail", (".eml",))
TEXT: Final = Media("text/plain", "Text", (".txt",))
MP3: Final = Media("audio/mpeg", "MP3 recording", (".mp3",))
WAV: Final = Media("audio/wav", "WAV recording", (".wav",))
M4A: Final = Media("audio/mp4", "M4A recording", (".m4a",))

KINDS: Final = (PDF, PNG, JPEG, MAIL, TEXT, MP3, WAV, M4A)

_BEGINNINGS: Final = {
    b"%PDF-": PDF,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"\xff\xd8\xff": JPEG,
    b"ID3": MP3,
}
_M4A_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom"})
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_HEAD: Final = 64 * 1024
# RFC 5322, 3.6.8: printable ASCII without the colon; a line that begins with a space goes on.
_FIELD: Final = re.compile(rb"(?P<name>[!-9;-~]+)[ \t]*:|[ \t]")
_REQUIRED: Final = frozenset({b"from", b"date"})
"""RFC 5322, 3.6: the fields that every message has."""


def media_of(content: bytes) -> Media | None:
    """The kind of a whole file; None where it is none of KINDS. Text is UTF-8."""
    for beginning, media in _BEGINNINGS.items():
        if content.startswith(beginning):
            return media
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return WAV
    if content[4:8] == b"ftyp" and content[8:12] in _M4A_BRANDS:
        return M4A
    if _is_mpeg_frame(content[:4]):
        return MP3
    if _is_mail(content):
        return MAIL
    return TEXT if _is_text(content) else None


def known(type: str) -> Media:
    """The kind of this media type, one of KINDS."""
    return next(media for media in KINDS if media.type == type)


def named(name: str, media: Media) -> str:
    """The name, with the kind's ending where it would pass the file off as another kind."""
    return name if name.lower().endswith(media.suffixes) else f"{name}{media.suffixes[0]}"


def _is_mpeg_frame(head: bytes) -> bool:
    """ISO/IEC 11172-3, 2.4.1.3: eleven bits of sync, layer III, no reserved version or rates."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, sampling = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate != 15 and sampling != 3


def _is_mail(content: bytes) -> bool:
    """Whether it begins with the fields of a message; what follows may be in any character set."""
    whole = content[:_HEAD].removeprefix(_UTF8_MARK).replace(b"\r\n", b"\n")
    head, blank, _ = whole.partition(b"\n\n")
    lines = head.split(b"\n")
    if not blank and len(lines) > 1:
        lines.pop()  # it may be cut off, or end with the file
    fields = [_FIELD.match(line) for line in lines]
    names = {(field["name"] or b"").lower() for field in fields if field}
    return all(fields) and names >= _REQUIRED and b"\0" not in content


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return _CONTROLS.search(content) is None
