"""``striate explain``: layers, losses, optimizers, the words of the notation and the notes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Annotated

import typer

from striate.app.terminal import say
from striate.app.verbs import NETS, verb


@verb(
    "explain",
    NETS,
    ["striate explain", "striate explain CONV", "striate explain adam", "striate explain fit"],
)
def explain(
    word: Annotated[
        str | None,
        typer.Argument(
            help="A layer, a loss, an optimizer, a schedule, a step of augmentation, a net of the "
            "zoo, a letter of the notes, or a sign of the notation.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Explain a word: what it does, its options with their defaults, and examples.

    Without a word, all words are listed.
    """
    from striate.app.glossary import HEADINGS, explanation, overview

    text = overview() if word is None else explanation(word)
    for line in _wrapped(text):
        say(line, "bold" if line in HEADINGS else "")


def _wrapped(text: str) -> Iterator[str]:
    """The lines of a text in which paragraphs are filled and what is indented keeps its lines."""
    from striate.notation.explain import COLUMNS

    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ""
        lines = paragraph.split("\n")
        if not any(line.startswith(" ") for line in lines):
            lines = [" ".join(lines)]
        for line in lines:
            indent = " " * (len(line) - len(line.lstrip()) + 2 * line.startswith(" "))
            wrapped = textwrap.wrap(
                line,
                COLUMNS,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
            yield from wrapped or [""]
