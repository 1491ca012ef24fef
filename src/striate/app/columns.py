"""Columns aligned by spaces."""

from __future__ import annotations

from collections.abc import Container, Sequence

from striate.app.terminal import one_line


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> str:
    """Rows of equal length as text; the columns in ``right`` stand right."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(size) if i in right else cell.ljust(size)
            for i, (cell, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
