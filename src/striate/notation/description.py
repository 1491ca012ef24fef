"""What a text says: layers in order, branches, and where each stands in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from striate.layers.base import Layer


@dataclass(frozen=True)
class Place:
    """Where something stands in a text.

    Attributes:
        source: name of the text: a file name, or ``<net>``.
        line: of its first character, from 1.
        column: of its first character, from 1.
        length: number of characters.
        text: the whole line.
    """

    source: str
    line: int
    column: int
    length: int
    text: str


@dataclass(frozen=True)
class Item:
    """A layer with one input (or, for the first one, none)."""

    layer: Layer
    name: str | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Branches:
    """A layer with several inputs and the branches that lead to it; an empty branch is SKIP."""

    layer: Layer
    branches: tuple[tuple[Element, ...], ...]
    name: str | None = None
    place: Place | None = field(default=None, compare=False)


Element = Item | Branches


@dataclass(frozen=True)
class Description:
    """A net as its text says it, repetitions written out; equality ignores places.

    Attributes:
        elements: in the order of the text.
        variables: the names of the variables that the text uses.
    """

    elements: tuple[Element, ...]
    variables: frozenset[str] = field(default=frozenset(), compare=False)


def walk(elements: tuple[Element, ...]) -> Iterator[Element]:
    """Every element in the order of the text; the branches come before the layer that joins."""
    for element in elements:
        if isinstance(element, Branches):
            for branch in element.branches:
                yield from walk(branch)
        yield element
