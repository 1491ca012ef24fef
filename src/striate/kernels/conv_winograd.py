"""CONV by Winograd's minimal filtering, where it applies: 3x3 and 5x5 filters at stride 1."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.activations import rectified
from striate.kernels.conv_norm import pass_seconds, with_norm
from striate.kernels.estimates import seconds
from striate.kernels.isa import Isa
from striate.kernels.outputs import output_of
from striate.kernels.rounding import quotient
from striate.kernels.winograd_filter_pass import filter_gradient
from striate.kernels.winograd_filters import Filters
from striate.kernels.winograd_launches import (
    Launches,
    Sizes,
    convolution,
    tiling,
)
from striate.kernels.winograd_pool import TilePool
from striate.kernels.winograd_signs import signs_bytes, signs_fit
from striate.kernels.winograd_tiles import TILE, WINDOW
from striate.kernels.winograd_volumes import POSITIONS
from striate.layers import Conv, Shape
from striate.plan import SWITCHES, Lowering, Task

SIZES = ((3, 3), (5, 5))
TRANSFORM = 400
"""Multiply-adds that take as long as the transforms of one channel of one patch."""
BYTES_PER_SECOND = 12e9
"""That a core reads of filters, or writes."""
CACHED = 2**20
"""Bytes of filters that stay in a second-level cache."""


def unfit(conv: Conv) -> str | None:
    """Why a CONV cannot be done this way, or None."""
    if conv.window.size not in SIZES or conv.window.dilation != (1, 1):
        return "the filters are not 3x3 or 5x5"
    if conv.window.stride != (1, 1):
        return "the stride is not 1"
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


def _fraction(isa: Isa, conv: Conv, x: Shape, y: Shape) -> float:
    """Time by that of direct convolution: products, transforms of both sides, cut-off tiles."""
    size = conv.window.size[0]
    out = TILE + 1 - size
    covered = quotient(y.height, out) * quotient(y.width, out) * out * out / y.pixels
    padded = quotient(y.channels, isa.tile_columns) * isa.tile_columns / y.channels
    transforms = TRANSFORM / x.channels + TRANSFORM / y.channels
    return covered * (POSITIONS * padded + transforms) / (out * size) ** 2


def _filter_seconds(conv: Conv, x: Shape, made: bool) -> float:
    """What transformed filters that no cache holds take beyond the filters themselves, which other
    ways read: they are read once, and, if they are made at every call, written before. To transform
    them where they are multiplied takes about as long as to read them."""
    size = 4 * (POSITIONS - conv.window.cells) * x.channels * conv.filters
    return (2 if made else 1) * max(0, size - CACHED) / BYTES_PER_SECOND


class WinogradForward(Struct, frozen=True):
    """CONV forward by F(4x4, 3x3) or F(2x2, 5x5)."""

    isa: Isa
    name: str = "winograd"

    def refuses(self, task: Task) -> str | None:
        (x,) = task.inputs
        if x.channels % self.isa.lanes:
            return f"{x.channels} channels are not whole vectors of {self.isa.lanes}"
        return unfit(task.what) or unpooled(self.isa, task)

    def cost(self, task: Task) -> float:
        (x,) = task.inputs
        work = task.batch * task.what.macs(x)
        products = seconds(self.isa, work) * _fraction(self.isa, task.what, x, task.output)
        made = task.training and not self._sizes(task).by_position
        return products + _filter_seconds(task.what, x, made) + pass_seconds(task)

    def lower(self, task: Task) -> Lowering:
        return with_norm(self.isa, task, self._lower)

    def _sizes(self, task: Task) -> Sizes:
        (x,), y, window = task.inputs, task.output, task.what.window
        cut = tiling(x, y, (window.sides[0], window.sides[2]), window.size[0])
        return Sizes(self.isa, task.batch, cut, y, task.training)

    def _lower(self, task: Task) -> Lowering:
        conv, (x,) = task.what, task.inputs
        own = conv.window.size[0], conv.filters, x.channels
        filters = Filters(self.isa, *own, flipped=False, prepared=not task.training)
        sizes = self._sizes(task)
        relu = task.detail.get("relu", False)
        y, pixel = output_of(task)
        pool = TilePool(sizes.cut.step, task.training) if "pool" in task.detail else None
        saved = {"pooled": task.batch * task.output.values // WINDOW**2} if pool else {}
        switches = SWITCHES if pool and task.training else 0
        roles = ("x0", "w.b" if conv.bias else 0, y, switches, 0)
        launches, scratch = convolution(sizes, roles, filters, relu, pixel, pool)
        return Lowering(launches, scratch=scratch, saved=saved if task.training else {})


class WinogradBackward(Struct, frozen=True):
    """CONV backward: by the data as forward, by the filters with F(3x3, 4x4) or F(5x5, 2x2)."""

    isa: Isa
    name: str = "winograd"

    def refuses(self, task: Task) -> str | None:
        (x,) = task.inputs
        lanes, filters = self.isa.lanes, task.output.channels
        if x.channels % lanes or filters % lanes:
            return f"{x.channels} channels and {filters} filters are not whole vectors of {lanes}"
        return unfit(task.what) or unpooled(self.isa, task)

    def cost(self, task: Task) -> float:
        (x,) = task.inputs
        work = task.batch * task.what.macs(x)
        by_data = _fraction(self.isa, task.what, task.output, x) if "dx0" in task.roles else 0
        by_filters = 1.1 * _fraction(self.isa, task.what, x, task.output)
        made = not self._sizes(task).by_position
        filters = _filter_seconds(task.what, x, made) if by_data else 0.0
        return seconds(self.isa, work) * (by_data + by_filters) + filters

    def lower(self, task: Task) -> Lowering:
        if "dx0" not in task.roles:
            launches, scratch = filter_gradient(self.isa, task)
            return Lowering(launches, scratch=scratch)
        (x,), sizes, masked = task.inputs, self._sizes(task), task.detail.get("mask", False)
        with_signs = masked and signs_fit(task.what)
        signs = "scratch.signs" if with_signs else 0
        # Backward-filter comes first: it writes the signs that backward-data reads.
        launches, scratch = filter_gradient(self.isa, task, signs)
        by_data, own = self._by_data(task, sizes, signs)
        if masked and not with_signs:
            by_data = *by_data, rectified(task)
        if with_signs:
            own["signs"] = signs_bytes(self.isa, sizes.tiles, x.channels, sizes.cut.step)
        return Lowering((*launches, *by_data), scratch={**scratch, **own})

    def _sizes(self, task: Task) -> Sizes:
        """Of the pass by the data."""
        (x,), y, window = task.inputs, task.output, task.what.window
        size, sides = window.size[0], window.sides
        cut = tiling(y, x, (size - 1 - sides[0], size - 1 - sides[2]), size)
        return Sizes(self.isa, task.batch, cut, x, task.training)

    def _by_data(self, task: Task, sizes: Sizes, signs: str | int) -> Launches:
        conv, (x,) = task.what, task.inputs
        own = conv.window.size[0], conv.filters, x.channels
        filters = Filters(self.isa, *own, flipped=True, prepared=False)
        switches = SWITCHES if "pool" in task.detail else 0
        return convolution(sizes, ("dy", 0, "dx0", signs, switches), filters)
