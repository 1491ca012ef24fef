"""Winograd at a stride of 2, in all passes, against the float64 definition."""

from __future__ import annotations

from typing import Any

import pytest
from conv_tasks import check, check_threads
from hypothesis import given, settings
from hypothesis import strategies as st
from test_winograd import TOLERANCE, WINOGRAD
from test_winograd_signs import only_positive, task_of

from examples import example
from isas import FOREIGN, NATIVE, SHAPES
from striate.kernels import Isa, conv_winograd, host
from striate.kernels.activations import ActivationBackward
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_winograd import BY_DATA, WinogradBackward
from striate.kernels.product_data import product_data
from striate.kernels.winograd_gradient import WinogradWholeGradient
from striate.layers import Conv, Shape, Window
from striate.plan import Launch

EXAMPLES = [
    "16x16x32 -> CONV3-32 S=2 P=1 fit=floor",
    "11x17x64 -> CONV3-80 S=2 P=1",
    "18x9x48 -> CONV3-48 S=2 P=1 fit=floor",
    "10x12x112 -> CONV3-144 S=2 P=1 fit=floor",
    "8x8x256 -> CONV3-256 S=2 P=1 fit=floor",
    "4x4x304 -> CONV3-304 S=2 P=1 fit=floor",
]
"""With a row and a column of padding in front, where all passes can be done."""
OTHERS = [
    "13x9x16 -> CONV3-144 S=2 P=0",
    "10x14x48 -> CONV3-48 S=2 P=0,1,2,1 bias=no",
    "9x9x16 -> CONV3-32 S=2 P=2",
]
"""Where by the data another way is taken."""


@pytest.fixture
def no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves no way by the data that would be faster."""
    monkeypatch.setattr(conv_winograd, "quickest_data", lambda *_: (float("inf"), product_data))


def launches_of(text: str, isa: Isa, mask: bool = True) -> list[Launch]:
    task, _ = task_of(text)
    task.detail["mask"] = mask
    return list(WinogradBackward(isa).lower(task).launches)


def by_data(launches: list[Launch]) -> bool:
    return any(getattr(launch.kernel, "filtering", None) == BY_DATA for launch in launches)


@pytest.mark.usefixtures("no_other")
@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES + OTHERS)
def test_all_passes(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert by_data(launches_of(text, isa)) == (text in EXAMPLES)
    assert check(WINOGRAD, conv, x, isa, TOLERANCE) == 2


@pytest.mark.usefixtures("no_other")
@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES)
def test_only_where_the_input_is_positive(text: str, isa: Isa) -> None:
    only_positive(*task_of(text), isa)


@pytest.mark.usefixtures("no_other")
def test_signs_are_kept_where_a_volume_is_transformed_as_a_whole() -> None:
    """Two rows of positions of a stride do not see all of a patch."""
    found = set()
    for text in EXAMPLES:
        launches = launches_of(text, host())
        whole = any(isinstance(launch.kernel, WinogradWholeGradient) for launch in launches)
        kept = sum("scratch.signs" in launch.arguments for launch in launches)
        rectified = isinstance(launches[-1].kernel, ActivationBackward)
        assert (kept, rectified) == ((2, False) if whole else (0, True))
        found.add(whole)
    assert found == {True, False}


@pytest.mark.usefixtures("no_other")
@pytest.mark.parametrize("text", [EXAMPLES[1], EXAMPLES[4]])
def test_the_bits_do_not_depend_on_the_threads(text: str) -> None:
    check_threads(WINOGRAD, text)


def test_where_another_way_by_the_data_is_faster_it_is_taken() -> None:
    launches = launches_of("14x14x512 -> CONV3-512 S=2 P=1 fit=floor", host())
    assert not by_data(launches)
    assert by_data(launches_of("56x56x128 -> CONV3-128 S=2 P=1 fit=floor", host()))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.integers(3, 21),
    st.integers(3, 21),
    st.sampled_from([16, 48, 96]),
    st.sampled_from([16, 48, 64]),
    st.tuples(*[st.integers(0, 2)] * 4),
)
def test_any_shape(height: int, width: int, channels: int, filters: int, pad: Any) -> None:
    conv = Conv(filters, Window(3, 2, pad, fit="floor"))
    assert check(WINOGRAD, conv, Shape(height, width, channels), host(), TOLERANCE) == 2


def test_a_pooled_gradient_is_refused() -> None:
    task, _ = task_of("16x16x32 -> CONV3-32 S=2 P=1 fit=floor", pooled=True)
    found = WinogradBackward(host()).refuses(task)
    assert found == "a pooled gradient is read at stride 1 alone"


@pytest.mark.usefixtures("no_other")
@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
def test_it_compiles_for_machines_that_are_not_here(isa: Isa) -> None:
    for launch in launches_of(EXAMPLES[0], isa):
        assert object_code(llvm_text(launch.kernel, isa), isa)
