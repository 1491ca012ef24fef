"""The frame of the command line: help, errors in words, exit codes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from command_line import refusal, striate
from striate import __version__, api
from striate.app import cli
from striate.app.verbs import EXAMPLES, ORDER
from striate.errors import NotationError


def test_the_help_lists_every_verb_with_a_sentence() -> None:
    answer = striate("--help")
    assert answer.code == 0
    places = [answer.out.index(f"│ {name} ") for name in ORDER]
    assert places == sorted(places)
    assert set(ORDER) == set(EXAMPLES)


def test_without_a_verb_the_help_is_shown() -> None:
    assert "Usage: striate [OPTIONS] COMMAND" in striate().out + striate().err


@pytest.mark.parametrize("name", ORDER)
def test_the_help_of_a_verb_shows_its_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    answer = striate(name, "-h")
    assert answer.code == 0
    assert "Examples" in answer.out
    for example in EXAMPLES[name]:
        assert example in answer.out
    assert "  " not in answer.out.splitlines()[3].strip()


@pytest.mark.parametrize(
    ("name", "example"), [(name, example) for name in ORDER for example in EXAMPLES[name]]
)
def test_the_examples_in_the_help_are_commands(name: str, example: str) -> None:
    words = shlex.split(example.partition(">")[0] if " > " in example else example)
    assert words[:2] == ["striate", name]
    group = typer.main.get_command(cli.app)
    command = group.commands[name]  # type: ignore[attr-defined]
    command.make_context(name, words[2:])


def test_version() -> None:
    assert striate("version").out == striate("--version").out == f"striate {__version__}\n"


def test_an_error_is_words_on_standard_error() -> None:
    assert refusal("table", "INPUT 32x32x3 -> CNV3-8 -> FC 10") == (
        "<net>:1:18: unknown layer CNV; did you mean CONV?\n"
        "    INPUT 32x32x3 -> CNV3-8 -> FC 10\n"
        "                     ^^^^^^"
    )


@pytest.mark.parametrize(
    "words", [("--debug", "table", "CONV"), ("table", "CONV -> FC", "--debug")]
)
def test_debug_shows_the_error_itself(words: tuple[str, ...]) -> None:
    answer = striate(*words)
    assert answer.code == 1
    assert answer.error is not None
    assert not isinstance(answer.error, SystemExit)


def test_a_wrong_option_is_a_usage_error() -> None:
    answer = striate("table", "vgg16", "--bach", 3)
    assert (answer.code, answer.out) == (2, "")
    assert "No such option: --bach" in answer.err


def test_a_defect_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.Net, "table", lambda *words: 1 // 0)  # noqa: ARG005
    assert refusal("table", "vgg16") == (
        "a defect of striate: ZeroDivisionError: integer division or modulo by zero\n"
        "  please report it with what --debug at the end of the line shows"
    )


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object) -> None:
        raise MemoryError(words)

    monkeypatch.setattr(api.Net, "table", fail)
    assert refusal("table", "vgg16") == "there is not enough memory; a smaller batch needs less"


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*words: object) -> None:
        raise KeyboardInterrupt(words)

    monkeypatch.setattr(api.Net, "table", interrupt)
    answer = striate("table", "vgg16")
    assert (answer.code, answer.out, answer.err) == (130, "", "error: interrupted\n")


def test_a_pipe_that_closes_is_no_error() -> None:
    command = f"{shlex.quote(sys.executable)} -m striate table vgg16 | head -n 1"
    found = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("layer")
    assert found.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
@pytest.mark.parametrize("words", [("table", "vgg16"), ("table", "linear"), ("--help",)])
def test_a_full_device_is_told_in_a_line(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "striate", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert found.returncode == 1
    assert found.stderr == "error: the output cannot be written: No space left on device\n"


def test_what_the_encoding_lacks_is_replaced() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "striate", "explain", "softmax"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "exp(s_k)/? exp(s_j)" in found.stdout
    assert found.stderr == ""


def test_ctrl_c_during_the_imports_shows_no_traceback() -> None:
    code = (
        "import signal, sys\n"
        "class Press:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'striate.app.cli': signal.raise_signal(signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Press())\n"
        "from striate.__main__ import main\n"
        "main()\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (130, b"", b"")


def test_a_table_brings_neither_llvm_nor_pillow_nor_rich() -> None:
    code = (
        "import sys; from striate.app.cli import main; sys.argv = ['striate', 'table', 'tinyvgg']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('llvmlite', 'PIL', 'rich', 'pydantic') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_debug_is_an_error_of_the_notation() -> None:
    assert isinstance(striate("table", "CONV -> FC", "--debug").error, NotationError)
