"""Updates of all optimizers and the clipping of gradients against the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_tasks import FOREIGN, ISAS
from one_task import run_task

from striate.kernels import Isa, candidates_for, host
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.updates import RULES
from striate.layers import Shape
from striate.optimizers import OPTIMIZERS, Adagrad, Adam, AdamW, Optimizer, RmsProp, Sgd
from striate.plan import CONTROL_WORDS, Task

SHAPE = Shape(1, 1, 1)
CASES: list[Optimizer] = [
    Sgd(),
    Sgd(momentum=0.0, weight_decay=0.01),
    Sgd(momentum=0.8, nesterov=True, weight_decay=0.1),
    Adagrad(weight_decay=0.01),
    RmsProp(),
    RmsProp(momentum=0.9, weight_decay=0.01),
    Adam(weight_decay=0.01),
    Adam(beta1=0.0),
    AdamW(weight_decay=0.1),
    AdamW(weight_decay=0.0),
]


def update_task(rule: Optimizer, count: int) -> Task:
    roles = {role: role for role in ("w", "dw", "control", *(f"s.{n}" for n in rule.state()))}
    return Task("update", "block", rule, 1, (), SHAPE, True, roles, {"count": count})


def control_block(rule: Optimizer, rate: float, scale: float, step: int) -> Any:
    control = np.zeros(CONTROL_WORDS, np.float32)
    control[:2] = rate, scale
    control.view(np.uint32)[2] = step
    numbers = rule.coefficients(step)
    control[3 : 3 + len(numbers)] = numbers
    return control


def run(task: Task, arrays: dict[str, Any], isa: Isa = ISAS[0], threads: int = 1) -> Any:
    return run_task(task, next(iter(candidates_for(isa)(task))), arrays, isa, threads)


def start(rule: Optimizer, count: int) -> dict[str, Any]:
    """Weights, a gradient and a state as after some steps."""
    rng = np.random.default_rng(0)
    w, dw = rng.standard_normal((2, count)).astype(np.float32)
    state = {f"s.{n}": rng.uniform(0.1, 2, count).astype(np.float32) for n in rule.state()}
    return {"w": w, "dw": dw, **state}


def test_every_optimizer_has_a_kernel() -> None:
    assert set(OPTIMIZERS.values()) == set(RULES)


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("count", [1, 37, 40001])
@pytest.mark.parametrize("rule", CASES, ids=str)
def test_one_step(rule: Optimizer, count: int, isa: Isa) -> None:
    arrays, rate, scale, step = start(rule, count), 0.03, 0.7, 5
    control = control_block(rule, rate, scale, step)
    found = run(update_task(rule, count), {**arrays, "control": control}, isa)
    exact = {name: array.astype(float) for name, array in arrays.items()}
    state = {name: exact[f"s.{name}"] for name in rule.state()}
    w, new_state = rule.update(exact["w"], exact["dw"] * scale, state, rate, step)
    np.testing.assert_allclose(found["w"], w, rtol=1e-6, atol=1e-6)
    for name, array in new_state.items():
        np.testing.assert_allclose(found[f"s.{name}"], array, rtol=2e-6, atol=1e-6)
    np.testing.assert_array_equal(found["dw"], arrays["dw"])
    np.testing.assert_array_equal(found["control"], control)


@pytest.mark.parametrize("rule", [Sgd(), Adam(), AdamW(), RmsProp(), Adagrad()], ids=str)
def test_the_first_steps_from_zero_state(rule: Optimizer) -> None:
    count = 50
    arrays = start(rule, count) | {f"s.{name}": np.zeros(count, "f") for name in rule.state()}
    w, state = arrays["w"].astype(float), {name: np.zeros(count) for name in rule.state()}
    for step in range(1, 6):
        arrays["dw"] = np.random.default_rng(step).standard_normal(count).astype(np.float32)
        w, state = rule.update(w, arrays["dw"].astype(float), state, 0.01, step)
        arrays["control"] = control_block(rule, 0.01, 1.0, step)
        arrays = run(update_task(rule, count), arrays)
    np.testing.assert_allclose(arrays["w"], w, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("rule", CASES, ids=str)
def test_padding_of_a_block_stays_zero(rule: Optimizer) -> None:
    zeros = {name: np.zeros(20, np.float32) for name in start(rule, 20)}
    found = run(update_task(rule, 20), {**zeros, "control": control_block(rule, 0.1, 1.0, 1)})
    for name in zeros:
        np.testing.assert_array_equal(found[name], zeros[name])


def test_the_rate_shapes_no_code() -> None:
    def kernel(rule: Optimizer) -> object:
        task = update_task(rule, 10)
        return next(iter(candidates_for(host())(task))).lower(task).launches[0].kernel

    assert kernel(Sgd(rate=0.1)) == kernel(Sgd(rate=0.2))
    assert kernel(Sgd(momentum=0.1)) != kernel(Sgd(momentum=0.2))


def test_threads_change_no_bit() -> None:
    rule = Adam(weight_decay=0.1)
    arrays = start(rule, 100_001) | {"control": control_block(rule, 0.1, 1.0, 3)}
    one, *others = (run(update_task(rule, 100_001), arrays, threads=n) for n in (1, 2, 3))
    for other in others:
        for name, array in one.items():
            np.testing.assert_array_equal(other[name], array)


def clip_task(sizes: tuple[int, ...], limit: float) -> Task:
    roles = {f"dw{i}": f"dw{i}" for i in range(len(sizes))} | {"control": "control"}
    detail = {"clip": limit, "sizes": sizes}
    return Task("clip", "gradients", Sgd(), 1, (), SHAPE, True, roles, detail)


def clip(sizes: tuple[int, ...], limit: float, isa: Isa = ISAS[0], threads: int = 1) -> Any:
    """The scale that the kernels write, and the exact norm."""
    rng = np.random.default_rng(0)
    parts = {f"dw{i}": rng.standard_normal(n).astype(np.float32) for i, n in enumerate(sizes)}
    control = np.ones(CONTROL_WORDS, np.float32)
    found = run(clip_task(sizes, limit), {**parts, "control": control}, isa, threads)["control"]
    np.testing.assert_array_equal(np.delete(found, 1), np.delete(control, 1))
    return found[1], sum(float(np.square(p.astype(float)).sum()) for p in parts.values()) ** 0.5


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("sizes", [(1,), (7, 3), (40001, 17), (16384, 32768)])
def test_gradients_are_clipped_to_a_norm(sizes: tuple[int, ...], isa: Isa) -> None:
    scale, norm = clip(sizes, 0.5, isa)
    assert abs(scale - min(1.0, 0.5 / norm)) <= 1e-6 * scale
    assert clip(sizes, 1e6, isa)[0] == 1.0


def test_clipping_is_the_same_for_any_number_of_threads() -> None:
    assert len({float(clip((100_001, 50_000), 1.0, threads=n)[0]) for n in (1, 2, 3)}) == 1


@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
def test_other_targets_get_code(isa: Isa) -> None:
    for task in (*(update_task(rule, 10) for rule in CASES), clip_task((10, 20), 1.0)):
        for launch in next(iter(candidates_for(isa)(task))).lower(task).launches:
            assert object_code(llvm_text(launch.kernel, isa), isa)
