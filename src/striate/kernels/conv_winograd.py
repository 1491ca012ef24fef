"""CONV by Winograd's minimal filtering, where it applies: filters of 3x3 to 5x5 at stride 1, and
3x3 filters at stride 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from striate.kernels.activations import rectified
from striate.kernels.conv_norm import pass_seconds, with_norm
from striate.kernels.estimates import seconds
from striate.kernels.isa import Isa
from striate.kernels.outputs import output_of
from striate.kernels.product_data import Way, quickest_data
from striate.kernels.rounding import quotient
from striate.kernels.winograd_filter_pass import filter_gradient, is_whole
from striate.kernels.winograd_filters import Filters
from striate.kernels.winograd_launches import (
    Launches,
    Sizes,
    convolution,
    tiling,
)
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_signs import signs_bytes, signs_fit
from striate.kernels.winograd_tiles import WINDOW
from striate.layers import Conv, Shape
from striate.plan import SWITCHES, Lowering, Task

FILTERINGS = {
    ((3, 3), (1, 1)): (Filtering(4, 3), Filtering(5, 3), Filtering(6, 3)),
    ((4, 4), (1, 1)): (Filtering(5, 4), Filtering(4, 4)),
    ((5, 5), (1, 1)): (Filtering(4, 5),),
    ((3, 3), (2, 2)): (Filtering(4, 3, 2),),
}
"""For filters of these sizes, at these strides. The first is taken where it can be, unless another
saves `SAVED`."""
BY_DATA = Filtering(8, 3, spread=2)
"""For the pass by the data of 3x3 filters at a stride of 2."""
SAVED = 0.12
"""Part of the estimated time that is worth kernels of another kind, which are to be compiled."""
PANEL_SUMS = 0.6
"""Terms of a product that take as long as to add a panel's sums to those before it."""
GRADIENT_SUMS = 1.1
"""By how much longer the products of backward-filter take: their sums are read and written."""
AGAIN = 1.25
"""By how much longer backward-filter takes with larger patches where its chunks transform them: two
rows of positions at a time, they read their volumes once more, and sums leave the second cache."""
TRANSFORM = 11
"""Multiply-adds that take as long as the transforms of one channel at one position."""
BYTES_PER_SECOND = 12e9
"""That a core reads of filters, or writes."""
CACHED = 2**20
"""Bytes of filters that stay in a second-level cache."""
What = TypeVar("What")


def unfit(conv: Conv) -> str | None:
    """Why a CONV cannot be done this way, or None."""
    window = conv.window
    if window.size not in {size for size, _ in FILTERINGS} or window.dilation != (1, 1):
        return "the filters are not 3x3, 4x4 or 5x5"
    if (window.size, window.stride) not in FILTERINGS:
        return "the stride is not 1, or 2 for 3x3 filters"
    if conv.groups != 1:
        return "there are groups"
    most = conv.window.size[0] - 1
    return None if max(conv.window.sides) <= most else f"the padding is larger than {most}"


def unpooled(isa: Isa, task: Task) -> str | None:
    """Why the POOL that a CONV's task has taken in cannot be done here, or None."""
    pool, y = task.detail.get("pool"), task.output
    if pool is None:
        return None
    window = pool.view(y)
    square = (window.size, window.stride, window.dilation) == ((WINDOW,) * 2, (WINDOW,) * 2, (1, 1))
    if pool.kind != "max" or not square or any(window.sides):
        return "it pools other windows than 2x2"
    if y.height % WINDOW or y.width % WINDOW or y.channels % isa.lanes:
        return f"it pools parts of {y}"
    return None


def _strided(task: Task) -> bool:
    """Whether a CONV's task has a stride."""
    stride: tuple[int, int] = task.what.window.stride
    return stride != (1, 1)


def _macs(isa: Isa, filtering: Filtering, x: Shape, y: Shape) -> float:
    """Multiply-adds for an image: products, and what transforms of both sides take as long as."""
    rows, columns = (quotient(extent, filtering.tile) for extent in (y.height, y.width))
    products = x.channels * quotient(y.channels, isa.tile_columns) * isa.tile_columns
    transforms = TRANSFORM * (x.channels + y.channels)
    return rows * columns * filtering.positions * (products + transforms)


def _filter_seconds(sizes: Sizes, made: bool) -> float:
    """What transformed filters that no cache holds take beyond the filters themselves, which other
    ways read: they are read once, and, if they are made at every call, written before. To transform
    them where they are multiplied takes about as long as to read them."""
    filtering = sizes.cut.filtering
    more = filtering.positions - filtering.filter**2
    size = 4 * more * sizes.channels * sizes.y.channels
    return (2 if made else 1) * max(0, size - CACHED) / BYTES_PER_SECOND


def _choice(task: Task) -> list[Filtering]:
    """By which a CONV can be done: a POOL that it has taken in asks for whole windows in a tile."""
    halves = task.kind == "forward" and "pool" in task.detail
    choice = FILTERINGS[task.what.window.size, task.what.window.stride]
    return [filtering for filtering in choice if not halves or filtering.tile % WINDOW == 0]


def _best(found: list[tuple[float, What]]) -> tuple[float, What]:
    """What takes the least time, or the first, where that takes little more."""
    first, best = found[0], min(found, key=lambda pair: pair[0])
    return best if best[0] < (1 - SAVED) * first[0] else first


def _quickest(
    isa: Isa,
    task: Task,
    of: tuple[Shape, Shape, tuple[int, int]],
    choice: Sequence[Filtering],
    made: bool,
) -> tuple[float, Sizes]:
    """Seconds of a convolution, and what it goes over: by patches of the size that is quicker.

    Args:
        isa: the target.
        task: what it is part of.
        of: the input, the output, and rows and columns of padding in front of the input.
        choice: by which it can be done.
        made: whether filters are transformed at every call.
    """
    x, y, before = of
    found = list[tuple[float, Sizes]]()
    for filtering in choice:
        sizes = Sizes(isa, task.batch, tiling(x, y, before, filtering), y, task.training)
        filters = _filter_seconds(sizes, made and not sizes.by_position)
        sums = 1 + PANEL_SUMS / isa.tile_columns if filtering.large else 1
        products = seconds(isa, task.batch * sums * _macs(isa, filtering, x, y))
        found.append((products + filters, sizes))
    return _best(found)


class WinogradForward(Struct, frozen=True):
    """CONV forward by one of `FILTERINGS`."""

    isa: Isa
    name: str = "winograd"

    def refuses(self, task: Task) -> str | None:
        (x,) = task.inputs
        if x.channels % self.isa.lanes:
            return f"{x.channels} channels are not whole vectors of {self.isa.lanes}"
        return unfit(task.what) or unpooled(self.isa, task)

    def cost(self, task: Task) -> float:
        return self._quickest(task)[0] + pass_seconds(task)

    def lower(self, task: Task) -> Lowering:
        return with_norm(self.isa, task, self.convolve)

    def _quickest(self, task: Task) -> tuple[float, Sizes]:
        (x,), (top, _, left, _) = task.inputs, task.what.window.sides
        of = x, task.output, (top, left)
        return _quickest(self.isa, task, of, _choice(task), made=task.training)

    def convolve(self, task: Task) -> Lowering:
        """The lowering without what a BATCHNORM behind the CONV asks for."""
        conv, (x,), (_, sizes) = task.what, task.inputs, self._quickest(task)
        own = sizes.cut.filtering, conv.filters, x.channels
        filters = Filters(self.isa, *own, flipped=False, prepared=not task.training)
        relu = task.detail.get("relu", False)
        y, pixel = output_of(task)
        pool = TilePool(sizes.cut.filtering.tile, task.training) if "pool" in task.detail else None
        saved = {"pooled": task.batch * task.output.values // WINDOW**2} if pool else {}
        switches = SWITCHES if pool and task.training else 0
        roles = ("x0", "w.b" if conv.bias else 0, y, switches, 0)
        launches, scratch = convolution(sizes, roles, filters, relu, pixel, pool)
        return Lowering(launches, scratch=scratch, saved=saved if task.training else {})


class WinogradBackward(Struct, frozen=True):
    """CONV backward: by the data as forward, where it can be at a stride; by the filters with tiles
    and filters exchanged."""

    isa: Isa
    name: str = "winograd"

    def refuses(self, task: Task) -> str | None:
        (x,) = task.inputs
        lanes, filters = self.isa.lanes, task.output.channels
        if x.channels % lanes or filters % lanes:
            return f"{x.channels} channels and {filters} filters are not whole vectors of {lanes}"
        if "pool" in task.detail and _strided(task):
            return "a pooled gradient is read at stride 1 alone"
        return unfit(task.what) or unpooled(self.isa, task)

    def cost(self, task: Task) -> float:
        by_filters, _ = self._filter_gradient(task)
        if "dx0" not in task.roles:
            return by_filters
        own, other = self._quickest(task), self._other(task)
        return by_filters + (own[0] if other is None else other[0])

    def lower(self, task: Task) -> Lowering:
        (x,), (_, filtering) = task.inputs, self._filter_gradient(task)
        other = self._other(task)
        if "dx0" not in task.roles or other is not None:
            launches, scratch = filter_gradient(self.isa, task, filtering)
            by_data, own = ((), {}) if other is None else other[1](self.isa, task)
            return Lowering((*by_data, *launches), scratch={**scratch, **own})
        masked = task.detail.get("mask", False)
        # At a stride two rows of positions do not need every row of a patch.
        all_seen = not _strided(task) or is_whole(self.isa, task, filtering)
        with_signs = masked and all_seen and signs_fit(task.what)
        signs = "scratch.signs" if with_signs else 0
        # Backward-filter comes first: it writes the signs that backward-data reads.
        launches, scratch = filter_gradient(self.isa, task, filtering, signs)
        by_data, own = self._by_data(task, signs)
        if masked and not with_signs:
            by_data = *by_data, rectified(task)
        if with_signs:
            own["signs"] = signs_bytes(self.isa, task.batch, x)
        return Lowering((*launches, *by_data), scratch={**scratch, **own})

    def _filter_gradient(self, task: Task) -> tuple[float, Filtering]:
        """Seconds of the pass by the filters, and what its volumes are cut for."""
        (x,), y, found = task.inputs, task.output, []
        for filtering in _choice(task):
            again = filtering.large and not is_whole(self.isa, task, filtering)
            macs = GRADIENT_SUMS * (AGAIN if again else 1) * _macs(self.isa, filtering, x, y)
            found.append((seconds(self.isa, task.batch * macs), filtering))
        return _best(found)

    def _quickest(self, task: Task) -> tuple[float, Sizes]:
        """Of the pass by the data."""
        (x,), window = task.inputs, task.what.window
        last, (top, _, left, _) = window.size[0] - 1, window.sides
        choice, before = _choice(task), (last - top, last - left)
        if _strided(task):
            choice, before = [BY_DATA], (0, 0)
        return _quickest(self.isa, task, (task.output, x, before), choice, made=True)

    def _other(self, task: Task) -> tuple[float, Way] | None:
        """Another way by the data, where `BY_DATA` does not see what it should, or takes longer."""
        if "dx0" not in task.roles or not _strided(task):
            return None
        other, (top, _, left, _) = quickest_data(self.isa, task), task.what.window.sides
        fits = (top, left) == (1, 1)
        return None if fits and self._quickest(task)[0] < other[0] else other

    def _by_data(self, task: Task, signs: str | int) -> Launches:
        conv, (x,), (_, sizes) = task.what, task.inputs, self._quickest(task)
        own = sizes.cut.filtering, conv.filters, x.channels
        filters = Filters(self.isa, *own, flipped=True, prepared=False)
        switches = SWITCHES if "pool" in task.detail else 0
        return convolution(sizes, ("dy", 0, "dx0", signs, switches), filters)
