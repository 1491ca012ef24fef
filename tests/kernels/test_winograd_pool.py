"""A max POOL behind Winograd's convolution: what both would do one after the other, to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of, close
from msgspec import structs
from one_task import run_task

from examples import example
from isas import FOREIGN, NATIVE, SHAPES
from striate.kernels import Isa, candidates_for, host
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_winograd import WinogradForward
from striate.kernels.winograd_launches import BLOCK
from striate.layers import Conv, Mode, Pool, Relu
from striate.layers.pool import PoolWindow
from striate.plan import Task

EXAMPLES = [
    "8x8x16 -> CONV3-16",
    "10x6x32 -> CONV3-48",
    "8x10x16 -> CONV3-16 P=0",
    "14x2x32 -> CONV3-112 bias=no",
    "28x28x16 -> CONV3-16",
    "6x8x16 -> CONV5-32",
    "4x4x80 -> CONV3-176",
]
"""Among them tiles that the edges cut, blocks of fewer filters, several chunks, given tiles."""


def task_of(text: str, training: bool, relu: bool) -> tuple[Task, dict[str, Any]]:
    """A CONV's task with a POOL taken in, and its arrays."""
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    y, pool = conv.shape(x), Pool()
    arrays, _ = arrays_of(conv, x, BATCH)
    arrays["y"] = np.full(pool.shape(y).array(BATCH), np.nan, np.float32)
    detail = {"pool": pool, "relu": relu}
    roles = {role: role for role in arrays}
    return Task("forward", "conv1", conv, BATCH, (x,), y, training, roles, detail), arrays


def run_apart(task: Task, arrays: dict[str, Any], isa: Isa) -> dict[str, Any]:
    """What the CONV and the POOL give as two tasks."""
    wide = {**arrays, "y": np.full(task.output.array(BATCH), np.nan, np.float32)}
    detail = {"relu": task.detail["relu"]}
    whole = run_task(replace(task, detail=detail), WinogradForward(isa), wide, isa)["y"]
    facts = {"behind": Relu()} if task.detail["relu"] else {}
    pool, z = task.detail["pool"], task.detail["pool"].shape(task.output)
    roles = {"x0": "x0", "y": "y"}
    apart = Task("forward", "p", pool, BATCH, (task.output,), z, task.training, roles, facts)
    candidate = next(iter(candidates_for(isa)(apart)))
    return run_task(apart, candidate, {"x0": whole, "y": arrays["y"]}, isa)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES)
@pytest.mark.parametrize(("training", "relu"), [(True, True), (True, False), (False, True)])
def test_examples(text: str, training: bool, relu: bool, isa: Isa) -> None:
    task, arrays = task_of(text, training, relu)
    assert WinogradForward(isa).refuses(task) is None
    found = run_task(task, WinogradForward(isa), arrays, isa, threads=2)
    apart = run_apart(task, arrays, isa)
    np.testing.assert_array_equal(found["y"], apart["y"])
    assert ("saved.pooled" in found) is training
    if training:
        np.testing.assert_array_equal(found["saved.pooled"], apart["saved.pooled"])
    weights = {role[2:]: a.astype(float) for role, a in arrays.items() if role[:2] == "w."}
    y = task.what.forward((arrays["x0"].astype(float),), weights, Mode())
    y = np.maximum(y, 0) if relu else y
    close(found["y"], task.detail["pool"].forward((y,), {}, Mode()), 1e-5)


def test_the_examples_have_edges_and_several_chunks() -> None:
    task, _ = task_of("28x28x16 -> CONV3-16", True, True)
    assert BATCH * 49 > BLOCK
    assert WinogradForward(host()).lower(task).launches[-1].chunks > 1


def test_nan_wins() -> None:
    task, arrays = task_of("8x8x16 -> CONV3-16", True, True)
    arrays["x0"][1, 2, 3, 4] = np.nan
    found = run_task(task, WinogradForward(host()), arrays, host())
    apart = run_apart(task, arrays, host())
    assert np.isnan(found["y"]).any()
    np.testing.assert_array_equal(found["y"], apart["y"])
    np.testing.assert_array_equal(found["saved.pooled"], apart["saved.pooled"])


@pytest.mark.parametrize(
    ("text", "pool", "why"),
    [
        ("9x8x16 -> CONV3-16", Pool(), "it pools parts of 8x9x16"),
        ("8x8x16 -> CONV3-20", Pool(), "it pools parts of 8x8x20"),
        ("8x8x16 -> CONV3-16", Pool(kind="avg"), "it pools other windows than 2x2"),
        ("8x8x16 -> CONV3-16", Pool(PoolWindow((4, 4))), "it pools other windows than 2x2"),
        (
            "9x9x16 -> CONV3-16",
            Pool(PoolWindow((3, 3), (2, 2))),
            "it pools other windows than 2x2",
        ),
    ],
)
def test_what_stays_apart(text: str, pool: Pool, why: str) -> None:
    task, _ = task_of(text, False, True)
    isa = structs.replace(host(), lanes=16)
    given = replace(task, detail={**task.detail, "pool": pool})
    refused = WinogradForward(isa).refuses(given)
    assert refused is not None
    assert refused.split(" of ")[0] == why.split(" of ")[0]


def test_other_processors() -> None:
    task, _ = task_of("8x8x16 -> CONV3-16", True, True)
    for isa in FOREIGN:
        for launch in WinogradForward(isa).lower(task).launches:
            assert object_code(llvm_text(launch.kernel, isa), isa)  # type: ignore[arg-type]
