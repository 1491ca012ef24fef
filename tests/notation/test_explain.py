"""Explanations of layers."""

from __future__ import annotations

import pytest

from striate.check import check
from striate.errors import InputError
from striate.graph import build
from striate.layers import LAYERS
from striate.layers.base import grammar
from striate.notation import explain, parse
from striate.notation.explain import entry

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
  INPUT 1x1x16 -> FC 10"""


def test_an_explanation_is_made_of_docstring_and_fields() -> None:
    assert explain("fc").startswith(FC)


@pytest.mark.parametrize("keyword", LAYERS)
def test_every_option_is_explained(keyword: str) -> None:
    text = explain(keyword)
    assert text.startswith(f"{keyword}: ")
    for option in grammar(keyword).values():
        assert f"  {option.key}=" in text
        assert option.help in " ".join(text.split())
    options = text.partition("Options\n")[2].partition("\n\n")[0]
    assert max(map(len, options.splitlines()), default=0) <= 80


@pytest.mark.parametrize("keyword", [name for name in LAYERS if LAYERS[name].examples])
def test_at_most_six_examples_are_nets_as_they_stand(keyword: str) -> None:
    examples = explain(keyword).partition("Examples\n")[2].splitlines()
    assert len(examples) == min(6, len(LAYERS[keyword].examples))
    for example in examples:
        assert any(
            node.layer.keyword == keyword for node in check(build(parse(example))).graph.nodes
        )


def test_examples_of_layers_that_join_have_branches() -> None:
    assert "  INPUT 5x4x3 -> SUM{ CONV3-3 -> RELU | SKIP }\n" in explain("SUM")
    assert "  INPUT 5x4x3 -> CONCAT{ CONV3-2 -> RELU | SKIP }\n" in explain("CONCAT")


@pytest.mark.parametrize(
    ("keyword", "told"),
    [
        ("CONV", "by default (F-1)/2, which keeps the size at S=1"),
        ("LOCAL", "by default (F-1)/2, which keeps the size at S=1"),
        ("POOL", "by default F"),
    ],
)
def test_what_the_layer_decides_is_told(keyword: str, told: str) -> None:
    assert f"\n{'':25}{told}\n" in explain(keyword)


def test_an_entry_is_cut_into_lines() -> None:
    assert entry("  word", "seven " * 15, 10) == (
        "  word    " + "seven " * 10 + "seven\n          " + "seven " * 3 + "seven"
    )


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


def test_an_entry_with_a_long_word_begins_below_it() -> None:
    assert entry("  a-long-word", "seven", 10) == "  a-long-word\n          seven"
