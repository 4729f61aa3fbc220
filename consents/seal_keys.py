"""The keys that sign seals, and those whose signatures count. Both come from the environment.

The database keeps public keys too, but whoever can write there could add their own: a signature
counts only where its key is one that the installation was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from consents.signatures import SigningKey, id_of, read_private, read_public


def signing() -> SigningKey:
    """The one that signs: the first of LEDGER_SEAL_KEYS."""
    return read_private(settings.LEDGER_SEAL_KEYS[0])


def trusted() -> Mapping[str, bytes]:
    """The public keys whose signatures count, by their ids."""
    ours = [read_private(text).public for text in settings.LEDGER_SEAL_KEYS]
    given = [read_public(text) for text in settings.LEDGER_TRUSTED_KEYS]
    return {id_of(public): public for public in [*ours, *given]}
