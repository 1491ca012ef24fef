"""What is drawn and written: bars, pictures, durations, the pace of a run."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from command_line import look_on
from striate.app import terminal
from striate.app.columns import aligned
from striate.app.pictures import bar, draw
from striate.app.progress import Pace, clock
from striate.train.events import RunStarted, StepDone


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (185, "3:05"), (3723, "1:02:03")],
)
def test_durations(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_pace_is_of_the_steps_seen_here() -> None:
    pace = Pace(RunStarted(10, 40, 10, 8, ()))
    first = StepDone(11, 2, 1, 1.0, 1.0, 0.5, 0.1, 100.0)
    assert pace(first) == (0.0, 0.0)
    second = StepDone(13, 2, 3, 1.0, 1.0, 0.5, 0.1, 101.0)
    assert pace(second) == (16.0, 13.5)


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_bar_has_its_length(share: float, length: int) -> None:
    assert len(bar(share, length)) == length


def test_bars_in_a_pipe_and_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bar(0.5, 8) == "####    "
    look_on(monkeypatch)
    assert bar(0.5, 8) == "████    "
    assert bar(0.3, 8) == "██▍     "
    assert bar(1.0, 3) == "███"


def test_columns() -> None:
    assert aligned([("a", "n"), ("bcd", "10")], right=(1,)) == "a     n\nbcd  10"


def test_names_stay_in_their_line() -> None:
    rows = [("a\nb", "\x1b[2J"), ("\u202ec", "\tä")]
    assert aligned(rows) == "a\\nb     \\x1b[2J\n\\u202ec  \\tä"


def test_text_keeps_its_lines_and_loses_its_controls(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("one\r\ntwo\tthree\x07")
    terminal.say_table("name\x9b\nvalue")
    terminal.complain("file \udcff\x7f\n  place")
    found = capsys.readouterr()
    assert found.out == "one\\r\ntwo\tthree\\x07\nname\\x9b\nvalue\n"
    assert found.err == "error: file \\udcff\\x7f\n  place\n"


def test_without_colours_brightness_becomes_characters(capsys: pytest.CaptureFixture[str]) -> None:
    image = np.zeros((4, 3, 1), np.uint8)
    image[:2, 1:] = 255
    draw([image, image], [[("one", "")], [("two", "red")]])
    assert capsys.readouterr().out.splitlines() == [
        *(" @@   @@", ""),
        "one  two",
    ]


def test_in_colour_a_character_is_two_pixels(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look_on(monkeypatch)
    monkeypatch.setenv("COLORTERM", "truecolor")
    image = np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8)
    draw([image], [[]])
    out = capsys.readouterr().out
    assert "38;2;255;0;0" in out
    assert "48;2;0;0;255" in out


def test_large_images_are_shrunk(capsys: pytest.CaptureFixture[str]) -> None:
    draw([np.full((200, 100, 3), 255, np.uint8)], [[]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 13
    assert {line.strip() for line in lines} == {"@" * 12}


def test_errors_have_one_red_line_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.complain("first\nsecond")
    assert capsys.readouterr().err == "error: first\nsecond\n"
    look_on(monkeypatch)
    terminal.complain("first [bold] :smile:\nsecond")
    err = capsys.readouterr().err
    assert "\x1b[31mfirst" in err
    assert Text.from_ansi(err).plain == "error: first [bold] :smile:\nsecond\n"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_no_color_and_dumb_terminals_are_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.coloured(Terminal())
    assert not terminal.coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.is_terminal(Terminal())
    assert not terminal.coloured(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.is_terminal(Terminal())
