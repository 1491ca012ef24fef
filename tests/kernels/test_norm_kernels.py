"""The kernels of the batch, group and layer norms against their float64 definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_tasks import (
    ISAS,
    check_foreign,
    check_layer,
    check_threads,
    random_arrays,
    run_definition,
    run_native,
)

from examples import example
from striate.kernels.norm_slices import MOST_PIXELS, Slices
from striate.layers import BatchNorm, GroupNorm, Layer, LayerNorm, Shape

NORMS = [*BatchNorm.examples, *GroupNorm.examples, *LayerNorm.examples]
TOLERANCE = 1e-6


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", NORMS)
def test_examples(text: str, isa: Any) -> None:
    norm, shapes = example(text)
    check_layer(norm, shapes, isa=isa, tolerance=TOLERANCE)
    check_layer(norm, shapes, isa=isa, tolerance=TOLERANCE, training=False)


@pytest.mark.parametrize("text", ["9x8x33 -> BATCHNORM", "9x8x33 -> GROUPNORM 3"])
def test_the_number_of_threads_changes_nothing(text: str) -> None:
    check_threads(*example(text), batch=5)


@pytest.mark.parametrize("text", ["5x4x19 -> BATCHNORM", "3x3x18 -> GROUPNORM 3"])
def test_other_processors(text: str) -> None:
    check_foreign(*example(text))


@st.composite
def norms(draw: st.DrawFn) -> tuple[Layer, Shape]:
    """A norm and an input that it accepts."""
    groups, depth = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    # The gradient of a few values is what is left when they cancel: mostly rounding.
    x = Shape(draw(st.integers(4, 12)), draw(st.integers(4, 12)), groups * depth)
    return draw(st.sampled_from([BatchNorm(), GroupNorm(groups), LayerNorm()])), x


@given(norms(), st.integers(1, 5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_shape(case: tuple[Layer, Shape], batch: int) -> None:
    norm, x = case
    check_layer(norm, (x,), batch, tolerance=2e-6)


@pytest.mark.parametrize("norm", [BatchNorm(), GroupNorm(3)])
def test_a_single_value_is_its_own_mean(norm: Layer) -> None:
    arrays, gradient = random_arrays(norm, (Shape(1, 1, 3),), 1)
    found = run_native(norm, (Shape(1, 1, 3),), arrays, gradient, ISAS[0]).found
    np.testing.assert_array_equal(found["y"].ravel(), arrays["w.shift"])
    for role in ("dx0", "dw.scale"):
        np.testing.assert_array_equal(found[role].ravel(), np.zeros(3))
    if "w.variance" in found:
        expected = run_definition(norm, arrays, gradient)["w.variance"]
        np.testing.assert_allclose(found["w.variance"], expected, rtol=1e-6)


@pytest.mark.parametrize("norm", [BatchNorm(), GroupNorm(3)])
def test_many_slices(norm: Layer) -> None:
    check_layer(norm, (Shape(60, 50, 6),), 3, tolerance=2e-6)


@pytest.mark.parametrize("norm", [BatchNorm(), GroupNorm(2), LayerNorm()])
def test_a_large_mean_costs_no_accuracy(norm: Layer) -> None:
    x = Shape(48, 48, 6)
    arrays, gradient = random_arrays(norm, (x,), 4)
    arrays["x0"] = arrays["x0"] + np.float32(1000)
    found = run_native(norm, (x,), arrays, gradient, ISAS[0]).found
    expected = run_definition(norm, arrays, gradient)
    # A mean of 1000 in float32 is off by up to 3e-5 deviations, however it is summed up.
    for role, exact in expected.items():
        error = np.abs(found[role] - exact).max() / np.abs(exact).max()
        assert error < 1e-4, role


def test_nan_reaches_the_running_statistics() -> None:
    norm, shapes = example("5x4x3 -> BATCHNORM")
    arrays, gradient = random_arrays(norm, shapes, 2)
    arrays["x0"][1, 2, 3, 0] = np.nan
    found = run_native(norm, shapes, arrays, gradient, ISAS[0]).found
    for role in ("w.mean", "w.variance"):
        assert np.isnan(found[role]).tolist() == [True, False, False]
    assert np.isnan(found["y"][..., 0]).all()
    assert np.isfinite(found["y"][..., 1:]).all()


def test_gradients_of_the_parameters_alone() -> None:
    for text in ("5x4x3 -> BATCHNORM", "5x4x6 -> GROUPNORM 3"):
        norm, shapes = example(text)
        arrays, gradient = random_arrays(norm, shapes, 3)
        whole = run_native(norm, shapes, arrays, gradient, ISAS[0]).found
        found = run_native(norm, shapes, arrays, gradient, ISAS[0], by_input=False).found
        assert "dx0" not in found
        for role in ("dw.scale", "dw.shift"):
            np.testing.assert_array_equal(found[role], whole[role])


@given(st.integers(1, 64), st.integers(1, 60000), st.integers(1, 5000), st.sampled_from([4, 8, 16]))
def test_slices_cover_every_pixel_once(images: int, pixels: int, channels: int, lanes: int) -> None:
    cut = Slices(images, pixels, channels, lanes)
    assert (cut.per_image - 1) * cut.length < pixels <= cut.per_image * cut.length
    assert cut.length <= MOST_PIXELS
    assert channels <= cut.row < channels + lanes
