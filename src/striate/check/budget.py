"""Refusing, before anything is allocated, what would not fit in memory."""

from __future__ import annotations

import os
from pathlib import Path

from striate.check.check import Checked
from striate.check.memory import Memory, estimate
from striate.check.numbers import in_bytes
from striate.errors import BudgetError


def require_room(
    checked: Checked,
    batch: int,
    training: bool = False,
    states: int = 0,
    available: int | None = None,
) -> Memory:
    """The memory that a net needs for a batch, if there is so much.

    Args:
        checked: the net.
        batch: number of images.
        training: whether it is trained.
        states: how many arrays the optimizer keeps for each parameter.
        available: bytes that there are; by default those of this machine. Where neither is known,
            everything fits.

    Raises:
        BudgetError: it needs more; the message has the three sources and the batch that fits.
    """
    needed = estimate(checked, batch, training, states)
    room = available_memory() if available is None else available
    if room is None or needed.total <= room:
        return needed
    what = "training" if training else "running"
    activations = needed.activations + needed.activation_gradients
    parameters = needed.parameters + needed.parameter_gradients + needed.optimizer_state
    raise BudgetError(
        f"{what} this net with a batch of {batch:,} needs {in_bytes(needed.total)}, "
        f"but {in_bytes(room)} are available: activations {in_bytes(activations)}, "
        f"parameters {in_bytes(parameters)}, images {in_bytes(needed.images)}; "
        f"{_advice(checked, needed, states, room)}"
    )


def largest_batch(checked: Checked, training: bool, states: int, available: int) -> int:
    """The largest batch that fits in so many bytes; 0 if not even one image does."""
    none = estimate(checked, 0, training, states).total
    each = estimate(checked, 1, training, states).total - none
    return max(0, (available - none) // each)


def available_memory() -> int | None:
    """Bytes that can still be allocated here, as far as the system says; None if it does not.

    Linux tells what is available and what a container may use. Elsewhere it is all the memory that
    the machine has, so that only what can never fit is refused.
    """
    found = [
        size
        for size in (
            _from_meminfo(Path("/proc/meminfo")),
            _from_limit(Path("/sys/fs/cgroup/memory.max")),
            _physical(),
        )
        if size is not None
    ]
    return min(found, default=None)


def _advice(checked: Checked, needed: Memory, states: int, room: int) -> str:
    fits = largest_batch(checked, needed.training, states, room)
    if fits:
        return f"a batch of {fits:,} would fit"
    return "not even a batch of 1 would fit: use a smaller input, fewer filters or fewer neurons"


def _from_meminfo(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _from_limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no file, or "max"
        return None


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
