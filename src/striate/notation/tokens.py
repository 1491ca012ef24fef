"""A text cut into words and signs, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from striate.notation.description import Place
from striate.notation.errors import error_at

END = "the end"

_TOKEN = re.compile(
    r"(?P<space>[^\S\n]+)|(?P<newline>\n)|(?P<comment>\#[^\n]*)"
    r"|(?P<sign>->|[\[\]{}|*?:])"
    r"|(?P<word>(?:[A-Za-z0-9_.,=+]|-(?!>))+)"
)


@dataclass(frozen=True)
class Token:
    """A word (``CONV3-64``, ``K=64``), a sign (``->``), or `END`."""

    text: str
    place: Place
    is_word: bool

    def is_sign(self, sign: str) -> bool:
        """Whether this is the sign (or `END`)."""
        return not self.is_word and self.text == sign


def cut(text: str, source: str) -> list[Token]:
    """The tokens of a text without spaces and comments; the last one is `END`.

    Raises:
        NotationError: a character that has no meaning in the notation.
    """
    lines = text.split("\n")
    tokens: list[Token] = []
    line, line_start, position = 1, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        place = Place(source, line, position - line_start + 1, 1, lines[line - 1])
        if match is None or set(match[0]) == {"-"}:
            raise error_at(place, _stray(text[position]))
        if match.lastgroup == "newline":
            line, line_start = line + 1, match.end()
        elif match.lastgroup in ("sign", "word"):
            long = Place(source, line, place.column, len(match[0]), place.text)
            tokens.append(Token(match[0], long, match.lastgroup == "word"))
        position = match.end()
    tokens.append(Token(END, _end_place(tokens, lines, source), is_word=False))
    return tokens


def span(first: Place, last: Place) -> Place:
    """The place from the first to the last, or to the end of the first one's line."""
    if last.line != first.line:
        return Place(
            first.source,
            first.line,
            first.column,
            max(1, len(first.text.partition("#")[0].rstrip()) - first.column + 1),
            first.text,
        )
    length = last.column + last.length - first.column
    return Place(first.source, first.line, first.column, length, first.text)


def _end_place(tokens: list[Token], lines: list[str], source: str) -> Place:
    """Just behind the last token."""
    if not tokens:
        return Place(source, 1, 1, 1, lines[0])
    last = tokens[-1].place
    return Place(source, last.line, last.column + last.length, 1, last.text)


def _stray(character: str) -> str:
    shown = f"'{character}'" if character.isprintable() else f"U+{ord(character):04X}"
    if character in "→⟶➔>-":
        return f"{shown} has no meaning here; layers are joined by ->"
    if character in "()":
        return f"{shown} has no meaning here; groups are written in [ ]"
    if character in "×":
        return f"{shown} has no meaning here; sizes are written with the letter x, e.g. 32x32x3"
    return f"{shown} has no meaning here"
