"""What a user means by a net."""

from __future__ import annotations

from pathlib import Path

import pytest

from striate import zoo
from striate.errors import FileError, InputError, NotationError
from striate.zoo.find import find_net


def test_a_name_of_the_zoo_is_its_net_with_variables() -> None:
    graph = find_net("tinyvgg", input="28x28x1", classes=3).graph()
    assert str(graph.nodes[0].layer.shape()) == "28x28x1"


def test_what_begins_with_input_is_notation() -> None:
    assert len(find_net("INPUT 8x8x1").graph().nodes) == 1
    with pytest.raises(NotationError, match=r"^<net>:1:1: layers are written in upper c"):
        find_net("input 8x8x1").graph()


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text("INPUT 8x8x1 -> CNV3-4")
    for source in (path, str(path)):
        with pytest.raises(NotationError, match=rf"^{path}:1:16: unknown layer CNV"):
            find_net(source).graph()
    with pytest.raises(FileError, match=r"^gone\.net: the net cannot be read: No such file"):
        find_net("gone.net").graph()


def test_what_is_nothing_of_it_is_told_what_would_be() -> None:
    with pytest.raises(InputError) as caught:
        find_net("vg16").graph()
    assert str(caught.value) == (
        "there is no net 'vg16'; did you mean vgg16?\n"
        "  expected a notation such as 'INPUT 32x32x3 -> CONV3-16 -> RELU -> FC 10', a file with\n"
        f"  one, or a net of the zoo: {', '.join(zoo.names())}"
    )


@pytest.mark.parametrize("source", ["[" * 5000, "x" * 5000, "[CONV]\nRELU", "SUM{ RELU | SKIP }"])
def test_what_cannot_be_a_name_is_notation(source: str) -> None:
    with pytest.raises(NotationError, match=r"^<net>:\d:\d+: "):
        find_net(source).graph()


def test_what_is_repeated_is_shortened_and_printable() -> None:
    with pytest.raises(InputError) as caught:
        find_net("\x1b[2J".replace("[", "") + "\0" + "x" * 100).graph()
    head = "there is no net '\\x1b2J\\x00" + "x" * 53 + "...'\n"
    assert str(caught.value).startswith(head)
    with pytest.raises(NotationError) as refused:
        find_net("x" * 300).graph()
    assert str(refused.value).startswith(f"<net>:1:1: unknown layer {'x' * 57}...; the layers are ")


@pytest.mark.parametrize("source", [None, 3, ["INPUT"]])
def test_what_is_no_text_is_no_net(source: object) -> None:
    with pytest.raises(InputError) as caught:
        find_net(source).graph()  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"a net is a notation, the path of a file or a name of the zoo, got {source!r}"
    )


def test_folders_and_files_with_weights_are_told_from_notation(tmp_path: Path) -> None:
    for source in (tmp_path, str(tmp_path)):
        with pytest.raises(FileError) as caught:
            find_net(source).graph()
        expected = f"{tmp_path}: is a folder: expected a file with a notation"
        assert str(caught.value) == expected
    best = tmp_path / "best.safetensors"
    best.touch()
    with pytest.raises(FileError) as caught:
        find_net(tmp_path).graph()
    assert str(caught.value) == f"{expected}; the trained net of this run is {best}"
    with pytest.raises(InputError) as refused:
        find_net(best).graph()
    assert str(refused.value) == f"{best}: holds a trained net: read it with striate.load()"


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        (
            "INPUT -> [CONV]*N -> FC 3",
            {"Q": 1},
            "the net does not use the variable 'Q'; those that it uses: N, input",
        ),
        (
            "INPUT 8x8x1 -> POOL? -> FC",
            {"input": "9x9x1"},
            "the net does not use the variable 'input', which is for a bare INPUT; those that it "
            "uses: classes, pool",
        ),
        (
            "INPUT 8x8x1 -> FC 4",
            {"classes": 3},
            "the net does not use the variable 'classes', which is for a bare last FC; those that "
            "it uses: none",
        ),
        (
            "INPUT 8x8x1 -> FC 4",
            {"source": 1},
            "the net does not use the variable 'source'; those that it uses: none",
        ),
    ],
)
def test_a_variable_that_says_nothing_is_refused(
    text: str, variables: dict[str, int | str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        find_net(text, **variables).graph()
    assert str(caught.value) == message


def test_variables_are_used_as_repetitions_options_and_marks() -> None:
    text = "INPUT 8x8x1 -> [CONV3-Q -> DROPOUT?]*R -> FC classes"
    graph = find_net(text, Q=5, R=1, dropout="no", classes=4).graph()
    assert [node.name for node in graph.nodes] == ["input", "conv1", "fc1"]


def test_only_what_nobody_gave_is_open() -> None:
    assert find_net("INPUT -> FC").open == {"input", "classes"}
    assert find_net("INPUT -> FC", classes=3).open == {"input"}
    assert find_net("INPUT 8x8x1 -> FC 3").open == set()
