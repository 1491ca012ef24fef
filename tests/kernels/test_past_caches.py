"""Outputs that are written past the caches: which, and that they are the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from conv_tasks import BATCH, Makers, arrays_of, run_both
from layer_tasks import random_arrays, run_native, tasks
from msgspec.structs import replace
from one_task import run_task

from examples import example
from striate.kernels import Isa, candidates_for, host, past_caches, target, winograd_launches
from striate.kernels.compile import llvm_text
from striate.kernels.conv_product import ProductBackward, ProductForward
from striate.kernels.conv_winograd import WinogradBackward, WinogradForward
from striate.kernels.isa import TARGETS, _detect
from striate.kernels.past_caches import output_goes_past
from striate.kernels.product import ProductConvolution
from striate.kernels.winograd import WinogradConvolution
from striate.kernels.winograd_output import TransformOutputs
from striate.layers import Conv
from striate.plan import At, Candidate, Launch, Task

Maker = Callable[[Isa], Candidate]

FENCE = 'call void @"llvm.x86.sse.sfence"()'
ZEN = replace(target("avx512"), outputs_past=True)
WRITERS = ProductConvolution, WinogradConvolution, TransformOutputs
PRODUCT: Makers = (ProductForward, ProductBackward)
WINOGRAD: Makers = (WinogradForward, WinogradBackward)
CASES = [
    (PRODUCT, "9x8x48 -> CONV1-80"),
    (PRODUCT, "13x11x64 -> CONV1-32 S=2"),
    (WINOGRAD, "11x13x16 -> CONV3-48"),
    (WINOGRAD, "19x14x48 -> CONV5-80"),
]
"""With tiles that edges cut, and a last block of filters that is not whole."""


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every output counts as one that no cache holds."""
    monkeypatch.setattr(past_caches, "LARGE_OUTPUT", 0)


def launches_of(makers: Sequence[Maker], text: str, isa: Isa) -> list[Launch]:
    """Those that write an output, by the forward pass and, if there is a maker for it, backward."""
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    found = list[Launch]()
    for kind, maker, given in zip(
        ("forward", "backward"), makers, arrays_of(conv, x, BATCH), strict=False
    ):
        roles = {role: role for role in given}
        task = Task(kind, "c", conv, BATCH, (x,), conv.shape(x), True, roles)
        found += maker(isa).lower(task).launches
    return writers(found)


def writers(launches: Sequence[Launch]) -> list[Launch]:
    """Those that write an output."""
    return [launch for launch in launches if isinstance(launch.kernel, WRITERS)]


@pytest.mark.parametrize(
    ("size", "y", "pixel", "past"),
    [
        (past_caches.LARGE_OUTPUT, "y", 64, True),
        (past_caches.LARGE_OUTPUT - 1, "y", 64, False),
        (past_caches.LARGE_OUTPUT, "y", 72, False),
        (past_caches.LARGE_OUTPUT, At("y", 4 * 32), 96, True),
        (past_caches.LARGE_OUTPUT, At("y", 4 * 24), 96, False),
    ],
)
def test_large_outputs_of_whole_lines(size: int, y: str | At, pixel: int, past: bool) -> None:
    assert output_goes_past(ZEN, size, y, pixel) is past
    assert not any(output_goes_past(target(name), size, y, pixel) for name in TARGETS)


@pytest.mark.parametrize(
    ("processor", "wide", "past"),
    [("znver4", True, True), ("znver3", False, False), ("cascadelake", True, False)],
)
def test_processors_that_gain(
    processor: str, wide: bool, past: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: processor)
    features = dict.fromkeys(("avx2", "fma"), True)
    features |= dict.fromkeys(("avx512f", "avx512vl", "avx512bw", "avx512dq"), wide)
    assert _detect("x86_64", features).outputs_past is past


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize(("makers", "text"), CASES)
def test_stores_are_over_before_a_chunk_ends(makers: Makers, text: str) -> None:
    launches = launches_of(makers, text, ZEN)
    assert launches
    for launch in launches:
        assert launch.arguments[-1] == 1
        kernel: Any = launch.kernel
        code = llvm_text(kernel, ZEN)
        assert "!nontemporal" in code
        # The kernel's last instruction but the return.
        assert f"{FENCE}\n  ret void" in code
        assert "!nontemporal" not in llvm_text(replace(kernel, past_caches=False), ZEN)


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize(
    ("maker", "text"),
    [
        (ProductForward, "6x6x20 -> CONV1-40"),
        # Sums that go through memory between cells, or between slices of channels.
        (ProductForward, "6x6x32 -> CONV3-40 S=2 fit=floor"),
        (ProductForward, "4x4x1040 -> CONV1-1040"),
    ],
)
def test_parts_of_lines_and_of_sums_stay(maker: Maker, text: str) -> None:
    (launch,) = launches_of([maker], text, ZEN)
    assert launch.arguments[-1] == 0


@pytest.mark.skipif(host().name != "avx512", reason="only AVX-512 writes past the caches")
@pytest.mark.parametrize(
    ("makers", "text", "by_position"),
    [
        *((makers, text, False) for makers, text in CASES),
        *((makers, text, True) for makers, text in CASES if makers is WINOGRAD),
    ],
)
def test_outputs_are_the_same(
    makers: Makers, text: str, by_position: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same kernels, which are told."""
    if by_position:
        monkeypatch.setattr(winograd_launches, "MOST_FILTERS", 0)
    (conv, (x,)), isa = example(text), replace(host(), outputs_past=True)
    assert isinstance(conv, Conv)
    before = run_both(makers, conv, x, isa)
    small = launches_of(makers, text, isa)
    assert {launch.arguments[-1] for launch in small} == {0}
    monkeypatch.setattr(past_caches, "LARGE_OUTPUT", 0)
    large = launches_of(makers, text, isa)
    assert {launch.arguments[-1] for launch in large} == {1}
    assert [launch.kernel for launch in large] == [launch.kernel for launch in small]
    for threads in (1, 2, 3):
        for found, expected in zip(run_both(makers, conv, x, isa, threads), before, strict=True):
            assert found is not None
            assert expected is not None
            for role, values in expected.items():
                np.testing.assert_array_equal(found[role], values)


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.skipif(host().name != "avx512", reason="only AVX-512 writes past the caches")
@pytest.mark.parametrize(
    ("maker", "text"),
    [
        (ProductForward, "9x8x32 -> CONV1-32"),
        (WinogradForward, "9x8x32 -> CONV3-32"),
    ],
)
def test_a_part_of_a_concat(maker: Maker, text: str) -> None:
    """Nothing beside its range of channels is written."""
    conv, (x,) = example(text)
    isa, y, front, depth = replace(host(), outputs_past=True), conv.shape(x), 16, 80
    arrays, _ = arrays_of(conv, x, BATCH)
    roles = {role: role for role in arrays}
    task = Task("forward", "c", conv, BATCH, (x,), y, True, roles, {"part": (depth, front)})
    (launch,) = writers(maker(isa).lower(task).launches)
    assert launch.arguments[-1] == 1
    volume = np.full((BATCH, y.height, y.width, depth), 7, np.float32)
    found = run_task(task, maker(isa), {**arrays, "y": volume}, isa, threads=2)["y"]
    alone = Task("forward", "c", conv, BATCH, (x,), y, True, roles)
    expected = run_task(alone, maker(isa), arrays, isa)["y"]
    np.testing.assert_array_equal(found[..., front : front + y.channels], expected)
    assert (np.delete(found, np.s_[front : front + y.channels], axis=-1) == 7).all()


def norm_launches(text: str, isa: Isa) -> list[Launch]:
    """Those that write a norm's output and its gradient, by both passes."""
    layer, shapes = example(text)
    found = []
    for task in tasks(layer, shapes, BATCH):
        *_, last = next(iter(candidates_for(isa)(task))).lower(task).launches
        found.append(last)
    return found


@pytest.mark.skipif(host().name != "avx512", reason="only AVX-512 writes past the caches")
@pytest.mark.parametrize("text", ["9x8x48 -> BATCHNORM", "6x7x32 -> GROUPNORM 2"])
def test_norms_are_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same kernels, which are told."""
    (layer, shapes), isa = example(text), replace(host(), outputs_past=True)
    arrays, gradient = random_arrays(layer, shapes, BATCH)
    before = run_native(layer, shapes, arrays, gradient, isa).found
    small = norm_launches(text, isa)
    assert [launch.arguments[-1] for launch in small] == [0, 0]
    monkeypatch.setattr(past_caches, "LARGE_OUTPUT", 0)
    large = norm_launches(text, isa)
    assert [launch.arguments[-1] for launch in large] == [1, 1]
    assert [launch.kernel for launch in large] == [launch.kernel for launch in small]
    for launch in large:
        code = llvm_text(launch.kernel, isa)
        assert "!nontemporal" in code
        assert f"{FENCE}\n  ret void" in code
    for threads in (1, 2, 3):
        found = run_native(layer, shapes, arrays, gradient, isa, threads).found
        for role, values in before.items():
            np.testing.assert_array_equal(found[role], values)


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize(
    ("text", "isa"), [("9x8x48 -> BATCHNORM", target("avx512")), ("9x8x33 -> BATCHNORM", ZEN)]
)
def test_other_norms_do_not_ask(text: str, isa: Isa) -> None:
    """On other processors, and of parts of lines."""
    for launch in norm_launches(text, isa):
        assert "!nontemporal" not in llvm_text(launch.kernel, isa)
        assert launch.arguments[-1] == 0


@pytest.mark.usefixtures("all_are_large")
def test_what_norms_do_in_place_stays() -> None:
    """Its lines are in the cache: they were just read."""
    layer, shapes = example("9x8x48 -> BATCHNORM")
    forward, backward = tasks(layer, shapes, BATCH)
    for task, roles in ((forward, {"y": "x0"}), (backward, {"dx0": "dy"})):
        inside = dataclasses.replace(task, roles={**task.roles, **roles})
        *_, last = next(iter(candidates_for(ZEN)(inside))).lower(inside).launches
        assert last.arguments[-1] == 0


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize(("makers", "text"), CASES)
@pytest.mark.parametrize("name", TARGETS)
def test_other_processors_do_not_ask(makers: Makers, text: str, name: str) -> None:
    for launch in launches_of(makers, text, target(name)):
        assert launch.arguments[-1] == 0
        assert "!nontemporal" not in llvm_text(launch.kernel, target(name))


@pytest.mark.usefixtures("all_are_large")
def test_what_is_pooled_stays() -> None:
    """It is a quarter of the tiles."""
    conv, (x,) = example("8x8x32 -> CONV3-32")
    pool, _ = example("8x8x32 -> POOL")
    roles = {role: role for role in ("x0", "w.w", "w.b", "y")}
    y = conv.shape(x)
    task = Task("forward", "c", conv, BATCH, (x,), y, True, roles, {"pool": pool})
    (launch,) = writers(WinogradForward(ZEN).lower(task).launches)
    assert launch.arguments[-1] == 0
    assert "!nontemporal" not in llvm_text(launch.kernel, ZEN)
