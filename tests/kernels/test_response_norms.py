"""The kernels of LRN, RNORM and CNORM against their float64 definitions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_tasks import ISAS, check_foreign, check_layer, check_threads, tasks

from examples import example
from striate.kernels import candidates_for
from striate.layers import CNorm, Layer, Lrn, RNorm, Shape

TOLERANCE = 1e-6


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", [*Lrn.examples, *RNorm.examples, *CNorm.examples])
def test_examples(text: str, isa: Any) -> None:
    norm, shapes = example(text)
    check_layer(norm, shapes, isa=isa, tolerance=TOLERANCE)
    check_layer(norm, shapes, isa=isa, tolerance=TOLERANCE, training=False)


@pytest.mark.parametrize("text", ["4x3x17 -> LRN5 alpha=0.5", "6x5x3 -> CNORM3 alpha=0.5"])
def test_the_number_of_threads_changes_nothing(text: str) -> None:
    check_threads(*example(text))


@pytest.mark.parametrize("text", ["4x3x19 -> LRN5", "3x3x7 -> LRN3 blocked", "6x5x19 -> CNORM3"])
def test_other_processors(text: str) -> None:
    check_foreign(*example(text))


@st.composite
def norms(draw: st.DrawFn) -> tuple[Layer, Shape]:
    """A response norm and an input."""
    size = draw(st.integers(1, 9))
    k, alpha = draw(st.sampled_from([0.5, 1.0, 2.0])), draw(st.sampled_from([0.0, 1e-4, 0.5]))
    beta = draw(st.sampled_from([0.0, 0.5, 0.6, 0.75, 1.0, 1.3]))
    x = Shape(draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 20)))
    norm: Layer
    kind = draw(st.sampled_from([Lrn, RNorm, CNorm]))
    if kind is Lrn:
        convention = draw(st.sampled_from(["krizhevsky", "caffe"]))
        norm = Lrn(size, k, alpha, beta, convention, draw(st.booleans()))
    else:
        norm = kind(size, k, alpha, beta)
    return norm, x


@given(norms(), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_any_size(case: tuple[Layer, Shape], batch: int) -> None:
    norm, x = case
    check_layer(norm, (x,), batch, tolerance=2e-6)


@pytest.mark.parametrize("text", ["4x3x7 -> LRN5", "6x5x3 -> CNORM3"])
def test_a_gradient_that_nobody_wants_costs_nothing(text: str) -> None:
    _, backward = tasks(*example(text), 2, by_input=False)
    (candidate,) = candidates_for(ISAS[0])(backward)
    assert candidate.lower(backward).launches == ()
