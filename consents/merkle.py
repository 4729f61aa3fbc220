"""The Merkle tree of RFC 9162, section 2.1: one hash for many entries in their order.

A leaf is hashed behind a zero byte and a node behind a one, so that neither passes for the other.
Nodes are paired from the left at each level, and one left over goes up as it is: that is the tree
which the RFC describes from above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash of all of these. Raises ValueError where there are none."""
    if not leaves:
        raise ValueError("A tree has a leaf.")
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What leads from one leaf to the root, from below (RFC 9162, section 2.1.3.1)."""
    level, found = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            found.append(level[sibling])
        level, index = _parents(level), index // 2
    return found


def _parents(level: Sequence[bytes]) -> list[bytes]:
    sha256 = hashlib.sha256
    joined = b"".join(level)
    bounds = pairwise(range(0, len(joined) + 1, 64))
    parents = [sha256(b"\1" + joined[start:end]).digest() for start, end in bounds]
    return [*parents, level[-1]] if len(level) % 2 else parents
