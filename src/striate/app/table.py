"""``striate table``: sizes and costs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from striate.app import terminal
from striate.app.nets import BatchOption, NetArgument, SetOption, net_of
from striate.app.terminal import say, say_table
from striate.app.verbs import NETS, verb

if TYPE_CHECKING:
    from striate.check import Table


class Format(StrEnum):
    """How a table is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    CSV = "csv"
    LATEX = "latex"


@verb(
    "table",
    NETS,
    [
        'striate table "INPUT 224x224x3 -> [[CONV -> RELU]*2 -> POOL]*2 -> FC 10"',
        "striate table vgg16 --batch 128 --training --optimizer adam",
        'striate table "INPUT -> [[CONV -> RELU]*N -> POOL]*M -> FC" --set N=3 --set M=2',
        "striate table my.net --format csv > costs.csv",
    ],
)
def table(
    net: NetArgument,
    batch: BatchOption = 1,
    training: Annotated[
        bool, typer.Option("--training", help="Count gradients and the optimizer's state too.")
    ] = False,
    optimizer: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Whose state is counted: sgd, adagrad, rmsprop, adam, adamw."
        ),
    ] = "sgd",
    format: Annotated[  # noqa: A002
        Format, typer.Option("--format", help="How to write it; csv has exact numbers.")
    ] = Format.TEXT,
    set_: SetOption = [],  # noqa: B006
) -> None:
    """Show every size and cost of a net before a byte is allocated.

    For each layer: its volume, memory, weights with their formula, multiply-adds and receptive
    field; then the memory for a batch. A net whose layers do not fit is refused with the
    arithmetic and what would fit.
    """
    found = net_of(net, set_).table(batch, training, optimizer)
    if format is Format.MARKDOWN:
        print(found.to_markdown())
    elif format is Format.CSV:
        print(found.to_csv(), end="")
    elif format is Format.LATEX:
        print(found.to_latex())
    else:
        show(found)


def show(found: Table) -> None:
    """Write a table; in a terminal that is too narrow for it, the columns that matter most."""
    text = found.to_text()
    head, _, memory = text.partition("\n\n")
    widest = max(map(len, head.splitlines()))
    if terminal.is_terminal() and widest > terminal.width():
        say_table(brief(found), totals=True)
        say(f"(all columns need {widest} characters a line, or --format csv)", "bright_black")
    else:
        say_table(head, totals=True)
    say()
    say(memory)


def brief(found: Table) -> str:
    """The columns that matter most, as aligned text."""
    from striate.check.numbers import in_bytes, in_short
    from striate.check.render import text

    rows = [
        (
            row.name,
            row.notation,
            str(row.shape),
            in_bytes(row.bytes) if row.values else "in place",
            f"{row.parameters:,}" if row.parameters else "",
            in_short(row.macs) if row.macs else "",
        )
        for row in found.rows
    ]
    total = in_bytes(sum(row.bytes for row in found.rows))
    rows.append(("total", "", "", total, f"{found.parameters:,}", in_short(found.macs)))
    return text(("layer", "notation", "volume", "memory", "parameters", "MACs"), rows, ())
