"""Files as staff have them: one of each kind that is taken, and as they are read."""

from __future__ import annotations

from consents import attachments
from consents.attachments import Attachment

LETTER = b"%PDF-1.7\n1 0 obj << /Title (Please stop writing to me) >> endobj\n%%EOF\n"
MAIL = b"From: Astrid <astrid@example.com>\r\nDate: Mon, 2 Mar 2026 10:15:00 +0100\r\n\r\nStop!\r\n"
KINDS = {
    "application/pdf": LETTER,
    "image/png": b"\x89PNG\r\n\x1a\n" + bytes(range(32)),
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(32)),
    "message/rfc822": MAIL,
    "text/plain": "Hör auf, mir zu schreiben.\n".encode(),
    "audio/mpeg": b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(64),
    "audio/wav": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(32),
    "audio/mp4": b"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00" + bytes(32),
}


def attachment(content: bytes = LETTER, name: str = "letter.pdf") -> Attachment:
    return attachments.read(name, content, len(content))
