"""Activations, DROPOUT, SUM, CONCAT, FLATTEN, INPUT and additions against the definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_tasks import ISAS, check_foreign, check_layer, check_threads, tasks
from one_task import run_task

from examples import example
from striate.kernels import Isa, candidates_for, host
from striate.kernels.activations import DERIVATIVES, FUNCTIONS
from striate.layers import Concat, Dropout, Flatten, Input, Layer, Mode, Relu, Shape, Silu, Sum
from striate.layers.activation import Activation
from striate.plan import Task

ACTIVATIONS: tuple[Any, ...] = tuple(FUNCTIONS)
LAYERS: tuple[Any, ...] = (*ACTIVATIONS, Dropout, Sum, Concat, Flatten)
EXAMPLES = [text for cls in LAYERS for text in cls.examples]
ONE_EACH = [cls.examples[0] for cls in LAYERS]
LARGE = Shape(61, 60, 7)
SPECIAL = np.array([0.0, -0.0, 3.0, -3.0, 6.0, 1e-30, 1e30, -1e30, np.inf, np.nan], np.float32)


def run(task: Task, arrays: dict[str, Any], isa: Isa = ISAS[0], threads: int = 1) -> Any:
    """Run a task with its first candidate."""
    return run_task(task, next(iter(candidates_for(isa)(task))), arrays, isa, threads)


def one_task(kind: str, what: Any, shapes: Sequence[Shape], batch: int, **roles: str) -> Task:
    """A training task over volumes of one shape."""
    return Task(kind, "node", what, batch, tuple(shapes), shapes[0], True, roles, {"key": 1})


def test_every_activation_has_kernels() -> None:
    from striate.layers import LAYERS as ALL

    known = {cls for cls in ALL.values() if issubclass(cls, Activation)}
    assert known == set(FUNCTIONS) == set(DERIVATIVES)


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES)
def test_examples(text: str, isa: Isa) -> None:
    layer, shapes = example(text)
    check_layer(layer, shapes, isa=isa, tolerance=1e-6)
    check_layer(layer, shapes, isa=isa, tolerance=1e-6, training=False)


@pytest.mark.parametrize("text", ONE_EACH)
def test_other_targets_get_code(text: str) -> None:
    check_foreign(*example(text))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.sampled_from(LAYERS), st.integers(1, 9), st.integers(1, 40), st.integers(1, 4))
def test_any_shape(cls: Any, width: int, channels: int, batch: int) -> None:
    shape = Shape(3, width, channels)
    shapes = (shape, shape) if cls.arity < 0 else (shape,)
    check_layer(cls(), shapes, batch, tolerance=1e-6)


@pytest.mark.parametrize("cls", [Relu, Silu, Dropout, Sum, Concat])
def test_many_chunks_and_threads(cls: Any) -> None:
    shapes = (LARGE, LARGE) if cls.arity < 0 else (LARGE,)
    check_layer(cls(), shapes, tolerance=1e-6)
    check_threads(cls(), shapes)


@pytest.mark.parametrize("cls", ACTIVATIONS, ids=lambda cls: cls.__name__)
def test_special_values_are_those_of_the_definition(cls: Any) -> None:
    layer, shape = cls(), Shape(1, len(SPECIAL), len(SPECIAL))
    x, dy = (a.reshape(shape.array(1)).copy() for a in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        y = layer.forward((x.astype(float),), {}, Mode()).astype(np.float32)
        forward = run(one_task("forward", layer, [shape], 1), {"x0": x, "y": x})["y"]
        np.testing.assert_allclose(forward, y, rtol=1e-6, atol=1e-6)
        saved = {"y": y} if "output" in layer.saves else {"x0": x}
        (dx,), _ = layer.backward(dy.astype(float), (x.astype(float),), y.astype(float), {}, Mode())
        arrays = {"dy": dy, "dx0": dy, **saved}
        backward = run(one_task("backward", layer, [shape], 1), arrays)["dx0"]
        np.testing.assert_allclose(backward, dx.astype(np.float32), rtol=2e-5, atol=1e-6)


IN_PLACE = [cls() for cls in (*ACTIVATIONS, Dropout) if cls.in_place]


@pytest.mark.parametrize("layer", IN_PLACE, ids=lambda layer: layer.keyword)
def test_in_place_gives_the_same_bits(layer: Layer) -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, *LARGE.array(2))).astype(np.float32)
    key = {"key": np.array([0, 77], np.uint32)}
    apart = run(one_task("forward", layer, [LARGE], 2), {"x0": x, "y": x * 0, **key})
    same = run(one_task("forward", layer, [LARGE], 2, x0="x0", y="x0"), {"x0": x, **key})
    np.testing.assert_array_equal(same["x0"], apart["y"])
    y = {"y": apart["y"]}
    apart = run(one_task("backward", layer, [LARGE], 2), {"dy": dy, "dx0": x * 0, **key, **y})
    roles = {"dy": "dy", "dx0": "dy", "y": "y"}
    same = run(one_task("backward", layer, [LARGE], 2, **roles), {"dy": dy, **key, **y})
    np.testing.assert_array_equal(same["dy"], apart["dx0"])


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
def test_dropout_draws_the_bits_of_the_definition(isa: Isa) -> None:
    layer, key = Dropout(0.3), 0xDEADBEEF
    x = np.ones(LARGE.array(2), np.float32)
    arrays = {"x0": x, "y": x * 0, "key": np.array([0, key], np.uint32)}
    found = run(one_task("forward", layer, [LARGE], 2), arrays, isa)["y"]
    expected = layer.forward((x,), {}, Mode(True, key))
    np.testing.assert_array_equal(found > 0, expected > 0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("layer", [Flatten(), Dropout()], ids=lambda layer: layer.keyword)
def test_nothing_is_launched_where_nothing_is_to_be_done(layer: Layer) -> None:
    roles = {"x0": "a", "y": "a", "dy": "b", "dx0": "b"}
    for task in tasks(layer, (LARGE,), 2, training=False)[: 2 if layer == Flatten() else 1]:
        same = Task("", "n", layer, 2, (LARGE,), layer.shape(LARGE), False, roles, {"key": 1})
        way = next(iter(candidates_for(host())(task)))
        assert way.lower(same).launches == ()
        assert len(way.lower(task).launches) == 1


def test_a_sum_in_place_and_only_one_wanted_gradient() -> None:
    rng = np.random.default_rng(0)
    x, other = rng.standard_normal((2, *LARGE.array(2))).astype(np.float32)
    task = one_task("forward", Sum(), [LARGE, LARGE], 2, x0="x0", y="x0", x1="x1")
    np.testing.assert_array_equal(run(task, {"x0": x, "x1": other})["x0"], x + other)
    task = one_task("backward", Sum(), [LARGE, LARGE], 2, dy="dy", dx0="dy", dx1="dx1")
    np.testing.assert_array_equal(run(task, {"dy": x, "dx1": other})["dx1"], x)
    way = next(iter(candidates_for(host())(task)))
    only_second = one_task("backward", Concat(), [LARGE, LARGE], 2, dy="dy", dx1="dx1")
    assert len(way.lower(task).launches) == 1
    assert len(next(iter(candidates_for(host())(only_second))).lower(only_second).launches) == 1


@pytest.mark.parametrize("channels", [1, 3, 5, 16, 40])
def test_input_is_standardised(channels: int) -> None:
    layer, rng = Input(Shape(31, 30, channels)), np.random.default_rng(0)
    images = rng.integers(0, 256, layer.volume.array(20)).astype(np.float32)
    mean, std = rng.uniform(90, 150, channels), rng.uniform(30, 70, channels)
    weights = {"mean": mean.astype(np.float32), "std": std.astype(np.float32)}
    expected = layer.forward((images,), weights, Mode())
    arrays = {"x0": images, "y": images * 0, **{f"w.{n}": w for n, w in weights.items()}}
    task = Task("forward", "input", layer, 20, (), layer.volume, True, {})
    for isa in ISAS:
        np.testing.assert_allclose(run(task, arrays, isa)["y"], expected, rtol=1e-6, atol=1e-6)


def test_gradients_add_up() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 40001)).astype(np.float32)
    shape, detail = Shape(1, 1, 40001), {"count": 40001}
    task = Task("add", "node", Relu(), 1, (shape,), shape, True, {"x": "x", "y": "y"}, detail)
    np.testing.assert_array_equal(run(task, {"x": x, "y": y})["y"], x + y)
