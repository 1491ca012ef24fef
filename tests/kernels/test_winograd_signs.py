"""Backward of a CONV behind a RELU: as without it, to the bit, and zero where the input is not
positive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of
from one_task import run_task

from examples import example
from isas import FOREIGN, NATIVE, SHAPES
from striate.kernels import Isa, host
from striate.kernels.activations import ActivationBackward
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_winograd import WinogradBackward
from striate.kernels.winograd_gradient import WinogradProducts, WinogradWholeGradient
from striate.plan import Launch, Task

EXAMPLES = [
    "8x8x16 -> CONV3-16",
    "10x6x32 -> CONV3-48",
    "9x7x48 -> CONV3-80",
    "14x10x64 -> CONV3-160",
    "6x6x112 -> CONV3-144",
    "6x8x16 -> CONV5-32",
    "7x5x80 -> CONV5-16",
    "4x4x304 -> CONV3-304",
]
"""With padding that keeps the size; among them tiles that the edges cut, positions in thirds,
volumes transformed before, several parts of filters, blocks of channels that are not whole."""
OTHERS = ["8x10x16 -> CONV3-16 P=0", "9x6x16 -> CONV5-16 P=4,0,1,0", "8x8x32 -> CONV3-16 P=2"]
"""Where tiles of the input are not the middles of patches."""


def task_of(text: str) -> tuple[Task, dict[str, Any]]:
    """A backward task with a RELU before it, and its arrays; some of the input is zero."""
    conv, (x,) = example(text)
    _, arrays = arrays_of(conv, x, BATCH)
    random = np.random.default_rng(2)
    zeros = np.array([0.0, -0.0], np.float32)
    some = random.random(arrays["x0"].shape) < 0.2
    arrays["x0"] = np.where(some, random.choice(zeros, some.shape), arrays["x0"])
    roles = {role: role for role in arrays}
    return Task("backward", "c", conv, BATCH, (x,), conv.shape(x), True, roles, {"mask": True}), (
        arrays
    )


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES + OTHERS)
def test_only_where_the_input_is_positive(text: str, isa: Isa) -> None:
    task, arrays = task_of(text)
    way = WinogradBackward(isa)
    found = run_task(task, way, arrays, isa, threads=3)
    alone = run_task(replace(task, detail={}), way, arrays, isa)
    expected = np.where(arrays["x0"] > 0, alone["dx0"], 0)
    np.testing.assert_array_equal(found["dx0"], expected)
    for role in (role for role in arrays if role.startswith("dw.")):
        np.testing.assert_array_equal(found[role], alone[role], err_msg=role)


def launches_of(text: str) -> list[Launch]:
    return list(WinogradBackward(host()).lower(task_of(text)[0]).launches)


def test_signs_are_kept_where_tiles_are_the_middles_of_patches() -> None:
    launches = [launch for text in EXAMPLES for launch in launches_of(text)]
    kernels = {type(launch.kernel) for launch in launches}
    assert {WinogradProducts, WinogradWholeGradient} <= kernels
    assert ActivationBackward not in kernels
    for text in EXAMPLES:
        kept = [launch for launch in launches_of(text) if "scratch.signs" in launch.arguments]
        assert len(kept) == 2, "one writes them, one reads them"
        assert "x0" not in kept[1].arguments
    for text in OTHERS:
        *_, last = launches_of(text)
        assert isinstance(last.kernel, ActivationBackward)


@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
def test_they_compile_for_machines_that_are_not_here(isa: Isa) -> None:
    for text in ("8x8x16 -> CONV3-16", "6x6x112 -> CONV3-144"):
        for launch in WinogradBackward(isa).lower(task_of(text)[0]).launches:
            assert object_code(llvm_text(launch.kernel, isa), isa)
