"""Writing to a terminal or to a pipe: colours where a person looks on, plain text elsewhere.

Rich is imported when the first coloured line is written; a pipe never waits for it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

NARROWEST = 40
# Control characters but tab and newline, halves of surrogates, and what turns text around.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a person looks at the stream (standard output if none is given)."""
    stream = sys.stdout if stream is None else stream
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(stream: TextIO | None = None) -> bool:
    """Whether colours are wanted: a terminal, and no ``NO_COLOR`` in the environment."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def width() -> int:
    """Columns of the terminal."""
    return max(NARROWEST, shutil.get_terminal_size((100, 24)).columns)


def plain(text: str) -> str:
    """The text with escapes such as ``\\x1b`` for characters that would act on a terminal."""
    return _HARMFUL.sub(lambda found: ascii(found.group())[1:-1], text)


def one_line(text: str) -> str:
    """As `plain`, with newlines and tabs escaped too: for names."""
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def console(stream: TextIO | None = None) -> Console:
    """A rich console on the stream that takes text as it is: no markup, no guessed colours."""
    from rich.console import Console

    return Console(
        file=sys.stdout if stream is None else stream,
        force_terminal=is_terminal(stream),
        no_color=not coloured(stream),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def say(text: str = "", style: str = "", stream: TextIO | None = None) -> None:
    """Write a line; the style is for terminals."""
    stream = sys.stdout if stream is None else stream
    text = plain(text)
    if style and coloured(stream):
        console(stream).print(text, style=style)
    else:
        print(text, file=stream)


def say_parts(parts: Iterable[tuple[str, str]]) -> None:
    """Write a line of (text, style) parts."""
    pairs = [(one_line(text), style) for text, style in parts]
    if coloured():
        from rich.text import Text

        console().print(Text.assemble(*pairs))
    else:
        print("".join(text for text, _ in pairs))


def complain(message: str) -> None:
    """Write an error to standard error: the first line red, the rest as it is."""
    message = plain(message)
    first, _, rest = message.partition("\n")
    stream = sys.stderr
    if coloured(stream):
        from rich.text import Text

        out = console(stream)
        out.print(Text.assemble(("error: ", "bold red"), (first, "red")))
        if rest:
            out.print(rest)
    else:
        print(f"error: {message}", file=stream)


def say_table(text: str, totals: bool = False) -> None:
    """Write aligned text whose first line is a header; dashes become rules in a terminal.

    Args:
        text: lines of one table.
        totals: whether the line behind the second rule is one of totals.
    """
    text = plain(text)
    if not coloured():
        print(text)
        return
    from rich.text import Text

    out, rules = console(), 0
    for number, line in enumerate(text.splitlines()):
        if line and set(line) == {"-"}:
            rules += 1
            out.print(Text("─" * len(line), "bright_black"))
        elif number == 0 or (totals and rules == 2):
            out.print(Text(line, "bold"))
            rules += rules == 2
        else:
            out.print(_row(line) if rules < 2 else Text(line, "bright_black"))


def _row(line: str) -> Text:
    """The line of a table with its first column in colour."""
    from rich.text import Text

    name, space, rest = line.partition("  ")
    return Text.assemble((name, "cyan"), space + rest)
