"""The tree of RFC 9162, against its own definition from above and known roots."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consents import merkle

# The entries and roots that implementations of Certificate Transparency are tried with.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize(("count", "root"), ROOTS.items())
def test_known_trees_have_their_known_roots(count: int, root: str) -> None:
    assert merkle.root([merkle.leaf(entry) for entry in ENTRIES[:count]]).hex() == root


def as_defined(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1: split at the largest power of two below the count."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    children = as_defined(leaves[:split]) + as_defined(leaves[split:])
    return hashlib.sha256(b"\1" + children).digest()


@given(st.integers(1, 300))
def test_a_tree_built_from_below_is_the_one_defined_from_above(count: int) -> None:
    leaves = [merkle.leaf(str(number).encode()) for number in range(count)]
    assert merkle.root(leaves) == as_defined(leaves)


def test_nothing_has_no_root() -> None:
    with pytest.raises(ValueError, match="leaf"):
        merkle.root([])


def test_two_leaves_do_not_pass_for_the_node_above_them() -> None:
    left, right = merkle.leaf(b"a"), merkle.leaf(b"b")
    assert merkle.root([left, right]) != merkle.leaf(left + right)
