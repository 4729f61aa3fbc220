"""What is encrypted at rest, with keys of the environment, several while one is replaced."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _BinaryField = models.BinaryField[Any, Any]
else:
    _BinaryField = models.BinaryField


class Unreadable(ImproperlyConfigured):
    """Something stored was encrypted with a key that is not there, or was changed."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _current() -> MultiFernet:
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS))


class EncryptedBytesField(_BinaryField):
    """Bytes that the database only sees encrypted (Fernet; the first key writes, all read).

    Reading raises Unreadable. A memoryview is taken for what is encrypted already, in a dump.
    """

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None:
            return None
        try:
            return self.read(_current().decrypt(bytes(value)))
        except InvalidToken:
            raise Unreadable(
                "A stored secret cannot be read with the keys in FIELD_ENCRYPTION_KEYS: "
                "put back the key it was written with, behind the newer ones."
            ) from None

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, memoryview):
            value = _current().encrypt(self.written(value))
        return super().get_db_prep_value(value, connection, prepared)

    def value_to_string(self, obj: models.Model) -> str:
        """A dump of the database carries the encrypted form only."""
        value = self.written(self.value_from_object(obj))
        return b64encode(_current().encrypt(value)).decode()

    def read(self, content: bytes) -> Any:
        return content

    def written(self, value: Any) -> bytes:
        return bytes(value)


class EncryptedJSONField(EncryptedBytesField):
    """The same for JSON."""

    def read(self, content: bytes) -> Any:
        return json.loads(content)

    def written(self, value: Any) -> bytes:
        return json.dumps(value).encode()
