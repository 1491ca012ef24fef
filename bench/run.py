"""Times Striate against other libraries: interleaved runs in separate processes, medians.

    python bench/run.py [--libraries striate,torch] [--rounds 3] [--json FILE] [JOB ...]

A job is a name or the beginning of names: inference, training-vgg16, layer, memory, compile,
import. Every round runs each library once in a process of its own, in turn (A B A B), so that a
machine that slows down slows all of them; each process first checks that its scores are Striate's.
What is measured is added to the JSON file job by job; with --resume, jobs that are in it already
are not run again. The tables go to standard output and, with --markdown, to a file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from jobs import JOBS, Settings
from tables import markdown

from striate.peers import LIBRARIES, USUAL


def processor() -> str:
    """The name of the processor, where the system says it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", help=", ".join(JOBS))
    parser.add_argument("--libraries", default=",".join(USUAL), help=", ".join(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.5, help="of counted calls in a process")
    parser.add_argument("--layer-batch", type=int, default=16)
    parser.add_argument("--json", type=Path, default=Path("bench-runs.json"), metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    parser.add_argument("--tables", action="store_true", help="only the tables of the JSON file")
    parser.add_argument("--resume", action="store_true", help="keep the jobs of the JSON file")
    return parser.parse_args()


def chosen_jobs(names: list[str]) -> list[str]:
    """The jobs that are named, or whose names begin so; all if none is named."""
    found = [job for job in JOBS if not names or any(job.startswith(name) for name in names)]
    for name in names:
        if not any(job.startswith(name) for job in JOBS):
            raise SystemExit(f"no job {name}: expected one of {', '.join(JOBS)}")
    return found


def main() -> None:
    """Measure what is not in the JSON file yet; print the tables."""
    chosen = options()
    found: dict[str, Any] = {"jobs": {}}
    if chosen.json.exists() and (chosen.resume or chosen.tables):
        found = json.loads(chosen.json.read_text())
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    found["machine"] = f"{processor()}, {os.cpu_count()} processors, {system}"
    found |= {"threads": chosen.threads, "rounds": chosen.rounds}

    def told(line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {name}: {line}", file=sys.stderr, flush=True)

    libraries = chosen.libraries.split(",")
    settings = Settings(
        libraries, chosen.rounds, chosen.threads, chosen.seconds, chosen.layer_batch, told
    )
    for name in [] if chosen.tables else chosen_jobs(chosen.jobs):
        if name not in found["jobs"]:
            told("starts")
            found["jobs"][name] = JOBS[name](settings)
            chosen.json.write_text(json.dumps(found, indent=1))
    print(markdown(found), end="")
    if chosen.markdown:
        chosen.markdown.write_text(markdown(found))


if __name__ == "__main__":
    main()
