"""From a description back to text: short, folded into repetitions, broken into readable lines."""

from __future__ import annotations

from typing import Any

from striate.errors import InputError
from striate.layers.base import Layer
from striate.layers.options import Option, construct, options_of, values_of
from striate.notation.description import Branches, Description, Element
from striate.notation.words import SKIP, bare_words

WIDTH = 88
LONGEST_PERIOD = 40


def write(description: Description) -> str:
    """The notation of a net; parsing it gives the same description again."""
    return _chain(description.elements, indent=0)


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


def _flat(element: Element) -> str:
    """An element on one line."""
    name = f"{element.name}: " if element.name else ""
    text = name + write_layer(element.layer)
    if isinstance(element, Branches):
        return f"{text}{{ {' | '.join(_flat_chain(b) for b in element.branches)} }}"
    return text


def _flat_chain(elements: tuple[Element, ...]) -> str:
    return " -> ".join(_folded([_flat(e) for e in elements])) or SKIP


def _folded(texts: list[str]) -> list[str]:
    """Consecutive repetitions of the same texts as ``[a -> b]*2``, where that is shorter."""
    found: list[str] = []
    position = 0
    while position < len(texts):
        period, times = _best_period(texts, position)
        once = texts[position : position + period]
        if times > 1:
            found.append(f"[{' -> '.join(_folded(once))}]*{times}")
        else:
            found += once
        position += period * times
    return found


def _best_period(texts: list[str], start: int) -> tuple[int, int]:
    """How many texts from ``start`` repeat, and how often, so that most of them are covered."""
    best = (1, 1)
    for period in range(1, min(LONGEST_PERIOD, (len(texts) - start) // 2) + 1):
        once = texts[start : start + period]
        if any(": " in text for text in once):
            break
        times, end = 1, start + period
        while texts[end : end + period] == once:
            times, end = times + 1, end + period
        # Of two periods that cover the same, the first is the shorter one.
        if times > 1 and period * times > best[0] * best[1]:
            best = (period, times)
    return best


def _chain(elements: tuple[Element, ...], indent: int) -> str:
    """A chain with line breaks before ``->`` where it is too long for one line."""
    flat = _flat_chain(elements)
    if indent + len(flat) <= WIDTH:
        return flat
    texts = _broken_up(elements, indent)
    lines = [texts[0]]
    for text in texts[1:]:
        last = lines[-1].rpartition("\n")[2]
        alone = "\n" in text or "\n" in lines[-1]
        if alone or indent + len(last) + len(" -> ") + len(text) > WIDTH:
            lines.append(f"{' ' * indent}-> {text}")
        else:
            lines[-1] += f" -> {text}"
    return "\n".join(lines)


def _broken_up(elements: tuple[Element, ...], indent: int) -> list[str]:
    """The texts of a chain's elements, folded; forks that are too long stand on lines of their own.

    Folding compares the flat texts, so that a fork that is broken into lines folds as well.
    """
    broken: dict[str, str] = {}
    for element in elements:
        flat = _flat(element)
        if isinstance(element, Branches) and indent + len(flat) > WIDTH:
            broken[flat] = _fork(element, indent)
    return [broken.get(text, text) for text in _folded([_flat(e) for e in elements])]


def _fork(fork: Branches, indent: int) -> str:
    name = f"{fork.name}: " if fork.name else ""
    inner = indent + 4
    margin = " " * (indent + 2)
    branches = [_chain(b, inner) if b else SKIP for b in fork.branches]
    lines = [f"{name}{write_layer(fork.layer)}{{", f"{margin}  {branches[0]}"]
    lines += [f"{margin}| {branch}" for branch in branches[1:]]
    return "\n".join([*lines, f"{' ' * indent}}}"])
