"""From a description back to text: folded into repetitions, broken into readable lines."""

from __future__ import annotations

from dataclasses import dataclass

from striate.notation.description import Branches, Description, Element
from striate.notation.layer_text import write_layer
from striate.notation.words import SKIP

WIDTH = 88
LONGEST_PERIOD = 40
ARROW = " -> "


@dataclass(frozen=True)
class _Piece:
    """An element or a repetition with its text on one line.

    Attributes:
        flat: the text.
        element: None for a repetition.
        parts: of one turn of a repetition; ``times`` is how many there are.
    """

    flat: str
    element: Element | None
    parts: tuple[_Piece, ...] = ()
    times: int = 1


def write(description: Description) -> str:
    """The notation of a net; parsing it gives the same description again."""
    return _chain(_folded(description.elements), indent=0)


def _folded(elements: tuple[Element, ...]) -> tuple[_Piece, ...]:
    """The pieces of a chain, consecutive equal ones as repetitions."""
    return _fold([_Piece(_flat(element), element) for element in elements])


def _flat(element: Element) -> str:
    text = _title(element)
    if not isinstance(element, Branches):
        return text
    branches = (_flat_chain(_folded(branch)) for branch in element.branches)
    return f"{text}{{ {' | '.join(branches)} }}"


def _title(element: Element) -> str:
    name = f"{element.name}: " if element.name else ""
    return name + write_layer(element.layer)


def _flat_chain(pieces: tuple[_Piece, ...]) -> str:
    return ARROW.join(piece.flat for piece in pieces) or SKIP


def _fold(pieces: list[_Piece]) -> tuple[_Piece, ...]:
    texts = [piece.flat for piece in pieces]
    found: list[_Piece] = []
    start = 0
    while start < len(pieces):
        period, times = _best_period(texts, start)
        if times == 1 or _better_from_next(texts, start, period * times):
            found.append(pieces[start])
            start += 1
            continue
        parts = _fold(pieces[start : start + period])
        found.append(_Piece(f"[{_flat_chain(parts)}]*{times}", None, parts, times))
        start += period * times
    return tuple(found)


def _best_period(texts: list[str], start: int) -> tuple[int, int]:
    """How many texts from ``start`` repeat, and how often, so that most of them are covered."""
    best = (1, 1)
    for period in range(1, min(LONGEST_PERIOD, (len(texts) - start) // 2) + 1):
        once = texts[start : start + period]
        if ":" in once[-1]:  # a name: layers of one name cannot be repeated
            break
        times, end = 1, start + period
        while texts[end : end + period] == once:
            times, end = times + 1, end + period
        # Of two periods that cover the same, the first is the shorter one.
        if times > 1 and period * times > best[0] * best[1]:
            best = (period, times)
    return best


def _better_from_next(texts: list[str], start: int, covered: int) -> bool:
    """Whether a turn may as well begin one later, with the longer text: SUM{ } before RELU."""
    if start + 1 >= len(texts) or len(texts[start + 1]) <= len(texts[start]):
        return False
    period, times = _best_period(texts, start + 1)
    return period * times >= covered


def _chain(pieces: tuple[_Piece, ...], indent: int) -> str:
    """A chain, broken in front of ``->`` where it is too long for one line."""
    flat = _flat_chain(pieces)
    if indent + len(flat) <= WIDTH:
        return flat
    lines: list[str] = []
    for piece in pieces:
        text = _block(piece, indent)
        fits = lines and indent + len(lines[-1]) + len(ARROW) + len(text) <= WIDTH
        if fits and "\n" not in text and "\n" not in lines[-1]:
            lines[-1] += ARROW + text
        else:
            lines.append(f"-> {text}" if lines else text)
    return f"\n{' ' * indent}".join(lines)


def _block(piece: _Piece, indent: int) -> str:
    """A piece on one line if it is short enough, else on several."""
    if indent + len("-> ") + len(piece.flat) <= WIDTH:
        return piece.flat
    if isinstance(piece.element, Branches):
        return _fork(piece.element, indent)
    if piece.element is None:
        return f"[{_chain(piece.parts, indent + len('-> ['))}]*{piece.times}"
    return piece.flat


def _fork(fork: Branches, indent: int) -> str:
    margin = " " * (indent + 2)
    branches = [_chain(_folded(branch), indent + 4) for branch in fork.branches]
    lines = [f"{_title(fork)}{{", f"{margin}  {branches[0]}"]
    lines += [f"{margin}| {branch}" for branch in branches[1:]]
    return "\n".join([*lines, f"{' ' * indent}}}"])
