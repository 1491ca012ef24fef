"""Object code of many kernels on several processors: see `striate.kernels.object_code`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from striate.kernels import object_code
from striate.kernels.isa import default_threads
from striate.kernels.object_code import Machine, emit_object

FEW = 6
"""Kernels that are compiled before further processes would have started."""
MOST_PROCESSES = 4
"""More would wait for the texts, which one thread writes."""


class Compiler:
    """Compiles one text after the other.

    Args:
        machine: what LLVM generates code for.
        apart: in a process of its own, if one can be started and is not lost.
    """

    def __init__(self, machine: Machine, apart: bool) -> None:
        self._machine = machine
        self._process = _start(machine) if apart else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        """Have no process any more."""
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()
            with suppress(OSError):
                self._process.communicate()
        self._process = None

    def emit_object(self, text: str) -> bytes:
        """Object code of LLVM assembly; RuntimeError if LLVM rejects it."""
        if self._process is not None:
            with suppress(OSError, ValueError):
                return _ask(self._process, text.encode())
            # What it may still say would be taken for the answer to another text.
            self._end()
        return emit_object(text, self._machine)


def _start(machine: Machine) -> subprocess.Popen[bytes] | None:
    # A program that carries its interpreter along would start itself.
    if not sys.executable or getattr(sys, "frozen", False):
        return None
    words = [sys.executable, "-S", "-P", object_code.__file__, *machine]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with suppress(OSError):
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what fails there is done here, where it can be seen
            env=environment,
            start_new_session=True,  # an interrupt from the keyboard does not reach it
        )
    return None


def _ask(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """An answer; OSError or ValueError if the process is gone or says something else."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{len(text)}\n".encode() + text)
    process.stdin.flush()
    word, length = process.stdout.readline().decode().split()
    content = process.stdout.read(int(length))
    if word == "rejected":
        raise RuntimeError(content.decode())
    if word != "made" or len(content) != int(length):
        raise OSError("the process ended, or is another program")
    return content


def emit_objects(texts: Iterable[str], count: int, machine: Machine) -> Iterator[bytes]:
    """Object code of texts in their order, while the next ones are still being written.

    Args:
        texts: LLVM assembly.
        count: how many there are.
        machine: what LLVM generates code for.

    Raises:
        RuntimeError: LLVM rejects one.
    """
    processors = min(MOST_PROCESSES, default_threads())
    free: SimpleQueue[Compiler] = SimpleQueue()

    def emit(text: str) -> bytes:
        compiler = free.get()
        try:
            return compiler.emit_object(text)
        finally:
            free.put(compiler)

    with ExitStack() as stack:
        for _ in range(processors):
            apart = count > FEW and processors > 1
            free.put(stack.enter_context(Compiler(machine, apart)))
        pool = stack.enter_context(ThreadPoolExecutor(processors))
        yield from pool.map(emit, texts)
