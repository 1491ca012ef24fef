"""Plots and pictures: round ticks, filters as tiles, the confusion matrix as a map."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from striate.train.pictures import draw_confusion, draw_filters, first_filters
from striate.train.plot import Line, Panel, draw_panels, ticks

finite = st.floats(-1e6, 1e6)


@given(one=finite, other=finite, most=st.integers(3, 10))
@example(one=0.0, other=5e-324, most=3)
def test_ticks_are_few_and_round_and_cover_the_range(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    assume(high == low or high - low > 1e-9 * max(abs(low), abs(high)))
    marks = ticks(low, high, most)
    slack = 1e-6 * (marks[-1] - marks[0])
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert 2 <= len(marks) <= most + 1
    step = marks[1] - marks[0]
    digit = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(digit - round_one) for round_one in (1, 2, 5)) < 1e-3


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 15, [0, 5, 10, 15]), (3, 3, [3, 3.1])],
)
def test_ticks(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_epochs_are_marked_at_whole_numbers() -> None:
    assert ticks(0, 1, 8, whole=True) == [0, 1]
    assert ticks(0, 3, 8, whole=True) == [0, 1, 2, 3]


def test_a_plot_shows_each_line_in_its_colour() -> None:
    rising = Line("rising", tuple((x, x / 9) for x in range(10)))
    broken = Line("broken", ((0, 1.0), (4, math.nan), (9, 0.0)))
    image = draw_panels([Panel("a", "x", (rising, broken)), Panel("b", "x", (rising,))], 300, 200)
    assert image.size == (600, 200)
    pixels = np.asarray(image).astype(int)
    blue = np.abs(pixels - (0x1F, 0x6F, 0xB4)).sum(axis=2) < 40
    orange = np.abs(pixels - (0xE0, 0x70, 0x1A)).sum(axis=2) < 40
    assert blue[:, :300].sum() > 100
    assert blue[:, 300:].sum() > 100
    assert orange[:, :300].sum() > 100
    assert not orange[:, 300:].any()


def test_a_single_point_is_drawn() -> None:
    image = draw_panels([Panel("a", "epoch", (Line("one", ((1.0, 2.0),)),))], 300, 200)
    assert (np.abs(np.asarray(image).astype(int) - (0x1F, 0x6F, 0xB4)).sum(axis=2) < 40).any()


def test_the_first_filters_are_those_of_the_first_window() -> None:
    pixelwise, window = np.zeros((4, 1, 1, 3)), np.zeros((8, 3, 3, 4))
    weights = {"input": {"mean": np.zeros(3)}, "a": {"w": pixelwise}, "b": {"w": window}}
    assert first_filters(weights) is window
    assert first_filters({"a": {"w": pixelwise}}) is None


def test_colour_filters_are_colour_tiles_stretched_to_the_full_range() -> None:
    filters = np.zeros((2, 3, 3, 3))
    filters[0, 0, 0] = (1, 0, 0)
    pixels = np.asarray(draw_filters(filters))
    assert pixels.shape == (52, 102, 3)
    assert pixels[2 + 8, 2 + 8].tolist() == [255, 0, 0]
    assert pixels[2 + 40, 2 + 40].tolist() == [0, 0, 0]
    assert pixels[0, 0].tolist() == [255, 255, 255]


def test_other_filters_are_grey_tiles_for_each_channel() -> None:
    filters = np.random.default_rng(0).random((2, 2, 2, 2))
    pixels = np.asarray(draw_filters(filters)).astype(int)
    assert pixels.shape == (102, 102, 3)
    assert (pixels == pixels[:, :, :1]).all()
    bright = filters[1, :, :, 0]
    row, column = np.unravel_index(bright.argmax(), (2, 2))
    assert pixels[52 + 24 * row + 12, 2 + 24 * column + 12, 0] == 255


def test_no_more_than_256_tiles_are_drawn() -> None:
    assert draw_filters(np.zeros((64, 5, 5, 64))).size == (16 * 52 + 2, 16 * 52 + 2)


def test_a_confusion_matrix_is_dark_where_the_counts_are() -> None:
    confusion = np.diag([5, 9, 0])
    confusion[2, 0] = 4
    names = ("a", "b", "a class with a very long name")
    pixels = np.asarray(draw_confusion(confusion, names).convert("L")).astype(int)
    margin = pixels.shape[0] - 3 * 40 - 16
    corners = pixels[margin + 5 :: 40, margin + 5 :: 40][:3, :3]
    assert (corners < 128).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_a_matrix_of_many_classes_stays_small() -> None:
    image = draw_confusion(np.eye(200, dtype=np.int64), [str(i) for i in range(200)])
    assert max(image.size) < 1000
