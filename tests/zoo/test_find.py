"""What a user means by a net."""

from __future__ import annotations

from pathlib import Path

import pytest

from striate import zoo
from striate.errors import FileError, InputError, NotationError
from striate.zoo.find import find_graph


def test_a_name_of_the_zoo_is_its_net_with_variables() -> None:
    graph = find_graph("tinyvgg", input="28x28x1", classes=3)
    assert str(graph.nodes[0].layer.shape()) == "28x28x1"


def test_what_begins_with_input_is_notation() -> None:
    assert len(find_graph("INPUT 8x8x1").nodes) == 1
    with pytest.raises(NotationError, match=r"^<net>:1:1: layers are written in upper c"):
        find_graph("input 8x8x1")


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text("INPUT 8x8x1 -> CNV3-4")
    for source in (path, str(path)):
        with pytest.raises(NotationError, match=rf"^{path}:1:16: unknown layer CNV"):
            find_graph(source)
    with pytest.raises(FileError, match=r"^gone\.net: the net cannot be read: No such file"):
        find_graph("gone.net")


def test_what_is_nothing_of_it_is_told_what_would_be() -> None:
    with pytest.raises(InputError) as caught:
        find_graph("vg16")
    assert str(caught.value) == (
        "there is no net 'vg16'; did you mean vgg16?\n"
        "  expected a notation such as 'INPUT 32x32x3 -> CONV3-16 -> RELU -> FC 10', a file with\n"
        f"  one, or a net of the zoo: {', '.join(zoo.names())}"
    )
