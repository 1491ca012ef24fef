"""The words that ``striate explain`` knows, told from docstrings and fields."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches

from striate.errors import InputError
from striate.layers import LAYERS, LOSSES
from striate.layers.options import REQUIRED, Option, options_of
from striate.notation import explain
from striate.optimizers import OPTIMIZERS
from striate.train.schedules import SCHEDULES

LETTERS = {
    "F": "the size of a filter: CONV3-64 has F=3; F=5x3 is 5 wide and 3 high",
    "S": "the stride: by how many pixels the filter moves",
    "P": "zero-padding: rows and columns of zeros around the volume. P=(F-1)/2 keeps the size at "
    "S=1, and is what CONV takes if nothing is said",
    "K": "the number of filters, the depth of the output; in a pattern, how many times FC -> RELU",
    "W": "the width (or height) of the volume. An output has (W - F + 2P)/S + 1 pixels along each "
    "axis, and this must be whole",
    "N": "in a pattern, how many times CONV -> RELU before a POOL: [[CONV -> RELU]*N -> POOL?]*M",
    "M": "in a pattern, how many times [CONV -> RELU]*N -> POOL?",
    "MAC": "one multiply-add; one MAC is 2 FLOP",
}
GROUPS: tuple[tuple[str, Mapping[str, type]], ...] = (
    ("Layers", LAYERS),
    ("Losses", LOSSES),
    ("Optimizers", OPTIMIZERS),
    ("Schedules", SCHEDULES),
)
"""Headings and the classes below them; layers are looked for first."""
KINDS = {"Losses": "loss", "Optimizers": "optimizer", "Schedules": "schedule"}


def overview() -> str:
    """All words with a line on each."""
    sections = []
    for heading, classes in GROUPS:
        lines = [f"  {name:<12} {_first_line(cls)}" for name, cls in classes.items()]
        sections.append("\n".join([heading, *lines]))
    letters = [f"  {name:<12} {_shortened(text)}" for name, text in LETTERS.items()]
    return "\n\n".join([*sections, "\n".join(["Letters", *letters])]).replace("``", "")


def explanation(word: str) -> str:
    """The explanation of a word, in any case.

    Raises:
        InputError: it is not known; the text suggests one that is.
    """
    found = [f"{word.upper()}: {LETTERS[word.upper()]}"] if word.upper() in LETTERS else []
    if word.upper() in LAYERS:
        found.append(explain(word))
    for heading, classes in GROUPS[1:]:
        if word.lower() in classes:
            found.append(_explained(heading, classes[word.lower()]))
    if found:
        return "\n\n\n".join(found).replace("``", "")
    known = {name.lower(): name for _, classes in GROUPS for name in classes}
    near = get_close_matches(word.lower(), known, n=1)
    hint = f"did you mean {known[near[0]]}?" if near else "striate explain lists all words"
    raise InputError(f"there is nothing called '{word}'; {hint}")


def _explained(heading: str, cls: type) -> str:
    """What a loss, optimizer or schedule is, from its docstrings, and its settings."""
    doc = inspect.getdoc(cls) or ""
    summary = _first_line(cls)
    sections = [f"{KINDS[heading]} {getattr(cls, 'name', '')}: {summary}."]
    sections += doc.split("\n\n")[doc.startswith(summary) :]
    words = getattr(cls, "words", "")
    if words:
        sections.append(f"Written {words}")
    settings = [
        f"  {option.key:<16} {option.help}; {option.kind.words}{_default(option)}"
        for option in options_of(cls).values()
    ]
    if settings:
        sections.append("\n".join(["Settings", *settings]))
    return "\n\n".join(sections)


def _default(option: Option) -> str:
    return "" if option.default is REQUIRED else f", default {option.kind.write(option.default)}"


def _first_line(cls: type) -> str:
    """The first sentence of the module where it is about this class, else of the class."""
    module = (inspect.getdoc(inspect.getmodule(cls)) or "").splitlines()[0]
    name, colon, rest = module.partition(": ")
    own = getattr(cls, "keyword", "") or getattr(cls, "name", "")
    if colon and own in name.split():
        return rest.rstrip(".")
    return (inspect.getdoc(cls) or "").splitlines()[0].rstrip(".")


def _shortened(text: str) -> str:
    return text.split(". ")[0].split("; ")[0]
