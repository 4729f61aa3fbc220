"""Files that come in with a form: without a name on disk, and no larger than is allowed."""

from __future__ import annotations

import tempfile
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

_FORM: int = 64 * 1024
"""Bytes that the rest of the form may have."""


class BoundedUpload(FileUploadHandler):
    """In memory, and of what is larger than evidence may be only the beginning.

    The rest is read and dropped, so that the fields behind the file arrive; its `size` says how
    large it was. All files of one request share the bound.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._room: int = settings.EVIDENCE_FILE_MAX

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        self._file = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._room -= self._file.write(raw_data[: self._room])

    def file_complete(self, file_size: int) -> Any:
        self._file.seek(0)
        return UploadedFile(self._file, self.file_name, self.content_type, file_size)


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
