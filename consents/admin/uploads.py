"""Files that come in with a form: onto disk without a name, and no larger than is allowed."""

from __future__ import annotations

import tempfile
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

_FORM: int = 64 * 1024
"""Bytes that the rest of the form may have."""


class UnnamedUpload(FileUploadHandler):
    """Nothing of the file is in memory, and nothing of it is left when this process dies.

    `has_room`: false where the disk took no more; then there is no file in the form.
    """

    has_room = True

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read on by the view

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            self._file.write(raw_data)
        except OSError:
            self.has_room = False
            raise StopUpload(connection_reset=True) from None

    def file_complete(self, file_size: int) -> Any:
        self._file.seek(0)
        return UploadedFile(self._file, self.file_name, self.content_type, file_size)


def is_too_large(request: HttpRequest, limit: int) -> bool:
    """Whether more comes than a file of `limit` bytes; nothing of it has been read yet."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) > limit + _FORM
