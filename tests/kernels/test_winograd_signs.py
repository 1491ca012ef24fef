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
from striate.kernels.pool_forward import NO_CELL
from striate.kernels.winograd import WinogradConvolution
from striate.kernels.winograd_gradient import WinogradProducts, WinogradWholeGradient
from striate.kernels.winograd_output import TransformOutputs
from striate.kernels.winograd_positions import MultiplyRows
from striate.layers import Pool
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
    "14x14x32 -> CONV3-48",
    "13x14x112 -> CONV3-144",
]
"""With padding that keeps the size; among them tiles that the edges cut, positions by pairs of
rows, volumes transformed before, several parts of filters, blocks of channels that are not whole,
tiles of other sizes in the pass that keeps signs and in the one that reads them."""
EVEN = ["8x8x16 -> CONV3-16", "14x10x64 -> CONV3-160", "6x6x112 -> CONV3-144", "6x8x16 -> CONV5-32"]
"""Of an even size, which a POOL of 2x2 covers."""
OTHERS = [
    *("8x10x16 -> CONV3-16 P=0", "9x6x16 -> CONV5-16 P=4,0,1,0", "8x8x32 -> CONV3-16 P=2"),
    *("9x8x16 -> CONV4-32 P=2", "7x10x32 -> CONV4-16 P=1"),
]
"""Where tiles of the input are not the middles of patches."""


def task_of(text: str, pooled: bool = False) -> tuple[Task, dict[str, Any]]:
    """A backward task with a RELU before it, perhaps a POOL behind, and its arrays; some of the
    input is zero."""
    conv, (x,) = example(text)
    _, arrays = arrays_of(conv, x, BATCH)
    random = np.random.default_rng(2)
    zeros = np.array([0.0, -0.0], np.float32)
    some = random.random(arrays["x0"].shape) < 0.2
    arrays["x0"] = np.where(some, random.choice(zeros, some.shape), arrays["x0"])
    detail: dict[str, Any] = {"mask": True}
    if pooled:
        detail["pool"] = Pool()
        shape = Pool().shape(conv.shape(x)).array(BATCH)
        arrays["dy"] = random.standard_normal(shape).astype(np.float32)
        arrays["saved.pooled"] = random.choice([0, 1, 2, 3, NO_CELL], shape).astype(np.uint8)
    roles = {role: role for role in arrays}
    task = Task("backward", "c", conv, BATCH, (x,), conv.shape(x), True, roles, detail)
    return task, arrays


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES + OTHERS)
def test_only_where_the_input_is_positive(text: str, isa: Isa) -> None:
    only_positive(*task_of(text), isa)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", [*EVEN, "8x10x16 -> CONV3-16 P=0"])
def test_between_a_relu_and_a_pool(text: str, isa: Isa) -> None:
    only_positive(*task_of(text, pooled=True), isa)


def only_positive(task: Task, arrays: dict[str, Any], isa: Isa) -> None:
    """Backward gives what it gives without a RELU, where the input is positive, and zero."""
    way = WinogradBackward(isa)
    assert way.refuses(task) is None
    unmasked = {key: value for key, value in task.detail.items() if key != "mask"}
    found = run_task(task, way, arrays, isa, threads=3)
    alone = run_task(replace(task, detail=unmasked), way, arrays, isa)
    expected = np.where(arrays["x0"] > 0, alone["dx0"], 0)
    np.testing.assert_array_equal(found["dx0"], expected)
    for role in (role for role in arrays if role.startswith("dw.")):
        np.testing.assert_array_equal(found[role], alone[role], err_msg=role)


def launches_of(text: str) -> list[Launch]:
    return list(WinogradBackward(host()).lower(task_of(text)[0]).launches)


def test_signs_are_kept_where_tiles_are_the_middles_of_patches() -> None:
    launches = [launch for text in EXAMPLES for launch in launches_of(text)]
    kernels = {type(launch.kernel) for launch in launches}
    assert {WinogradProducts, WinogradWholeGradient, WinogradConvolution} <= kernels
    assert {MultiplyRows, TransformOutputs} <= kernels
    assert ActivationBackward not in kernels
    pairs = {getattr(launch.kernel, "in_pairs", None) for launch in launches}
    assert {True, False} <= pairs
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
