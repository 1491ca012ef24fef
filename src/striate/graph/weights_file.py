"""A Network in a .safetensors file: its weights as tensors, its text and meta as metadata.

The tensor of node ``conv1`` and parameter ``w`` is called ``conv1/w``. Tensors whose name has
another number of parts belong to whoever wrote them and are passed over here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import FileError, StriateError
from striate.graph.build import build
from striate.graph.describe import describe
from striate.graph.graph import Graph, Meta, NetWeights, Network
from striate.graph.tensor_file import read_tensors, write_tensors
from striate.layers.shape import Array
from striate.notation.read import parse
from striate.notation.writer import write

FORMAT = "striate-1"


def save_network(network: Network, path: str | Path) -> None:
    """Write a net with its weights, classes, licence and preprocessing, atomically.

    Raises:
        FileError: the file cannot be written; one that was there before is intact.
        NetError: the notation cannot write the graph.
    """
    write_tensors(path, weight_tensors(network.weights), metadata_of(network))


def load_network(path: str | Path) -> Network:
    """Read what `save_network` wrote. `striate.check` says whether the weights fit the net.

    Raises:
        FileError: the file cannot be read, is damaged, or holds no Striate net.
    """
    tensors, metadata = read_tensors(path)
    return network_from(path, tensors, metadata)


def weight_tensors(weights: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    """The weights of a net by the names that they have in a file."""
    return {
        f"{node}/{parameter}": array
        for node, arrays in weights.items()
        for parameter, array in arrays.items()
    }


def metadata_of(network: Network) -> dict[str, str]:
    """What a file says of a net besides its weights."""
    return {
        "format": FORMAT,
        "net": write(describe(network.graph)),
        "meta": json.dumps(dataclasses.asdict(network.meta)),
    }


def network_from(
    path: str | Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]
) -> Network:
    """The net in the tensors and metadata of the file ``path``.

    Raises:
        FileError: they do not hold a Striate net.
    """
    if metadata.get("format") != FORMAT:
        raise FileError(
            f"{path}: holds tensors but no net of Striate: expected the metadata to say "
            f"format={FORMAT}, got {metadata.get('format', 'none')}"
        )
    graph = _graph(path, metadata)
    return Network(graph, _weights(path, graph, tensors), _meta(path, metadata.get("meta", "{}")))


def _graph(path: str | Path, metadata: Mapping[str, str]) -> Graph:
    try:
        graph = build(parse(metadata.get("net", ""), str(path)))
        graph.verify()
    except StriateError as error:
        raise FileError(f"the text of the net in {path} is damaged:\n{error}") from error
    return graph


def _weights(path: str | Path, graph: Graph, tensors: Mapping[str, Array]) -> NetWeights:
    nodes = {node.name for node in graph.nodes}
    weights: NetWeights = {}
    for name, array in tensors.items():
        node, *parameter = name.split("/")
        if len(parameter) != 1:
            continue
        if node not in nodes:
            raise FileError(f"{path}: has a tensor {name}, but its net has no layer {node}")
        if array.dtype != np.float32:
            raise FileError(f"{path}: tensor {name}: expected float32, got {array.dtype}")
        weights.setdefault(node, {})[parameter[0]] = array
    return weights


def _meta(path: str | Path, text: str) -> Meta:
    try:
        found: Any = json.loads(text)
        classes, licence = found.get("classes", []), found.get("licence", "")
        preprocessing = found.get("preprocessing", {})
    except (ValueError, AttributeError, RecursionError):
        raise FileError(f"{path}: its metadata 'meta' is not a table in JSON") from None
    if not (
        isinstance(licence, str)
        and isinstance(classes, list)
        and all(isinstance(name, str) for name in classes)
        and isinstance(preprocessing, dict)
        and all(isinstance(value, str) for value in preprocessing.values())
    ):
        raise FileError(
            f"{path}: its metadata 'meta' do not hold the classes, the licence and the "
            "preprocessing as text"
        )
    return Meta(tuple(classes), licence, preprocessing)
