"""Graph: the nodes and edges of a net; a Network is a graph with weights."""

from striate.graph.build import build, names_of
from striate.graph.describe import describe
from striate.graph.graph import Graph, Meta, NetWeights, Network, Node

__all__ = [
    "Graph",
    "Meta",
    "NetWeights",
    "Network",
    "Node",
    "build",
    "describe",
    "names_of",
]
