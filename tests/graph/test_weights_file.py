"""Weights files: a net is saved and loaded whole; anything else is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from striate import notation
from striate.check import check
from striate.errors import FileError
from striate.graph import Meta, Network, build
from striate.graph.tensor_file import read_tensors, write_tensors
from striate.graph.weights_file import load_network, save_network

TEXT = "INPUT 8x8x3 -> first: CONV3-4 -> SUM{ CONV1-4 | SKIP } -> RELU -> POOL2 -> FC 5"


def network() -> Network:
    graph = build(notation.parse(TEXT))
    random = np.random.default_rng(0)
    weights = {
        node: {name: random.random(p.shape, np.float32) for name, p in own.items()}
        for node, own in check(graph).parameters.items()
        if own
    }
    return Network(graph, weights, Meta(("a", "ß"), "CC0", {"resize": "8x8"}))


def test_a_net_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    net, path = network(), tmp_path / "x.safetensors"
    save_network(net, path)
    loaded = load_network(path)
    assert loaded.graph == net.graph
    assert loaded.meta == net.meta
    assert loaded.weights.keys() == net.weights.keys()
    for node, own in net.weights.items():
        assert loaded.weights[node].keys() == own.keys()
        for name, array in own.items():
            np.testing.assert_array_equal(loaded.weights[node][name], array)


def test_tensors_of_others_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_network(network(), path)
    tensors, metadata = read_tensors(path)
    more = {"optimizer/fc1/w/velocity": np.zeros(3), "lonely": np.zeros(3)}
    write_tensors(path, tensors | more, metadata)
    assert load_network(path).weights.keys() == network().weights.keys()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"format": "pt"},
            "holds tensors but no net of Striate: expected the metadata to say format=striate-1, "
            "got pt",
        ),
        ({"meta": "[]"}, "its metadata 'meta' is not a table in JSON"),
        ({"meta": "{"}, "its metadata 'meta' is not a table in JSON"),
        (
            {"meta": json.dumps({"classes": [1]})},
            "its metadata 'meta' do not hold the classes, the licence and the preprocessing as "
            "text",
        ),
        (
            {"net": TEXT.replace("first", "fast")},
            "has a tensor first/b, but its net has no layer first",
        ),
    ],
)
def test_what_is_no_net_is_refused(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    path = tmp_path / "x.safetensors"
    save_network(network(), path)
    tensors, metadata = read_tensors(path)
    write_tensors(path, dict(sorted(tensors.items())), metadata | changes)
    with pytest.raises(FileError) as error:
        load_network(path)
    assert str(error.value) == f"{path}: {words}"


def test_a_file_of_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": np.zeros(3, np.float32)}, {})
    with pytest.raises(FileError) as error:
        load_network(path)
    assert str(error.value) == (
        f"{path}: holds tensors but no net of Striate: expected the metadata to say "
        "format=striate-1, got none"
    )


def test_a_damaged_text_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_network(network(), path)
    tensors, metadata = read_tensors(path)
    write_tensors(path, tensors, metadata | {"net": "INPUT 8x8x3 -> CONF3-4"})
    with pytest.raises(FileError) as error:
        load_network(path)
    assert str(error.value) == (
        f"the text of the net in {path} is damaged:\n"
        f"{path}:1:16: unknown layer CONF; did you mean CONV?\n"
        "    INPUT 8x8x3 -> CONF3-4\n"
        "                   ^^^^^^^"
    )


def test_only_float32_weights_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    net = network()
    net.weights["fc1"]["b"] = np.zeros(5)  # type: ignore[assignment]
    save_network(net, path)
    with pytest.raises(FileError) as error:
        load_network(path)
    assert str(error.value) == f"{path}: tensor fc1/b: expected float32, got float64"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(8, 1500), st.integers(32, 126)), max_size=4))
def test_a_damaged_file_is_loaded_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    path = tmp_path / "x.safetensors"
    if not path.exists():
        save_network(network(), path)
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place] = value
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    try:
        loaded = load_network(damaged)
    except FileError:
        return
    loaded.graph.verify()
