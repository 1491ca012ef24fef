"""``striate time --peers``: the same net in other libraries."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from striate.app import terminal
from striate.app.columns import aligned
from striate.app.terminal import say, say_table
from striate.errors import InputError

if TYPE_CHECKING:
    from striate.api import Net
    from striate.peers import Measured

ROUNDS = 3
SECONDS = 0.7
"""Of counted calls in each process."""


def show_peers(net: Net, batch: int, training: bool, threads: int | None) -> None:
    """Time a net with weights in every library that is installed; write a table.

    Raises:
        InputError: none is installed.
    """
    import tempfile
    from pathlib import Path

    from striate.peers import OURS, USUAL, Job, chosen_libraries, interleaved, write_case
    from striate.pipeline import require_counts

    libraries, missing = chosen_libraries(USUAL, training)
    if [library.name for library in libraries] == [OURS]:
        raise InputError(
            "--peers: no other library is installed; all of them come with\n"
            "pip install 'striate[bench]', single ones so:\n" + "\n".join(missing)
        )
    count = require_counts(batch, threads)
    if net.checked.shapes[net.graph.output].pixels > 1:
        raise InputError("--peers: the net must end in one vector of scores, e.g. in FC")
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder), net, batch)
        job = Job(folder, OURS, training, count, seconds=SECONDS)
        found = interleaved(job, libraries, ROUNDS, _progress)
    mode = "a training step" if training else "an inference"
    workers = "1 thread" if count == 1 else f"{count} threads"
    images = "1 image" if batch == 1 else f"{batch} images"
    say(f"{mode} of {images} on {workers}, milliseconds, {ROUNDS} rounds in turn", "bold")
    say_table(aligned(rows_of(found), right=range(2, 5)))
    say()
    for name, why in found.failed.items():
        say(f"{name}: left out: {why}")
    for line in missing:
        say(line, "bright_black")


def rows_of(found: Measured) -> list[tuple[str, ...]]:
    """One row a library, the fastest first."""
    from striate.peers import OURS

    rows: list[tuple[str, ...]] = [("library", "version", "median", "spread", "times ours")]
    for name in sorted(found.runs, key=found.middle):
        low, high = found.spread(name)
        ratio = f"{found.middle(name) / found.middle(OURS):.2f}" if OURS in found.runs else ""
        version = found.runs[name][0]["version"]
        rows.append((name, version, f"{found.middle(name):.3f}", f"{low:.3f}-{high:.3f}", ratio))
    return rows


def _progress(line: str) -> None:
    """To a person only: a pipe gets the table alone."""
    if terminal.is_terminal(sys.stderr):
        say(line, "bright_black", sys.stderr)
