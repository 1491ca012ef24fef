"""What another program that wants the cores costs: times with and without busy loops beside.

    python bench/busy.py [--rounds 5] [--threads 2] [--loops 1] [JOB ...]

A job is NET:MODE:BATCH, e.g. tinyvgg:train:128. Each round runs the job for a while alone and then
beside processes that do nothing but count, in turn (A B A B), and takes the mean of a call, in
which a call that was held up weighs as much as it cost. Printed are the medians over the rounds and
their ratio. Two threads and one loop on two cores have a core and a third: 1.5 is then what fair
shares alone would cost.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

import striate

JOBS = ("tinyvgg:train:128", "convnetjs:infer:1", "resnet50:infer:1")
SECONDS = 1.5
LOOP = "while True: pass"


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Processes that want a core each."""
    running = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(loops)]
    time.sleep(0.2)
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def mean(call: Callable[[], object]) -> float:
    """Seconds of a call on average, over a while."""
    start = time.perf_counter()
    count, elapsed = 0, 0.0
    while elapsed < SECONDS or count < 3:
        call()
        count, elapsed = count + 1, time.perf_counter() - start
    return elapsed / count


def prepared(job: str, threads: int) -> Callable[[], object]:
    """A job's call, warmed up."""
    name, mode, batch = job.split(":")
    training = mode == "train"
    net = striate.net(name).init(seed=0)
    program = net.compile(batch=int(batch), training=training, threads=threads)
    rng = np.random.default_rng(0)
    shape = net.checked.shapes[net.graph.nodes[0].name].array(int(batch))
    images = rng.standard_normal(shape).astype(np.float32)
    labels = rng.integers(0, program.classes, int(batch))

    def call() -> object:
        return program.step(images, labels) if training else program(images)

    call()
    call()
    return call


def measure(job: str, rounds: int, threads: int, loops: int) -> str:
    """The table row of one job."""
    call = prepared(job, threads)
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(mean(call))
        with busy(loops):
            beside.append(mean(call))
    free, held = statistics.median(alone), statistics.median(beside)
    spread = f"{min(beside) * 1e3:.2f} to {max(beside) * 1e3:.2f}"
    return f"| {job} | {free * 1e3:.2f} | {held * 1e3:.2f} | {spread} | {held / free:.2f} |"


def main() -> None:
    """Print a Markdown table of the jobs named on the command line, or of the usual ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", default=JOBS, metavar="JOB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--loops", type=int, default=1)
    chosen = parser.parse_args()
    print(f"{chosen.threads} threads, {chosen.loops} busy loops")
    print("| job | alone, ms | beside, ms | spread | ratio |")
    print("|---|---|---|---|---|")
    for job in chosen.jobs or JOBS:
        print(measure(job, chosen.rounds, chosen.threads, chosen.loops), flush=True)


if __name__ == "__main__":
    main()
