"""Teams: every chunk is done once, rows in order, whoever comes late, sleeps or is held up."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

import striate
from striate.kernels import ROW_WORDS, Library, default_threads, host
from striate.kernels.base import NativeKernel
from striate.kernels.emitter import Emitter
from striate.run import Program
from striate.run.threads import alone, team

SLEEPERS = 48
"""The word of a team's memory that counts its sleeping threads."""
THREADS = (2, 3, 5, 16)


class AddToAll(NativeKernel, frozen=True):
    """before, after, chunks: after[chunk] += 1 + the sum of all of before.

    What was written before the row began, and how often the chunk was done, both show.
    """

    def emit(self, e: Emitter) -> None:
        before, after = e.pointer(0, "i64"), e.pointer(1, "i64")
        total = e.variable(1)
        with e.loop(e.argument(2)) as i:
            total.value = total.value + before.load(i)
        after.store(after.load(e.chunk) + total.value, e.chunk)


class Sums:
    """A table of rows in which each adds up what the one in front of it wrote."""

    def __init__(self, chunks: tuple[int, ...], wake: int) -> None:
        self.library = Library([AddToAll()], host())
        self.volumes = [np.zeros(count, np.int64) for count in (1, *chunks)]
        pairs = list(zip(self.volumes, self.volumes[1:], strict=False))
        self.slots = [np.array([x.ctypes.data, y.ctypes.data, len(x)], np.int64) for x, y in pairs]
        kernel = self.library.address(AddToAll())
        rows = [
            [kernel, slots.ctypes.data, count, wake]
            for slots, count in zip(self.slots, chunks, strict=True)
        ]
        self.rows = np.array(rows, np.int64).reshape(-1, ROW_WORDS)
        self.scratch = np.zeros(64, np.uint8)

    def expected(self) -> list[int]:
        """What every value of each row is."""
        found = [0]
        for volume in self.volumes[:-1]:
            found.append((1 + found[-1] * len(volume)) % 2**64)
        return found

    def run(self, threads: int) -> list[set[int]]:
        """Run the table; the values that are found in each volume."""
        for volume in self.volumes:
            volume[:] = 0
        first, scratch = self.rows.ctypes.data, self.scratch.ctypes.data
        end = first + self.rows.nbytes
        if threads == 1:
            alone(first, end, scratch)
        else:
            team(threads).run(first, end, scratch, 0)
        return [{int(value) % 2**64 for value in volume} for volume in self.volumes]

    def check(self, threads: int) -> None:
        """Every chunk of every row was done once, after all of the row in front."""
        assert self.run(threads) == [{value} for value in self.expected()]


def random_rows(number: int) -> Sums:
    random = np.random.default_rng(number)
    chunks = random.choice([1, 1, 2, 3, 7, 16, 64, 500], random.integers(1, 30))
    return Sums(tuple(int(count) for count in chunks), wake=int(number % 2) * 15)


@pytest.mark.parametrize("threads", [1, *THREADS])
def test_every_chunk_is_done_once_and_rows_in_order(threads: int) -> None:
    for number in range(8):
        sums = random_rows(number)
        for _ in range(100):
            sums.check(threads)


def test_rows_without_chunks_and_no_rows_at_all_are_nothing() -> None:
    for threads in (1, 3):
        Sums((), 0).check(threads)
        sums = Sums((3, 2, 1, 4), 3)
        sums.rows[1, 2] = 0
        assert sums.run(threads)[2] == {0}
        assert sums.run(threads)[3:] == [{1}, {2}]


def asleep(threads: int) -> bool:
    """Whether all workers of a team sleep."""
    count = ctypes.c_int64.from_address(team(threads)._memory + 8 * SLEEPERS)
    return bool(count.value == threads - 1)


def wait_until_asleep(threads: int) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if asleep(threads):
            return
        pause.wait(0.01)
    raise AssertionError("the workers are still awake")


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("wake", [0, 15])
def test_workers_fall_asleep_and_come_back(threads: int, wake: int) -> None:
    sums = Sums((64, 1, 16, 500), wake)
    for _ in range(5):
        sums.check(threads)
        wait_until_asleep(threads)
    sums.check(threads)


def in_turn(work: list[partial[None]]) -> None:
    """Run each in a thread of its own."""
    wrong: list[BaseException] = []

    def tried(one: partial[None]) -> None:
        try:
            one()
        except AssertionError as error:
            wrong.append(error)

    callers = [threading.Thread(target=tried, args=(one,)) for one in work]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def repeat(sums: Sums, threads: int, times: int) -> None:
    for _ in range(times):
        sums.check(threads)


def test_many_tables_share_teams() -> None:
    in_turn([partial(repeat, random_rows(n), 2 + n % 3, 200) for n in range(6)])


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Processes that want a core each."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


NET = "INPUT 12x12x3 -> CONV3-16 -> RELU -> POOL2 -> CONV5-8 -> RELU -> FC 5"


def trained(threads: int, steps: int) -> Program:
    program = striate.net(NET).init(seed=1).compile(batch=6, training=True, threads=threads)
    random = np.random.default_rng(2)
    for _ in range(steps):
        images = random.standard_normal((6, 12, 12, 3)).astype(np.float32)
        program.step(images, random.integers(0, 5, 6))
    return program


def test_more_threads_than_cores_beside_busy_processes_come_to_the_same_bits() -> None:
    one = trained(1, 10)
    with busy(default_threads()):
        for threads in (2, default_threads() + 1, 16):
            more = trained(threads, 10)
            for node, arrays in one.weights.items():
                for name, array in arrays.items():
                    np.testing.assert_array_equal(more.weights[node][name], array)


@pytest.mark.parametrize("threads", [1, *THREADS])
def test_numbers_too_small_for_the_usual_form_count_as_zero_in_kernels_only(threads: int) -> None:
    smallest = np.finfo(np.float32).tiny
    net = striate.net("INPUT 64x64x16 -> CONV1-16").init()
    for given, weight in ((smallest / 2, 1e30), (smallest, 0.5)):
        net.weights["conv1"]["w"][...] = weight
        program = net.compile(batch=1, threads=threads)
        images = np.full((1, 64, 64, 16), given, np.float32)
        for _ in range(20):
            assert not program(images).any()
        assert (images * np.float32(weight)).all()


SETUP = f"""
import os, sys, threading
import numpy as np
import striate

program = striate.net("{NET}").init(seed=1).compile(batch=2, threads=3)
images = np.ones((2, 12, 12, 3), np.float32)
expected = program(images)
"""
FORK = """
for _ in range(3):
    child = os.fork()
    if not child:
        same = all(np.array_equal(program(images), expected) for _ in range(50))
        os._exit(0 if same else 1)
    assert np.array_equal(program(images), expected)
    assert os.waitpid(child, 0)[1] == 0
"""
EXIT_UNDER_WAY = """
def work():
    while True:
        program(images)
threading.Thread(target=work, daemon=True).start()
for _ in range(100):
    program(images)
"""
FAILURE = """
for _ in range(100):
    program(images)
sys.exit(3)
"""


@pytest.mark.parametrize(
    ("script", "code"),
    [(FORK, 0), ("program(images)", 0), (EXIT_UNDER_WAY, 0), (FAILURE, 3)],
    ids=["fork", "exit", "exit under way", "failure"],
)
def test_forks_and_exits_find_nothing_to_tidy_up(script: str, code: int) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SETUP + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (code, "")
