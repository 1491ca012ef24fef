"""Times Striate against other libraries: interleaved runs in separate processes, medians.

    python bench/run.py [--rounds 3] [--threads 2] [JOB ...]

A job is a net, a batch and what is done with it. Every round runs each library once in a process of
its own, in turn (A B A B), so that a machine that slows down slows all of them. Printed are each
library's median over its rounds' medians, the spread, and the ratio to Striate's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
JOBS = {
    "train-tinyvgg": {"net": "tinyvgg", "mode": "train", "batch": 128, "steps": 10},
    "train-convnetjs": {"net": "convnetjs", "mode": "train", "batch": 64, "steps": 40},
    "train-alexnet": {"net": "alexnet-ungrouped", "mode": "train", "batch": 32, "steps": 3},
    "train-vgg16": {"net": "vgg16", "mode": "train", "batch": 4, "steps": 3},
    "train-googlenet": {"net": "googlenet", "mode": "train", "batch": 8, "steps": 3},
    "train-resnet50": {"net": "resnet50", "mode": "train", "batch": 8, "steps": 3},
    **{
        f"infer-{net}-{batch}": {"net": net, "mode": "infer", "batch": batch, "steps": steps}
        for net, steps in (
            ("convnetjs", 100),
            ("tinyvgg", 60),
            ("alexnet-ungrouped", 10),
            ("vgg16", 5),
            ("googlenet", 10),
            ("resnet50", 10),
        )
        for batch in (1, 8)
    },
}
LIBRARIES = ("striate", "torch", "torch-channels-last")


def run_once(library: str, job: dict[str, object], threads: int) -> dict[str, float] | None:
    """One process: its figures, or None if the library is not installed."""
    script = PEERS / f"{library.split('-')[0]}_job.py"
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    spoken = json.dumps({**job, "library": library, "threads": threads})
    done = subprocess.run(
        [sys.executable, str(script), spoken], capture_output=True, text=True, env=environment
    )
    if done.returncode == 3:
        return None
    if done.returncode:
        raise SystemExit(f"{library}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(name: str, rounds: int, threads: int) -> list[str]:
    """The table rows of one job."""
    found: dict[str, list[dict[str, float]]] = {library: [] for library in LIBRARIES}
    for _ in range(rounds):
        for library, runs in found.items():
            run = run_once(library, JOBS[name], threads)
            if run:
                runs.append(run)
    ours = statistics.median(run["milliseconds"] for run in found["striate"])
    rows = []
    for library, runs in found.items():
        if runs:
            times = [run["milliseconds"] for run in runs]
            middle = statistics.median(times)
            memory = statistics.median(run["peak_mb"] for run in runs)
            rows.append(
                f"| {name} | {library} | {middle:.2f} | {min(times):.2f} to {max(times):.2f} "
                f"| {middle / ours:.2f} | {memory:.0f} |"
            )
    return rows


def main() -> None:
    """Print a Markdown table of the jobs named on the command line, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", help=", ".join(JOBS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, {chosen.threads} threads")
    print("| job | library | median ms | spread | times Striate's | peak MB |")
    print("|---|---|---|---|---|---|")
    for name in chosen.jobs or JOBS:
        print("\n".join(measure(name, chosen.rounds, chosen.threads)), flush=True)


if __name__ == "__main__":
    main()
