"""Explanations of layers."""

from __future__ import annotations

import pytest

from striate.errors import InputError
from striate.layers import LAYERS
from striate.layers.base import grammar
from striate.notation import explain

FC = """\
FC: K neurons with full connections to all activations of the previous layer.

CS231n notes, "Fully-connected layer": a CONV whose filters are exactly as large as the input.

K neurons over the whole volume: [N, H, W, C] -> [N, 1, 1, K].

Weights ``w`` [K, H, W, C], so that ``w[k]`` is the filter of the equal CONV; biases ``b`` [K].

Options
  K=...                  number of neurons
                         a whole number of at least 1;
                         must be given, also written FC <K>
  bias=yes|no            whether each neuron adds a bias
                         yes or no;
                         default yes

Written without a number: 256 neurons; the last FC has 10, one for each class, or the variable \
classes

Examples
  1x1x16 -> FC 10"""


def test_an_explanation_is_made_of_docstring_and_fields() -> None:
    assert explain("fc").startswith(FC)


@pytest.mark.parametrize("keyword", LAYERS)
def test_every_option_is_explained(keyword: str) -> None:
    text = explain(keyword)
    assert text.startswith(f"{keyword}: ")
    for option in grammar(keyword).values():
        assert f"  {option.key}=" in text
        assert option.help in text
    for example in LAYERS[keyword].examples:
        assert example in text


def test_short_forms_are_told() -> None:
    assert "must be given, also written CONV<F>-<K>" in explain("CONV")
    assert "default max, also written max, avg, l2" in explain("POOL")
    assert "default no, also written global" in explain("POOL")


def test_an_unknown_layer() -> None:
    with pytest.raises(InputError) as caught:
        explain("CONVV")
    assert str(caught.value) == "there is no layer CONVV; did you mean CONV?"
    with pytest.raises(InputError) as caught:
        explain("XYZ")
    assert str(caught.value) == (
        f"there is no layer XYZ; the layers are {', '.join(sorted(LAYERS))}"
    )
