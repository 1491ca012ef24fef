"""The sliding window: its sizes are counts of positions; folding is the adjoint of patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import InputError
from striate.layers import Conv, Shape, Window

SMALL = st.integers(1, 4)
PAIRS = st.tuples(SMALL, SMALL)


@st.composite
def laid_windows(draw: st.DrawFn) -> tuple[Window, Shape]:
    """A window and a volume on which it has at least one position."""
    window = Window(
        draw(PAIRS),
        draw(PAIRS),
        draw(st.tuples(*[st.integers(0, 3)] * 4)),
        draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        draw(st.sampled_from(["floor", "ceil"])),
    )
    shape = Shape(draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(1, 3)))
    top, bottom, left, right = window.sides
    height = max(shape.height, window.reach[0] - top - bottom)
    width = max(shape.width, window.reach[1] - left - right)
    return window, Shape(height, width, shape.channels)


def starts(window: Window, shape: Shape, axis: int) -> list[int]:
    """Where the window starts, counted in the padded input, by trying every position."""
    before, after = window.sides[2 * axis : 2 * axis + 2]
    length = (shape.height, shape.width)[axis]
    found, start = [], 0
    while start + window.reach[axis] <= before + length + after:
        found.append(start)
        start += window.stride[axis]
    left_over = before + length + after - (found[-1] + window.reach[axis])
    if window.fit == "ceil" and left_over > 0 and start < before + length:
        found.append(start)
    return found


@given(laid_windows())
@settings(deadline=None)
def test_steps_count_the_positions(laid: tuple[Window, Shape]) -> None:
    window, shape = laid
    counted = tuple(len(starts(window, shape, axis)) for axis in (0, 1))
    assert window.steps(shape) == counted
    assert [rule for rule in window.rules(shape) if not rule.holds] == []


@given(laid_windows())
@settings(deadline=None)
def test_an_exact_fit_leaves_nothing_over(laid: tuple[Window, Shape]) -> None:
    floored, shape = laid
    window = Window(floored.size, floored.stride, floored.pad, floored.dilation)
    fits = True
    for axis in (0, 1):
        start = starts(window, shape, axis)[-1]
        before, after = window.sides[2 * axis : 2 * axis + 2]
        length = (shape.height, shape.width)[axis]
        fits &= start + window.reach[axis] == before + length + after
    assert all(rule.holds for rule in window.rules(shape)) == fits


@given(laid_windows())
@settings(deadline=None)
def test_patches_are_the_regions_of_the_padded_input(laid: tuple[Window, Shape]) -> None:
    window, shape = laid
    x = np.random.default_rng(0).standard_normal(shape.array(2))
    patches = window.patches(x)
    top, _, left, _ = window.sides
    big = np.pad(x, [(0, 0), (top, 40), (left, 40), (0, 0)])
    for row, y in enumerate(starts(window, shape, 0)):
        for column, z in enumerate(starts(window, shape, 1)):
            ys = slice(y, y + window.reach[0], window.dilation[0])
            xs = slice(z, z + window.reach[1], window.dilation[1])
            np.testing.assert_array_equal(patches[:, row, column], big[:, ys, xs])
    assert patches.shape == (2, *window.steps(shape), *window.size, shape.channels)


@given(laid_windows())
@settings(deadline=None)
def test_fold_is_the_adjoint_of_patches(laid: tuple[Window, Shape]) -> None:
    window, shape = laid
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape.array(2))
    p = rng.standard_normal(window.patches(x).shape)
    folded = window.fold(p, shape)
    assert folded.shape == x.shape
    assert np.vdot(window.patches(x), p) == pytest.approx(np.vdot(x, folded), abs=1e-9)


def test_numbers_become_pairs_once() -> None:
    number: Any = 3
    window = Window(number, number, number, number)
    assert window == Window((3, 3), (3, 3), (3, 3, 3, 3), (3, 3))
    two: Any = (1, 2)
    assert Window((3, 3), pad=two).pad == (1, 1, 2, 2)
    assert Window((3, 3)).sides == (0, 0, 0, 0)
    assert Window((2, 5), dilation=(3, 2)).reach == (4, 9)
    assert Window((2, 5)).cells == 10
    assert Window.whole(Shape(4, 6, 3)) == Window((4, 6), pad=(0, 0, 0, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "F: expected a whole number of at least 1 or (rows, columns), got 0"),
        (
            {"size": 3, "stride": (1, 2, 3)},
            "S: expected a whole number of at least 1 or (rows, columns), got (1, 2, 3)",
        ),
        (
            {"size": 3, "dilation": 1.5},
            "dilation: expected a whole number of at least 1 or (rows, columns), got 1.5",
        ),
        (
            {"size": 3, "pad": -1},
            "P: expected a whole number of at least 0, (rows, columns) or "
            "(top, bottom, left, right), got -1",
        ),
        (
            {"size": 3, "pad": (1, 2, 3)},
            "P: expected a whole number of at least 0, (rows, columns) or "
            "(top, bottom, left, right), got (1, 2, 3)",
        ),
        ({"size": 3, "fit": "crop"}, "fit: expected one of exact, floor, ceil, got 'crop'"),
        ({"size": "3x3"}, "F: expected a whole number of at least 1 or (rows, columns), got '3x3'"),
    ],
)
def test_errors_of_the_constructor(arguments: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Window(**arguments)
    assert str(caught.value) == message


def test_an_even_filter_has_no_padding_that_keeps_the_size() -> None:
    with pytest.raises(InputError) as caught:
        Conv(8, Window((4, 2)))
    assert str(caught.value) == (
        "F=2x4 has no P=(F-1)/2 that keeps the size: say P, e.g. P=0, or use an odd F"
    )
    assert Conv(8, Window((2, 2), dilation=(2, 2))).window.pad == (1, 1, 1, 1)
