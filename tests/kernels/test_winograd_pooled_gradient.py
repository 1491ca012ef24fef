"""Backward of a CONV with a max POOL behind it: what both do one after the other, to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of
from one_task import run_task

from examples import example
from isas import FOREIGN, NATIVE, SHAPES
from striate.kernels import Isa, candidates_for, host
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_winograd import WinogradBackward
from striate.kernels.pool_forward import NO_CELL
from striate.layers import Conv, Pool, Relu
from striate.plan import Launch, Task

EXAMPLES = [
    "8x8x16 -> CONV3-16",
    "10x6x32 -> CONV3-48",
    "8x10x16 -> CONV3-16 P=0 bias=no",
    "14x10x64 -> CONV3-64",
    "6x6x112 -> CONV3-144",
    "6x8x16 -> CONV5-32",
    "2x2x16 -> CONV5-16 P=2",
    "10x10x16 -> CONV5-16 P=0",
    "8x8x16 -> CONV5-16 P=1",
    "9x6x16 -> CONV5-16 P=4,0,1,0",
    "4x4x304 -> CONV3-304",
]
"""Among them tiles that the edges cut, positions by pairs of rows, volumes transformed before,
products position by position."""


def task_of(text: str) -> tuple[Task, dict[str, Any]]:
    """A CONV's backward task with a POOL taken in, and its arrays; some windows have no winner."""
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    y, pool = conv.shape(x), Pool()
    _, arrays = arrays_of(conv, x, BATCH)
    shape, random = pool.shape(y).array(BATCH), np.random.default_rng(1)
    arrays["dy"] = random.standard_normal(shape).astype(np.float32)
    cells = random.choice([0, 1, 2, 3, NO_CELL], shape).astype(np.uint8)
    arrays["saved.pooled"] = cells
    roles = {role: role for role in arrays}
    return Task("backward", "c", conv, BATCH, (x,), y, True, roles, {"pool": pool}), arrays


def run_apart(task: Task, arrays: dict[str, Any], isa: Isa) -> dict[str, Any]:
    """What the POOL and the CONV give as two tasks."""
    pool, y, pooled = task.detail["pool"], task.output, task.detail["pool"].shape(task.output)
    wide = np.full(y.array(BATCH), np.nan, np.float32)
    roles = {"dy": "dy", "dx0": "dx0", "saved.pooled": "saved.pooled"}
    apart = Task("backward", "p", pool, BATCH, (y,), pooled, True, roles, {"behind": Relu()})
    given = {"dy": arrays["dy"], "dx0": wide, "saved.pooled": arrays["saved.pooled"]}
    gradient = run_task(apart, next(iter(candidates_for(isa)(apart))), given, isa)["dx0"]
    rest = {role: array for role, array in arrays.items() if role != "saved.pooled"}
    alone = replace(task, detail={}, roles={role: role for role in rest})
    return run_task(alone, WinogradBackward(isa), {**rest, "dy": gradient}, isa)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES)
def test_examples(text: str, isa: Isa) -> None:
    task, arrays = task_of(text)
    assert WinogradBackward(isa).refuses(task) is None
    found = run_task(task, WinogradBackward(isa), arrays, isa, threads=2)
    apart = run_apart(task, arrays, isa)
    for role in ("dx0", *(role for role in arrays if role.startswith("dw."))):
        np.testing.assert_array_equal(found[role], apart[role], err_msg=role)


def test_the_examples_are_done_in_all_ways() -> None:
    def of(text: str) -> list[Launch]:
        return list(WinogradBackward(host()).lower(task_of(text)[0]).launches)

    kernels = {type(launch.kernel).__name__ for text in EXAMPLES for launch in of(text)}
    expected = {"WinogradConvolution", "WinogradProducts", "WinogradWholeGradient"}
    assert {*expected, "MultiplyRows", "TransformTiles"} <= kernels
    pairs = {getattr(launch.kernel, "in_pairs", None) for text in EXAMPLES for launch in of(text)}
    assert {True, False} <= pairs


def test_odd_volumes_are_refused() -> None:
    task, _ = task_of("8x8x16 -> CONV3-16")
    conv, (x,) = example("9x8x16 -> CONV3-16")
    odd = replace(task, what=conv, inputs=(x,), output=conv.shape(x))
    refused = WinogradBackward(host()).refuses(odd)
    assert refused is not None
    assert refused.startswith("it pools parts of ")


def test_other_processors() -> None:
    task, _ = task_of("8x8x16 -> CONV3-16")
    for isa in FOREIGN:
        for launch in WinogradBackward(isa).lower(task).launches:
            assert object_code(llvm_text(launch.kernel, isa), isa)  # type: ignore[arg-type]
