"""The sizing rule in words: where a window does not fit, its arithmetic and what would fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from striate.layers.rules import Rule
from striate.layers.shape import Shape

if TYPE_CHECKING:
    from striate.layers.window import Window

AXES = ("height", "width")
NEAREST = 2
"""How many settings of each kind an error offers."""
FARTHEST = 1000
"""How far from the given settings it looks for them."""


def rules(window: Window, shape: Shape) -> Iterator[Rule]:
    """The window is not larger than the padded input, and fits; alike axes are told once."""
    square = _along(window, shape, 0) == _along(window, shape, 1)
    for axis in (1,) if square else (0, 1):
        exact = window.positions(shape, axis)
        yield Rule(exact >= 1, "" if exact >= 1 else _too_large(window, shape, axis, square))
        if exact >= 1:
            whole = exact.denominator == 1 or window.fit != "exact"
            yield Rule(whole, "" if whole else _does_not_fit(window, shape, axis, square))


def arithmetic(window: Window, shape: Shape, axis: int) -> str:
    """The sizing rule with its numbers: ``(10 - 3 + 2*0)/2 + 1 = 4.5``."""
    length, reach, before, after, stride, _ = _along(window, shape, axis)
    padding = f"2*{before}" if before == after else f"{before} + {after}"
    exact = window.positions(shape, axis)
    result = f"{float(exact):.4g}" if exact.denominator > 1 else str(exact.numerator)
    return f"({length} - {reach} + {padding})/{stride} + 1 = {result}"


def _along(window: Window, shape: Shape, axis: int) -> tuple[int, int, int, int, int, int]:
    """Input length, reach, padding before and after, stride and dilation along one axis."""
    before, after = window.sides[2 * axis : 2 * axis + 2]
    length = (shape.height, shape.width)[axis]
    return length, window.reach[axis], before, after, window.stride[axis], window.dilation[axis]


def _too_large(window: Window, shape: Shape, axis: int, square: bool) -> str:
    length, reach, before, after, _, dilation = _along(window, shape, axis)
    padded = length + before + after
    room = f"input {padded}x{padded}" if square else f"{AXES[axis]} {padded}"
    return (
        f"a window that reaches over {reach} is larger than the padded {room}: "
        f"{arithmetic(window, shape, axis)}; use F of at most {(padded - 1) // dilation + 1}, "
        f"more P, or a larger input"
    )


def _does_not_fit(window: Window, shape: Shape, axis: int, square: bool) -> str:
    works = "; ".join(_nearest_settings(window, shape, axis, square))
    cropped = replace(window, fit="floor").extent(shape, axis).steps
    padded = replace(window, fit="ceil").extent(shape, axis).steps
    return (
        f"the window does not fit{'' if square else f' the {AXES[axis]}'}: "
        f"{arithmetic(window, shape, axis)} is not whole. These fit: {works}; "
        f"or accept it with fit=floor ({cropped}, crops)"
        f"{f' or fit=ceil ({padded}, pads)' if padded > cropped else ''}"
    )


def _nearest_settings(window: Window, shape: Shape, axis: int, square: bool) -> Iterator[str]:
    """The nearest stride, filter size, padding and input size that fit, one text each."""
    length, reach, before, after, stride, dilation = _along(window, shape, axis)
    size = window.size[axis]
    left = length - reach + before + after

    def nearest(value: int, least: int, left_at: Callable[[int], int]) -> list[int]:
        distances = range(1, min(4 * stride, FARTHEST) + 1)
        near = [v for d in distances for v in (value - d, value + d) if v >= least]
        return [v for v in near if left_at(v) >= 0 and left_at(v) % stride == 0][:NEAREST]

    # A stride larger than the window would skip parts of the input.
    jumps = sorted(
        range(1, min(max(reach, stride), FARTHEST) + 1), key=lambda jump: abs(jump - stride)
    )
    yield _listed("S=", [jump for jump in jumps if left % jump == 0][:NEAREST])
    sizes = nearest(size, 1, lambda f: left - (f - size) * dilation)
    if sizes:
        yield _listed("F=", sizes)
    if before == after:
        pads = nearest(before, 0, lambda p: left + 2 * (p - before))
        if pads:
            yield _listed("P=", pads)
    lengths = nearest(length, 1, lambda w: left + w - length)
    if lengths and square:
        yield "input " + " or ".join(f"{w}x{w}" for w in lengths)
    elif lengths:
        yield f"{AXES[axis]} " + " or ".join(map(str, lengths))


def _listed(key: str, values: list[int]) -> str:
    return " or ".join(f"{key}{value}" for value in values)
