"""FC's update merged with its gradient: as the definitions say, and to the bit as the two apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from layer_tasks import FOREIGN, ISAS, random_arrays, tasks
from one_task import run_task
from test_update_kernels import CASES, control_block

from striate.kernels import Isa, candidates_for, fc_blocks, host
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.fc_data_gradient import DataTile
from striate.kernels.fc_update import FcUpdate, fits
from striate.kernels.merging import merge
from striate.layers import Fc, Mode, Shape
from striate.optimizers import Adam, Optimizer, Sgd
from striate.plan import Task

SIZES = [
    *((1, 9, 1), (7, 40, 3), (100, 37, 5), (97, 1300, 4), (13, 70, 130), (300, 2100, 33)),
    *((1000, 70, 1), (401, 2100, 4)),
]
RATE, STEP = 0.03, 4


def update_of(fc: Fc, x: Shape, rule: Optimizer) -> Task:
    roles = {"w": "w.w", "dw": "dw.w", "control": "control"}
    roles |= {f"s.{name}": f"s.{name}" for name in rule.state()}
    detail = {"count": fc.filters * x.values}
    return Task("update", "node", rule, 1, (), Shape(1, 1, 1), True, roles, detail)


def merged(
    fc: Fc, x: Shape, batch: int, rule: Optimizer, by_input: bool = True, **detail: bool
) -> Task:
    backward = tasks(fc, (x,), batch, by_input=by_input)[1]
    backward = replace(backward, detail={**backward.detail, **detail})
    found = merge(backward, update_of(fc, x, rule), False)
    assert found is not None
    return found


def start(fc: Fc, x: Shape, batch: int, rule: Optimizer) -> dict[str, Any]:
    arrays, gradient = random_arrays(fc, (x,), batch)
    rng = np.random.default_rng(1)
    shape = arrays["w.w"].shape
    state = {f"s.{n}": rng.uniform(0.1, 2, shape).astype(np.float32) for n in rule.state()}
    empty = {"dx0": np.full_like(arrays["x0"], np.nan), "dw.b": np.zeros(fc.filters, np.float32)}
    control = {"control": control_block(rule, RATE, 1.0, STEP), "key": np.zeros(17, np.uint32)}
    return {**arrays, **gradient, **state, **empty, **control}


def run(task: Task, arrays: dict[str, Any], isa: Isa = ISAS[0], threads: int = 1) -> Any:
    return run_task(task, next(iter(candidates_for(isa)(task))), arrays, isa, threads)


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("rule", CASES, ids=str)
def test_every_optimizer(rule: Optimizer, isa: Isa) -> None:
    fc, x, batch = Fc(23), Shape(3, 5, 7), 6
    arrays = start(fc, x, batch, rule)
    found = run(merged(fc, x, batch, rule), arrays, isa)
    exact = {role: array.astype(float) for role, array in arrays.items()}
    weights = {"w": exact["w.w"], "b": exact["w.b"]}
    nothing = np.array(np.nan)
    (dx,), dw = fc.backward(exact["dy"], (exact["x0"],), nothing, weights, Mode(True))
    state = {name: exact[f"s.{name}"] for name in rule.state()}
    w, new_state = rule.update(weights["w"], dw["w"], state, RATE, STEP)
    np.testing.assert_allclose(found["w.w"], w, rtol=3e-6, atol=3e-6)
    for name, array in new_state.items():
        np.testing.assert_allclose(found[f"s.{name}"], array, rtol=3e-6, atol=2e-5)
    np.testing.assert_allclose(found["dx0"], dx, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["dw.b"], dw["b"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("neurons", "depth", "batch"), SIZES)
def test_the_same_bits_as_gradient_then_update(neurons: int, depth: int, batch: int) -> None:
    same_bits(neurons, depth, batch)


@pytest.mark.parametrize(("neurons", "depth", "batch"), [(97, 300, 4), (30, 171, 7), (13, 65, 300)])
def test_the_same_bits_in_several_pieces(
    neurons: int, depth: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fc_blocks, "WIDTH", 64)
    monkeypatch.setattr(fc_blocks, "CHUNKS", 1)
    monkeypatch.setattr(fc_blocks, "LEAST_CHUNKS", 1)
    task = merged(Fc(neurons), Shape(1, 1, depth), batch, Sgd())
    blocks = fc_blocks.Blocks.of(host(), task)
    assert blocks.columns > blocks.width
    same_bits(neurons, depth, batch)


def same_bits(neurons: int, depth: int, batch: int) -> None:
    """Merged, a pass gives what gradient and update give one after the other."""
    fc, x, rule = Fc(neurons), Shape(1, 1, depth), Sgd(weight_decay=0.1)
    arrays = start(fc, x, batch, rule)
    update = update_of(fc, x, rule)
    apart = {**arrays, "dw.w": np.full_like(arrays["w.w"], np.nan)}
    apart = run(tasks(fc, (x,), batch)[1], apart)
    named = {"w": apart["w.w"], "dw": apart["dw.w"], "control": arrays["control"]}
    named |= {role: arrays[role] for role in update.roles if role.startswith("s.")}
    two = run(replace(update, roles={role: role for role in named}), named)
    task = merged(fc, x, batch, rule)
    for threads in (1, 2, 3):
        one = run(task, arrays, threads=threads)
        np.testing.assert_array_equal(one["w.w"], two["w"])
        np.testing.assert_array_equal(one["s.velocity"], two["s.velocity"])
        np.testing.assert_array_equal(one["dx0"], apart["dx0"])


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize(("neurons", "depth", "batch"), SIZES)
def test_the_gradient_by_the_data_is_by_the_old_weights(
    neurons: int, depth: int, batch: int, isa: Isa
) -> None:
    fc, x, rule = Fc(neurons), Shape(1, 1, depth), Sgd()
    arrays = start(fc, x, batch, rule)
    dx = arrays["dy"].reshape(batch, -1).astype(float) @ arrays["w.w"].reshape(
        neurons, depth
    ).astype(float)
    for mask, wanted in ((False, dx), (True, dx * (arrays["x0"].reshape(dx.shape) > 0))):
        found = run(merged(fc, x, batch, rule, mask=mask), arrays, isa, 2)
        error = np.abs(found["dx0"].reshape(dx.shape) - wanted).max()
        assert error <= 2e-6 * np.abs(dx).max()


def test_the_first_layer_only_updates() -> None:
    fc, x, rule = Fc(130), Shape(1, 1, 300), Sgd()
    arrays = start(fc, x, 5, rule)
    both, first = (merged(fc, x, 5, rule, by_input) for by_input in (True, False))
    given = {role: array for role, array in arrays.items() if role != "dx0"}
    np.testing.assert_array_equal(run(first, given)["w.w"], run(both, arrays)["w.w"])


def test_each_weight_is_read_once() -> None:
    task = merged(Fc(4096), Shape(1, 1, 25088), 4, Sgd(), mask=True)
    launches = next(iter(candidates_for(host())(task))).lower(task).launches
    assert sum("w.w" in launch.arguments for launch in launches) == 1


def test_a_batch_that_is_too_large_stays_apart() -> None:
    fc, x = Fc(5), Shape(1, 1, 9)
    small, large = (tasks(fc, (x,), batch)[1] for batch in (1024, 1025))
    assert fits(small)
    assert not fits(large)
    assert merge(large, update_of(fc, x, Sgd()), False) is None


def test_the_gradient_needs_no_memory_and_there_are_enough_chunks() -> None:
    for neurons, depth, batch in [(4096, 25088, 4), (4096, 9216, 32), (256, 2048, 128)]:
        task = merged(Fc(neurons), Shape(1, 1, depth), batch, Sgd())
        assert "dw.w" not in task.roles
        lowering = next(iter(candidates_for(host())(task))).lower(task)
        assert all(16 <= launch.chunks <= 1024 for launch in lowering.launches)
        assert sum(lowering.scratch.values()) < 4 * neurons * depth // 8


@pytest.mark.parametrize("isa", FOREIGN, ids=lambda isa: isa.name)
def test_other_targets_get_code(isa: Isa) -> None:
    for rule in (Sgd(), Adam()):
        for tile in (None, DataTile.of(isa, 1), DataTile.of(isa, 32)):
            assert object_code(llvm_text(FcUpdate(rule, tile), isa), isa)
