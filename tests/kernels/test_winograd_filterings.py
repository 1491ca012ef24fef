"""Winograd's patches of 6x6, 7x7 and 8x8: all passes by each of them, and which is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of, check, check_threads
from one_task import run_task
from test_winograd import TOLERANCE, WINOGRAD
from test_winograd_pooled_gradient import run_apart
from test_winograd_pooled_gradient import task_of as pooled_task
from test_winograd_signs import only_positive
from test_winograd_signs import task_of as masked_task

from examples import example
from isas import FOREIGN, NATIVE, SHAPES
from striate.kernels import (
    Isa,
    conv_winograd,
    host,
    target,
    winograd_filter_pass,
    winograd_launches,
)
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_winograd import WinogradBackward, WinogradForward
from striate.kernels.winograd_gradient import WinogradProducts, WinogradWholeGradient
from striate.kernels.winograd_matrices import Filtering
from striate.kernels.winograd_output import TransformOutputs
from striate.layers import Conv, Pool
from striate.plan import Kernel, Task

Only = Callable[[Filtering], None]
THREE = [Filtering(4, 3), Filtering(5, 3), Filtering(6, 3)]
FOUR = [Filtering(5, 4), Filtering(4, 4)]
FIVE = [Filtering(4, 5)]
CASES = [
    *(
        (filtering, text)
        for filtering in THREE
        for text in ("10x11x48 -> CONV3-80", "14x9x16 -> CONV3-144")
    ),
    *((filtering, "13x8x16 -> CONV3-48 P=0,1,2,0 bias=no") for filtering in THREE),
    *(
        (filtering, text)
        for filtering in FIVE
        for text in ("9x11x32 -> CONV5-48", "7x7x16 -> CONV5-144")
    ),
    *((filtering, "11x14x48 -> CONV4-80 P=2,1,0,3") for filtering in FOUR),
    *((filtering, "9x12x16 -> CONV5-32 P=4,1,0,3") for filtering in FIVE),
]
"""With tiles that the edges cut, several panels, blocks that are not whole, other padding."""


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """Makes one filtering the only one."""

    def choose(filtering: Filtering) -> None:
        size, stride = (filtering.filter,) * 2, (filtering.stride,) * 2
        monkeypatch.setitem(conv_winograd.FILTERINGS, (size, stride), (filtering,))

    return choose


def kernels_of(task: Task, isa: Isa) -> list[Kernel]:
    maker = WinogradForward if task.kind == "forward" else WinogradBackward
    return [launch.kernel for launch in maker(isa).lower(task).launches]


def task_of(kind: str, text: str, batch: int) -> Task:
    conv, (x,) = example(text)
    roles = {"y": "y", "dx0": "dx0"}
    return Task(kind, "c", conv, batch, (x,), conv.shape(x), True, roles)


@pytest.mark.parametrize("filtering", [*THREE, *FOUR, *FIVE])
def test_rows_of_positions_in_pairs(filtering: Filtering) -> None:
    rows = [row for pair in filtering.pairs for row in pair]
    assert sorted(rows) == list(range(filtering.patch))
    assert all(len(pair) == 2 for pair in filtering.pairs[:-1])
    # A point's row and its opposite's differ in the sign of every second value.
    data, signs = np.array(filtering.matrices.data), (-1) ** np.arange(filtering.patch)
    for first, second in (pair for pair in filtering.pairs if pair[-1] == pair[0] + 1):
        flipped = data[first] * signs
        assert np.array_equal(flipped, data[second]) or np.array_equal(-flipped, data[second])


@pytest.mark.parametrize("filtering", [*THREE, *FOUR, *FIVE])
def test_the_row_of_one_sums_tiles_up(filtering: Filtering) -> None:
    row = np.array(filtering.gradient.filter)[filtering.one]
    tile = np.random.default_rng(0).standard_normal((filtering.tile,) * 2)
    assert row @ tile @ row * filtering.ones_divisor == pytest.approx(tile.sum())


@pytest.mark.parametrize("isa", NATIVE[:1] + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(("filtering", "text"), CASES)
def test_all_passes(filtering: Filtering, text: str, isa: Isa, only: Only) -> None:
    only(filtering)
    conv, (x,) = example(text)
    assert check(WINOGRAD, conv, x, isa, TOLERANCE) >= 1


@pytest.mark.parametrize("filtering", [*THREE, *FIVE])
def test_position_by_position(
    filtering: Filtering, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By pairs of rows, of which the last may be one row."""
    monkeypatch.setattr(winograd_launches, "MOST_FILTERS", 0)
    only(filtering)
    text = f"11x9x48 -> CONV{filtering.filter}-80"
    conv, (x,) = example(text)
    assert check(WINOGRAD, conv, x, host(), TOLERANCE) == 2
    check_threads(WINOGRAD, text)


@pytest.mark.parametrize("filtering", [*THREE, *FIVE])
def test_gradients_in_slices(
    filtering: Filtering, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all rows at a time and with pairs of them."""
    monkeypatch.setattr(winograd_filter_pass, "MOST_WHOLE", 0)
    only(filtering)
    text = f"11x13x32 -> CONV{filtering.filter}-48"
    conv, (x,) = example(text)
    for most, in_pairs in ((0, True), (2**30, False)):
        monkeypatch.setattr(winograd_filter_pass, "MOST_ROOM", most)
        kernel = kernels_of(task_of("backward", text, BATCH), host())[0]
        assert isinstance(kernel, WinogradProducts)
        assert kernel.in_pairs is in_pairs
        assert check(WINOGRAD, conv, x, host(), TOLERANCE) == 2
    check_threads(WINOGRAD, text)


@pytest.mark.parametrize("filtering", [*THREE, *FIVE])
def test_masks_and_pooled_gradients(filtering: Filtering, only: Only) -> None:
    only(filtering)
    size = filtering.filter
    for text in (
        f"12x10x32 -> CONV{size}-48",
        f"6x8x80 -> CONV{size}-144",
        f"6x8x112 -> CONV{size}-144",
    ):
        only_positive(*masked_task(text), host())
        only_positive(*masked_task(text, pooled=True), host())
        task, arrays = pooled_task(text)
        found = run_task(task, WinogradBackward(host()), arrays, host(), threads=2)
        apart = run_apart(task, arrays, host())
        np.testing.assert_array_equal(found["dx0"], apart["dx0"])


@pytest.mark.parametrize(
    ("filtering", "text"),
    [
        (Filtering(5, 3), "10x10x512 -> CONV3-48"),
        (Filtering(6, 3), "12x12x512 -> CONV3-48"),
        (Filtering(4, 5), "8x8x400 -> CONV5-32"),
    ],
)
def test_long_sums_round_little(filtering: Filtering, text: str, only: Only) -> None:
    """What the way back multiplies most is summed up panel by panel."""
    only(filtering)
    assert filtering.large
    conv, (x,) = example(text)
    assert check(WINOGRAD, conv, x, host(), TOLERANCE) == 2


@pytest.mark.parametrize(("filtering", "batch"), [(Filtering(4, 3), 8), (Filtering(5, 4), 16)])
def test_gradients_of_many_tiles_round_little(filtering: Filtering, batch: int, only: Only) -> None:
    """Tiles that are transformed together are summed up apart: one sum rounds twice as much."""
    only(filtering)
    conv, (x,) = example(f"112x112x16 -> CONV{filtering.filter}-16 P=1")
    assert isinstance(conv, Conv)
    _, arrays = arrays_of(conv, x, batch)
    roles = {role: role for role in arrays if role != "dx0"}
    task = Task("backward", "c", conv, batch, (x,), conv.shape(x), True, roles)
    own = {role: arrays[role] for role in roles}
    found = run_task(task, WinogradBackward(host()), own, host(), threads=2)["dw.w"]
    exact = sum(
        np.tensordot(
            dy.astype(float), conv.window.patches(image[None].astype(float))[0], 2 * [[0, 1]]
        )
        for dy, image in zip(arrays["dy"], arrays["x0"], strict=True)
    )
    assert np.abs(found - exact).max() <= 6e-6 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("text", "batch", "tile"),
    [
        # As many products either way, or a tenth fewer, twice; a quarter fewer, twice; more.
        ("56x56x64 -> CONV3-64", 8, 4),
        ("28x28x128 -> CONV3-128", 8, 4),
        ("14x14x256 -> CONV3-256", 8, 5),
        ("13x13x384 -> CONV3-384", 32, 5),
        ("7x7x512 -> CONV3-512", 8, 4),
    ],
)
def test_the_filtering_that_saves_enough(text: str, batch: int, tile: int) -> None:
    isa = target("avx512")
    for kind in ("forward", "backward"):
        for kernel in kernels_of(task_of(kind, text, batch), isa):
            assert kernel.filtering.tile == tile


@pytest.mark.parametrize("text", ["224x224x64 -> CONV3-64", "112x112x64 -> CONV3-128"])
def test_large_maps_save_a_fifth_by_8x8(text: str) -> None:
    """But not backward-filter, which would read its volumes more often."""
    isa = target("avx512")
    assert {kernel.filtering.tile for kernel in kernels_of(task_of("forward", text, 4), isa)} == {6}
    by_filters, _, *by_data = kernels_of(task_of("backward", text, 4), isa)
    assert isinstance(by_filters, WinogradProducts)
    assert by_filters.filtering == Filtering(4, 3)
    assert {kernel.filtering for kernel in by_data} == {Filtering(6, 3)}


def test_filters_that_no_cache_holds_weigh_against_larger_patches() -> None:
    """Backward-filter, which has none, takes them there."""
    isa, text = target("avx512"), "14x14x512 -> CONV3-512"
    assert {kernel.filtering.tile for kernel in kernels_of(task_of("forward", text, 4), isa)} == {4}
    kernels = kernels_of(task_of("backward", text, 4), isa)
    (gradient,) = (kernel for kernel in kernels if isinstance(kernel, WinogradWholeGradient))
    assert gradient.filtering == Filtering(5, 3)


def test_a_pool_asks_for_whole_windows() -> None:
    isa, text = target("avx512"), "14x14x256 -> CONV3-256"
    task = task_of("forward", text, 8)
    pooled = replace(task, detail={"pool": Pool()})
    assert {kernel.filtering.tile for kernel in kernels_of(task, isa)} == {5}
    assert {kernel.filtering.tile for kernel in kernels_of(pooled, isa)} == {4}


def test_tiles_may_differ_from_one_pass_to_the_other() -> None:
    """One writes the signs that the other reads."""
    tiles = set()
    for text in ("14x14x32 -> CONV3-48", "14x14x512 -> CONV3-512"):
        by_filters, *_, by_data = kernels_of(task_of("backward", text, 4), target("avx512"))
        tiles.add((by_filters.filtering.tile, by_data.filtering.tile))
    assert tiles == {(4, 5), (5, 4)}


def test_a_transform_of_outputs_is_one_kernel_with_a_mask_and_without() -> None:
    task = task_of("backward", "14x14x512 -> CONV3-512", 4)
    masked = replace(task, detail={"mask": True})
    found = [kernels_of(one, target("avx512"))[-1] for one in (task, masked)]
    assert found[0] == found[1]
    assert isinstance(found[0], TransformOutputs)


@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
@pytest.mark.parametrize("filtering", [*THREE, *FIVE])
def test_they_compile_for_machines_that_are_not_here(
    filtering: Filtering, isa: Isa, only: Only
) -> None:
    only(filtering)
    for kind in ("forward", "backward"):
        for kernel in kernels_of(task_of(kind, f"9x9x32 -> CONV{filtering.filter}-32", 2), isa):
            assert len(object_code(llvm_text(kernel, isa), isa)) > 500
