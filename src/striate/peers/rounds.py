"""Runs libraries in turn (A B A B), each time in a process of its own, and gathers the figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

import striate
from striate.peers.catalogue import BEST_MALLOC, LIBRARIES, Library
from striate.peers.job import Job

Runs = dict[str, list[dict[str, Any]]]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ONE_PROCESS = 900
"""Seconds after which a process is given up."""
LAST_WORDS = 300
OURS = "striate"
SAME_LOSS, SAME_FALL = 1e-3, 0.1
"""How far a library's first loss may be from Striate's, and its fall in one step. In a deep net
with batch norms rounding errors grow on the way: PyTorch's two layouts differ by 0.5% of the fall
in ResNet-50."""


@dataclass
class Measured:
    """What was found in one job.

    Attributes:
        runs: by library, one record for each round; see `striate.peers.session.measure`.
        failed: by library, why it gave no figures.
    """

    runs: Runs = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def middle(self, library: str, figure: str = "milliseconds") -> float:
        """The median over the rounds."""
        return median(run[figure] for run in self.runs[library])

    def spread(self, library: str) -> tuple[float, float]:
        """The fastest and slowest round's milliseconds."""
        times = [run["milliseconds"] for run in self.runs[library]]
        return min(times), max(times)


def environment_of(library: Library, threads: int) -> Mapping[str, str]:
    """The variables of a library's process; it finds this Striate."""
    source = str(Path(striate.__file__).parent.parent)
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    limits = dict.fromkeys(THREADS, str(threads))
    return {**os.environ, **limits, **library.environment, "PYTHONPATH": os.pathsep.join(paths)}


def run_once(job: Job) -> dict[str, Any] | str:
    """One process: its figures, or its last words."""
    words = [sys.executable, "-m", "striate.peers", job.text()]
    environment = environment_of(LIBRARIES[job.library], job.threads)
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, env=environment, timeout=ONE_PROCESS
        )
    except subprocess.TimeoutExpired:
        return f"not done after {ONE_PROCESS} s"
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return said[-1][:LAST_WORDS]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def interleaved(
    job: Job,
    libraries: Sequence[Library],
    rounds: int,
    told: Callable[[str], None] = lambda line: None,  # noqa: ARG005
    best_malloc: bool = False,
    slowest: float = inf,
) -> Measured:
    """Every round runs each library once; one that fails is left out from then on.

    Args:
        job: what is done; its library is replaced.
        libraries: in turn.
        rounds: how often.
        told: hears of every process before it starts.
        best_malloc: whether PyTorch's best way of the first round is run with raised malloc
            thresholds, too.
        slowest: a library that takes so many times as long as the fastest one besides Striate is
            not run after the first round.
    """
    found = Measured()
    names = [library.name for library in libraries]
    for number in range(rounds):
        for name in names:
            told(f"round {number + 1} of {rounds}: {name}")
            _gather(found, name, run_once(replace(job, library=name)))
        best = _best_torch(found) if best_malloc else None
        if best is not None:
            told(f"round {number + 1} of {rounds}: {best}")
            _gather(found, BEST_MALLOC, run_once(replace(job, library=best)))
        names = [name for name in names if name in _worth_it(found, slowest)]
    return found


def _worth_it(found: Measured, slowest: float) -> Iterator[str]:
    """Striate, and the libraries that have not failed and may be the fastest."""
    times = {name: min(run["milliseconds"] for run in runs) for name, runs in found.runs.items()}
    best = min((time for name, time in times.items() if name != OURS), default=inf)
    for name, time in times.items():
        if name not in found.failed and (name == OURS or time <= slowest * best):
            yield name


def _gather(found: Measured, name: str, run: dict[str, Any] | str) -> None:
    if isinstance(run, str):
        found.failed[name] = run
    else:
        found.runs.setdefault(name, []).append(run)


def _best_torch(found: Measured) -> str | None:
    """PyTorch's best way in the first round, with raised thresholds; the same in every round."""
    first = {n: runs[0]["milliseconds"] for n, runs in found.runs.items() if _is_torch(n)}
    if not first or BEST_MALLOC in found.failed:
        return None
    return f"{min(first, key=first.__getitem__)}-malloc"


def _is_torch(name: str) -> bool:
    return name.startswith("torch") and name != BEST_MALLOC


def losses_differ(found: Measured) -> Iterator[tuple[str, str]]:
    """The libraries that train another net than Striate, each with what is wrong.

    The first loss follows from the scores, the fall to the second from every gradient.
    """
    if OURS not in found.runs:
        return
    ours = found.runs[OURS][0]["losses"]
    for name, runs in found.runs.items():
        theirs = runs[0]["losses"]
        falls = (ours[0] - ours[1], theirs[0] - theirs[1])
        same = abs(ours[0] - theirs[0]) <= SAME_LOSS * abs(ours[0])
        if not (same and abs(falls[0] - falls[1]) <= SAME_FALL * abs(falls[0])):
            yield name, f"trains another net: losses {theirs}, Striate's {ours}"
