"""FC in both ways of its forward pass, and LOCAL, against the definition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_tasks import ISAS, check_foreign, check_layer, check_threads, random_arrays, tasks
from one_task import run_task

from examples import example
from striate.errors import InputError
from striate.kernels import Isa, candidates_for, host, target
from striate.kernels.compile import llvm_text, object_code
from striate.kernels.fc_ways import DotsForward, OuterForward
from striate.layers import Fc, Local, Mode, Relu, Shape, Window
from striate.plan.choose import choose

TOLERANCE = 2e-6
WAYS = (DotsForward, OuterForward)


def forward(fc: Fc, x: Shape, batch: int, way: Any, threads: int = 1) -> tuple[Any, Any]:
    """What a way gives, and the definition."""
    arrays, _ = random_arrays(fc, (x,), batch)
    task, _ = tasks(fc, (x,), batch)
    empty = np.full(task.output.array(batch), np.nan, np.float32)
    found = run_task(task, way, {**arrays, "y": empty}, way.isa, threads)["y"]
    exact = {role[2:]: array.astype(float) for role, array in arrays.items()}
    return found, fc.forward((exact.pop(""),), exact, Mode())


def close(found: Any, exact: Any, tolerance: float = TOLERANCE) -> None:
    assert np.abs(found - exact).max() <= tolerance * np.abs(exact).max()


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", [*Fc.examples, *Local.examples])
def test_examples(text: str, isa: Isa) -> None:
    layer, shapes = example(text)
    check_layer(layer, shapes, isa=isa, tolerance=TOLERANCE)
    check_layer(layer, shapes, batch=1, isa=isa, tolerance=TOLERANCE)


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", Fc.examples)
def test_both_ways_forward(text: str, way: Any, isa: Isa) -> None:
    fc, (x,) = example(text)
    assert isinstance(fc, Fc)
    close(*forward(fc, x, 7, way(isa)))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    *(st.integers(1, 70), st.integers(1, 300), st.integers(1, 40)),
    *(st.booleans(), st.sampled_from(WAYS)),
)
def test_fc_of_any_size(filters: int, depth: int, batch: int, bias: bool, way: Any) -> None:
    fc, x = Fc(filters, bias), Shape(1, 1, depth)
    close(*forward(fc, x, batch, way(host())))
    check_layer(fc, (x,), batch, tolerance=TOLERANCE)


@pytest.mark.parametrize(
    ("filters", "depth", "batch"),
    [(150, 1300, 9), (300, 140, 300), (3, 5000, 2), (900, 33, 1)]
    + [(150, 3000, 9), (40, 6000, 1), (40, 2100, 4)],
)
def test_several_blocks_along_every_side(filters: int, depth: int, batch: int) -> None:
    fc, x = Fc(filters), Shape(1, 1, depth)
    for way in WAYS:
        close(*forward(fc, x, batch, way(host())))
    check_layer(fc, (x,), batch, tolerance=TOLERANCE)


def test_threads_change_no_bit() -> None:
    fc, x = Fc(150), Shape(1, 1, 1300)
    for way in WAYS:
        one, two, three = (forward(fc, x, 70, way(host()), n)[0] for n in (1, 2, 3))
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    check_threads(fc, (x,), 70)
    check_threads(*example("8x8x5 -> LOCAL3-17"), 6)


@pytest.mark.parametrize("name", ["avx512", "neon"])
def test_other_targets_get_code(name: str) -> None:
    check_foreign(*example("8x8x5 -> LOCAL3-17"))
    check_foreign(Fc(10), (Shape(1, 1, 16),))
    isa = target(name)
    task, _ = tasks(Fc(10), (Shape(1, 1, 16),), 8)
    for way in WAYS:
        (launch,) = way(isa).lower(task).launches
        assert object_code(llvm_text(launch.kernel, isa), isa)


def test_dot_products_are_chosen_for_few_images_and_outer_products_for_many() -> None:
    fc, x = Fc(256), Shape(1, 1, 2048)
    names = [
        choose(task, candidates_for(host())(task)).candidate
        for task in (tasks(fc, (x,), batch)[0] for batch in (1, 8, 128))
    ]
    assert names == ["dot products", "dot products", "outer products"]


def test_a_shape_has_enough_chunks_and_not_too_many() -> None:
    for filters, depth, batch in [(4096, 25088, 1), (4096, 9216, 32), (256, 2048, 128)]:
        forward_task, backward_task = tasks(Fc(filters), (Shape(1, 1, depth),), batch)
        lowerings = [way(host()).lower(forward_task) for way in WAYS]
        lowerings.append(next(iter(candidates_for(host())(backward_task))).lower(backward_task))
        for lowering in lowerings:
            assert all(16 <= launch.chunks <= 1024 for launch in lowering.launches)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 9)),
    st.sampled_from([1, 2, 17]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 2)),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from(["floor", "ceil"]),
    st.integers(1, 7),
)
def test_local_of_any_shape(
    volume: Any, filters: int, size: Any, stride: Any, pad: Any, dilation: Any, fit: str,
    batch: int,
) -> None:  # fmt: skip
    x = Shape(*volume)
    try:
        local = Local(filters, Window(size, stride, pad, dilation, fit))
    except InputError:
        assume(False)
    assume(all(rule.holds for rule in local.rules(x)))
    check_layer(local, (x,), batch, tolerance=TOLERANCE)


@pytest.mark.parametrize("layer", [Fc(5), Local(5, Window(3))], ids=lambda layer: layer.keyword)
def test_the_first_layer_computes_no_gradient_by_the_images(layer: Fc | Local) -> None:
    _, both = tasks(layer, (Shape(4, 4, 3),), 2)
    roles = {role: name for role, name in both.roles.items() if role != "dx0"}
    task = type(both)(
        "backward", "node", layer, 2, both.inputs, both.output, True, roles, both.detail
    )
    way = next(iter(candidates_for(host())(task)))
    used = {a for launch in way.lower(task).launches for a in launch.arguments}
    assert "dx0" not in used
    assert "dx0" in {a for launch in way.lower(both).launches for a in launch.arguments}


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize(
    ("filters", "depth", "batch"), [(7, 33, 1), (150, 1300, 5), (20, 300, 6), (3, 5000, 33)]
)
def test_relu_rides_on_both_passes(filters: int, depth: int, batch: int, isa: Isa) -> None:
    fc, x, relu = Fc(filters), Shape(1, 1, depth), Relu()
    arrays, gradient = random_arrays(fc, (x,), batch)
    arrays["x0"] = np.maximum(arrays["x0"], 0)
    ahead, back = tasks(fc, (x,), batch)
    exact = {role: array.astype(float) for role, array in {**arrays, **gradient}.items()}
    weights = {"w": exact["w.w"], "b": exact["w.b"]}
    y = fc.forward((exact["x0"],), weights, Mode())
    for way in WAYS:
        task = replace(ahead, detail={**ahead.detail, "relu": True})
        empty = np.full(y.shape, np.nan, np.float32)
        found = run_task(task, way(isa), {**arrays, "y": empty}, isa)["y"]
        close(found, relu.forward((y,), {}, Mode()))
        assert (found >= 0).all()
    task = replace(back, detail={**back.detail, "mask": True})
    empty_by_role = {f"d{role}": np.full_like(array, np.nan) for role, array in arrays.items()}
    given = {**arrays, **gradient, **empty_by_role, "key": np.zeros(17, np.uint32)}
    ran = run_task(task, next(iter(candidates_for(isa)(task))), given, isa, 2)
    (dx,), dw = fc.backward(exact["dy"], (exact["x0"],), y, weights, Mode(True))
    close(ran["dx0"], dx * (exact["x0"] > 0))
    close(ran["dw.w"], dw["w"])
