"""From the tree of a text to its description: repetitions written out, bare layers filled in."""

from __future__ import annotations

from collections.abc import Iterator

from striate.errors import InputError
from striate.layers.base import LAYERS, Layer
from striate.layers.options import REQUIRED, construct, options_of
from striate.notation.defaults import Defaults
from striate.notation.description import Branches, Description, Element, Item, Place
from striate.notation.errors import error_at
from striate.notation.parser import Fork, Group, Part
from striate.notation.words import Written, example_of

MOST_LAYERS = 10_000


def check_size(parts: tuple[Part, ...]) -> int:
    """The number of layers once repetitions are written out.

    Raises:
        NotationError: there are more than `MOST_LAYERS`.
    """
    total = 0
    for part in parts:
        if isinstance(part, Written):
            place, count = part.place, 1
        elif isinstance(part, Group):
            place, count = part.place, part.times * check_size(part.parts)
        else:
            place, count = part.joint.place, 1 + sum(map(check_size, part.branches))
        total += count
        if total > MOST_LAYERS:
            raise error_at(
                place,
                f"the net has {total:,} layers up to here; at most {MOST_LAYERS:,} are allowed",
            )
    return total


def written_out(parts: tuple[Part, ...]) -> Iterator[Written | Fork]:
    """The parts of a chain with every repetition written out; branches keep theirs."""
    for part in parts:
        if isinstance(part, Group):
            for _ in range(part.times):
                yield from written_out(part.parts)
        else:
            yield part


def layers_in(parts: tuple[Part, ...]) -> Iterator[Written]:
    """Every layer of a chain and its branches in the order of the text."""
    for part in written_out(parts):
        if isinstance(part, Fork):
            for branch in part.branches:
                yield from layers_in(branch)
            yield part.joint
        else:
            yield part


def describe(parts: tuple[Part, ...], defaults: Defaults) -> Description:
    """Make every layer of the tree.

    Raises:
        NotationError: a layer lacks a value or refuses one.
    """
    return Description(_elements(parts, defaults))


def check_order(layers: list[Written], start: Place) -> None:
    """INPUT comes first and only there, and no name is given twice.

    Raises:
        NotationError: otherwise; ``start`` is the place where the text begins.
    """
    needs = "a net starts with INPUT, e.g. INPUT 32x32x3 -> CONV3-64"
    if not layers:
        raise error_at(start, needs)
    if LAYERS[layers[0].keyword].arity != 0:
        raise error_at(layers[0].place, f"{needs}; this one starts with {layers[0].keyword}")
    named: dict[str, Place] = {}
    for number, layer in enumerate(layers):
        if number > 0 and LAYERS[layer.keyword].arity == 0:
            raise error_at(
                layer.place, f"{layer.keyword} is the first layer of a net and comes only once"
            )
        if layer.name is None:
            continue
        if layer.name in named:
            raise error_at(layer.place, _given_twice(layer.name, named[layer.name], layer.place))
        named[layer.name] = layer.place


def _given_twice(name: str, first: Place, second: Place) -> str:
    if first == second:
        return f"the name '{name}' stands in a repetition, so that several layers would have it"
    where = f"line {first.line}, column {first.column}"
    return f"the name '{name}' belongs to another layer already, at {where}"


def _elements(parts: tuple[Part, ...], defaults: Defaults) -> tuple[Element, ...]:
    found: list[Element] = []
    for part in written_out(parts):
        if isinstance(part, Fork):
            found.append(_branches(part, defaults))
        else:
            found.append(Item(_made(part, defaults), part.name, part.place))
    return tuple(found)


def _branches(fork: Fork, defaults: Defaults) -> Branches:
    before = defaults.filters
    branches: list[tuple[Element, ...]] = []
    ends: list[int] = []
    for branch in fork.branches:
        defaults.filters = before
        branches.append(_elements(branch, defaults))
        ends.append(defaults.filters)
    defaults.filters = ends[0]
    joint = fork.joint
    return Branches(_made(joint, defaults), tuple(branches), joint.name, joint.place)


def _made(written: Written, defaults: Defaults) -> Layer:
    cls = LAYERS[written.keyword]
    values = defaults.fill(written)
    for key, option in options_of(cls).items():
        if option.default is REQUIRED and key not in values:
            raise error_at(
                written.place,
                f"{written.keyword} needs {key} ({option.help}), "
                f"e.g. {example_of(written.keyword)}",
            )
    try:
        layer: Layer = construct(cls, values)
    except InputError as error:
        raise error_at(written.place, f"{written.keyword}: {error}") from None
    return layer
