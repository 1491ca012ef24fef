"""Every error of the notation, word for word and place for place."""

from __future__ import annotations

import pytest

from striate.errors import NotationError
from striate.layers import LAYERS
from striate.notation import parse

ALL = ", ".join(sorted(LAYERS))

CASES: list[tuple[str, dict[str, int | str], tuple[int, int, int], str]] = [
    ("INPUT -> CONVV3-2", {}, (1, 10, 8), "unknown layer CONVV; did you mean CONV?"),
    ("INPUT -> conv3-3", {}, (1, 10, 7), "layers are written in upper case; did you mean CONV3-3?"),
    ("INPUT -> Relu", {}, (1, 10, 4), "layers are written in upper case; did you mean RELU?"),
    ("INPUT -> WOBBLE 3", {}, (1, 10, 6), f"unknown layer WOBBLE; the layers are {ALL}"),
    ("INPUT -> 3-64", {}, (1, 10, 4), "expected a layer such as CONV3-64, got '3-64'"),
    ("INPUT -> K=64", {}, (1, 10, 4), "expected a layer such as CONV3-64, got 'K=64'"),
    ("INPUT -> SKIP -> FC", {}, (1, 10, 4), "SKIP stands alone in a branch of CONCAT{ } or SUM{ }"),
    (
        "INPUT -> CONV3-64 k=3",
        {},
        (1, 19, 3),
        (
            "CONV has no option 'k'; did you mean K? Its options are K, F, S, P, dilation, "
            "fit, groups, bias"
        ),
    ),
    (
        "INPUT -> CONV3-64 wide=3",
        {},
        (1, 19, 6),
        ("CONV has no option 'wide'. Its options are K, F, S, P, dilation, fit, groups, bias"),
    ),
    ("INPUT -> RELU 3", {}, (1, 15, 1), "RELU does not take '3'. It has no options"),
    ("INPUT -> RELU slope=3", {}, (1, 15, 7), "RELU has no option 'slope'. It has no options"),
    (
        "INPUT -> POOL avgg",
        {},
        (1, 15, 4),
        (
            "POOL does not take 'avgg'; did you mean avg? Its options are F, S, P, "
            "dilation, fit, kind, count, global; words that stand alone are max, avg, l2, "
            "global"
        ),
    ),
    ("INPUT -> CONV3-64 K=64", {}, (1, 19, 4), "CONV: K is given twice"),
    ("INPUT -> POOL max avg", {}, (1, 19, 3), "POOL: kind is given twice"),
    ("INPUT -> FC 10 20", {}, (1, 16, 2), "FC does not take '20'. Its options are K, bias"),
    (
        "INPUT -> LOCAL3",
        {},
        (1, 10, 6),
        "LOCAL needs K (number of filters: the depth of the output), e.g. LOCAL3-2",
    ),
    (
        "INPUT -> GROUPNORM",
        {},
        (1, 10, 9),
        (
            "GROUPNORM needs groups (groups of channels, each normalised by itself), e.g. "
            "GROUPNORM 3"
        ),
    ),
    ("INPUT -> FC 0", {}, (1, 13, 1), "K: expected a whole number of at least 1, got '0'"),
    ("INPUT -> FC ten", {}, (1, 13, 3), "K: expected a whole number of at least 1, got 'ten'"),
    (
        "INPUT -> CONV0-3",
        {},
        (1, 14, 3),
        (
            "F: expected one whole number or width x height such as 3 or 5x3, each at "
            "least 1, got '0'"
        ),
    ),
    (
        "INPUT -> CONV3-64-2",
        {},
        (1, 14, 6),
        "expected CONV<F>-<K> such as CONV3-5, got 'CONV3-64-2'",
    ),
    ("INPUT -> CONV-64", {}, (1, 14, 3), "expected CONV<F>-<K> such as CONV3-5, got 'CONV-64'"),
    ("INPUT -> RELU3", {}, (1, 14, 1), "RELU takes no number right behind its keyword, got '3'"),
    (
        "INPUT -> CONV3-64 S=1x2x3",
        {},
        (1, 19, 7),
        (
            "S: expected one whole number or width x height such as 3 or 5x3, each at "
            "least 1, got '1x2x3'"
        ),
    ),
    (
        "INPUT -> CONV3-64 fit=flor",
        {},
        (1, 19, 8),
        "fit: expected one of exact, floor, ceil, got 'flor'; did you mean floor?",
    ),
    (
        "INPUT 32x32 -> FC",
        {},
        (1, 7, 5),
        "volume: expected width x height x depth such as 32x32x3, got '32x32'",
    ),
    ("INPUT -> CONV3-64 bias=maybe", {}, (1, 19, 10), "bias: expected yes or no, got 'maybe'"),
    (
        "INPUT -> CONV3-64 S=",
        {},
        (1, 19, 2),
        (
            "S: expected one whole number or width x height such as 3 or 5x3, each at "
            "least 1, got ''"
        ),
    ),
    (
        "INPUT -> CONV3-64 P=-1",
        {},
        (1, 19, 4),
        (
            "P: expected P such as 1, width x height such as 2x1, or top,bottom,left,right "
            "such as 0,1,0,1, got '-1'"
        ),
    ),
    (
        "INPUT -> CONV4-3",
        {},
        (1, 10, 7),
        ("CONV: F=4 has no P=(F-1)/2 that keeps the size: say P, e.g. P=0, or use an odd F"),
    ),
    (
        "INPUT -> POOL3 global",
        {},
        (1, 10, 12),
        ("POOL: global: the window is the whole input; leave out F, S, P, dilation and fit"),
    ),
    ("INPUT -> [CONV -> RELU", {}, (1, 10, 1), "'[' is never closed by ']'"),
    ("INPUT -> SUM{ RELU | SKIP", {}, (1, 13, 1), "'{' is never closed by '}'"),
    ("INPUT -> [CONV -> RELU}*2", {}, (1, 10, 1), "'[' needs ']', but line 1, column 23 has '}'"),
    ("INPUT -> SUM{ RELU ] }", {}, (1, 13, 1), "'{' needs '}', but line 1, column 20 has ']'"),
    ("INPUT -> CONV]", {}, (1, 14, 1), "']' closes nothing that is open"),
    ("INPUT -> FC }", {}, (1, 13, 1), "'}' closes nothing that is open"),
    (
        "INPUT -> FC | FC",
        {},
        (1, 13, 1),
        "'|' separates the branches of CONCAT{ } or SUM{ }; here are none",
    ),
    ("INPUT CONV3-64", {}, (1, 7, 8), "'->' is missing in front of 'CONV3-64'"),
    ("INPUT -> FC 10 RELU", {}, (1, 16, 4), "'->' is missing in front of 'RELU'"),
    ("INPUT -> FC\nRELU", {}, (2, 1, 4), "'->' is missing in front of 'RELU'"),
    ("INPUT -> [CONV]*2 [FC]", {}, (1, 19, 1), "'->' is missing in front of '['"),
    ("INPUT -> RELU last: FC", {}, (1, 15, 4), "'->' is missing in front of 'last'"),
    ("INPUT -> RELU SKIP", {}, (1, 15, 4), "'->' is missing in front of 'SKIP'"),
    ("", {}, (1, 1, 1), "expected a layer such as CONV3-64, got the end"),
    ("# nothing", {}, (1, 1, 1), "expected a layer such as CONV3-64, got the end"),
    ("INPUT ->", {}, (1, 9, 1), "expected a layer such as CONV3-64, got the end"),
    ("INPUT -> -> FC", {}, (1, 10, 2), "expected a layer such as CONV3-64, got '->'"),
    ("INPUT -> []*2", {}, (1, 11, 1), "expected a layer such as CONV3-64, got ']'"),
    ("INPUT -> *2", {}, (1, 10, 1), "expected a layer such as CONV3-64, got '*'"),
    ("-> FC", {}, (1, 1, 2), "expected a layer such as CONV3-64, got '->'"),
    (
        "INPUT -> CONV3-64*2 -> FC",
        {},
        (1, 18, 1),
        "only a group is repeated: write [CONV -> RELU]*2",
    ),
    ("INPUT -> [CONV]? -> FC", {}, (1, 16, 1), "'?' belongs behind one layer, e.g. POOL?"),
    ("INPUT -> [CONV]*", {}, (1, 17, 1), "expected a number or variable behind '*', got the end"),
    (
        "INPUT -> [CONV]*-1",
        {},
        (1, 17, 2),
        "repetitions: expected a whole number of at least 0, got '-1'",
    ),
    (
        "INPUT -> [CONV]*2.5",
        {},
        (1, 17, 3),
        "repetitions: expected a whole number of at least 0, got '2.5'",
    ),
    ("INPUT -> [CONV]*[FC]", {}, (1, 17, 1), "expected a number or variable behind '*', got '['"),
    (
        "INPUT -> [CONV]*R",
        {},
        (1, 17, 1),
        "unknown variable R. Give it a value, e.g. R=2, or write the number",
    ),
    (
        "INPUT -> [CONV]*Pool",
        {},
        (1, 17, 4),
        (
            "unknown variable Pool; did you mean pool? Give it a value, e.g. Pool=2, or "
            "write the number"
        ),
    ),
    (
        "INPUT -> [CONV]*N",
        {"N": -1},
        (1, 17, 1),
        "repetitions: expected a whole number of at least 0, got '-1'",
    ),
    (
        "INPUT -> POOL?",
        {"pool": "perhaps"},
        (1, 14, 1),
        "variable pool: expected yes or no, got 'perhaps'",
    ),
    (
        "INPUT -> FC",
        {"classes": 0},
        (1, 1, 5),
        "variable classes: expected a whole number of at least 1, got '0'",
    ),
    (
        "INPUT -> FC",
        {"input": "32"},
        (1, 1, 5),
        "variable input: expected width x height x depth such as 32x32x3, got '32'",
    ),
    (
        "CONV3-64 -> FC",
        {},
        (1, 1, 8),
        ("a net starts with INPUT, e.g. INPUT 32x32x3 -> CONV3-64; this one starts with CONV"),
    ),
    (
        "INPUT -> CONV -> INPUT -> FC",
        {},
        (1, 18, 5),
        "INPUT is the first layer of a net and comes only once",
    ),
    ("[INPUT -> CONV]*2", {}, (1, 2, 5), "INPUT is the first layer of a net and comes only once"),
    (
        "SUM{ RELU | SKIP } -> FC",
        {},
        (1, 6, 4),
        ("a net starts with INPUT, e.g. INPUT 32x32x3 -> CONV3-64; this one starts with RELU"),
    ),
    ("[FC]*0", {}, (1, 1, 1), "a net starts with INPUT, e.g. INPUT 32x32x3 -> CONV3-64"),
    (
        "INPUT -> a: CONV -> a: FC",
        {},
        (1, 24, 2),
        "the name 'a' belongs to another layer already, at line 1, column 13",
    ),
    (
        "INPUT -> [a: CONV]*2",
        {},
        (1, 14, 4),
        "the name 'a' stands in a repetition, so that several layers would have it",
    ),
    ("INPUT -> CONV: CONV", {}, (1, 10, 4), "CONV is a word of the notation, not a name"),
    ("INPUT -> SKIP: CONV", {}, (1, 10, 4), "SKIP is a word of the notation, not a name"),
    (
        "INPUT -> 2a: CONV",
        {},
        (1, 10, 2),
        "a name is made of letters, digits and _ and starts with no digit, got '2a'",
    ),
    (
        "INPUT -> a.b: CONV",
        {},
        (1, 10, 3),
        "a name is made of letters, digits and _ and starts with no digit, got 'a.b'",
    ),
    ("INPUT -> a: [CONV]*2", {}, (1, 13, 1), "a name is given to one layer, not to a group in [ ]"),
    ("INPUT -> : CONV", {}, (1, 10, 1), "expected a layer such as CONV3-64, got ':'"),
    ("INPUT -> a: b: CONV", {}, (1, 13, 1), f"unknown layer b; the layers are {ALL}"),
    (
        "INPUT -> SUM -> FC",
        {},
        (1, 10, 3),
        "SUM joins branches; write SUM{ a | b }, where a branch may be SKIP",
    ),
    (
        "INPUT -> SUM{ RELU }",
        {},
        (1, 13, 1),
        ("SUM joins at least two branches; write SUM{ a | b }, where a branch may be SKIP"),
    ),
    (
        "INPUT -> RELU{ FC | SKIP }",
        {},
        (1, 14, 1),
        "RELU takes one input; branches in { } belong to CONCAT or SUM",
    ),
    (
        "INPUT -> SUM{ RELU | }",
        {},
        (1, 22, 1),
        "empty branch; a branch without layers is written SKIP",
    ),
    (
        "INPUT -> SUM{ | RELU }",
        {},
        (1, 15, 1),
        "empty branch; a branch without layers is written SKIP",
    ),
    ("INPUT -> SUM{ SKIP -> RELU | RELU }", {}, (1, 15, 4), "SKIP stands alone in its branch"),
    ("INPUT -> SUM{ SKIP RELU | RELU }", {}, (1, 15, 4), "SKIP stands alone in its branch"),
    ("INPUT -> {FC}", {}, (1, 10, 1), "expected a layer such as CONV3-64, got '{'"),
    ("INPUT → FC", {}, (1, 7, 1), "'→' has no meaning here; layers are joined by ->"),
    ("INPUT -> (CONV)*2", {}, (1, 10, 1), "'(' has no meaning here; groups are written in [ ]"),
    (
        "INPUT 32×32×3",
        {},
        (1, 9, 1),
        "'×' has no meaning here; sizes are written with the letter x, e.g. 32x32x3",
    ),
    ("INPUT - CONV", {}, (1, 7, 1), "'-' has no meaning here; layers are joined by ->"),
    ("INPUT -> FC;", {}, (1, 12, 1), "';' has no meaning here"),
    ("INPUT -> FC\x00", {}, (1, 12, 1), "U+0000 has no meaning here"),
    ("INPUT > FC", {}, (1, 7, 1), "'>' has no meaning here; layers are joined by ->"),
    (
        "INPUT -> [[CONV]*5000]*3",
        {},
        (1, 10, 1),
        "the net has 15,001 layers up to here; at most 10,000 are allowed",
    ),
]


@pytest.mark.parametrize(("text", "variables", "where", "message"), CASES)
def test_an_error_underlines_its_place(
    text: str, variables: dict[str, int | str], where: tuple[int, int, int], message: str
) -> None:
    line, column, length = where
    shown = text.split("\n")[line - 1].replace("\0", " ")
    with pytest.raises(NotationError) as caught:
        parse(text, **variables)
    assert str(caught.value) == "\n".join(
        [
            f"<net>:{line}:{column}: {message}",
            f"    {shown}",
            f"    {' ' * (column - 1)}{'^' * length}",
        ]
    )


def test_an_error_in_a_file_shows_its_line() -> None:
    with pytest.raises(NotationError) as caught:
        parse("INPUT 32x32x3\n  -> CONVV3-64  # oops\n  -> FC 10", "my.net")
    assert str(caught.value) == (
        "my.net:2:6: unknown layer CONVV; did you mean CONV?\n"
        "      -> CONVV3-64  # oops\n"
        "         ^^^^^^^^^"
    )


def test_words_over_two_lines_are_underlined_to_the_end_of_the_first() -> None:
    with pytest.raises(NotationError) as caught:
        parse("INPUT -> CONV4-8  # even\n  S=2")
    assert str(caught.value) == (
        "<net>:1:10: CONV: F=4 has no P=(F-1)/2 that keeps the size: say P, e.g. P=0, "
        "or use an odd F\n"
        "    INPUT -> CONV4-8  # even\n"
        "             ^^^^^^^"
    )


def test_a_long_line_is_shown_around_the_place() -> None:
    with pytest.raises(NotationError) as caught:
        parse("INPUT" + " -> RELU" * 20 + " -> RELO" + " -> RELU" * 20)
    message, shown, underline = str(caught.value).split("\n")
    assert message == "<net>:1:170: unknown layer RELO; did you mean RELU?"
    assert shown == "    ...RELU" + " -> RELU" * 5 + " -> RELO" + " -> RELU" * 5 + " -> ..."
    assert shown[underline.index("^") : underline.rindex("^") + 1] == "RELO"


def test_tabs_keep_the_underline_in_place() -> None:
    with pytest.raises(NotationError) as caught:
        parse("\tINPUT ->\tRELO")
    assert str(caught.value).split("\n")[1:] == ["     INPUT -> RELO", "              ^^^^"]


def test_brackets_nest_only_so_deep() -> None:
    parse("INPUT -> " + "[" * 64 + "RELU" + "]" * 64)
    with pytest.raises(NotationError) as caught:
        parse("INPUT -> " + "[" * 100_000)
    assert str(caught.value).startswith("<net>:1:74: brackets are nested deeper than 64\n")


def test_the_number_of_layers_is_limited_before_they_are_made() -> None:
    assert len(parse("INPUT -> [RELU]*9999").elements) == 10_000
    for text in ("[RELU]*10000", "[[RELU]*999999999]*999999999", "RELU -> [RELU]*9999"):
        with pytest.raises(NotationError, match="at most 10,000 are allowed"):
            parse(f"INPUT -> {text}")
