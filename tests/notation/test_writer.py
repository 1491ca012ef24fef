"""Writing a net and reading it again."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from descriptions import descriptions
from striate.errors import NotationError
from striate.layers import LAYERS
from striate.notation import Description, parse, write, write_layer

WORDS = """
INPUT -> -> [ ] { } | * ? : CONV3-8 CONV RELU SUM{ CONCAT SKIP 2 N K=4 POOL FC max 5 ]*2
"""

LONG = """\
INPUT 32x32x3 -> CONV3-64 bias=no -> BATCHNORM -> RELU
-> [SUM{
        CONV3-64 bias=no -> BATCHNORM -> RELU -> CONV3-64 bias=no -> BATCHNORM
      | SKIP
    }
    -> RELU]*3
-> head: SUM{
    CONV3-128 S=2 fit=floor bias=no -> BATCHNORM -> RELU -> CONV3-128 bias=no
    -> BATCHNORM
  | CONV1-128 S=2 fit=floor bias=no -> BATCHNORM
}
-> POOL avg global -> FC 10"""


@given(descriptions())
def test_parse_gives_what_was_written(description: Description) -> None:
    text = write(description)
    assert parse(text) == description
    assert write(parse(text)) == text


@given(st.text(alphabet="[]{}|*?:->#= \n0123xPKCONVRELUSMabn", max_size=60))
@example("INPUT -> [" * 50)
def test_any_text_is_a_net_or_an_error(text: str) -> None:
    try:
        description = parse(text)
    except NotationError:
        return
    assert parse(write(description)) == description


@given(st.text(max_size=30))
def test_any_characters_are_an_error(text: str) -> None:
    try:
        parse(text)
    except NotationError:
        return
    raise AssertionError(f"{text!r} starts with no INPUT")


@given(st.lists(st.sampled_from(WORDS.split()), max_size=25))
def test_any_words_are_a_net_or_an_error(words: list[str]) -> None:
    text = "INPUT -> " + " ".join(words)
    try:
        description = parse(text)
    except NotationError:
        return
    assert parse(write(description)) == description


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("CONV F=3 K=8 S=1x1 P=1 dilation=1 fit=exact groups=1 bias=yes", "CONV3-8"),
        ("CONV F=3x5 K=8 P=0,0,1,1", "CONV3x5-8 P=1x0"),
        ("CONV3-8 dilation=2 P=2", "CONV3-8 dilation=2"),
        ("POOL", "POOL2"),
        ("POOL kind=max F=3 S=3", "POOL3"),
        ("POOL S=2 F=3 kind=avg count=all", "POOL3 S=2 avg count=all"),
        ("POOL global=yes kind=avg", "POOL avg global"),
        ("FC K=10 bias=no", "FC 10 bias=no"),
        ("DROPOUT rate=0.5", "DROPOUT"),
        ("DROPOUT 0.10", "DROPOUT 0.1"),
        ("BATCHNORM eps=0.001", "BATCHNORM eps=0.001"),
        ("LRN convention=caffe size=5", "LRN5 caffe"),
    ],
)
def test_a_layer_is_written_without_what_its_defaults_give(text: str, written: str) -> None:
    assert write_layer(parse(f"INPUT -> {text}").elements[1].layer) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("CONV3-8 -> RELU -> CONV3-8 -> RELU -> CONV3-8", "[CONV3-8 -> RELU]*2 -> CONV3-8"),
        ("RELU -> CONV3-8 -> RELU -> CONV3-8 -> RELU", "RELU -> [CONV3-8 -> RELU]*2"),
        (
            "[[CONV3-8 -> RELU]*2 -> POOL2]*3 -> FC 9",
            "[[CONV3-8 -> RELU]*2 -> POOL2]*3 -> FC 9",
        ),
        ("TANH -> TANH -> TANH", "[TANH]*3"),
        ("a: TANH -> b: TANH -> TANH", "a: TANH -> b: TANH -> TANH"),
        ("SUM{ [TANH]*2 | SKIP } -> SUM{ TANH -> TANH | SKIP }", "[SUM{ [TANH]*2 | SKIP }]*2"),
        ("SUM{ t: TANH | SKIP } -> CONCAT{ SKIP | SKIP }", None),
    ],
)
def test_repetitions_are_folded(text: str, written: str | None) -> None:
    assert write(parse(f"INPUT 8x8x3 -> {text}")) == f"INPUT 8x8x3 -> {written or text}"


def test_a_long_net_is_broken_into_lines() -> None:
    assert write(parse(LONG)) == LONG


def test_a_large_net_is_written_quickly() -> None:
    text = write(parse("INPUT 8x8x3 -> [[CONV3-8 -> RELU]*9 -> TANH -> [SIGMOID]*5]*300"))
    assert text == "INPUT 8x8x3 -> [[CONV3-8 -> RELU]*9 -> TANH -> [SIGMOID]*5]*300"


@pytest.mark.parametrize("keyword", [k for k, cls in LAYERS.items() if cls.arity == 1])
def test_examples_are_written_as_they_read(keyword: str) -> None:
    for text in LAYERS[keyword].examples:
        layer = parse(f"INPUT -> {text.partition('->')[2]}").elements[1].layer
        assert parse(f"INPUT -> {write_layer(layer)}").elements[1].layer == layer
