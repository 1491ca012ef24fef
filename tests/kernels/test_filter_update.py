"""The update of a CONV's filters merged with the sum of their gradient: as the definitions say, and
to the bit as the two apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conv_tasks import ARRAYS, arrays_of
from layer_tasks import FOREIGN, ISAS
from one_task import run_task
from test_update_kernels import CASES, control_block

from examples import example
from striate.kernels import Isa, candidates_for, host
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.conv_filter_gradient import DirectBackward
from striate.kernels.conv_product import ProductBackward
from striate.kernels.filter_slices import SumFilterGradient
from striate.kernels.outcome import Outcome
from striate.layers import Conv, Mode, Shape
from striate.optimizers import Adam, Optimizer, Sgd
from striate.plan import Launch, Task
from striate.plan.updated import updated

BATCH, RATE, SCALE, STEP = 3, 0.03, 0.7, 4
Maker = type[DirectBackward] | type[ProductBackward]

EXAMPLES: list[tuple[Maker, str]] = [
    (ProductBackward, "6x6x40 -> CONV1-24"),
    (ProductBackward, "5x5x300 -> CONV1-70 bias=no"),
    (ProductBackward, "9x9x34 -> CONV3-33 S=2 fit=floor"),
    (ProductBackward, "7x6x37 -> CONV3x2-5 P=0 bias=no"),
    (DirectBackward, "8x8x16 -> CONV3-32"),
    (DirectBackward, "9x7x48 -> CONV3-72 groups=3"),
    (DirectBackward, "11x11x3 -> CONV7-6"),
    (DirectBackward, "6x6x30 -> CONV3-13 bias=no"),
]


def conv_of(text: str) -> tuple[Conv, Shape]:
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    return conv, x


def backward_of(conv: Conv, x: Shape, arrays: ARRAYS) -> Task:
    roles = {role: role for role in arrays}
    return Task("backward", "conv1", conv, BATCH, (x,), conv.shape(x), True, roles)


def update_of(conv: Conv, x: Shape, rule: Optimizer) -> Task:
    roles = {"w": "w.w", "dw": "dw.w", "control": "control"}
    roles |= {f"s.{name}": f"s.{name}" for name in rule.state()}
    detail = {"count": conv.parameters(x)["w"].size}
    return Task("update", "conv1", rule, 1, (), Shape(1, 1, 1), True, roles, detail)


def start(conv: Conv, x: Shape, rule: Optimizer) -> tuple[ARRAYS, ARRAYS]:
    """Arrays of the backward task, and those that the update needs beside."""
    _, arrays = arrays_of(conv, x, BATCH)
    rng, shape = np.random.default_rng(1), arrays["w.w"].shape
    state = {f"s.{n}": rng.uniform(0.1, 2, shape).astype(np.float32) for n in rule.state()}
    return arrays, {**state, "control": control_block(rule, RATE, SCALE, STEP)}


def merged(
    maker: Maker, conv: Conv, x: Shape, rule: Optimizer, isa: Isa, threads: int = 1
) -> ARRAYS:
    """What the merged task gives; the gradient has no memory."""
    arrays, more = start(conv, x, rule)
    task = updated(backward_of(conv, x, arrays), update_of(conv, x, rule))
    del arrays["dw.w"]
    return run_task(task, maker(isa), {**arrays, **more}, isa, threads)


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("rule", CASES, ids=str)
@pytest.mark.parametrize(("maker", "text"), [EXAMPLES[i] for i in (0, 3, 5, 6)])
def test_every_optimizer(maker: Maker, text: str, rule: Optimizer, isa: Isa) -> None:
    conv, x = conv_of(text)
    arrays, more = start(conv, x, rule)
    found = merged(maker, conv, x, rule, isa)
    exact = {role: array.astype(float) for role, array in {**arrays, **more}.items()}
    weights = {role[2:]: array for role, array in exact.items() if role.startswith("w.")}
    nothing = np.array(np.nan)
    (dx,), dw = conv.backward(exact["dy"], (exact["x0"],), nothing, weights, Mode(True))
    state = {name: exact[f"s.{name}"] for name in rule.state()}
    w, new_state = rule.update(weights["w"], dw["w"] * SCALE, state, RATE, STEP)
    np.testing.assert_allclose(found["w.w"], w, rtol=1e-5, atol=1e-5)
    for name, array in new_state.items():
        np.testing.assert_allclose(found[f"s.{name}"], array, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found["dx0"], dx, rtol=1e-4, atol=1e-4)
    for name in dw.keys() - {"w"}:
        np.testing.assert_allclose(found[f"dw.{name}"], dw[name], rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(found[f"w.{name}"], arrays[f"w.{name}"])


@pytest.mark.parametrize("rule", [Sgd(weight_decay=0.1), Adam()], ids=str)
@pytest.mark.parametrize(("maker", "text"), EXAMPLES)
def test_the_same_bits_as_gradient_then_update(maker: Maker, text: str, rule: Optimizer) -> None:
    (conv, x), isa = conv_of(text), host()
    arrays, more = start(conv, x, rule)
    apart = run_task(backward_of(conv, x, arrays), maker(isa), arrays, isa)
    update = update_of(conv, x, rule)
    named: dict[str, Any] = {"w": apart["w.w"], "dw": apart["dw.w"], **more}
    update = replace(update, roles={role: role for role in named})
    two = run_task(update, next(iter(candidates_for(isa)(update))), named, isa)
    wanted = {**apart, **two, "w.w": two["w"]}
    for threads in (1, 2, 3):
        for role, array in merged(maker, conv, x, rule, isa, threads).items():
            np.testing.assert_array_equal(array, wanted[role])


def sum_of(text: str, batch: int) -> Launch:
    """The launch by which the product's backward task of a CONV ends, with an update taken in."""
    conv, x = conv_of(text)
    roles = {role: role for role in ("x0", "dy", "w.w", "control", "s.velocity")}
    facts = {"update": Sgd()}
    task = Task("backward", "c", conv, batch, (x,), conv.shape(x), True, roles, facts)
    return ProductBackward(host()).lower(task).launches[-1]


def test_the_kernel_is_the_same_for_all_sizes_and_there_are_enough_chunks() -> None:
    sizes = ["56x56x64 -> CONV1-256", "14x14x1024 -> CONV1-256", "14x14x512 -> CONV3-512 S=2"]
    found = [sum_of(f"{text} bias=no fit=floor", 4) for text in sizes]
    assert len({launch.kernel for launch in found}) == 1
    assert all(8 <= launch.chunks <= 1024 for launch in found)


def test_the_weights_come_last() -> None:
    conv, x = conv_of("9x9x34 -> CONV3-33 S=2 fit=floor")
    arrays, _ = start(conv, x, Sgd())
    task = updated(backward_of(conv, x, arrays), update_of(conv, x, Sgd()))
    *first, last = ProductBackward(host()).lower(task).launches
    assert "w.w" in last.arguments
    assert not any("control" in launch.arguments for launch in first)


@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
def test_other_targets_get_code(isa: Isa) -> None:
    for rule in (None, Sgd(), Adam()):
        kernel = SumFilterGradient(isa.tile_columns, True, Outcome(rule))
        assert object_code(llvm_text(kernel, isa), isa)
