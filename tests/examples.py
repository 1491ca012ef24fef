"""Layers from the text of their examples: ``16x16x4 -> CONV3-8``, ``5x4x3 | 5x4x2 -> CONCAT``."""

from __future__ import annotations

from striate import notation
from striate.layers import LAYERS, Layer, Shape
from striate.layers.options import Whole
from striate.notation.description import Item


def example(text: str) -> tuple[Layer, tuple[Shape, ...]]:
    """The layer of an example and the shapes of its inputs."""
    volumes, _, words = text.partition("->")
    shapes = tuple(volume(part) for part in volumes.split("|"))
    if len(shapes) > 1:
        return LAYERS[words.strip()](), shapes
    written = notation.parse(f"INPUT {shapes[0]} -> {words}").elements[-1]
    assert isinstance(written, Item)
    return written.layer, shapes


def volume(text: str) -> Shape:
    """``WxHxC`` as a shape."""
    width, height, channels = (Whole().read(part) for part in text.strip().split("x"))
    return Shape(height, width, channels)


def all_examples() -> list[str]:
    """Every example of every layer, in the order of the registry."""
    return [text for cls in LAYERS.values() for text in cls.examples]
