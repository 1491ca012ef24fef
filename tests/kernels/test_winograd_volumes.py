"""Transformed volumes that no cache holds: how they are written, and cut in parts of gradients."""

from __future__ import annotations

import numpy as np
import pytest
from conv_tasks import arrays_of, check, check_threads
from msgspec.structs import replace
from numpy.typing import NDArray
from one_task import run_task
from test_winograd import TOLERANCE, WINOGRAD

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host, past_caches, target, winograd_filter_pass, winograd_launches
from striate.kernels.compile import llvm_text
from striate.kernels.conv_winograd import WinogradBackward
from striate.kernels.isa import TARGETS
from striate.kernels.past_caches import goes_past
from striate.kernels.winograd_gradient import WinogradWholeGradient
from striate.kernels.winograd_volumes import TransformTiles
from striate.plan import Kernel, Task

WIDE = "9x9x144 -> CONV3-272"
"""More than two parts of channels and of filters, of which the last are not whole."""
FENCE = 'call void @"llvm.x86.sse.sfence"()'
WHOLE = "9x7x112 -> CONV3-112"
"""Enough parts for a whole gradient."""


def backward_task(text: str, batch: int) -> Task:
    conv, (x,) = example(text)
    roles = {role: role for role in arrays_of(conv, x, batch)[1]}
    return Task("backward", "c", conv, batch, (x,), conv.shape(x), True, roles)


def transforms(text: str, batch: int) -> list[TransformTiles]:
    launches = WinogradBackward(target("avx512")).lower(backward_task(text, batch)).launches
    kernels: list[Kernel] = [launch.kernel for launch in launches]
    return [kernel for kernel in kernels if isinstance(kernel, TransformTiles)]


def test_only_large_volumes_go_past_the_caches() -> None:
    isa = target("avx512")
    assert goes_past(isa, past_caches.LARGE)
    assert not goes_past(isa, past_caches.LARGE - 1)
    assert [kernel.past_caches for kernel in transforms("28x28x512 -> CONV3-512", 4)] == [True] * 3
    assert [kernel.past_caches for kernel in transforms("14x14x512 -> CONV3-512", 4)] == [False] * 3


def test_only_whole_lines_go_past_the_caches() -> None:
    assert [name for name in TARGETS if goes_past(target(name), 2**30)] == ["avx512"]


def test_stores_past_the_caches_are_over_before_a_chunk_ends() -> None:
    isa = target("avx512")
    kernel = transforms("28x28x512 -> CONV3-512", 4)[0]
    for past in (True, False):
        text = llvm_text(replace(kernel, past_caches=past), isa)
        assert ("!nontemporal" in text) is past
        # The kernel's last instruction but the return.
        assert (f"{FENCE}\n  ret void" in text) is past


def gradients(text: str) -> dict[str, NDArray[np.float32]]:
    conv, (x,) = example(text)
    task, arrays = backward_task(text, 3), arrays_of(conv, x, 3)[1]
    found = run_task(task, WinogradBackward(host()), arrays, host(), threads=2)
    return {role: found[role] for role in ("dx0", "dw.w", "dw.b")}


def same_gradients(text: str, before: dict[str, NDArray[np.float32]]) -> None:
    for role, values in gradients(text).items():
        np.testing.assert_array_equal(values, before[role])


@pytest.mark.skipif(host().name != "avx512", reason="only AVX-512 writes past the caches")
def test_volumes_are_the_same_past_the_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd_launches, "MOST_FILTERS", 0)
    before = gradients(WHOLE)
    monkeypatch.setattr(past_caches, "LARGE", 0)
    assert {kernel.past_caches for kernel in transforms(WHOLE, 3)} == {True}
    same_gradients(WHOLE, before)
    conv, (x,) = example("10x11x48 -> CONV3-80")
    assert check(WINOGRAD, conv, x, host(), TOLERANCE) == 2
    check_threads(WINOGRAD, WHOLE)


def test_parts_of_many_tiles_are_twice_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which changes no sum: only where it is kept."""
    before = gradients(WIDE)
    monkeypatch.setattr(winograd_filter_pass, "AT_ONCE", 5)
    launches = WinogradBackward(host()).lower(backward_task(WIDE, 3)).launches
    (launch,) = (one for one in launches if isinstance(one.kernel, WinogradWholeGradient))
    assert launch.arguments[-2:] == (64, 128)
    same_gradients(WIDE, before)
    check_threads(WINOGRAD, WIDE)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
def test_wide_parts(isa: Isa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd_filter_pass, "AT_ONCE", 5)
    conv, (x,) = example("8x8x144 -> CONV5-272")
    assert check(WINOGRAD, conv, x, isa, TOLERANCE) == 2


@pytest.mark.parametrize(
    ("text", "batch", "part"),
    [
        ("56x56x256 -> CONV3-256", 4, (64, 128)),
        ("28x28x512 -> CONV3-512", 4, (64, 64)),
        ("56x56x128 -> CONV3-256", 4, (32, 32)),
        ("14x14x512 -> CONV3-512", 4, (64, 64)),
    ],
)
def test_the_part_that_makes_enough_chunks(text: str, batch: int, part: tuple[int, int]) -> None:
    launches = WinogradBackward(target("avx512")).lower(backward_task(text, batch)).launches
    (launch,) = (one for one in launches if isinstance(one.kernel, WinogradWholeGradient))
    assert launch.arguments[-2:] == part
