"""The frame of all verbs: the typer application, errors in words, and help with examples."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard, TypeVar

import typer
from typer.core import TyperGroup

from striate.app.terminal import complain
from striate.errors import StriateError

INTERRUPTED = 130
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
NETS, TRAINING, MACHINE = "Nets", "Training and using a net", "This machine"
ORDER = (
    *("table", "explain", "zoo", "plan"),
    *("demo", "train", "evaluate", "predict"),
    *("time", "doctor", "version"),
)
EXAMPLES: dict[str, tuple[str, ...]] = {}
"""The examples in the help of each verb, so that tests can try them."""

Verb = TypeVar("Verb", bound=Callable[..., None])


class Verbs(TyperGroup):
    """The verbs of the command line. ``--debug`` may stand anywhere."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order of the help."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--debug`` out, wherever it stands."""
        ctx.obj = "--debug" in args
        return super().parse_args(ctx, [word for word in args if word != "--debug"])

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; errors become words on standard error unless ``--debug`` is given."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            # Those with an exit code, and Abort, are typer's own ways to end.
            if ctx.obj or hasattr(error, "exit_code") or isinstance(error, typer.Abort):
                raise
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            complain(words_of(error))
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def verb(name: str, panel: str, examples: Sequence[str]) -> Callable[[Verb], Verb]:
    """Add a function to the verbs; its docstring and the examples become the help."""
    EXAMPLES[name] = tuple(examples)

    def register(function: Verb) -> Verb:
        lines = "\n".join(f"  {_escaped(example)}" for example in examples)
        text = f"{help_of(function)}\n\n\b\n[bold]Examples[/bold]\n{lines}"
        app.command(name, help=text, rich_help_panel=panel)(function)
        return function

    return register


def help_of(function: Callable[..., None]) -> str:
    """The docstring with a line for each paragraph, so that it is wrapped to the terminal."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return _escaped("\n\n".join(" ".join(part.split()) for part in paragraphs))


def words_of(error: Exception) -> str:
    """What a person is told about an error."""
    if isinstance(error, StriateError):
        return str(error)
    if is_unwritable(error):
        return f"the output cannot be written: {error.strerror}"
    if isinstance(error, MemoryError):
        return "there is not enough memory; a smaller batch needs less"
    return (
        f"a defect of striate: {type(error).__name__}: {error}\n"
        "  please report it with what --debug at the end of the line shows"
    )


def _escaped(text: str) -> str:
    r"""Text in which rich finds no markup: ``\[[CONV -> RELU]*2``."""
    return text.replace("[", r"\[")


def is_unwritable(error: BaseException) -> TypeGuard[OSError]:
    """Whether standard output is full or broken; files are told of as `FileError`."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE and error.filename is None
