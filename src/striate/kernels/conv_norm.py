"""What a CONV does for the BATCHNORM behind it: at inference the norm is folded into its filters,
in training it gives the statistics of the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from striate.kernels.batch_norm import saved_rows, slices_of, statistics
from striate.kernels.conv_fold import fold_norm
from striate.kernels.isa import Isa
from striate.kernels.moments import Moments
from striate.plan.records import Lowering, Task

MOMENTS = "moments"
"""The scratch buffer of the `Moments`."""
BYTES_PER_SECOND = 10e9
"""That a core reads of an output whose moments are summed up in a pass of its own."""


def gives_statistics(task: Task) -> bool:
    """Whether a CONV's task gives the statistics of a batch."""
    return task.training and "norm" in task.detail


def pass_seconds(task: Task) -> float:
    """What it takes to read the output again for its moments, where they are wanted."""
    size = 4 * task.batch * task.output.values
    return size / BYTES_PER_SECOND if gives_statistics(task) else 0.0


def with_norm(isa: Isa, task: Task, lower: Callable[[Task], Lowering]) -> Lowering:
    """The lowering of a CONV's task with what it does for a BATCHNORM, if there is one.

    Where a kernel leaves the `MOMENTS` of slices of its output, these serve; otherwise another
    launch reads the output.
    """
    if not gives_statistics(task):
        return fold_norm(task, lower)
    inner, norm = lower(task), task.detail["norm"]
    cut, moments = slices_of(isa, task.output, task.batch), list(inner.launches)
    slices, size = cut.count, cut.moments_bytes
    if MOMENTS in inner.scratch:
        size = inner.scratch[MOMENTS]
        slices = Moments(cut.row, cut.lanes).slices(size)
    else:
        moments.append(cut.moments("y", f"scratch.{MOMENTS}"))
    merge = statistics(cut, norm, slices, "n")
    scratch = {**inner.scratch, MOMENTS: size}
    return replace(inner, launches=(*moments, merge), scratch=scratch, saved=saved_rows(cut))
