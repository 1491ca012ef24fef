"""The height of micro-tiles: what few rows leave empty."""

from __future__ import annotations

import pytest

from striate.kernels import target
from striate.kernels.tile_height import tile_height


@pytest.mark.parametrize(
    ("name", "rows", "height"),
    [
        ("avx512", 49, 10),  # five micro-tiles instead of five of 12, a sixth less
        ("avx512", 16, 8),
        ("avx512", 196, 12),  # 17 of 12 waste less than an eighth
        ("avx512", 1568, 12),
        ("avx512", 1, 8),
        ("avx2", 49, 6),
        ("avx2", 8, 4),
        ("avx2", 6, 6),
        ("sse2", 6, 3),
        ("neon", 49, 7),
    ],
)
def test_a_micro_tile_is_lower_where_few_rows_would_leave_it_empty(
    name: str, rows: int, height: int
) -> None:
    assert tile_height(target(name), rows, training=False) == height


@pytest.mark.parametrize("rows", [1, 16, 49, 196])
def test_training_takes_the_height_of_the_target(rows: int) -> None:
    isa = target("avx512")
    assert tile_height(isa, rows, training=True) == isa.tile_rows
