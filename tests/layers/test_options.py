"""The kinds of option value: reading, writing, and the words of their errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import InputError
from striate.layers import (
    Conv,
    Elu,
    Fc,
    GroupNorm,
    Input,
    Leaky,
    Local,
    Lrn,
    Shape,
    Window,
    grammar,
)
from striate.layers.options import Choice, Kind, Number, Padding, Size, Whole, YesNo

SIDES = st.tuples(*[st.integers(0, 99)] * 4)


@given(st.integers(1, 999_999_999))
@settings(deadline=None)
def test_whole_numbers_read_back(value: int) -> None:
    assert Whole().read(Whole().write(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None)
def test_numbers_read_back(value: float) -> None:
    assert Number().read(Number().write(value)) == value


@given(st.tuples(st.integers(1, 99), st.integers(1, 99)))
@settings(deadline=None)
def test_sizes_read_back_and_are_written_width_first(value: tuple[int, int]) -> None:
    assert Size().read(Size().write(value)) == value
    assert Size().read(f"{value[1]}x{value[0]}") == value


@given(SIDES)
@settings(deadline=None)
def test_padding_reads_back(value: tuple[int, int, int, int]) -> None:
    assert Padding().read(Padding().write(value)) == value


def test_the_shortest_text_is_written() -> None:
    assert Number().write(2.0) == "2"
    assert Number().write(1e-4) == "0.0001"
    assert Size().write((3, 3)) == "3"
    assert Size().write((3, 5)) == "5x3"
    assert Padding().write((1, 1, 1, 1)) == "1"
    assert Padding().write((1, 1, 2, 2)) == "2x1"
    assert Padding().write((0, 1, 0, 1)) == "0,1,0,1"
    assert YesNo().write(True) == "yes"


WHOLE = "expected a whole number of at least 1"
SIZE = "expected one whole number or width x height such as 3 or 5x3, each at least 1"
PADDING = (
    "expected P such as 1, width x height such as 2x1, or top,bottom,left,right such as 0,1,0,1"
)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Whole(), "0", f"{WHOLE}, got '0'"),
        (Whole(), "-1", f"{WHOLE}, got '-1'"),
        (Whole(), "1.5", f"{WHOLE}, got '1.5'"),
        (Whole(), "٣", f"{WHOLE}, got '٣'"),
        (Whole(), "x" * 300, f"{WHOLE}, got '{'x' * 57}...'"),
        (Whole(), "\x1b[2J", f"{WHOLE}, got '\\x1b[2J'"),
        (Whole(0), "", "expected a whole number of at least 0, got ''"),
        (Number(), "x", "expected a number, got 'x'"),
        (Number(), "nan", "expected a number, got 'nan'"),
        (Number(0), "-0.1", "expected a number of at least 0, got '-0.1'"),
        (Number(0, open_low=True), "0", "expected a number above 0, got '0'"),
        (Number(0, 1), "1.1", "expected a number from 0 to 1, got '1.1'"),
        (Number(0, 1, open_high=True), "1", "expected a number from 0 to below 1, got '1'"),
        (Size(), "0", f"{SIZE}, got '0'"),
        (Size(), "3x", f"{SIZE}, got '3x'"),
        (Size(), "3x3x3", f"{SIZE}, got '3x3x3'"),
        (Padding(), "1,2", f"{PADDING}, got '1,2'"),
        (Padding(), "1,2,3,4,5", f"{PADDING}, got '1,2,3,4,5'"),
        (Padding(), "-1", f"{PADDING}, got '-1'"),
        (Choice(("max", "avg")), "min", "expected one of max, avg, got 'min'"),
        (YesNo(), "true", "expected yes or no, got 'true'"),
        (
            grammar("INPUT")["volume"].kind,
            "32x32",
            "expected width x height x depth such as 32x32x3, got '32x32'",
        ),
    ],
)
def test_errors_of_reading(kind: Kind, text: str, message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        kind.read(text)
    assert str(caught.value) == message


ABOVE = "expected a number above 0"
ANY: Any = Window((3, 3))


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (Conv, (0, ANY), f"K: {WHOLE}, got 0"),
        (Conv, (8.0, ANY), f"K: {WHOLE}, got 8.0"),
        (Conv, (8, ANY, 0), f"groups: {WHOLE}, got 0"),
        (Conv, (8, ANY, 1, 5), "bias: expected yes or no, got 5"),
        (Local, ("8", ANY), f"K: {WHOLE}, got '8'"),
        (Fc, (-1,), f"K: {WHOLE}, got -1"),
        (GroupNorm, (0,), f"groups: {WHOLE}, got 0"),
        (GroupNorm, (1, 0), f"eps: {ABOVE}, got 0"),
        (Leaky, (0,), f"slope: {ABOVE}, got 0"),
        (Leaky, (None,), f"slope: {ABOVE}, got None"),
        (Elu, (-1,), f"alpha: {ABOVE}, got -1"),
        (Lrn, (5, 0), f"k: {ABOVE}, got 0"),
        (
            Lrn,
            (5, 1, 1, 1, "alex"),
            "convention: expected one of krizhevsky, caffe, got 'alex'",
        ),
        (
            Input,
            (Shape(0, 1, 3),),
            "volume: expected width x height x depth such as 32x32x3, "
            "got Shape(height=0, width=1, channels=3)",
        ),
    ],
)
def test_errors_of_constructors(cls: Any, arguments: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        cls(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Whole(), "9999999999"),
        (Size(), "9999999999x3"),
        (Padding(), "0,0,9999999999,0"),
        (Padding(), "9999999999"),
        (grammar("INPUT")["volume"].kind, "9999999999x3x3"),
    ],
)
def test_a_number_that_no_size_can_be_is_too_large(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"^'9999999999' is too large: at most 999,999,999 is all"):
        kind.read(text)


def test_zeros_in_front_of_a_number_do_not_count() -> None:
    assert Whole().read("0" * 5000 + "7") == 7
