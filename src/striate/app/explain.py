"""``striate explain``: layers, losses, optimizers and the notes' letters."""

from __future__ import annotations

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
        is_heading = line and not line.startswith(" ") and line.rstrip(":") in HEADINGS
        say(line, "bold" if is_heading else "")


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
