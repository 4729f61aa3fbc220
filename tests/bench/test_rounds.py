"""Turns, and what is read off them."""

from __future__ import annotations

import pytest

from bench.rounds import in_turns, quantile


def test_floor_and_product_take_turns():
    order = []
    floors, products = in_turns(
        lambda: order.append("floor") or len(order), lambda: order.append("product") or len(order)
    )
    assert order == ["floor", "product"] * 3
    assert (floors, products) == ([1, 3, 5], [2, 4, 6])


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)]
)
def test_a_quantile_is_the_nearest_rank(share, value):
    assert quantile(list(range(100, 0, -1)), share) == value


def test_of_one_value_every_quantile_is_that_value():
    assert quantile([7.0], 0.5) == quantile([7.0], 0.99) == 7.0
