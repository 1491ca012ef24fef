"""A table's cells as aligned text, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv as csv_format
import io
from collections.abc import Iterable, Mapping, Sequence

LEFT_COLUMNS = 3
"""Names and volumes stand left in their columns, numbers right."""

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def text(header: Sequence[str], cells: Sequence[Sequence[str]], notes: Iterable[str]) -> str:
    """Columns aligned by spaces; the last row, the totals, stands below a rule."""
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [_aligned(header, widths), rule]
    lines += [_aligned(row, widths) for row in cells[:-1]]
    lines += [rule, _aligned(cells[-1], widths), *notes]
    return "\n".join(lines)


def markdown(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    marks = [":--" if i < LEFT_COLUMNS else "--:" for i in range(len(header))]
    escaped = [[cell.replace("|", r"\|").replace("*", r"\*") for cell in row] for row in cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, marks, *escaped))


def latex(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A LaTeX ``tabular`` that needs no package."""
    columns = "".join("l" if i < LEFT_COLUMNS else "r" for i in range(len(header)))
    rows = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in cells]
    head = " & ".join(header) + r" \\"
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline", *rows[:-1]]
    return "\n".join([*lines, r"\hline", rows[-1], r"\hline", r"\end{tabular}"])


def csv(records: Sequence[Mapping[str, str | int | float]]) -> str:
    """Comma-separated values with a header line."""
    out = io.StringIO()
    writer = csv_format.DictWriter(out, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.ljust(width) if i < LEFT_COLUMNS else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()
