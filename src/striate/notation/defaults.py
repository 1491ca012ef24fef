"""What a bare layer means, so that the notes' pattern is a net as it stands.

``INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC`` follows the notes' "Layer Sizing
Patterns"; what they leave open is decided here and nowhere else: `MEANING` says it, `VARIABLES`
holds N, M, K and the like. POOL has its 2x2 and stride 2 from the layer itself.
"""

from __future__ import annotations

from typing import Any

from striate.layers.base import grammar
from striate.layers.options import Whole
from striate.notation.words import Written

VARIABLES = {
    "N": "2",
    "M": "3",
    "K": "1",
    "pool": "yes",
    "input": "32x32x3",
    "classes": "10",
}
MEANING = {
    "INPUT": "32x32x3, the images of CIFAR-10, or the variable input",
    "CONV": "F=3; 32 filters for the first CONV, then as many as the last CONV has, doubled for "
    "each POOL in between; a branch goes on from its fork, the layers behind a fork from its "
    "first branch",
    "FC": "256 neurons; the last FC has 10, one for each class, or the variable classes",
}
"""What the layers are that are written without a number, in words."""

FIRST_FILTERS = 32
MOST_FILTERS = 2**16
HIDDEN_NEURONS = 256


class Defaults:
    """Fills in bare layers, asked for in the order of the net.

    Attributes:
        filters: of the latest CONV, doubled for each POOL behind it.
        used: which of the variables ``input`` and ``classes`` a layer needed.
    """

    def __init__(self, volume: Any, classes: int, fully_connected: int) -> None:
        self._volume = volume
        self._classes = classes
        self._fully_connected_left = fully_connected
        self._seen_conv = False
        self.filters = FIRST_FILTERS
        self.used: set[str] = set()

    def fill(self, layer: Written) -> dict[str, Any]:
        """The layer's option values with those of a bare layer added."""
        values = dict(layer.values)
        if layer.keyword == "INPUT":
            if "volume" not in values:
                values["volume"] = self._volume
                self.used.add("input")
        elif layer.keyword == "CONV":
            values.setdefault("F", (3, 3))
            values.setdefault("K", self.filters)
            self.filters, self._seen_conv = values["K"], True
        elif layer.keyword == "POOL" and self._seen_conv:
            self.filters = min(self.filters * 2, MOST_FILTERS)
        elif layer.keyword == "FC":
            self._fully_connected_left -= 1
            is_last = self._fully_connected_left == 0
            if is_last and "K" not in values:
                self.used.add("classes")
            values.setdefault("K", self._classes if is_last else HIDDEN_NEURONS)
        return values


def start(layers: list[Written], variables: dict[str, str]) -> Defaults:
    """Defaults for a net of these layers.

    Raises:
        ValueError: ``input`` or ``classes`` has no meaning; the text says what was expected.
    """
    kinds = {"input": grammar("INPUT")["volume"].kind, "classes": Whole()}
    values = {}
    for name, kind in kinds.items():
        try:
            values[name] = kind.read(variables[name])
        except ValueError as error:
            raise ValueError(f"variable {name}: {error}") from None
    count = sum(layer.keyword == "FC" for layer in layers)
    return Defaults(values["input"], values["classes"], count)
