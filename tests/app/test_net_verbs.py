"""The verbs that look at a net: table, plan, explain, zoo."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from command_line import look_on, refusal, striate
from striate import zoo
from striate.app.glossary import GROUPS, WORDS
from striate.app.terms import ALIASES
from striate.zoo.find import find_net

PATTERN = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"


def test_a_piped_table_is_whole_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    answer = striate("table", "vgg16", "--batch", 2, "--training")
    assert answer.code == 0
    assert "\nconv1     CONV3-64 " in answer.out
    assert "(3*3*3)*64 = 1,728" in answer.out
    assert "138,357,544" in answer.out
    assert "15.47 G" in answer.out
    assert "memory for 2 images, training" in answer.out
    assert "\x1b" not in answer.out


def test_a_table_in_a_narrow_terminal_keeps_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    look_on(monkeypatch, columns=80)
    lines = striate("table", "tinyvgg").out.splitlines()
    table = lines[: next(i for i, line in enumerate(lines) if "all columns need" in line)]
    assert "(all columns need 110 characters a line, or --format csv)" in "\n".join(lines)
    assert all(len(_plain(line)) <= 80 for line in table)
    assert "\x1b[1mlayer" in lines[0]


def test_a_table_in_a_wide_terminal_has_all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    look_on(monkeypatch, columns=140)
    lines = [_plain(line) for line in striate("table", "tinyvgg").out.splitlines()]
    assert lines[0].split() == [
        *("layer", "notation", "volume", "values", "memory"),
        *("weights", "parameters", "MACs", "view"),
    ]
    assert set(lines[1]) == {"─"}


def test_formats() -> None:
    records = list(csv.DictReader(io.StringIO(striate("table", "vgg16", "--format", "csv").out)))
    assert sum(int(record["parameters"]) for record in records) == 138_357_544
    assert striate("table", "lenet", "--format", "markdown").out.startswith("| layer | notation |")
    assert striate("table", "lenet", "--format", "latex").out.startswith("\\begin{tabular}")


def test_variables_of_a_pattern() -> None:
    words = [
        word for pair in ("N=3", "M=1", "K=0", "pool=no", "classes=7") for word in ("--set", pair)
    ]
    out = striate("table", PATTERN, *words).out
    assert "conv3" in out
    assert "conv4" not in out
    assert "pool1" not in out
    assert "FC 7" in out


def test_a_net_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my.net"
    path.write_text(f"# a comment\n{PATTERN}\n")
    assert striate("table", path).out == striate("table", PATTERN).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("table", "INPUT 10x10x1 -> CONV3-4 S=2 P=0 -> FC 2"),
            "the net does not work: 1 problem\nconv1 (<net> line 1, column 18: CONV3-4 S=2 P=0): ",
        ),
        (
            ("table", "INPUT 8x8x1 -> CONV3-4 stride=2"),
            "<net>:1:24: CONV has no option 'stride'. Its options are K, F, S, P, ",
        ),
        (("table", "gone.net"), "gone.net: the net cannot be read: No such file or directory"),
        (("table", "vg16"), "there is no net 'vg16'; did you mean vgg16?\n"),
        (("table", "lenet", "--set", "N"), "--set: expected NAME=VALUE such as N=2, got 'N'"),
        (
            ("table", "lenet", "--training", "--optimizer", "smd"),
            "unknown optimizer 'smd': did you mean sgd? known: ",
        ),
        (
            ("table", "lenet", "--set", "Q=1"),
            "the net does not use the variable 'Q'; those that it uses: ",
        ),
        (
            ("table", "INPUT 99999999999999999999x3x3"),
            "<net>:1:7: volume: '99999999999999999999' is too large: at most 999,999,999 is al",
        ),
        (("table", "[" * 5000), "<net>:1:65: brackets are nested deeper than 64\n"),
        (("table", "gone.safetensors"), "gone.safetensors: there is no such file"),
        (("plan", "lenet", "--target", "mmx"), "unknown target 'mmx': expected host, sse2, avx2, "),
        (("zoo", "vgg"), "the zoo has no net 'vgg'; did you mean vgg19?"),
        (("explain", "CNOV"), "there is nothing called 'CNOV'; did you mean CONV?"),
        (("explain", "xyzzy"), "there is nothing called 'xyzzy'; striate explain lists all words"),
    ],
)
def test_what_cannot_be_shown_is_told(words: tuple[str, ...], message: str) -> None:
    assert refusal(*words).startswith(message)


def test_the_net_of_a_file_that_is_no_file_of_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    assert refusal("table", path).startswith(f"{path}: is not a sound .safetensors file: ")


def test_plan_shows_each_form() -> None:
    net = "INPUT 8x8x1 -> a: CONV3-4 -> RELU -> SUM{ CONV1-4 | SKIP } -> FC 2"
    graph = striate("plan", net, "--stop", "graph").out.splitlines()
    assert graph[0].split() == ["node", "layer", "takes", "place"]
    assert graph[2].split() == ["a", "CONV3-4", "input", "line", "1,", "column", "19"]
    assert next(line for line in graph if line.startswith("sum1")).split()[2:4] == [
        "conv2,",
        "relu1",
    ]
    shapes = striate("plan", net, "--stop", "shapes").out
    assert "a      8x8x4   w 4x3x3x1, b 4" in shapes
    plan = striate("plan", net, "--batch", 3, "--training", "--target", "sse2").out
    assert plan.startswith("training step, batch 3")
    assert "sse2" in plan.splitlines()[0]
    assert "a backward" in plan
    llvm = striate("plan", net, "--stop", "llvm", "--target", "neon").out
    assert "define " in llvm


def test_the_list_of_words_has_them_all() -> None:
    out = striate("explain").out
    for heading, classes in GROUPS:
        assert f"\n{heading}\n" in f"\n{out}"
        for name in classes:
            assert f"\n  {name} " in out
    for heading, words in (*WORDS, ("Nets", dict.fromkeys(zoo.names(), ""))):
        assert f"\n{heading}\n" in out
        for name in words:
            assert f"\n  {name} " in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("word", [name for _, classes in GROUPS for name in classes])
def test_every_word_is_explained_in_any_case(word: str) -> None:
    answer = striate("explain", word)
    assert answer.code == 0
    assert word in answer.out
    assert "``" not in answer.out
    assert striate("explain", word.swapcase()).out == answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_the_letters_of_the_notes() -> None:
    assert striate("explain", "s").out == "S: the stride: by how many pixels the filter moves\n"


def test_a_word_that_is_a_layer_and_a_loss_is_explained_as_both() -> None:
    out = striate("explain", "softmax").out
    assert out.startswith("SOFTMAX: ")
    assert "\nloss softmax: the cross-entropy" in out


@pytest.mark.parametrize("word", [*ALIASES, "RELU?", "[ ] * N", "Name"])
def test_signs_terms_and_letters_are_explained_however_they_are_written(word: str) -> None:
    assert striate("explain", word).code == 0


@pytest.mark.parametrize(
    ("word", "start"),
    [
        (
            "skip",
            "SKIP: a branch without layers: what comes in goes on as it is. SUM{ CONV3-16 ->\n",
        ),
        ("{ | }", "{ | }: branches that SUM or CONCAT joins: "),
        ("[ ]*N", "[ ]*N: layers in brackets, N times over: "),
        ("RELU?", "POOL?: a layer that a variable decides about, "),
        ("names", "name: a name for a layer: stem: CONV7-64. "),
        ("view", "view: the receptive field, a column of striate table: "),
        ("fit", "fit: an option of CONV, POOL and LOCAL: what happens where "),
        (
            "flip",
            "augmentation flip: Left and right exchanged, for half of the images.\n\nWritten fl",
        ),
        (
            "lenet",
            "net lenet: LeNet-5 (LeCun et al. 1998) with max pooling and RELU.\n\nNotation\n",
        ),
    ],
)
def test_words_that_are_no_layers(word: str, start: str) -> None:
    assert striate("explain", word).out.startswith(start)


def test_a_step_of_augmentation_tells_how_it_is_written() -> None:
    told = "Written cutout=V, a whole number of at least 1; cutout alone is cutout=8\n"
    assert striate("explain", "CUTOUT").out.endswith(told)


@pytest.mark.parametrize("name", zoo.names())
def test_the_notation_that_is_explained_is_the_net(name: str) -> None:
    text = striate("explain", name).out.partition("Notation\n")[2]
    assert find_net(text).graph() == find_net(name).graph()


def test_the_zoo_lists_its_nets_and_writes_one() -> None:
    out = striate("zoo").out
    for name in zoo.names():
        assert f"\n{name} " in out
        assert zoo.summary(name) in out
    assert striate("zoo", "lenet").out == zoo.text("lenet")


def _plain(line: str) -> str:
    """A line without its escape sequences."""
    from rich.text import Text

    return Text.from_ansi(line).plain
