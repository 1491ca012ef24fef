"""``striate``: one verb a file; each imports what it needs when it runs, so that help is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import __version__
from striate.app import (  # noqa: F401 (importing a verb registers it; this is their order)
    table,
    plan,
    explain,
    zoo,
    train,
    evaluate,
    predict,
    demo,
    timing,
    doctor,
)
from striate.app.verbs import MACHINE, app, verb


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"striate {__version__}")
        raise typer.Exit


@app.callback()
def striate(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """A ConvNet compiler and workbench.

    Write a net as the CS231n notes do, see every size and cost, train it with natively compiled
    code, and classify with it. NET is a notation in quotes, a file with one, or a name of the zoo.
    """


@verb("version", MACHINE, ["striate version"])
def version() -> None:
    """Show the version of Striate."""
    print(f"striate {__version__}")


def main() -> None:
    """The entry point of the command ``striate``."""
    app(prog_name="striate")
