"""How kernels walk a volume: bands of rows as chunks, vectors of channels with a tail, windows.

Sizes that do not shape the inner loop are read at run time, so that the layers of a net share code;
only how many channels are left behind the last whole vector (the tail) must be known.
"""

from __future__ import annotations

from collections.abc import Callable

from striate.kernels.emitter import Emitter
from striate.kernels.values import Operand, Value

MOST_CHUNKS = 64
"""Enough for threads to share evenly, few enough that taking one costs nothing."""


def bands(rows: int) -> int:
    """How many chunks so many rows are cut in; no matter how many threads there are."""
    return min(rows, MOST_CHUNKS)


def band(e: Emitter, rows: Operand, chunks: Operand) -> tuple[Value, Value]:
    """The first row of this chunk, and the first row behind it."""
    return e.chunk * rows // chunks, (e.chunk + 1) * rows // chunks


def over_channels(
    e: Emitter, channels: Operand, tail: int, body: Callable[[Operand, int | None], None]
) -> None:
    """Write ``body(channel, lanes)`` for whole vectors (lanes is None) and for the tail.

    Args:
        e: of the kernel.
        channels: how many there are.
        tail: channels modulo the lanes of a vector.
        body: takes the first channel of a vector, and how many of its lanes may be stored.
    """
    with e.loop(channels - tail, step=e.lanes) as channel:
        body(channel, None)
    if tail:
        body(channels - tail, tail)


def cells_inside(
    e: Emitter, start: Value, size: int, dilation: int, length: Operand
) -> tuple[Value, Value]:
    """The cells of a window along one axis that lie inside the input: the first, and the end.

    Args:
        e: of the kernel.
        start: where the window's first cell lies; negative in the padding.
        size: cells of the window.
        dilation: distance between cells.
        length: of the input along this axis, perhaps with what counts as inside behind it.
    """
    first = _steps(e.integer_maximum(0 - start, 0), dilation)
    end = _steps(e.integer_maximum(length - start, 0), dilation)
    return first, e.integer_minimum(end, size)


def windows_over(
    e: Emitter, position: Value, before: int, reach: int, stride: int, steps: Operand
) -> tuple[Value, Value]:
    """The windows along one axis that may see an input position: the first, and the end.

    Args:
        e: of the kernel.
        position: in the input.
        before: padding in front of the input.
        reach: from a window's first cell to its last.
        stride: of the window.
        steps: windows along this axis.
    """
    padded = position + before
    first = _steps(e.integer_maximum(padded - (reach - 1), 0), stride)
    return first, e.integer_minimum(padded // stride + 1, steps)


def _steps(distance: Value, step: int) -> Value:
    """distance/step, rounded up, of a distance that is not negative."""
    return distance if step == 1 else (distance + (step - 1)) // step
