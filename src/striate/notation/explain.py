"""What a layer is and which options it takes, told from its docstring and fields."""

from __future__ import annotations

import inspect
import textwrap

from striate.errors import InputError
from striate.layers.base import LAYERS, Layer, grammar
from striate.layers.options import REQUIRED, Choice, Option, YesNo
from striate.notation.defaults import MEANING
from striate.notation.errors import did_you_mean
from striate.notation.words import SKIP

COLUMNS = 80
HELP_COLUMN = 25
MOST_EXAMPLES = 6


def explain(keyword: str) -> str:
    """A layer explained: what it does, its options with kind and default, and examples.

    Raises:
        InputError: there is no such layer.
    """
    cls = LAYERS.get(keyword.upper())
    if cls is None:
        hint = did_you_mean(keyword, LAYERS) or f"; the layers are {', '.join(sorted(LAYERS))}"
        raise InputError(f"there is no layer {keyword}{hint}")
    summary = inspect.getdoc(inspect.getmodule(cls)) or ""
    meaning = inspect.getdoc(cls) or ""
    sections = [summary, meaning.partition("\n\nArgs:")[0].partition("\n\nRaises:")[0]]
    options = [_option(cls, option) for option in grammar(cls.keyword).values()]
    if options:
        sections.append("\n".join(["Options", *options]))
    if cls.keyword in MEANING:
        sections.append(f"Written without a number: {MEANING[cls.keyword]}")
    if cls.examples:
        shown = (f"  {pasteable(text)}" for text in cls.examples[:MOST_EXAMPLES])
        sections.append("\n".join(["Examples", *shown]))
    return "\n\n".join(sections)


def entry(head: str, text: str, column: int) -> str:
    """A word and, from a column on, its explanation, in lines of at most `COLUMNS`."""
    margin = " " * column
    lines = [margin + line for line in textwrap.wrap(text, COLUMNS - column)]
    if len(head) >= column:
        return "\n".join([head, *lines])
    return "\n".join([f"{head:<{column}}{lines[0][column:]}", *lines[1:]])


def pasteable(example: str) -> str:
    """An example of a layer (`striate.layers.base.layer`) as the notation of a whole net."""
    volumes, _, layer = (part.strip() for part in example.partition("->"))
    first, *others = (volume.strip() for volume in volumes.split("|"))
    if not others:
        return f"INPUT {first} -> {layer}"
    branches = [f"CONV3-{volume.rpartition('x')[2]} -> RELU" for volume in others]
    return f"INPUT {first} -> {layer}{{ {' | '.join([*branches, SKIP])} }}"


def _option(cls: type[Layer], option: Option) -> str:
    written = f"{option.key}={_sample(option)}"
    short = _short_forms(cls, option)
    if option.default is REQUIRED:
        default = "must be given"
    elif option.default is None:
        default = f"by default {option.otherwise}"
    else:
        default = f"default {option.kind.write(option.default)}"
    also = f", also written {short}" if short else ""
    about = [option.help, f"{option.kind.words};", f"{default}{also}"]
    heads = [f"  {written}", "", ""]
    return "\n".join(map(entry, heads, about, [HELP_COLUMN] * len(about)))


def _sample(option: Option) -> str:
    if isinstance(option.kind, Choice):
        return "|".join(option.kind.choices)
    if isinstance(option.kind, YesNo):
        return "yes|no"
    return "..."


def _short_forms(cls: type[Layer], option: Option) -> str:
    key = option.key
    if key in cls.compact:
        index = cls.compact.index(key)
        return cls.keyword + "-".join(f"<{key}>" for key in cls.compact[: index + 1])
    if key == cls.positional:
        return f"{cls.keyword} <{key}>"
    if isinstance(option.kind, Choice) and option.kind.bare:
        return ", ".join(option.kind.choices)
    if isinstance(option.kind, YesNo) and option.kind.bare:
        return key
    return ""
