"""``striate zoo``: the nets that come with Striate."""

from __future__ import annotations

from typing import Annotated

import typer

from striate.app.columns import aligned
from striate.app.terminal import say, say_table
from striate.app.verbs import NETS, verb


@verb("zoo", NETS, ["striate zoo", "striate zoo vgg16", "striate zoo resnet18 > my.net"])
def zoo(
    name: Annotated[
        str | None, typer.Argument(help="Show the notation of this net.", show_default=False)
    ] = None,
) -> None:
    """List the well-known nets that come with Striate, or write the notation of one.

    Wherever a NET is asked for, a name from this list will do.
    """
    from striate import zoo as catalogue

    if name is not None:
        print(catalogue.text(name), end="")
        return
    import striate
    from striate.check.numbers import in_short

    rows = [("name", "input", "parameters", "MACs", "what it is")]
    for each in catalogue.names():
        found = striate.net(each)
        table = found.table()
        size = str(table.rows[0].shape)
        counts = (in_short(table.parameters), in_short(table.macs))
        rows.append((each, size, *counts, catalogue.summary(each)))
    say_table(aligned(rows, right=(1, 2, 3)))
    say()
    say("striate zoo NAME writes the notation; striate table NAME shows the costs", "bright_black")
