"""What a bare layer means, so that the notes' pattern is a net as it stands.

``INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC`` follows the notes' "Layer Sizing
Patterns"; what they leave open is decided here and nowhere else:

- INPUT is 32x32x3, the images of CIFAR-10, unless the variable ``input`` says otherwise.
- CONV has F=3 (so S=1 and P=1). The first one has 32 filters; each further one as many as the one
  before it, doubled for every POOL in between. Each branch goes on from where its fork stands,
  and what follows the fork from where the first branch ends.
- POOL is the maximum of 2x2 with stride 2, by the layer's own defaults.
- FC has 256 neurons; the net's last one has 10, one for each class, unless ``classes`` says
  otherwise.
- N=2, M=3, K=1, and ``POOL?`` is there (``pool=yes``).
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
FIRST_FILTERS = 32
MOST_FILTERS = 2**16
HIDDEN_NEURONS = 256


class Defaults:
    """Fills in bare layers, asked for in the order of the net.

    Attributes:
        filters: of the latest CONV, doubled for each POOL behind it.
    """

    def __init__(self, volume: Any, classes: int, fully_connected: int) -> None:
        self._volume = volume
        self._classes = classes
        self._fully_connected_left = fully_connected
        self._seen_conv = False
        self.filters = FIRST_FILTERS

    def fill(self, layer: Written) -> dict[str, Any]:
        """The layer's option values with those of a bare layer added."""
        values = dict(layer.values)
        if layer.keyword == "INPUT":
            values.setdefault("volume", self._volume)
        elif layer.keyword == "CONV":
            values.setdefault("F", (3, 3))
            values.setdefault("K", self.filters)
            self.filters, self._seen_conv = values["K"], True
        elif layer.keyword == "POOL" and self._seen_conv:
            self.filters = min(self.filters * 2, MOST_FILTERS)
        elif layer.keyword == "FC":
            self._fully_connected_left -= 1
            is_last = self._fully_connected_left == 0
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
