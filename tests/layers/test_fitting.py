"""The words for a window that does not fit."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from examples import example, volume
from striate.layers import Shape, Window
from striate.layers.fitting import arithmetic

NONE = (0, 0, 0, 0)


def problems(window: Window, shape: str) -> list[str]:
    return [rule.message for rule in window.rules(volume(shape)) if not rule.holds]


@pytest.mark.parametrize(
    ("window", "shape", "messages"),
    [
        (Window((3, 3), (2, 2), NONE), "11x11x3", []),
        (
            Window((3, 3), (2, 2), NONE),
            "10x10x3",
            [
                "the window does not fit: (10 - 3 + 2*0)/2 + 1 = 4.5 is not whole. These fit: "
                "S=1; F=2 or F=4; input 9x9 or 11x11; or accept it with fit=floor (4, crops) "
                "or fit=ceil (5, pads)"
            ],
        ),
        (
            Window((3, 3), (2, 2), NONE),
            "11x10x3",
            [
                "the window does not fit the height: (10 - 3 + 2*0)/2 + 1 = 4.5 is not whole. "
                "These fit: S=1; F=2 or F=4; height 9 or 11; or accept it with "
                "fit=floor (4, crops) or fit=ceil (5, pads)"
            ],
        ),
        (
            Window((3, 3), (2, 2), NONE),
            "10x8x3",
            [
                "the window does not fit the height: (8 - 3 + 2*0)/2 + 1 = 3.5 is not whole. "
                "These fit: S=1; F=2 or F=4; height 7 or 9; or accept it with "
                "fit=floor (3, crops) or fit=ceil (4, pads)",
                "the window does not fit the width: (10 - 3 + 2*0)/2 + 1 = 4.5 is not whole. "
                "These fit: S=1; F=2 or F=4; width 9 or 11; or accept it with "
                "fit=floor (4, crops) or fit=ceil (5, pads)",
            ],
        ),
        (
            Window((3, 3), (3, 3), (0, 1, 0, 1)),
            "9x9x3",
            [
                "the window does not fit: (9 - 3 + 0 + 1)/3 + 1 = 3.333 is not whole. "
                "These fit: S=1; F=4 or F=1; input 8x8 or 11x11; or accept it with "
                "fit=floor (3, crops)"
            ],
        ),
        (
            Window((3, 3), (3, 3), (1, 1, 1, 1)),
            "9x9x3",
            [
                "the window does not fit: (9 - 3 + 2*1)/3 + 1 = 3.667 is not whole. "
                "These fit: S=2 or S=1; F=2 or F=5; P=0 or P=3; input 10x10 or 7x7; "
                "or accept it with fit=floor (3, crops) or fit=ceil (4, pads)"
            ],
        ),
        (
            Window((5, 5), pad=NONE),
            "3x3x3",
            [
                "a window that reaches over 5 is larger than the padded input 3x3: "
                "(3 - 5 + 2*0)/1 + 1 = -1; use F of at most 3, more P, or a larger input"
            ],
        ),
        (
            Window((3, 3), pad=(1, 1, 1, 1), dilation=(4, 4)),
            "9x4x3",
            [
                "a window that reaches over 9 is larger than the padded height 6: "
                "(4 - 9 + 2*1)/1 + 1 = -2; use F of at most 2, more P, or a larger input"
            ],
        ),
    ],
)
def test_messages(window: Window, shape: str, messages: list[str]) -> None:
    assert problems(window, shape) == messages


def test_accepting_a_fit_does_not_accept_a_window_that_is_too_large() -> None:
    for fit in ("floor", "ceil"):
        (message,) = problems(Window((5, 5), pad=NONE, fit=fit), "3x3x3")
        assert message.startswith("a window that reaches over 5 is larger")


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), st.integers(0, 4))
@settings(deadline=None)
def test_every_setting_that_an_error_offers_fits(w: int, f: int, s: int, p: int) -> None:
    window = Window((f, f), (s, s), (p, p, p, p))
    broken = [rule.message for rule in window.rules(Shape(w, w, 1)) if not rule.holds]
    assume(broken and "These fit" in broken[0])
    offers = re.findall(r"([SFP]=|\d+x)(\d+)", broken[0].partition("These fit:")[2])
    assert len(offers) >= 3
    for key, value in offers:
        number, length = int(value), w
        size, stride, pad = f, s, p
        if key == "S=":
            stride = number
        elif key == "F=":
            size = number
        elif key == "P=":
            pad = number
        else:
            length = number
        changed = Window((size, size), (stride, stride), (pad,) * 4)
        assert all(rule.holds for rule in changed.rules(Shape(length, length, 1)))


def test_arithmetic_shows_dilated_reach_and_uneven_padding() -> None:
    window = Window((3, 2), (2, 1), (1, 0, 0, 2), (2, 3))
    assert arithmetic(window, Shape(8, 9, 1), 0) == "(8 - 5 + 1 + 0)/2 + 1 = 3"
    assert arithmetic(window, Shape(8, 9, 1), 1) == "(9 - 4 + 0 + 2)/1 + 1 = 8"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("8x8x4 -> CONV3-8 groups=3", ["groups=3 does not divide the 4 input channels; groups may "
         "be 1, 2, 4", "groups=3 does not divide the 8 filters; groups may be 1, 2, 4, 8"]),
        ("8x8x6 -> GROUPNORM 4", ["groups=4 does not divide the 6 channels; groups may be "
         "1, 2, 3, 6"]),
        ("5x4x3 | 5x4x2 -> SUM", ["the inputs must have the same shape, got 5x4x3, 5x4x2"]),
        ("5x4x3 | 4x5x3 -> CONCAT", ["the inputs must have the same width and height, got "
         "5x4, 4x5"]),
        ("8x8x3 -> POOL2 P=2", ["P=2 along the height leaves windows of 2 with nothing but "
         "padding; use P of at most 1, or a larger F", "P=2 along the width leaves windows of 2 "
         "with nothing but padding; use P of at most 1, or a larger F"]),
        ("8x8x3 -> POOL2 P=0,0,0,2 S=1", ["P=0,2 along the width leaves windows of 2 with nothing "
         "but padding; use P of at most 1, or a larger F"]),
        ("8x8x3 -> LOCAL9-2 P=0", ["a window that reaches over 9 is larger than the padded input "
         "8x8: (8 - 9 + 2*0)/1 + 1 = 0; use F of at most 8, more P, or a larger input"]),
        ("9x9x3 -> POOL2", ["the window does not fit: (9 - 2 + 2*0)/2 + 1 = 4.5 is not whole. "
         "These fit: S=1; F=1 or F=3; input 8x8 or 10x10; or accept it with fit=floor (4, crops) "
         "or fit=ceil (5, pads)"]),
    ],
)  # fmt: skip
def test_rules_of_the_layers(text: str, messages: list[str]) -> None:
    layer, shapes = example(text)
    assert [rule.message for rule in layer.rules(*shapes) if not rule.holds] == messages
