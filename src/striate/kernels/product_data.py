"""CONV backward-data as matrix products over the positions of the whole batch.

As in `striate.kernels.conv_data_gradient` there is one for each pair of residues of the input's
rows and columns modulo the stride, which see only every S-th row and column of the filters; here
what they see is a lattice of the gradient, and their outputs go to a lattice of the input.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from striate.kernels.conv_data_gradient import (
    FillZeros,
    Taps,
    data_gradient,
    data_seconds,
    pack_flipped,
    taps_of,
)
from striate.kernels.conv_pack import blocks_of
from striate.kernels.isa import Isa
from striate.kernels.lattice import Lattice
from striate.kernels.product_launch import (
    LEAST_CHANNELS,
    Product,
    is_pointwise,
    product_seconds,
)
from striate.plan import At, Launch, Task

Way = Callable[[Isa, Task], tuple[tuple[Launch, ...], dict[str, int]]]


def quickest_data(isa: Isa, task: Task) -> tuple[float, Way]:
    """Seconds of backward-data without Winograd, and the way that takes no more: products, or
    another one, which adds to no other gradient. No time if nobody wants it."""
    if "dx0" not in task.roles:
        return 0.0, product_data
    others = float("inf") if is_pointwise(task.what) else data_seconds(isa, task)
    by_products = product_data_seconds(isa, task)
    return (by_products, product_data) if by_products <= others else (others, data_gradient)


def product_data(isa: Isa, task: Task) -> tuple[tuple[Launch, ...], dict[str, int]]:
    """The launches of backward-data and their scratch; see `product_data_seconds`."""
    conv, (x,), window = task.what, task.inputs, task.what.window
    down = taps_of(window.size[0], window.stride[0], window.sides[0], x.height)
    across = taps_of(window.size[1], window.stride[1], window.sides[2], x.width)
    first: list[Launch] = []
    if any(taps.count == 0 for taps in down + across):
        chunks = min(64, x.height * task.batch)
        first.append(Launch(FillZeros(), chunks, ("dx0", task.batch * x.values, chunks)))
    values = blocks_of(x.channels, isa.tile_columns) * isa.tile_columns * conv.filters
    offset = 0
    for rows, columns in product(down, across):
        if rows.count * columns.count:
            first.append(pack_flipped(isa, conv, x, rows, columns, offset))
            first.append(_residue(isa, task, rows, columns, offset))
            offset += 4 * values * rows.count * columns.count
    return tuple(first), {"flipped": offset}


def _residue(isa: Isa, task: Task, rows: Taps, columns: Taps, offset: int) -> Launch:
    """The product for one pair of residues, whose packed filters lie at an offset."""
    (x,), y, window = task.inputs, task.output, task.what.window
    size, cells = (rows.length, columns.length), (rows.count, columns.count)
    start = (
        rows.shift - (rows.count - 1) * window.dilation[0],
        columns.shift - (columns.count - 1) * window.dilation[1],
    )
    seen = Lattice(size, (1, 1), (y.height, y.width), start, window.dilation)
    target = Lattice(size, window.stride, (x.height, x.width), (rows.residue, columns.residue))
    positions = task.batch * rows.length * columns.length
    one = Product(isa, (y.channels, x.channels), seen, target, positions, cells)
    mask = "x0" if task.detail.get("mask") else 0
    roles = ("dy", At("scratch.flipped", offset), 0, "dx0", mask)
    return one.launch(roles, adds=task.detail.get("adds", False))


def product_data_seconds(isa: Isa, task: Task) -> float:
    """Time of these products; infinite where stride and dilation meet, or where there are too few
    channels for a slice."""
    conv, (x,), window = task.what, task.inputs, task.what.window
    macs, depths = task.batch * conv.macs(x), (conv.filters, x.channels)
    if is_pointwise(conv):
        return product_seconds(isa, macs, depths, pointwise=True)
    strided = window.stride != (1, 1)
    if (strided and window.dilation != (1, 1)) or min(depths) < LEAST_CHANNELS:
        return float("inf")
    visited = x.pixels / (task.output.pixels * window.stride[0] * window.stride[1])
    return product_seconds(isa, macs * visited, depths, pointwise=False)
