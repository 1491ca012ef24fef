"""The words of one layer, ``CONV3-64 S=2``, read by the options that its fields declare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from striate.errors import quoted
from striate.layers.base import LAYERS, grammar
from striate.layers.options import Choice, Option, YesNo
from striate.notation.description import Place
from striate.notation.errors import did_you_mean, error_at
from striate.notation.tokens import Token, span

SKIP = "SKIP"


@dataclass(frozen=True)
class Written:
    """A layer as it is written: its keyword and the option values that the text gives, by key."""

    keyword: str
    place: Place
    name: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def keyword_of(word: str) -> str | None:
    """The layer that a word names: the longest keyword followed by nothing or by numbers."""
    found = [k for k in LAYERS if re.fullmatch(re.escape(k) + r"([0-9-].*)?", word)]
    return max(found, key=len, default=None)


def joining_layers() -> tuple[str, ...]:
    """The keywords of the layers that take branches in braces."""
    return tuple(keyword for keyword, cls in LAYERS.items() if cls.arity < 0)


def bare_words(keyword: str) -> dict[str, tuple[str, Any]]:
    """The words that need no key, each with the option key and value it stands for."""
    found: dict[str, tuple[str, Any]] = {}
    for key, option in grammar(keyword).items():
        if isinstance(option.kind, Choice) and option.kind.bare:
            found.update({choice: (key, choice) for choice in option.kind.choices})
        elif isinstance(option.kind, YesNo) and option.kind.bare:
            found[key] = (key, True)
    return found


def read_layer(words: list[Token], name: str | None, variables: Mapping[str, str]) -> Written:
    """Read a keyword with its numbers and the options behind it.

    Raises:
        NotationError: an unknown layer or option, a value of the wrong kind, an option given twice.
    """
    head = words[0]
    keyword = keyword_of(head.text)
    if keyword is None:
        raise error_at(head.place, _unknown_layer(head.text))
    values: dict[str, Any] = {}
    _read_compact(keyword, head, values, variables)
    for word in words[1:]:
        key, value = _read_option(keyword, word, values, variables)
        if key in values:
            raise error_at(word.place, f"{keyword}: {key} is given twice")
        values[key] = value
    return Written(keyword, span(head.place, words[-1].place), name, values)


def example_of(keyword: str) -> str:
    """A short example of the layer's notation, taken from those that it declares."""
    examples = LAYERS[keyword].examples
    return examples[0].partition("->")[2].strip() if examples else keyword


def _read_compact(
    keyword: str, head: Token, values: dict[str, Any], variables: Mapping[str, str]
) -> None:
    rest = head.text[len(keyword) :]
    keys = LAYERS[keyword].compact
    if not rest:
        return
    place = Place(
        head.place.source,
        head.place.line,
        head.place.column + len(keyword),
        len(rest),
        head.place.text,
    )
    parts = rest.split("-")
    if not keys:
        raise error_at(
            place, f"{keyword} takes no number right behind its keyword, got {quoted(rest)}"
        )
    if len(parts) > len(keys) or "" in parts:
        form = "-".join(f"<{key}>" for key in keys)
        raise error_at(
            place,
            f"expected {keyword}{form} such as {example_of(keyword)}, got {quoted(head.text)}",
        )
    options = grammar(keyword)
    for key, part in zip(keys, parts, strict=False):
        values[key] = _read_value(options[key], part, place, variables)


def _read_option(
    keyword: str, word: Token, given: Mapping[str, Any], variables: Mapping[str, str]
) -> tuple[str, Any]:
    options = grammar(keyword)
    key, equals, text = word.text.partition("=")
    if equals:
        if key not in options:
            raise error_at(word.place, _unknown_option(keyword, key))
        return key, _read_value(options[key], text, word.place, variables)
    bare = bare_words(keyword)
    if word.text in bare:
        return bare[word.text]
    positional = LAYERS[keyword].positional
    if positional is None or positional in given:
        raise error_at(word.place, _unknown_word(keyword, word.text))
    return positional, _read_value(options[positional], word.text, word.place, variables)


def _read_value(option: Option, text: str, place: Place, variables: Mapping[str, str]) -> Any:
    try:
        return option.kind.read(variables.get(text, text))
    except ValueError as error:
        hint = did_you_mean(text, option.kind.choices) if isinstance(option.kind, Choice) else ""
        raise error_at(place, f"{option.key}: {error}{hint}") from None


def _unknown_layer(word: str) -> str:
    letters = re.match(r"[^0-9=-]*", word)
    head = letters[0] if letters else ""
    if word == SKIP:
        joined = " or ".join(f"{k}{{ }}" for k in joining_layers())
        return f"SKIP stands alone in a branch of {joined}"
    if keyword_of(word.upper()):
        return f"layers are written in upper case; did you mean {word.upper()}?"
    if not head or "=" in word:
        return f"expected a layer such as CONV3-64, got {quoted(word)}"
    hint = did_you_mean(head, LAYERS) or f"; the layers are {', '.join(sorted(LAYERS))}"
    return f"unknown layer {quoted(head)[1:-1]}{hint}"


def _unknown_option(keyword: str, key: str) -> str:
    hint = did_you_mean(key, grammar(keyword)) or "."
    return f"{keyword} has no option {quoted(key)}{hint}{_known(keyword)}"


def _unknown_word(keyword: str, word: str) -> str:
    known = [*bare_words(keyword), *grammar(keyword)]
    return (
        f"{keyword} does not take {quoted(word)}{did_you_mean(word, known) or '.'}{_known(keyword)}"
    )


def _known(keyword: str) -> str:
    options = grammar(keyword)
    if not options:
        return " It has no options"
    keys = ", ".join(options)
    bare = ", ".join(bare_words(keyword))
    return f" Its options are {keys}" + (f"; words that stand alone are {bare}" if bare else "")
