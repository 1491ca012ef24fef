"""``striate explain``: layers, losses, optimizers and the notes' letters."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from striate.app.terminal import say
from striate.app.verbs import NETS, verb


@verb("explain", NETS, ["striate explain", "striate explain CONV", "striate explain adam"])
def explain(
    word: Annotated[
        str | None,
        typer.Argument(
            help="A layer, a loss, an optimizer, a schedule, or a letter of the notes.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Explain a word: what it does, its options with their defaults, and examples.

    Without a word, all words are listed.
    """
    from striate.app.glossary import explanation, overview

    text = overview() if word is None else explanation(word)
    for line in text.splitlines():
        for part in textwrap.wrap(line, MOST_COLUMNS, subsequent_indent=_indent(line)) or [""]:
            say(part, "bold" if line in HEADINGS else "")


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip()))


MOST_COLUMNS = 110
HEADINGS = (
    "Options",
    "Examples",
    "Layers",
    "Losses",
    "Optimizers",
    "Schedules",
    "Letters",
    "Settings",
)
