"""The grammar: from tokens to a tree of layers, repetitions and branches.

net     = chain
chain   = element { "->" element }
element = [name ":"] layer ["?"] | [name ":"] layer "{" branch { "|" branch } "}" | group
group   = "[" chain "]" ["*" number or variable]
branch  = chain | "SKIP"
layer   = keyword with numbers, then options
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from striate.errors import quoted
from striate.layers.base import LAYERS
from striate.layers.options import Whole, YesNo
from striate.notation.description import Place
from striate.notation.errors import did_you_mean, error_at
from striate.notation.tokens import END, Token
from striate.notation.words import SKIP, Written, joining_layers, keyword_of, read_layer

DEEPEST = 64
CLOSERS = {"[": "]", "{": "}"}


@dataclass(frozen=True)
class Group:
    """A chain in brackets, some times over."""

    parts: tuple[Part, ...]
    times: int
    place: Place


@dataclass(frozen=True)
class Fork:
    """A layer and the branches that it joins."""

    joint: Written
    branches: tuple[tuple[Part, ...], ...]


Part = Written | Group | Fork


class Parser:
    """Reads one text; ``variables`` give repetitions, optional layers and option values."""

    def __init__(self, tokens: list[Token], variables: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._variables = variables
        self._position = 0
        self._depth = 0

    def net(self) -> tuple[Part, ...]:
        """The whole text as a chain.

        Raises:
            NotationError: the text does not follow the grammar.
        """
        parts = self._chain()
        token = self._next
        if token.is_sign(END):
            return parts
        if token.is_sign("|"):
            joined = " or ".join(f"{k}{{ }}" for k in joining_layers())
            raise error_at(token.place, f"'|' separates the branches of {joined}; here are none")
        raise error_at(token.place, f"'{token.text}' closes nothing that is open")

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    @property
    def _after_next(self) -> Token:
        return self._tokens[min(self._position + 1, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._next
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def _takes(self, sign: str) -> bool:
        """Whether the next token is this sign; if so it is taken."""
        if not self._next.is_sign(sign):
            return False
        self._take()
        return True

    def _chain(self) -> tuple[Part, ...]:
        parts = self._element()
        while not any(self._next.is_sign(sign) for sign in ("]", "}", "|", END)):
            if not self._takes("->"):
                self._arrow_missing()
            parts += self._element()
        return parts

    def _element(self) -> tuple[Part, ...]:
        name = self._name()
        token = self._next
        if token.is_sign("["):
            if name is not None:
                raise error_at(token.place, "a name is given to one layer, not to a group in [ ]")
            return self._group()
        if not token.is_word:
            raise error_at(token.place, f"expected a layer such as CONV3-64, got {_shown(token)}")
        layer = read_layer(self._layer_words(), name, self._variables)
        joins = LAYERS[layer.keyword].arity < 0
        if self._next.is_sign("{"):
            if not joins:
                raise error_at(
                    self._next.place,
                    f"{layer.keyword} takes one input; branches in {{ }} belong to "
                    f"{' or '.join(joining_layers())}",
                )
            return (self._fork(layer),)
        if joins:
            raise error_at(
                layer.place,
                f"{layer.keyword} joins branches; write {layer.keyword}{{ a | b }}, "
                f"where a branch may be {SKIP}",
            )
        return (layer,) if self._is_wanted(layer) else ()

    def _name(self) -> str | None:
        if not (self._next.is_word and self._after_next.is_sign(":")):
            return None
        token = self._take()
        self._take()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", token.text):
            raise error_at(
                token.place,
                f"a name is made of letters, digits and _ and starts with no digit, "
                f"got {quoted(token.text)}",
            )
        if token.text in LAYERS or token.text == SKIP:
            raise error_at(token.place, f"{token.text} is a word of the notation, not a name")
        return token.text

    def _layer_words(self) -> list[Token]:
        """The words of one layer: up to a sign, or to what must be the next layer."""
        words = [self._take()]
        while self._next.is_word:
            text = self._next.text
            if keyword_of(text) or text == SKIP or self._after_next.is_sign(":"):
                self._arrow_missing()
            words.append(self._take())
        return words

    def _is_wanted(self, layer: Written) -> bool:
        """Whether a layer stays: without ``?`` always, else if its variable says yes."""
        mark = self._next
        if not self._takes("?"):
            return True
        variable = layer.keyword.lower()
        try:
            wanted: bool = YesNo().read(self._variables.get(variable, "yes"))
        except ValueError as error:
            raise error_at(mark.place, f"variable {variable}: {error}") from None
        return wanted

    def _group(self) -> tuple[Group, ...]:
        """A group, or nothing where it comes to no layers: no group is empty."""
        opening = self._open()
        parts = self._chain()
        self._close(opening)
        times = self._times() if self._takes("*") else 1
        return (Group(parts, times, opening.place),) if parts and times else ()

    def _times(self) -> int:
        token = self._take()
        if not token.is_word:
            raise error_at(
                token.place, f"expected a number or variable behind '*', got {_shown(token)}"
            )
        if token.text not in self._variables and re.fullmatch(r"[A-Za-z_]\w*", token.text):
            raise error_at(
                token.place,
                f"unknown variable {quoted(token.text)[1:-1]}"
                f"{did_you_mean(token.text, self._variables) or '.'} "
                f"Give it a value, e.g. {token.text}=2, or write the number",
            )
        try:
            times: int = Whole(0).read(self._variables.get(token.text, token.text))
        except ValueError as error:
            raise error_at(token.place, f"repetitions: {error}") from None
        return times

    def _fork(self, joint: Written) -> Fork:
        opening = self._open()
        branches = [self._branch()]
        while self._takes("|"):
            branches.append(self._branch())
        self._close(opening)
        if len(branches) < 2:
            raise error_at(
                opening.place,
                f"{joint.keyword} joins at least two branches; write {joint.keyword}{{ a | b }}, "
                f"where a branch may be {SKIP}",
            )
        return Fork(joint, tuple(branches))

    def _branch(self) -> tuple[Part, ...]:
        token = self._next
        if token.is_sign("|") or token.is_sign("}"):
            raise error_at(token.place, f"empty branch; a branch without layers is written {SKIP}")
        if not (token.is_word and token.text == SKIP):
            return self._chain()
        self._take()
        if self._next.is_word or self._next.is_sign("->"):
            raise error_at(token.place, f"{SKIP} stands alone in its branch")
        return ()

    def _open(self) -> Token:
        self._depth += 1
        if self._depth > DEEPEST:
            raise error_at(self._next.place, f"brackets are nested deeper than {DEEPEST}")
        return self._take()

    def _close(self, opening: Token) -> None:
        self._depth -= 1
        token = self._next
        closer = CLOSERS[opening.text]
        if self._takes(closer):
            return
        if token.is_sign(END):
            raise error_at(opening.place, f"'{opening.text}' is never closed by '{closer}'")
        where = f"line {token.place.line}, column {token.place.column}"
        raise error_at(
            opening.place, f"'{opening.text}' needs '{closer}', but {where} has '{token.text}'"
        )

    def _arrow_missing(self) -> NoReturn:
        token = self._next
        if token.is_sign("*"):
            raise error_at(token.place, "only a group is repeated: write [CONV -> RELU]*2")
        if token.is_sign("?"):
            raise error_at(token.place, "'?' belongs behind one layer, e.g. POOL?")
        if token.is_sign("{") or token.is_sign(":"):
            raise error_at(token.place, f"expected ->, got {_shown(token)}")
        raise error_at(token.place, f"'->' is missing in front of {_shown(token)}")


def _shown(token: Token) -> str:
    return END if token.is_sign(END) else quoted(token.text)
