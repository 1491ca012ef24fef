"""Images in a terminal: a character holds two pixels, the upper half block over its background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from striate.app import terminal
from striate.app.terminal import console, one_line

if TYPE_CHECKING:
    from rich.text import Text

    from striate.layers.shape import Array

SIDE = 28
"""Pixels of the longer side of a drawn image, at most."""
GAP = 2
EIGHTHS = " ▏▎▍▌▋▊▉█"
GREYS = " .:-=+*#%@"


def bar(share: float, length: int) -> str:
    """A bar of a share of so many characters; ASCII where no person looks on."""
    if not terminal.is_terminal():
        return ("#" * round(share * length)).ljust(length)
    eighths = round(share * length * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(length)


def draw(images: Sequence[Array], captions: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Draw images [H, W, C] side by side, each above its caption of (text, style) lines.

    Without colours, brightness becomes characters.
    """
    captions = [[(one_line(text), style) for text, style in lines] for lines in captions]
    small = [_shrunk(image) for image in images]
    cell = max([image.shape[1] for image in small] + [len(t) for c in captions for t, _ in c])
    per_row = max(1, (terminal.width() + GAP) // (cell + GAP))
    for start in range(0, len(small), per_row):
        stop = start + per_row
        _draw_row(small[start:stop], captions[start:stop], cell)


def _draw_row(
    images: Sequence[Array], captions: Sequence[Sequence[tuple[str, str]]], cell: int
) -> None:
    from rich.text import Text

    out = console()
    for row in range(0, max(len(image) for image in images), 2):
        line = Text()
        for image in images:
            line.append_text(_pixels(image, row) if row < len(image) else Text())
            line.append(" " * (cell - image.shape[1] + GAP))
        line.rstrip()
        out.print(line)
    for number in range(max(map(len, captions), default=0)):
        line = Text()
        for caption in captions:
            text, style = caption[number] if number < len(caption) else ("", "")
            line.append(text.ljust(cell + GAP), style if terminal.coloured() else "")
        line.rstrip()
        out.print(line)


def _pixels(image: Array, row: int) -> Text:
    """Two rows of pixels as one line of characters."""
    from rich.text import Text

    line = Text()
    has_below = row + 1 < len(image)
    below = image[row + 1] if has_below else image[row] * 0
    for upper, lower in zip(image[row], below, strict=True):
        if terminal.coloured():
            line.append("▀", f"rgb({_rgb(upper)}) on rgb({_rgb(lower)})")
        else:
            mean = (upper.mean() + lower.mean()) / 2 if has_below else upper.mean()
            line.append(GREYS[min(int(mean / 256 * len(GREYS)), len(GREYS) - 1)])
    return line


def _rgb(pixel: Array) -> str:
    numbers = [int(value) for value in pixel]
    red, green, blue = numbers if len(numbers) == 3 else numbers[:1] * 3
    return f"{red},{green},{blue}"


def _shrunk(image: Array) -> Array:
    """An image of at most `SIDE` pixels a side, uint8, by the means of blocks."""
    step = -(-max(image.shape[:2]) // SIDE)
    rows, columns = image.shape[0] // step * step, image.shape[1] // step * step
    cut = image[:rows, :columns].astype(float)
    blocks = cut.reshape(rows // step, step, columns // step, step, -1)
    small: Array = blocks.mean(axis=(1, 3)).clip(0, 255).astype("uint8")
    return small
