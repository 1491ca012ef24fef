"""Processes of their own make the object code that this one makes, and none of them is needed."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from striate.errors import CompileError
from striate.kernels import compile as compiling
from striate.kernels import compilers, host, object_code
from striate.kernels.compilers import FEW, Compiler, emit_objects
from striate.kernels.elementwise import SumVolumes
from striate.kernels.object_code import Machine, emit_object, serve

MACHINE = Machine(host().triple or compiling.llvm.get_process_triple(), host().cpu, host().features)
TEXTS = [f"define i32 @f{i}() {{\n  ret i32 {i}\n}}\n" for i in range(FEW + 3)]
MADE = [emit_object(text, MACHINE) for text in TEXTS]
WRONG = "define i32 @f() {\n  ret i64 0\n}\n"


def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Those that are started from now on, on a machine with two processors."""
    found: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: object, **settings: object) -> None:
            super().__init__(*words, **settings)  # type: ignore[call-overload]
            found.append(self)

    monkeypatch.setattr(compilers, "default_threads", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", Noted)
    return found


def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process may not compile."""
    monkeypatch.setattr(compilers, "emit_object", lambda *_: pytest.fail("compiled here"))


def test_many_texts_are_shared_among_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    started = processes(monkeypatch)
    nothing_here(monkeypatch)
    assert list(emit_objects(iter(TEXTS), len(TEXTS), MACHINE)) == MADE
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_a_few_texts_are_not_worth_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started = processes(monkeypatch)
    assert list(emit_objects(TEXTS[:FEW], FEW, MACHINE)) == MADE[:FEW]
    assert not started


def test_a_program_that_carries_its_interpreter_along_starts_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = processes(monkeypatch)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert list(emit_objects(TEXTS, len(TEXTS), MACHINE)) == MADE
    assert not started


@pytest.mark.parametrize("interpreter", ["", "/nowhere/python", "/bin/false"])
def test_where_no_process_starts_this_one_compiles(
    monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    monkeypatch.setattr(sys, "executable", interpreter)
    assert list(emit_objects(TEXTS, len(TEXTS), MACHINE)) == MADE


def test_a_process_that_is_lost_is_replaced_by_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    started = processes(monkeypatch)
    with Compiler(MACHINE, apart=True) as compiler:
        with monkeypatch.context() as inside:
            nothing_here(inside)
            assert compiler.emit_object(TEXTS[0]) == MADE[0]
        started[0].kill()
        started[0].wait()
        assert compiler.emit_object(TEXTS[1]) == MADE[1]


@pytest.mark.parametrize("answer", ["hello 3\nabc", "made 99\nabc", "made abc\n", "made\n", "\n"])
def test_what_another_program_says_is_no_object_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"input()\nprint({answer!r} + 'made 3\\nabc', flush=True)\n")
    monkeypatch.setattr(object_code, "__file__", str(script))
    started = processes(monkeypatch)
    with Compiler(MACHINE, apart=True) as compiler:
        assert compiler.emit_object(TEXTS[0]) == MADE[0]
        assert started[0].returncode is not None
        assert compiler.emit_object(TEXTS[1]) == MADE[1]


def test_what_llvm_rejects_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    processes(monkeypatch)
    with pytest.raises(RuntimeError) as here:
        emit_object(WRONG, MACHINE)
    nothing_here(monkeypatch)
    with Compiler(MACHINE, apart=True) as compiler:
        with pytest.raises(RuntimeError) as there:
            compiler.emit_object(WRONG)
        assert compiler.emit_object(TEXTS[0]) == MADE[0]
    assert str(there.value) == str(here.value)


@pytest.mark.parametrize("count", [1, 2, FEW + 1])
def test_a_kernel_that_llvm_rejects_names_itself(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    processes(monkeypatch)
    monkeypatch.setattr(compiling, "llvm_text", lambda *_: WRONG)
    monkeypatch.setenv("STRIATE_CACHE", "")
    kernels = [SumVolumes(i) for i in range(count)]
    with pytest.raises(CompileError, match=r"^LLVM rejects a kernel: LLVM IR parsing error"):
        compiling.Library(kernels, host())


def test_the_script_answers_until_there_are_no_more_requests() -> None:
    requests = b"".join(f"{len(text)}\n{text}".encode() for text in (TEXTS[0], WRONG, TEXTS[1]))
    answers = io.BytesIO()
    serve(io.BytesIO(requests), answers, MACHINE)
    answers.seek(0)
    for expected in (MADE[0], None, MADE[1]):
        word, length = answers.readline().decode().split()
        content = answers.read(int(length))
        assert word == ("rejected" if expected is None else "made")
        assert expected in (None, content)
    assert answers.read() == b""
