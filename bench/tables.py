"""The records of a measurement as the Markdown of RESULTS.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from striate.peers import OURS, Floor, Measured, Speed
from striate.peers.layer_case import PASSES

Record = Mapping[str, Any]
Row = Sequence[str]


def markdown(found: Record) -> str:
    """All tables of a file of records."""
    jobs: list[Record] = list(found["jobs"].values())
    lines = [*_machine(found, jobs)]
    for kind, title, table in TABLES:
        chosen = [job for job in jobs if job["kind"] == kind]
        if chosen:
            lines += ["", f"## {title}", "", *table(chosen)]
    lines += _left_out(jobs)
    return "\n".join(lines) + "\n"


def _table(head: Row, rows: Iterator[Row]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _machine(found: Record, jobs: Sequence[Record]) -> Iterator[str]:
    speeds = [Speed(**job["speed"]) for job in jobs if "speed" in job]
    yield f"{found['machine']}; {found['threads']} threads; at most {found['rounds']} rounds."
    versions = {
        f"{name} {runs[0]['version']}"
        for job in jobs
        if job["kind"] in ("inference", "training")
        for name, runs in job["runs"].items()
    }
    if versions:
        yield f"Versions: {', '.join(sorted(versions))}."
    if speeds:
        flops, rates = ([getattr(speed, name) for speed in speeds] for name in ("flops", "bytes"))
        yield (
            f"Measured at the start of every job with all threads: {min(flops) / 1e9:.0f} to "
            f"{max(flops) / 1e9:.0f} GFLOP/s (multiply-adds in registers), reading "
            f"{min(rates) / 1e9:.1f} to {max(rates) / 1e9:.1f} GB/s. Floors are for the fastest."
        )


def _fastest(jobs: Sequence[Record]) -> Speed:
    speeds = [Speed(**job["speed"]) for job in jobs]
    return Speed(max(s.flops for s in speeds), max(s.bytes for s in speeds))


def _summary(jobs: Sequence[Record]) -> Iterator[str]:
    """One row a job: ours, the best peer, the floor; then one row a library."""
    speed = _fastest(jobs)
    head = ("net", "batch", "Striate ms", "best peer", "its ms", "ratio", "floor ms", "reached")
    yield from _table(head, (_summary_row(job, speed) for job in jobs if OURS in job["runs"]))
    yield ""
    head = ("net", "batch", "library", "median ms", "spread", "times Striate's", "rounds")
    yield from _table(head, (row for job in jobs for row in _library_rows(job)))


def _summary_row(job: Record, speed: Speed) -> Row:
    measured = Measured(job["runs"], job["failed"])
    ours = measured.middle(OURS)
    floor = Floor(**job["floor"])
    least = floor.seconds(speed) * 1e3
    bound = "FLOPs" if floor.flops / speed.flops * 1e3 == least else "bytes"
    peers = [name for name in measured.runs if name != OURS]
    best = min(peers, key=measured.middle, default=None)
    theirs = ("-", "-", "-")
    if best is not None:
        time = measured.middle(best)
        theirs = (best, f"{time:.2f}", f"{time / ours:.2f}")
    end = (f"{least:.2f} ({bound})", f"{least / ours:.0%}")
    return (job["net"], str(job["batch"]), f"{ours:.2f}", *theirs, *end)


def _library_rows(job: Record) -> Iterator[Row]:
    measured = Measured(job["runs"], job["failed"])
    for name, runs in measured.runs.items():
        low, high = measured.spread(name)
        middle = measured.middle(name)
        ratio = f"{middle / measured.middle(OURS):.2f}" if OURS in measured.runs else "-"
        spread = f"{low:.2f} to {high:.2f}"
        start = (job["net"], str(job["batch"]), name)
        yield (*start, f"{middle:.2f}", spread, ratio, str(len(runs)))


def _layers(jobs: Sequence[Record]) -> Iterator[str]:
    """Milliseconds and GFLOP/s of every pass."""
    peak = _fastest(jobs).flops / 1e9
    yield f"GFLOP/s of direct convolution; {peak:.0f} is the machine's most."
    yield ""
    head = ("layer", "batch", "library", *(f"{name} ms (GFLOP/s)" for name in PASSES), "sum ratio")
    yield from _table(head, (row for job in jobs for row in _layer_rows(job)))


def _layer_rows(job: Record) -> Iterator[Row]:
    measured = Measured(job["runs"], job["failed"])
    for name in measured.runs:
        times = [measured.middle(name, one) for one in PASSES]
        cells = [f"{time:.1f} ({job['flops'] / time / 1e6:.0f})" for time in times]
        ours = measured.middle(OURS) if OURS in measured.runs else None
        ratio = f"{measured.middle(name) / ours:.2f}" if ours else "-"
        yield (job["net"], str(job["batch"]), name, *cells, ratio)


def _memory(jobs: Sequence[Record]) -> Iterator[str]:
    """Peaks in MB: of the process, beyond what it had before the net, and while stepping."""
    yield (
        "MB. Beyond: the process's peak less what it had before the net was built, with the "
        "library imported. Stepping: the peak while it steps, less the same."
    )
    yield ""
    head = ("net", "batch", "library", "whole", "beyond", "stepping", "stepping / Striate's")
    yield from _table(head, (row for job in jobs for row in _memory_rows(job)))


def _memory_rows(job: Record) -> Iterator[Row]:
    stepping = {
        name: runs[0]["stepping_mb"] - runs[0]["before_mb"] for name, runs in job["runs"].items()
    }
    for name, runs in job["runs"].items():
        run = runs[0]
        figures = (run["peak_mb"], run["peak_mb"] - run["before_mb"], stepping[name])
        ratio = f"{stepping[name] / stepping[OURS]:.2f}" if OURS in stepping else "-"
        yield (job["net"], str(job["batch"]), name, *(f"{one:.0f}" for one in figures), ratio)


def _compile(jobs: Sequence[Record]) -> Iterator[str]:
    head = ("training step of", "batch", "first s", "from the cache s", "without weights s")
    times = ("first", "cached", "bare")
    rows = (
        (job["net"], str(job["batch"]), *(_middle(job["runs"], n) for n in times)) for job in jobs
    )
    yield from _table(head, rows)


def _middle(runs: Sequence[Mapping[str, float]], name: str) -> str:
    return f"{median(run[name] for run in runs):.2f}"


def _import(jobs: Sequence[Record]) -> Iterator[str]:
    rows = ((name, f"{median(times):.2f}") for name, times in jobs[0]["runs"].items())
    yield from _table(("import", "s"), rows)


def _left_out(jobs: Sequence[Record]) -> Iterator[str]:
    """What has no figures, and why."""
    lines: dict[str, None] = {}
    for job in jobs:
        what = f"{job['kind']} {job.get('net', '')} {job.get('batch', '')}".strip()
        lines |= dict.fromkeys(job.get("missing", ()))
        lines |= {f"{what}: {name}: {why}": None for name, why in job.get("failed", {}).items()}
    if lines:
        yield from ("", "## Left out", "", *(f"- {line}" for line in lines))


TABLES = (
    ("inference", "Inference", _summary),
    ("training", "Training steps: forward, loss, backward, SGD with momentum", _summary),
    ("layer", "Layer by layer: the convnet-benchmarks protocol", _layers),
    ("memory", "Memory of training steps", _memory),
    ("compile", "Compiling a training step", _compile),
    ("import", "Import", _import),
)
