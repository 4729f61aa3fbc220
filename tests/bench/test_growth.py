"""How full the book is when growth is measured."""

from __future__ import annotations

import pytest

from bench.measures.growth import sizes


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (1000, [100, 1000]),
        (100_000, [10_000, 100_000]),
        (1_000_000, [10_000, 1_000_000]),
        (10_000_000, [10_000, 1_000_000, 10_000_000]),
    ],
)
def test_a_book_is_measured_small_at_each_of_the_known_sizes_and_full(rows, expected):
    assert sizes(rows) == expected
