"""The words that ``striate explain`` knows, told from docstrings and fields."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches

from striate import zoo
from striate.app.terms import LETTERS, SIGNS, TERMS, term
from striate.errors import InputError, quoted
from striate.layers import LAYERS, LOSSES
from striate.layers.options import REQUIRED, Option, options_of
from striate.notation.explain import entry, explain
from striate.optimizers import OPTIMIZERS
from striate.train.augment import STEPS, Step
from striate.train.schedules import SCHEDULES

GROUPS: tuple[tuple[str, Mapping[str, type]], ...] = (
    ("Layers", LAYERS),
    ("Losses", LOSSES),
    ("Optimizers", OPTIMIZERS),
    ("Schedules", SCHEDULES),
    ("Augmentation", STEPS),
)
"""Headings and the classes below them; layers are looked for first."""
KINDS = {
    "Losses": "loss",
    "Optimizers": "optimizer",
    "Schedules": "schedule",
    "Augmentation": "augmentation",
}
WORDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("Notation", SIGNS),
    ("Letters", LETTERS),
    ("Terms", TERMS),
)
HEADINGS = {"Options", "Examples", "Settings", "Nets", *(h for h, _ in (*GROUPS, *WORDS))}
COLUMN = 15


def overview() -> str:
    """All words with a line on each."""
    listed = [(head, {n: _first_line(c) for n, c in found.items()}) for head, found in GROUPS]
    listed += [(head, {n: _shortened(text) for n, text in found.items()}) for head, found in WORDS]
    listed += [("Nets", {name: zoo.summary(name) for name in zoo.names()})]
    sections = [
        "\n".join(
            [head, *(entry(f"  {name}", text, _column(head)) for name, text in found.items())]
        )
        for head, found in listed
    ]
    return "\n\n".join(sections).replace("``", "")


def explanation(word: str) -> str:
    """The explanation of a word, in any case.

    Raises:
        InputError: it is not known; the text suggests one that is.
    """
    about = term(word)
    found = [f"{about[0].removesuffix(':')}: {about[1]}"] if about else []
    if word.upper() in LAYERS:
        found.append(explain(word))
    for heading, classes in GROUPS[1:]:
        if word.lower() in classes:
            found.append(_explained(heading, classes[word.lower()]))
    if word.lower() in zoo.names():
        found.append(_net(word.lower()))
    if found:
        return "\n\n".join(found).replace("``", "")
    every = (*(found for _, found in GROUPS), *(found for _, found in WORDS), zoo.names())
    known = {name.lower(): name for names in every for name in names}
    near = get_close_matches(word.lower(), known, n=1)
    hint = f"did you mean {known[near[0]]}?" if near else "striate explain lists all words"
    raise InputError(f"there is nothing called {quoted(word)}; {hint}")


def _column(heading: str) -> int:
    """Where the explanations begin: behind the longest name."""
    return COLUMN + 6 if heading == "Nets" else COLUMN


def _net(name: str) -> str:
    """What a net of the zoo is, and its notation."""
    lines = "\n".join(f"  {line}".rstrip() for line in zoo.text(name).splitlines())
    return f"net {name}: {zoo.summary(name)}.\n\nNotation\n{lines}"


def _explained(heading: str, cls: type) -> str:
    """What a loss, optimizer or schedule is, from its docstrings, and its settings."""
    doc = inspect.getdoc(cls) or ""
    summary = _first_line(cls)
    sections = [f"{KINDS[heading]} {_name(cls)}: {summary}."]
    sections += doc.split("\n\n")[doc.startswith(summary) :]
    words = _as_step(cls) if issubclass(cls, Step) else getattr(cls, "words", "")
    if words:
        sections.append(f"Written {words}")
    settings = [
        entry(
            f"  {option.key}", f"{option.help}; {option.kind.words}{_default(option)}", COLUMN + 4
        )
        for option in options_of(cls).values()
    ]
    if settings:
        sections.append("\n".join(["Settings", *settings]))
    return "\n\n".join(sections)


def _name(cls: type) -> str:
    """What the notation or the command line calls it."""
    return getattr(cls, "keyword", "") or getattr(cls, "name", "")


def _as_step(cls: type[Step]) -> str:
    """How a step of augmentation is written."""
    if cls.kind is None:
        return cls.keyword
    usual = cls.kind.write(getattr(cls, fields(cls)[0].name))
    return f"{cls.keyword}=V, {cls.kind.words}; {cls.keyword} alone is {cls.keyword}={usual}"


def _default(option: Option) -> str:
    return "" if option.default is REQUIRED else f", default {option.kind.write(option.default)}"


def _first_line(cls: type) -> str:
    """The first sentence of the module where it is about this class, else of the class."""
    module = (inspect.getdoc(inspect.getmodule(cls)) or "").splitlines()[0]
    name, colon, rest = module.partition(": ")
    if colon and _name(cls) in name.split():
        return rest.rstrip(".")
    return (inspect.getdoc(cls) or "").splitlines()[0].rstrip(".")


def _shortened(text: str) -> str:
    return text.split(". ")[0].split("; ")[0]
