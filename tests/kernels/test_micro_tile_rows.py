"""Rows of micro-tiles: what few positions leave empty; and what is computed with fewer rows."""

from __future__ import annotations

import pytest
from conv_tasks import arrays_of, close
from one_task import run_task

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, target
from striate.kernels.conv_product import ProductForward
from striate.kernels.conv_winograd import WinogradForward
from striate.kernels.micro_tile_rows import micro_tile_rows
from striate.layers import Mode
from striate.plan import Task


@pytest.mark.parametrize(
    ("name", "rows", "height"),
    [
        ("avx512", 49, 10),  # five micro-tiles instead of five of 12, a sixth less
        ("avx512", 16, 8),
        ("avx512", 64, 11),
        ("avx512", 196, 14),  # fourteen instead of 17 of 12, of which the last is a third full
        ("avx512", 392, 12),  # 33 of 12 are full but for the last
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
    assert micro_tile_rows(target(name), rows, training=False) == height


@pytest.mark.parametrize("rows", [1, 16, 49, 196])
def test_training_takes_the_height_of_the_target(rows: int) -> None:
    isa = target("avx512")
    assert micro_tile_rows(isa, rows, training=True) == isa.tile_rows


@pytest.mark.parametrize(
    ("text", "height"), [("14x14x512", 11), ("28x28x512", 14), ("14x14x64", 12)]
)
def test_products_by_rows_of_positions_fill_micro_tiles_in_training_too(
    text: str, height: int
) -> None:
    conv, (x,) = example(f"{text} -> CONV3-512")
    task = Task("forward", "conv1", conv, 4, (x,), conv.shape(x), True, {"y": "y"})
    launches = WinogradForward(target("avx512")).lower(task).launches
    assert {launch.kernel.height for launch in launches if hasattr(launch.kernel, "height")} == {
        height
    }


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    ("text", "maker"),
    [
        ("7x7x48 -> CONV1-70", ProductForward),
        ("9x9x64 -> CONV3-40 S=2 P=1", ProductForward),
        ("17x17x32 -> CONV3-40", WinogradForward),
        ("14x14x32 -> CONV3-80", WinogradForward),
    ],
)
def test_inference_on_few_positions(
    text: str, maker: type[ProductForward | WinogradForward], isa: Isa
) -> None:
    conv, (x,) = example(text)
    arrays, _ = arrays_of(conv, x, 1)
    roles = {role: role for role in arrays}
    task = Task("forward", "conv1", conv, 1, (x,), conv.shape(x), False, roles)
    weights = {role[2:]: a.astype(float) for role, a in arrays.items() if role[:2] == "w."}
    y = conv.forward((arrays["x0"].astype(float),), weights, Mode())
    one, three = (run_task(task, maker(isa), arrays, isa, threads)["y"] for threads in (1, 3))
    close(one, y, 1e-5)
    assert (one == three).all()
