"""Notation: the text of a net, as the CS231n notes write it, to and from its description."""

from striate.notation.defaults import VARIABLES
from striate.notation.description import Branches, Description, Element, Item, Place, walk
from striate.notation.explain import explain
from striate.notation.layer_text import write_layer
from striate.notation.read import Variable, parse, parse_file, read_text
from striate.notation.writer import write

__all__ = [
    "VARIABLES",
    "Branches",
    "Description",
    "Element",
    "Item",
    "Place",
    "Variable",
    "explain",
    "parse",
    "parse_file",
    "read_text",
    "walk",
    "write",
    "write_layer",
]
