"""The net of a command line: the argument, its variables, and the options that verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate.errors import FileError, InputError

if TYPE_CHECKING:
    from striate.api import Net

NetArgument = Annotated[
    str,
    typer.Argument(
        metavar="NET",
        help="A notation in quotes, a file with one, a name of the zoo, or a .safetensors file.",
        show_default=False,
    ),
]
RunArgument = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="A run folder, or a .safetensors file.", show_default=False),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A variable of the net: N=2, M=3, K=1, pool=no, input=28x28x1, classes=100.",
        show_default=False,
    ),
]
BatchOption = Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Images at once.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, metavar="N", help="Threads at work.", show_default="all processors"
    ),
]


def variables_of(settings: list[str]) -> dict[str, str]:
    """The variables of ``--set NAME=VALUE``.

    Raises:
        InputError: one has no ``=``.
    """
    found = {}
    for setting in settings:
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not (name and equals and value):
            raise InputError(f"--set: expected NAME=VALUE such as N=2, got '{setting}'")
        found[name] = value
    return found


def net_of(source: str, settings: list[str]) -> Net:
    """The net that an argument means; with weights if it is a .safetensors file.

    Raises:
        StriateError: it is none.
    """
    import striate

    if source.endswith(".safetensors"):
        return striate.load(source)
    return striate.net(source, **variables_of(settings))


def trained_net(run: Path) -> Net:
    """The net of a run folder, with its best weights, or of a .safetensors file.

    Raises:
        FileError: there is none, or it cannot be read.
    """
    import striate

    if not run.is_dir():
        return striate.load(run)
    for name in ("best.safetensors", "last.safetensors"):
        if (run / name).is_file():
            return striate.load(run / name)
    raise FileError(f"{run}: holds no trained net: expected best.safetensors in it")
