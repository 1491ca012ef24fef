"""The statistics of a BATCHNORM that the CONV in front of it gives, against the definition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_tasks import BATCH, arrays_of
from one_task import run_task

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, host
from striate.kernels.conv_depthwise import DepthwiseForward
from striate.kernels.conv_forward import DirectForward
from striate.kernels.conv_norm import pass_seconds
from striate.kernels.conv_phases import PhasesForward
from striate.kernels.conv_product import ProductForward
from striate.kernels.conv_winograd import WinogradForward
from striate.layers import BatchNorm, Conv
from striate.plan import Task

PRODUCTS = [
    "9x7x24 -> CONV1-35",
    "34x33x8 -> CONV1-21",
    "5x7x530 -> CONV1-48 bias=no",
    "7x6x24 -> CONV1-300",
    "7x9x40 -> CONV3-24 S=2",
    "1x1x16 -> CONV1-16",
]
"""Among them a single position, several slices and blocks, parts of the filters."""
OTHERS = [
    (DirectForward, "9x7x24 -> CONV3-35"),
    (WinogradForward, "9x10x32 -> CONV3-24"),
    (PhasesForward, "17x20x3 -> CONV7-32 S=2 P=3 fit=floor"),
    (DepthwiseForward, "9x7x24 -> CONV3-24 groups=24"),
]
NORM = BatchNorm(momentum=0.25)
MOVED = {"n.mean": 0.5, "n.variance": 2.0}


def run(
    make: Any, text: str, isa: Isa, threads: int = 1, shift: float = 0.0, unlike: int | None = None
) -> tuple[dict[str, Any], Task]:
    """What a candidate leaves by role; ``shift`` is added to the biases, and the pixel ``unlike``
    is a thousand times what it was."""
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    arrays, _ = arrays_of(conv, x, BATCH)
    y = conv.shape(x)
    arrays |= {role: np.full(y.channels, value, np.float32) for role, value in MOVED.items()}
    if conv.bias:
        arrays["w.b"] += np.float32(shift)
    if unlike is not None:
        arrays["x0"].reshape(-1, x.channels)[unlike] *= 1000
    roles = {role: role for role in arrays}
    task = Task("forward", "conv1", conv, BATCH, (x,), y, True, roles, {"norm": NORM})
    return run_task(task, make(isa), arrays, isa, threads), task


def check(found: dict[str, Any], channels: int, tolerance: float) -> None:
    """The statistics are those of the output that was found."""
    y = found["y"].astype(float)
    count = y.size // channels
    mean, variance = y.mean((0, 1, 2)), y.var((0, 1, 2))
    unbiased = variance * count / max(count - 1, 1)
    expected = {
        "saved.mean": mean,
        "saved.inverse": 1 / np.sqrt(variance + NORM.epsilon),
        "n.mean": 0.75 * MOVED["n.mean"] + 0.25 * mean,
        "n.variance": 0.75 * MOVED["n.variance"] + 0.25 * unbiased,
    }
    for role, exact in expected.items():
        # A mean is as exact as the values are.
        least = tolerance * max(1.0, abs(y).max()) if role.endswith("mean") else 0.0
        given = found[role].view(np.float32)[:channels]
        np.testing.assert_allclose(given, exact, tolerance, least)


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", PRODUCTS)
def test_a_product_sums_up_what_is_in_registers(text: str, isa: Isa) -> None:
    found, task = run(ProductForward, text, isa)
    launches = ProductForward(isa).lower(task).launches
    names = [type(launch.kernel).__name__ for launch in launches]
    assert names == ["PackFilters", "ProductConvolution", "BatchStatistics"]
    check(found, task.output.channels, 2e-6)


@pytest.mark.parametrize(("make", "text"), OTHERS)
def test_others_read_their_output_again(make: Any, text: str) -> None:
    found, task = run(make, text, host())
    check(found, task.output.channels, 2e-6)
    candidate = make(host())
    plain = replace(task, detail={})
    assert candidate.cost(task) == candidate.cost(plain) + pass_seconds(task)


def test_a_large_mean_costs_no_accuracy() -> None:
    found, task = run(ProductForward, "34x33x8 -> CONV1-21", host(), shift=1000)
    check(found, task.output.channels, 5e-6)


@pytest.mark.parametrize("pixel", [0, 1, host().tile_rows, 2 * host().tile_rows - 1])
@pytest.mark.parametrize("isa", NATIVE, ids=lambda isa: isa.name)
def test_a_pixel_unlike_the_others_costs_no_accuracy(pixel: int, isa: Isa) -> None:
    """The first of a micro-tile, from which its others are measured, or another one."""
    found, task = run(ProductForward, "34x33x8 -> CONV1-21", isa, unlike=pixel)
    check(found, task.output.channels, 5e-6)


@pytest.mark.parametrize("text", ["34x33x8 -> CONV1-21", "7x6x24 -> CONV1-300"])
def test_the_number_of_threads_changes_no_bit(text: str) -> None:
    one, _ = run(ProductForward, text, host())
    for threads in (2, 3):
        more, _ = run(ProductForward, text, host(), threads)
        for role, array in one.items():
            if not role.startswith("saved."):
                np.testing.assert_array_equal(array, more[role])
            else:
                row = slice(4 * one["y"].shape[-1])
                np.testing.assert_array_equal(array[row], more[role][row])


def test_nan_reaches_the_statistics() -> None:
    conv, (x,) = example("9x7x24 -> CONV1-35")
    arrays, _ = arrays_of(conv, x, BATCH)  # type: ignore[arg-type]
    arrays |= {role: np.ones(35, np.float32) for role in MOVED}
    arrays["w.b"][3] = np.nan
    roles = {role: role for role in arrays}
    facts = {"norm": NORM}
    task = Task("forward", "c", conv, BATCH, (x,), conv.shape(x), True, roles, facts)
    found = run_task(task, ProductForward(host()), arrays, host())
    assert np.flatnonzero(np.isnan(found["n.mean"])).tolist() == [3]
    assert np.flatnonzero(np.isnan(found["n.variance"])).tolist() == [3]
