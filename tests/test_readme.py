"""Every promise of the README that can be run: its Python, its commands and what they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from command_line import striate
from striate.check import check
from striate.graph import build
from striate.layers import LAYERS, LOSSES
from striate.notation import parse
from striate.optimizers import OPTIMIZERS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of one language; those without a name have the empty one."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


COMMANDS = [
    line.partition("#")[0].strip()
    for block in blocks("")
    for line in block.splitlines()
    if line.startswith("striate ")
]


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(text, "README.md", "exec"), names)
    assert (tmp_path / "net.safetensors").stat().st_size > 1000
    assert isinstance(names["loss"], float)


@pytest.mark.parametrize("block", blocks("console"))
def test_commands_print_what_is_shown(block: str) -> None:
    first, *shown = block.splitlines()
    words = shlex.split(first.removeprefix("$ striate "))
    done = striate(*words)
    printed = [line.rstrip() for line in (done.out + done.err).splitlines()]
    assert printed[: len(shown)] == shown


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_every_verb_and_option_exists(command: str) -> None:
    _, verb, *words = shlex.split(command)
    help_text = striate(verb, "--help").out
    assert "Usage:" in help_text
    for word in words:
        if word.startswith("--"):
            assert word in help_text


def test_every_line_of_notation_is_a_net() -> None:
    (text,) = (block for block in blocks("") if block.startswith("INPUT"))
    for line in text.splitlines():
        net = line if line.startswith("INPUT") else f"INPUT 32x32x64 -> {line}"
        assert check(build(parse(net))).shapes


def test_all_layers_losses_and_optimizers_are_named() -> None:
    for name in (*LAYERS, *LOSSES, *OPTIMIZERS):
        assert re.search(rf"\b{name}\b", README), name


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_the_files_that_are_linked_exist() -> None:
    for path in re.findall(r"\]\(([^):]+)\)", README):
        assert (ROOT / path).exists(), path
