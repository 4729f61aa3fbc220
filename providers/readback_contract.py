"""How an account's own lists are read back, where a provider lets one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from providers.contract import Account


class Reader(ABC):
    """Reads what a provider holds. All calls raise AccountError when no whole answer came.

    `lists`: the provider's opt-out lists, each with the key of the purpose it is of. `told_by_us`:
    the list on which our own opt-outs stand; what is missing there has been lost.
    """

    lists: ClassVar[Mapping[str, str]]
    told_by_us: ClassVar[str]

    @abstractmethod
    def listed(self, account: Account, list_type: str) -> set[str]:
        """Every address on the list."""

    @abstractmethod
    def audit(self, account: Account, address: str) -> list[dict[str, Any]]:
        """The provider's own records of one address, without the address; empty where none."""
