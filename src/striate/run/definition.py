"""A whole net by the float64 definitions of its layers: what its native code must mean."""

from __future__ import annotations

import numpy as np

from striate.graph import Network
from striate.layers.base import Mode
from striate.layers.shape import Array


def scores_by_definition(network: Network, images: Array) -> Array:
    """The output of the last layer for images [N, H, W, C]: [N, H', W', C'] float64."""
    volumes: dict[str, Array] = {}
    for node in network.graph.nodes:
        own = network.weights.get(node.name, {})
        weights = {name: array.astype(np.float64) for name, array in own.items()}
        inputs = tuple(volumes[name] for name in node.inputs)
        volumes[node.name] = node.layer.forward(
            inputs or (images.astype(np.float64),), weights, Mode()
        )
    return volumes[network.graph.output]
