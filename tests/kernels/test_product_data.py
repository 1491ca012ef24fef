"""Backward-data as matrix products, one for each pair of residues, against the definition."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of, close
from one_task import run_task

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host, target
from striate.kernels.conv_product import ProductBackward
from striate.kernels.product import ProductConvolution
from striate.kernels.product_data import product_data, product_data_seconds
from striate.layers import Mode
from striate.plan import Lowering, Task

TOLERANCE = 3e-6


@dataclass(frozen=True)
class ByData:
    """Backward-data alone."""

    isa: Isa
    name: str = "by data"

    def refuses(self, task: Task) -> str | None:
        return None if task.kind == "backward" else "it is for backward"

    def cost(self, task: Task) -> float:
        return product_data_seconds(self.isa, task)

    def lower(self, task: Task) -> Lowering:
        launches, scratch = product_data(self.isa, task)
        return Lowering(launches, scratch=scratch)


def task_of(text: str, batch: int = BATCH, mask: bool = False) -> Task:
    conv, (x,) = example(text)
    roles = {role: role for role in arrays_of(conv, x, 1)[1]}
    detail = {"mask": True} if mask else {}
    return Task("backward", "conv1", conv, batch, (x,), conv.shape(x), True, roles, detail)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "9x9x40 -> CONV3-33 S=2 P=1",
        "12x10x35 -> CONV3-32 S=2 P=1 fit=floor",
        "11x8x33 -> CONV5x2-20 S=3x1 P=2,1,0,1 fit=floor",
        "9x9x16 -> CONV1-24 S=2",
        "7x10x32 -> CONV2-16 S=4x3 P=0 fit=floor",
        "9x9x20 -> CONV3-8 S=2 P=1 fit=ceil",
        "11x10x33 -> CONV3-20 P=2 dilation=2",
        "6x6x32 -> CONV3-530 P=0",
    ],
)
def test_every_residue_gets_its_gradient(text: str, mask: bool, isa: Isa) -> None:
    task = task_of(text, mask=mask)
    conv, (x,) = task.what, task.inputs
    _, given = arrays_of(conv, x, BATCH)
    found = run_task(task, ByData(isa), given, isa, 2)
    weights = {role[2:]: a.astype(float) for role, a in given.items() if role[:2] == "w."}
    images, dy = (given[role].astype(float) for role in ("x0", "dy"))
    y = conv.forward((images,), weights, Mode())
    (dx,), _ = conv.backward(dy, (images,), y, weights, Mode())
    close(found["dx0"], np.where(images > 0, dx, 0) if mask else dx, TOLERANCE)


def test_the_number_of_threads_changes_no_bit() -> None:
    task = task_of("20x20x64 -> CONV3-128 S=2 P=1 fit=floor", batch=9)
    _, given = arrays_of(task.what, task.inputs[0], 9)
    one, *more = (run_task(task, ByData(host()), given, host(), n)["dx0"] for n in (1, 2, 3))
    for found in more:
        np.testing.assert_array_equal(found, one)


def test_it_is_taken_where_it_is_estimated_to_be_fastest() -> None:
    isa = target("avx512")

    def products(text: str) -> int:
        launches = ProductBackward(isa).lower(task_of(text, 8)).launches
        return sum(isinstance(launch.kernel, ProductConvolution) for launch in launches)

    assert products("28x28x256 -> CONV3-256 S=2 P=1 fit=floor") == 4
    assert products("28x28x32 -> CONV3-64 S=2 P=1 fit=floor") == 0
    assert products("28x28x64 -> CONV1-64 S=2 fit=floor") == 1


def test_it_says_where_it_does_not_apply() -> None:
    task = task_of("28x28x64 -> CONV3-64 P=1")
    both = replace(task.what.window, stride=(2, 2), dilation=(2, 2), fit="floor")
    with_both = replace(task, what=replace(task.what, window=both))
    assert product_data_seconds(host(), with_both) == float("inf")
    assert product_data_seconds(host(), task_of("28x28x64 -> CONV3-16")) == float("inf")
