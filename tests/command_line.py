"""Calling verbs in-process, as a shell would."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from striate.app import cli, terminal


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    code: int
    out: str
    err: str
    error: BaseException | None


def striate(*words: object) -> Answer:
    """Run ``striate WORD...``; standard output is a pipe."""
    found = CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="striate")
    return Answer(found.exit_code, found.stdout, found.stderr, found.exception)


def refusal(*words: object) -> str:
    """The error of a command that fails in words: exit code 1, nothing on standard output."""
    answer = striate(*words)
    assert (answer.code, answer.out) == (1, ""), answer
    assert answer.err.startswith("error: "), answer
    return answer.err.removeprefix("error: ").removesuffix("\n")


def look_on(monkeypatch: pytest.MonkeyPatch, columns: int = 100) -> None:
    """Make standard output and error a coloured terminal of so many columns."""
    monkeypatch.setattr(terminal, "is_terminal", lambda stream=None: True)  # noqa: ARG005
    monkeypatch.setattr(terminal, "coloured", lambda stream=None: True)  # noqa: ARG005
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
