"""``striate``: one verb a file; each imports what it needs when it runs, so that help is quick."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any, TextIO

import typer

from striate import __version__
from striate.app import (  # noqa: F401 (importing a verb registers it)
    demo,
    doctor,
    evaluate,
    explain,
    plan,
    predict,
    table,
    timing,
    train,
    zoo,
)
from striate.app.terminal import complain
from striate.app.verbs import INTERRUPTED, MACHINE, app, is_unwritable, verb, words_of

OVERVIEW = (
    "A ConvNet compiler and workbench.\n\n"
    "Write a net as the CS231n notes do, see every size and cost, train it with natively compiled "
    "code, and classify with it. striate VERB --help explains a verb and gives examples.\n\n"
    "A NET is a notation in quotes, such as 'INPUT 32x32x3 -> CONV3-16 -> RELU -> FC 10', a file "
    "with one, or a name of the zoo. DATA is fashion, which is in the package, a folder of class "
    "folders, idx or CIFAR files, or an .npz file."
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"striate {__version__}")
        raise typer.Exit


@app.callback(help=OVERVIEW)
def striate(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """Options of the whole command; typer acts on them."""
    del version, debug


@verb("version", MACHINE, ["striate version"])
def version() -> None:
    """Show the version of Striate."""
    print(f"striate {__version__}")


def main() -> None:
    """The entry point of the command ``striate``."""
    for stream in (sys.stdout, sys.stderr):
        # A stream of another encoding gets a question mark for what it lacks.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(_closed(sys.stdout, _run()))


def _run() -> Any:
    """Run the verb; its exit code."""
    try:
        app(prog_name="striate")
    except SystemExit as end:
        return end.code
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except OSError as error:
        if not is_unwritable(error):
            raise
        complain(words_of(error))
        return 1


def _closed(out: TextIO, code: Any) -> Any:
    """Write what is left, which Python would do with a traceback; the exit code after that."""
    try:
        out.flush()
    except OSError as error:
        # Nothing more can be written there: what is left goes nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
        if not code and is_unwritable(error):
            complain(words_of(error))
        return code or 1
    return code
