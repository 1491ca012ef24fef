"""Winograd's convolution, all three passes, against the float64 definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of, check, check_threads, close, run_both
from hypothesis import given, settings
from hypothesis import strategies as st
from one_task import run_task

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import (
    Isa,
    candidates_for,
    host,
    target,
    winograd_filter_pass,
    winograd_launches,
)
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_winograd import WinogradBackward, WinogradForward
from striate.kernels.winograd_filters import TransformFilters
from striate.kernels.winograd_launches import Sizes, tiling
from striate.kernels.winograd_matrices import Filtering, minimal
from striate.kernels.winograd_output import TransformOutputs
from striate.kernels.winograd_positions import MultiplyPositions, MultiplyRows
from striate.kernels.winograd_volumes import TransformTiles
from striate.layers import Conv, Mode, Shape, Window
from striate.plan import Task

WINOGRAD = (WinogradForward, WinogradBackward)
TOLERANCE = 1e-5
"""Of the largest value. Measured: 2e-6 to 5e-6; the way back multiplies by up to 16."""


@pytest.mark.parametrize(
    ("m", "r"), [(4, 3), (3, 4), (5, 3), (3, 5), (6, 3), (3, 6), (4, 5), (5, 4)]
)
def test_the_matrices_give_the_correlation(m: int, r: int) -> None:
    rng = np.random.default_rng(0)
    data, taps = rng.standard_normal(m + r - 1), rng.standard_normal(r)
    f = minimal(m, r)
    found = np.array(f.output) @ ((np.array(f.filter) @ taps) * (np.array(f.data) @ data))
    np.testing.assert_allclose(found, np.correlate(data, taps), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("tile", [4, 5])
def test_at_a_stride_phases_give_the_correlation(tile: int, stride: int) -> None:
    """And the gradient of the taps."""
    rng, filtering = np.random.default_rng(0), Filtering(tile, 3, stride)
    data, taps, dy = (rng.standard_normal(n) for n in (filtering.patch, 3, tile))
    seen = [data[i * stride : i * stride + 3] for i in range(tile)]
    for matrices, factor, expected in (
        (filtering.matrices, taps, np.stack(seen) @ taps),
        (filtering.gradient, dy, dy @ np.stack(seen)),
    ):
        output, filters, patch = (
            np.array(m) for m in (matrices.output, matrices.filter, matrices.data)
        )
        found = output @ ((filters @ factor) * (patch @ data))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert sorted(row for pair in filtering.pairs for row in pair) == [*range(filtering.patch)]


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("8x8x16 -> CONV3-16", 2),
        ("9x7x16 -> CONV3-20", 1),
        ("13x6x32 -> CONV3-32 P=0", 2),
        ("5x5x16 -> CONV3-24 P=2", 1),
        ("5x5x16 -> CONV3-48 P=0,1,2,0 bias=no", 2),
        ("30x30x16 -> CONV3-80", 2),
        ("7x9x16 -> CONV3-144", 2),
        ("10x10x48 -> CONV3-80", 2),
        ("13x10x64 -> CONV3-64", 2),
        ("6x6x80 -> CONV3-176", 2),
        ("6x6x112 -> CONV3-144", 2),
        ("3x5x48 -> CONV5-112 P=2", 2),
        ("9x9x16 -> CONV4-16 P=1", 2),
        ("8x13x48 -> CONV4-80 P=3,0,2,1", 2),
        ("9x9x16 -> CONV5-16", 2),
        ("12x7x32 -> CONV5-48 P=0", 2),
        ("6x9x16 -> CONV5-16 P=4,1,0,3", 2),
        ("16x16x32 -> CONV3-32 S=2 P=1 fit=floor", 2),
        ("11x17x64 -> CONV3-80 S=2 P=1", 2),
        ("13x9x16 -> CONV3-144 S=2 P=0", 2),
        ("10x14x48 -> CONV3-48 S=2 P=0,1,2,1 bias=no", 2),
        ("6x7x112 -> CONV3-20 S=2 P=2,1,1,1", 1),
    ],
)
def test_examples(text: str, passes: int, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert check(WINOGRAD, conv, x, isa, TOLERANCE) >= passes


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.integers(5, 13),
    st.integers(5, 13),
    st.sampled_from([16, 32]),
    st.sampled_from([5, 16, 32]),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.booleans(),
    st.sampled_from([3, 5]),
)
def test_any_shape(
    height: int, width: int, channels: int, filters: int, pad: Any, bias: bool, size: int
) -> None:
    conv = Conv(filters, Window((size, size), pad=pad), bias=bias)
    assert check(WINOGRAD, conv, Shape(height, width, channels), host(), TOLERANCE) >= 1


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    "text", ["18x17x48 -> CONV3-80", "9x9x16 -> CONV5-16", "6x5x32 -> CONV3-48 P=0 bias=no"]
)
def test_position_by_position(text: str, isa: Isa, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for deep filters, in several pieces of the tiles."""
    monkeypatch.setattr(winograd_launches, "MOST_FILTERS", 0)
    monkeypatch.setattr(winograd_launches, "POSITION_BYTES", 2048)
    conv, (x,) = example(text)
    assert check(WINOGRAD, conv, x, isa, TOLERANCE) == 2
    check_threads(WINOGRAD, text)
    # Where filters never change, they are transformed once instead.
    arrays, _ = arrays_of(conv, x, BATCH)
    roles = {role: role for role in arrays}
    task = Task("forward", "conv1", conv, BATCH, (x,), conv.shape(x), False, roles)
    kernels = [type(launch.kernel) for launch in WinogradForward(isa).lower(task).launches]
    assert kernels == [TransformFilters, TransformTiles, MultiplyPositions, TransformOutputs]
    weights = {role[2:]: a.astype(float) for role, a in arrays.items() if role[:2] == "w."}
    y = conv.forward((arrays["x0"].astype(float),), weights, Mode())
    close(run_task(task, WinogradForward(isa), arrays, isa, threads=3)["y"], y, TOLERANCE)


@pytest.mark.parametrize("by_rows", [False, True])
def test_filters_are_transformed_by_pairs_of_rows(
    by_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd_launches, "MOST_FILTERS", 0)
    monkeypatch.setattr(winograd_launches, "FILTERS_WEIGH", 0 if by_rows else 1e9)
    conv, (x,) = example("8x9x32 -> CONV3-80")
    for kind, maker in zip(("forward", "backward"), WINOGRAD, strict=True):
        task = Task(kind, "conv1", conv, BATCH, (x,), conv.shape(x), True, {"y": "y", "dx0": "dx0"})
        launches = maker(host()).lower(task).launches
        (launch,) = (one for one in launches if isinstance(one.kernel, MultiplyRows))
        assert isinstance(launch.kernel, MultiplyRows)
        assert launch.kernel.by_rows == by_rows
        assert launch.arguments[-1] == (kind == "backward")
    assert check(WINOGRAD, conv, x, host(), TOLERANCE) == 2
    check_threads(WINOGRAD, "8x9x32 -> CONV3-80")


@pytest.mark.parametrize(
    ("text", "batch", "expected"),
    [
        # Blocks of tiles; few tiles, for many parts of the filters; many filters.
        ("56x56x64 -> CONV3-64", 8, "block by block"),
        ("14x14x96 -> CONV3-208", 8, "transformed before"),
        ("28x28x512 -> CONV3-512", 4, "by position"),
        ("14x14x128 -> CONV3-128", 8, "block by block"),
        ("14x14x256 -> CONV3-256", 8, "by position"),
    ],
)
def test_how_a_convolution_is_cut(text: str, batch: int, expected: str) -> None:
    conv, (x,) = example(text)
    y = conv.shape(x)
    sizes = Sizes(target("avx512"), batch, tiling(x, y, (1, 1), Filtering(4, 3)), y)
    found = "by position" if sizes.by_position else "block by block"
    assert ("transformed before" if sizes.given else found) == expected


@pytest.mark.parametrize(
    ("text", "batch", "tiles"),
    [
        ("56x56x64 -> CONV3-64", 4, 24),
        # Tiles of many channels fill the cache; large filters had better be read less often.
        ("112x112x128 -> CONV3-128", 4, 12),
        ("112x112x128 -> CONV3-64", 4, 12),
        ("56x56x256 -> CONV3-256", 4, 24),
        ("14x14x96 -> CONV3-208", 8, 96),
    ],
)
def test_tiles_in_a_block(text: str, batch: int, tiles: int) -> None:
    conv, (x,) = example(text)
    y = conv.shape(x)
    sizes = Sizes(target("avx512"), batch, tiling(x, y, (1, 1), Filtering(4, 3)), y)
    assert sizes.block == tiles
    assert sizes.room <= tiles
    _, micro_tiles, pieces, _, _ = sizes.blocks
    assert sizes.room >= sizes.height * micro_tiles // pieces


@pytest.mark.parametrize("text", ["10x9x112 -> CONV3-144", "4x4x304 -> CONV3-304"])
def test_whole_gradients_are_summed_up_in_slices(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    (_, whole), tiles = run_both(WINOGRAD, conv, x, host()), 5
    monkeypatch.setattr(winograd_filter_pass, "AT_ONCE", tiles)
    for threads in (1, 3):
        _, found = run_both(WINOGRAD, conv, x, host(), threads)
        assert whole is not None
        assert found is not None
        for role in whole:
            close(found[role], whole[role], TOLERANCE)


@pytest.mark.parametrize(
    ("text", "batch", "by_rows"),
    [("28x28x512 -> CONV3-512", 4, True), ("7x7x512 -> CONV3-512", 8, False)],
)
def test_chunks_in_turn_share_the_larger_volume(text: str, batch: int, by_rows: bool) -> None:
    conv, (x,) = example(text)
    task = Task("forward", "conv1", conv, batch, (x,), conv.shape(x), True, {"y": "y"})
    kernel = WinogradForward(target("avx512")).lower(task).launches[1].kernel
    assert isinstance(kernel, MultiplyRows)
    assert kernel.by_rows is by_rows


def test_the_number_of_threads_changes_no_bit() -> None:
    check_threads(WINOGRAD, "18x18x32 -> CONV3-96")


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
def test_every_target_gets_object_code(name: str) -> None:
    isa = target(name)
    conv, (x,) = example("9x9x32 -> CONV3-32")
    roles = {"dx0": "dx0"}
    for kind, maker in zip(("forward", "backward"), WINOGRAD, strict=True):
        task = Task(kind, "conv1", conv, 2, (x,), conv.shape(x), True, roles)
        for launch in maker(isa).lower(task).launches:
            assert len(object_code(llvm_text(launch.kernel, isa), isa)) > 500


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("9x9x16 -> CONV7-16", "the filters are not 3x3, 4x4 or 5x5"),
        ("9x9x16 -> CONV3-16 dilation=2", "the filters are not 3x3, 4x4 or 5x5"),
        ("9x9x16 -> CONV3-16 S=3 P=1 fit=floor", "the stride is not 1, or 2 for 3x3 filters"),
        ("9x9x32 -> CONV3-32 groups=2", "there are groups"),
        ("9x9x16 -> CONV3-16 P=3", "the padding is larger than 2"),
    ],
)
def test_it_says_where_it_does_not_apply(text: str, why: str) -> None:
    conv, (x,) = example(text)
    isa = target("avx2")
    task = Task("forward", "conv1", conv, 2, (x,), conv.shape(x), True, {})
    assert WinogradForward(isa).refuses(task) == why
    assert WinogradBackward(isa).refuses(task) == why


def test_channels_must_be_whole_vectors() -> None:
    isa = target("avx2")
    conv, (x,) = example("9x9x3 -> CONV3-16")
    task = Task("forward", "conv1", conv, 2, (x,), conv.shape(x), True, {})
    assert WinogradForward(isa).refuses(task) == "3 channels are not whole vectors of 8"
    assert WinogradBackward(isa).refuses(task) == (
        "3 channels and 16 filters are not whole vectors of 8"
    )


def test_exact_leaves_it_out() -> None:
    conv, (x,) = example("9x9x16 -> CONV3-16")
    task = Task("forward", "conv1", conv, 2, (x,), conv.shape(x), True, {})
    names = [candidate.name for candidate in candidates_for(host())(task)]
    ways = ["direct convolution", "matrix product", "winograd", "winograd by phases", "depthwise"]
    assert names == ways
    exact = [candidate.name for candidate in candidates_for(host(), exact=True)(task)]
    assert exact == ["direct convolution", "matrix product", "depthwise"]
