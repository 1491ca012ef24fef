"""What every layer of the registry must do, on every example that it declares."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from examples import all_examples, example
from striate.layers import LAYERS, Conv, Fc, Input, Layer, Local, Mode, Shape, Window
from striate.layers.options import construct, options_of, values_of
from striate.layers.shape import Array

BATCH = 2
MODES = (Mode(training=False), Mode(training=True, key=12345))


@dataclass
class Case:
    """One example with random inputs and parameters."""

    layer: Layer
    shapes: tuple[Shape, ...]
    inputs: tuple[Array, ...]
    weights: dict[str, Array]
    rng: np.random.Generator

    def trained(self) -> list[str]:
        parameters = self.layer.parameters(*self.shapes)
        return [name for name, parameter in parameters.items() if parameter.trainable]


def case(text: str) -> Case:
    layer, shapes = example(text)
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    inputs = tuple(2 * rng.standard_normal(shape.array(BATCH)) for shape in shapes)
    weights = {
        name: rng.uniform(0.5, 1.5, p.shape) if p.start == "ones" else rng.standard_normal(p.shape)
        for name, p in layer.parameters(*shapes).items()
    }
    return Case(layer, shapes, inputs, weights, rng)


def test_every_layer_has_examples() -> None:
    assert [keyword for keyword, cls in LAYERS.items() if not cls.examples] == ["INPUT"]


@pytest.mark.parametrize("keyword", LAYERS)
def test_every_option_and_layer_is_explained(keyword: str) -> None:
    cls = LAYERS[keyword]
    assert cls.__module__ != "striate.layers.base"
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}(")
    for option in options_of(cls).values():
        assert option.help
        assert not option.help.endswith(".")
    for key in (*cls.compact, *([cls.positional] if cls.positional else [])):
        assert key in options_of(cls)


@pytest.mark.parametrize("text", all_examples())
def test_shape_is_that_of_the_real_output(text: str) -> None:
    c = case(text)
    assert [rule.message for rule in c.layer.rules(*c.shapes) if not rule.holds] == []
    for mode in MODES:
        output = c.layer.forward(c.inputs, c.weights, mode)
        assert output.shape == c.layer.shape(*c.shapes).array(BATCH)
        assert output.dtype == np.float64
        assert np.isfinite(output).all()


@pytest.mark.parametrize("text", all_examples())
def test_rebuilding_from_option_values_gives_an_equal_layer(text: str) -> None:
    layer, _ = example(text)
    assert construct(type(layer), values_of(layer)) == layer


@pytest.mark.parametrize("text", all_examples())
def test_gradients_are_those_of_finite_differences(text: str) -> None:
    c = case(text)
    for mode in MODES:
        output = c.layer.forward(c.inputs, c.weights, mode)
        gradient = c.rng.standard_normal(output.shape)
        by_inputs, by_weights = c.layer.backward(gradient, c.inputs, output, c.weights, mode)
        assert sorted(by_weights) == sorted(c.trained())

        def objective(mode: Mode = mode, gradient: Array = gradient) -> float:
            return float((c.layer.forward(c.inputs, c.weights, mode) * gradient).sum())

        for x, dx in zip(c.inputs, by_inputs, strict=True):
            assert dx.shape == x.shape
            check_gradient(objective, x, dx, c.rng)
        for name, dw in by_weights.items():
            assert dw.shape == c.weights[name].shape
            check_gradient(objective, c.weights[name], dw, c.rng)


def check_gradient(
    objective: Callable[[], float], x: Array, analytic: Array, rng: np.random.Generator
) -> None:
    """Compare along dense directions, which meet every entry, and along single entries."""
    step = 1e-5
    directions = [rng.standard_normal(x.shape) for _ in range(3)]
    for index in rng.integers(x.size, size=5):
        directions.append(np.eye(1, x.size, index).reshape(x.shape))
    start = x.copy()
    for direction in directions:
        x[...] = start + step * direction
        above = objective()
        x[...] = start - step * direction
        below = objective()
        x[...] = start
        numeric, expected = (above - below) / (2 * step), float((analytic * direction).sum())
        scale = np.abs(analytic * direction).sum()
        assert abs(numeric - expected) <= 1e-6 * (1 + scale)


@pytest.mark.parametrize("text", all_examples())
def test_backward_reads_only_what_the_layer_saves(text: str) -> None:
    c = case(text)
    for mode in MODES:
        output = c.layer.forward(c.inputs, c.weights, mode)
        gradient = c.rng.standard_normal(output.shape)
        right = c.layer.backward(gradient, c.inputs, output, c.weights, mode)
        inputs = tuple(np.full_like(x, np.nan) for x in c.inputs)
        inputs = c.inputs if "inputs" in c.layer.saves else inputs
        output = output if "output" in c.layer.saves else np.full_like(output, np.nan)
        again = c.layer.backward(gradient, inputs, output, c.weights, mode)
        for one, other in zip(right[0], again[0], strict=True):
            np.testing.assert_array_equal(one, other)
        for name in right[1]:
            np.testing.assert_array_equal(right[1][name], again[1][name])


@pytest.mark.parametrize("text", all_examples())
def test_forward_and_backward_change_no_argument(text: str) -> None:
    c = case(text)
    output = c.layer.forward(c.inputs, c.weights, MODES[1])
    arrays = [*c.inputs, *c.weights.values(), output]
    before = [array.copy() for array in arrays]
    c.layer.backward(np.ones_like(output), c.inputs, output, c.weights, MODES[1])
    c.layer.statistics(c.inputs, c.weights)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("keyword", LAYERS)
def test_a_layer_that_runs_in_place_does_not_save_its_input(keyword: str) -> None:
    cls = LAYERS[keyword]
    assert cls.saves <= {"inputs", "output"}
    assert not (cls.in_place and "inputs" in cls.saves)


@pytest.mark.parametrize("text", all_examples())
def test_parameters_are_described(text: str) -> None:
    layer, shapes = example(text)
    for name, parameter in layer.parameters(*shapes).items():
        assert parameter.start in ("weights", "zeros", "ones")
        assert parameter.size == np.prod(parameter.shape)
        assert parameter.decays == (parameter.start == "weights") == (name == "w")
    assert bool(layer.weight_formula(*shapes)) == ("w" in layer.parameters(*shapes))


@pytest.mark.parametrize("text", all_examples())
def test_the_weight_formula_gives_the_number_of_weights(text: str) -> None:
    layer, shapes = example(text)
    formula = layer.weight_formula(*shapes)
    if formula:
        factors = formula.replace("(", "").replace(")", "").split("*")
        assert np.prod([int(factor) for factor in factors]) == layer.parameters(*shapes)["w"].size


@pytest.mark.parametrize("text", all_examples())
def test_macs_are_counted_as_products_of_weights_and_activations(text: str) -> None:
    layer, shapes = example(text)
    if not isinstance(layer, Conv | Local | Fc):
        assert layer.macs(*shapes) == 0
        return
    x = np.ones(shapes[0].array(1))
    if isinstance(layer, Fc):
        products = layer.filters * x.size
    else:
        groups = layer.groups if isinstance(layer, Conv) else 1
        products = layer.window.patches(x, 1.0).size * layer.filters // groups
    assert layer.macs(*shapes) == products


@pytest.mark.parametrize("text", all_examples())
def test_an_output_depends_on_nothing_outside_its_view(text: str) -> None:
    c = case(text)
    view, shape, x = c.layer.view(*c.shapes), c.layer.shape(*c.shapes), c.shapes[0]
    row, column = shape.height // 2, shape.width // 2
    gradient = np.zeros(shape.array(BATCH))
    gradient[0, row, column] = c.rng.standard_normal(shape.channels)
    output = c.layer.forward(c.inputs, c.weights, MODES[0])
    (dx, *_), _ = c.layer.backward(gradient, c.inputs, output, c.weights, MODES[0])
    assert not np.any(dx[1])
    if view == Window.whole(x):
        return
    assert view.steps(x) == (shape.height, shape.width)
    at = np.zeros((1, shape.height, shape.width, *view.size, 1))
    at[0, row, column] = 1
    seen = view.fold(at, Shape(x.height, x.width, 1))[0, :, :, 0] > 0
    assert not np.any(dx[0][~seen])


def test_input_centres_and_scales() -> None:
    layer = Input(Shape(2, 3, 3))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 2, 3, 3)).astype(np.uint8)
    weights = {"mean": np.array([1.0, 2.0, 3.0]), "std": np.array([2.0, 4.0, 5.0])}
    output = layer.forward((images,), weights, Mode())
    assert output.shape == layer.shape().array(2)
    np.testing.assert_array_equal(output[1, 1, 2], (images[1, 1, 2] - [1, 2, 3]) / [2, 4, 5])
    (dx,), by_weights = layer.backward(np.ones_like(output), (images,), output, weights, Mode())
    np.testing.assert_array_equal(dx[0, 0, 0], [0.5, 0.25, 0.2])
    assert by_weights == {}
    assert [p.trainable for p in layer.parameters().values()] == [False, False]
