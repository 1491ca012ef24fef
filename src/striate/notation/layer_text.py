"""From a layer back to its notation, as short as it can be."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from striate.errors import InputError
from striate.layers.base import Layer
from striate.layers.options import Option, construct, options_of, values_of
from striate.notation.words import bare_words


@lru_cache(maxsize=1024)
def write_layer(layer: Layer) -> str:
    """The notation of one layer: ``CONV3-64 S=2``. What its defaults give is left out."""
    kept = _needed_values(layer)
    options = options_of(type(layer))
    numbers: list[str] = []
    for key in layer.compact:
        if key not in kept:
            break
        numbers.append(options[key].kind.write(kept.pop(key)))
    words = [layer.keyword + "-".join(numbers)]
    if layer.positional in kept:
        key = layer.positional
        words.append(options[key].kind.write(kept.pop(key)))
    words += [_option(layer, options[key], value) for key, value in kept.items()]
    return " ".join(words)


def _needed_values(layer: Layer) -> dict[str, Any]:
    """The option values without those that can be left out: the layer stays equal."""
    values = {key: value for key, value in values_of(layer).items() if value is not None}
    for key in reversed(list(values)):
        rest = {k: v for k, v in values.items() if k != key}
        if _same(layer, rest) and not (key in layer.compact and _has_alternative(layer, key)):
            values = rest
    return values


def _same(layer: Layer, values: dict[str, Any]) -> bool:
    try:
        return bool(construct(type(layer), values) == layer)
    except (InputError, TypeError):
        return False


def _has_alternative(layer: Layer, key: str) -> bool:
    """Whether the number behind the keyword says anything: in POOL2 it does, in POOL global not."""
    kind = options_of(type(layer))[key].kind
    for text in ("1", "2"):
        try:
            construct(type(layer), {**values_of(layer), key: kind.read(text)})
        except (InputError, ValueError):
            return False
    return True


def _option(layer: Layer, option: Option, value: Any) -> str:
    for word, meaning in bare_words(layer.keyword).items():
        if meaning == (option.key, value):
            return word
    return f"{option.key}={option.kind.write(value)}"
