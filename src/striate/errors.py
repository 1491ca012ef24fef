"""Errors that a user can meet: what was expected, what came, where, and what would work."""

from __future__ import annotations

MOST_QUOTED = 60


def quoted(text: str) -> str:
    """A text of the user as an error repeats it: in quotes, on one line, without its far end."""
    shown = text if len(text) <= MOST_QUOTED else text[: MOST_QUOTED - 3] + "..."
    return "'" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown) + "'"


class StriateError(Exception):
    """The base of every error that Striate raises on purpose; its text is complete by itself."""


class NotationError(StriateError):
    """A text that is not a net. The message shows the line and underlines the place."""


class NetError(StriateError):
    """A net whose layers do not fit together. Holds all of its problems at once.

    Attributes:
        problems: one text for each problem, in the order of the net.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"the net does not work: {count}", *problems]))


class InputError(StriateError, ValueError):
    """An array, a label or an argument of the wrong kind, shape or range."""


class DataError(StriateError):
    """A data set or an image that cannot be used."""


class FileError(StriateError):
    """A file that cannot be read or written: damaged, of another net, or on a full disk."""


class BudgetError(StriateError):
    """Sizes that would need more memory than there is; raised before anything is allocated."""


class TrainingError(StriateError):
    """A training run that cannot go on, e.g. because the loss is no longer a number."""


class CompileError(StriateError):
    """A target or a program that cannot be compiled on this machine."""
