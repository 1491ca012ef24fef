"""The form of a notation error: file, line and column, what is wrong, and the place underlined."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from striate.errors import NotationError
from striate.notation.description import Place

WIDTH = 96


def error_at(place: Place, message: str) -> NotationError:
    """A NotationError that shows the line and underlines the place."""
    start = max(0, min(place.column - 1 - WIDTH // 2, len(place.text) - WIDTH))
    shown = place.text[start : start + WIDTH]
    before = "..." if start else ""
    after = "..." if start + WIDTH < len(place.text) else ""
    offset = place.column - 1 - start
    length = max(1, min(place.length, len(shown) - offset))
    line = "".join(c if c.isprintable() else " " for c in shown)
    underline = " " * (len(before) + offset) + "^" * length
    return NotationError(
        f"{place.source}:{place.line}:{place.column}: {message}\n"
        f"    {before}{line}{after}\n"
        f"    {underline}"
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean CONV?`` if a known word is close (in any case), else nothing."""
    by_folded = {name.lower(): name for name in known}
    close = get_close_matches(word.lower()[:80], by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[close[0]]}?" if close else ""
