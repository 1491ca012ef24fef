"""The window that CONV, POOL and LOCAL slide over a volume: size, stride, pad, dilation, fit.

The one place of the sizing rule (W - F + 2P)/S + 1 (CS231n notes, "Spatial arrangement") and of
the cutting of a volume into the regions that the window sees; `striate.layers.fitting` has the
words for windows that do not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from striate.errors import InputError
from striate.layers import fitting
from striate.layers.options import Choice, Padding, Pair, Sides, Size, option
from striate.layers.rules import Rule
from striate.layers.shape import Array, Shape


@dataclass(frozen=True)
class Extent:
    """How a window is laid along one axis of its input.

    Attributes:
        steps: number of positions, i.e. the size of the output along this axis.
        before: rows or columns of padding in front of the input.
        after: rows or columns of padding behind it; negative where the input is cropped.
    """

    steps: int
    before: int
    after: int


@dataclass(frozen=True)
class Window:
    """Size F, stride S, padding P and dilation of a sliding window; pairs are (row, column).

    Args:
        size: F, a number or (rows, columns).
        stride: S, likewise.
        pad: P: a number, (rows, columns), or (top, bottom, left, right). None leaves it to the
            layer: CONV and LOCAL keep the size of their input.
        dilation: distance between neighbouring cells of the window, 1 = contiguous. (The notes
            count contiguous as 0; PyTorch, ONNX, Keras and Caffe count it as 1, and so do we.)
        fit: what happens where (W - F + 2P)/S + 1 is not whole: ``exact`` is an error, ``floor``
            crops the input's last rows and columns, ``ceil`` pads more behind them.

    Raises:
        InputError: a value is of the wrong kind or too small.
    """

    size: Pair = option("F", Size(1), "filter size: rows and columns that one output sees")
    stride: Pair = option("S", Size(1), "stride: how far the window jumps", (1, 1))
    pad: Sides | None = option(
        "P",
        Padding(),
        "zero-padding around the input",
        None,
        otherwise="(F-1)/2, which keeps the size at S=1",
    )
    dilation: Pair = option("dilation", Size(1), "distance between cells, 1 = contiguous", (1, 1))
    fit: str = option(
        "fit",
        Choice(("exact", "floor", "ceil")),
        "where the window does not fit: an error, crop (floor) or pad more (ceil)",
        "exact",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _pair("F", self.size))
        object.__setattr__(self, "stride", _pair("S", self.stride))
        object.__setattr__(self, "dilation", _pair("dilation", self.dilation))
        if self.pad is not None:
            object.__setattr__(self, "pad", _sides(self.pad))
        if self.fit not in ("exact", "floor", "ceil"):
            raise InputError(f"fit: expected one of exact, floor, ceil, got {self.fit!r}")

    @classmethod
    def whole(cls, shape: Shape) -> Window:
        """The window that is the whole volume: what FC and global pooling see."""
        return cls((shape.height, shape.width), pad=(0, 0, 0, 0))

    def or_size_preserving(self) -> Window:
        """This window with P=(F - 1)/2 if P was left to the layer: stride 1 then keeps the size.

        Raises:
            InputError: F is even, so that no such P exists.
        """
        if self.pad is not None:
            return self
        reach = self.reach
        if any((r - 1) % 2 for r in reach):
            size = Size().write(self.size)
            raise InputError(
                f"F={size} has no P=(F-1)/2 that keeps the size: say P, e.g. P=0, or use an odd F"
            )
        rows, columns = ((r - 1) // 2 for r in reach)
        return replace(self, pad=(rows, rows, columns, columns))

    @property
    def sides(self) -> Sides:
        """The padding as (top, bottom, left, right)."""
        return self.pad if self.pad is not None else (0, 0, 0, 0)

    @property
    def reach(self) -> Pair:
        """Rows and columns from the window's first cell to its last: (F - 1)·dilation + 1."""
        (rows, columns), (down, right) = self.size, self.dilation
        return (rows - 1) * down + 1, (columns - 1) * right + 1

    @property
    def cells(self) -> int:
        """Number of cells in the window: rows times columns."""
        return self.size[0] * self.size[1]

    def positions(self, shape: Shape, axis: int) -> Fraction:
        """(W - F + 2P)/S + 1 along one axis (0 = height, 1 = width), perhaps not whole."""
        return Fraction(self._room(shape, axis), self.stride[axis]) + 1

    def _room(self, shape: Shape, axis: int) -> int:
        """W - F + 2P along one axis: how far the window can move."""
        before, after = self.sides[2 * axis : 2 * axis + 2]
        return (shape.height, shape.width)[axis] - self.reach[axis] + before + after

    def extent(self, shape: Shape, axis: int) -> Extent:
        """How the window lies along one axis, after ``fit``; at least one step."""
        before = self.sides[2 * axis]
        length = (shape.height, shape.width)[axis]
        room, stride = self._room(shape, axis), self.stride[axis]
        steps = max(1, room // stride + 1)
        # One more window must start inside the input or the padding in front of it; behind them it
        # would see nothing.
        if self.fit == "ceil" and room > (steps - 1) * stride and steps * stride < length + before:
            steps += 1
        return Extent(steps, before, (steps - 1) * stride + self.reach[axis] - length - before)

    def steps(self, shape: Shape) -> Pair:
        """Output height and width over a volume of this shape."""
        return _steps(self, shape)

    def rules(self, shape: Shape) -> Iterator[Rule]:
        """The window is not larger than the padded input, and fits along both axes."""
        return fitting.rules(self, shape)

    def padded(self, x: Array, value: float = 0.0) -> Array:
        """x [N, H, W, C] padded with ``value`` and cropped to what the window visits."""
        rows, columns = (self.extent(Shape(*x.shape[1:]), axis) for axis in (0, 1))
        down = rows.before, max(0, rows.after)
        right = columns.before, max(0, columns.after)
        full = np.pad(x, [(0, 0), down, right, (0, 0)], constant_values=value)
        height = (rows.steps - 1) * self.stride[0] + self.reach[0]
        width = (columns.steps - 1) * self.stride[1] + self.reach[1]
        return full[:, :height, :width]

    def patches(self, x: Array, value: float = 0.0) -> Array:
        """Every region that the window sees: x [N, H, W, C] -> [N, H', W', Fh, Fw, C] (a view)."""
        (down, right), (step_down, step_right) = self.stride, self.dilation
        view = sliding_window_view(self.padded(x, value), self.reach, axis=(1, 2))
        view = view[:, ::down, ::right, :, ::step_down, ::step_right]
        return view.transpose(0, 1, 2, 4, 5, 3)

    def fold(self, patches: Array, shape: Shape) -> Array:
        """The adjoint of `patches`: adds every region back to where it came from.

        Args:
            patches: [N, H', W', Fh, Fw, C].
            shape: of the volume that the patches were taken from.

        Returns:
            [N, H, W, C].
        """
        rows, columns = (self.extent(shape, axis) for axis in (0, 1))
        (down, right), (step_down, step_right) = self.stride, self.dilation
        height = max(rows.before + shape.height, (rows.steps - 1) * down + self.reach[0])
        width = max(columns.before + shape.width, (columns.steps - 1) * right + self.reach[1])
        full = np.zeros((len(patches), height, width, patches.shape[-1]), patches.dtype)
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                ys = slice(i * step_down, i * step_down + rows.steps * down, down)
                xs = slice(j * step_right, j * step_right + columns.steps * right, right)
                full[:, ys, xs] += patches[:, :, :, i, j]
        full = full[:, rows.before : rows.before + shape.height]
        return full[:, :, columns.before : columns.before + shape.width]


def _pair(key: str, value: Any) -> Pair:
    numbers = (value, value) if isinstance(value, int) else _numbers(value)
    if len(numbers) != 2 or min(numbers) < 1:
        raise InputError(
            f"{key}: expected a whole number of at least 1 or (rows, columns), got {value!r}"
        )
    return numbers[0], numbers[1]


def _sides(value: Any) -> Sides:
    numbers = (value,) * 4 if isinstance(value, int) else _numbers(value)
    if len(numbers) == 2:
        numbers = (numbers[0], numbers[0], numbers[1], numbers[1])
    if len(numbers) != 4 or min(numbers) < 0:
        raise InputError(
            f"P: expected a whole number of at least 0, (rows, columns) or "
            f"(top, bottom, left, right), got {value!r}"
        )
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _numbers(value: Any) -> tuple[int, ...]:
    """The whole numbers of a sequence; none if it is not one."""
    whole = isinstance(value, tuple | list) and all(isinstance(n, int) for n in value)
    return tuple(value) if whole else ()


@lru_cache(maxsize=4096)
def _steps(window: Window, shape: Shape) -> Pair:
    """The output's size: a plan asks for that of the same window again and again."""
    return window.extent(shape, 0).steps, window.extent(shape, 1).steps
