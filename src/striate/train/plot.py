"""Line plots as images: axes, round ticks, a legend. Drawn large and scaled down to be smooth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SCALE = 3
COLOURS = ("#1f6fb4", "#e0701a", "#2b9348", "#8e44ad")
INK, FAINT, GRID, PAPER = "#222222", "#666666", "#e4e4e4", "#ffffff"
MOST_MARKED = 40
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 40, 46
NARROWEST = 1e-300
"""A range that counts as one; ticks in a narrower one would be beyond what a float can hold."""


@dataclass(frozen=True)
class Line:
    """One curve: its name in the legend and its points."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Panel:
    """One pair of axes with its curves.

    Attributes:
        title: above the axes.
        across: name of the horizontal axis.
        lines: at least one point in all.
        percent: whether values are shares, shown times a hundred.
    """

    title: str
    across: str
    lines: tuple[Line, ...]
    percent: bool = False


def draw_panels(panels: Sequence[Panel], width: int = 520, height: int = 360) -> Image.Image:
    """The panels side by side, each of this size in pixels."""
    image = Image.new("RGB", (width * len(panels) * SCALE, height * SCALE), PAPER)
    for number, panel in enumerate(panels):
        _Axes(ImageDraw.Draw(image), panel, number * width, width, height).draw()
    return image.resize((width * len(panels), height), Image.Resampling.LANCZOS)


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font at a size in pixels of the finished image."""
    return ImageFont.load_default(size * SCALE)


def ticks(low: float, high: float, most: int = 6, whole: bool = False) -> list[float]:
    """Round numbers that cover low to high, ``most`` at most: multiples of 1, 2 or 5 times 10^n."""
    span = high - low
    if span < NARROWEST:
        span = max(abs(high), 1.0)
    step = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1, 2, 5, 10, 20):
        size = step * factor
        first, last = math.floor(low / size + 1e-9), math.ceil(high / size - 1e-9)
        if last - first < most and not (whole and size < 1):
            break
    return [number * size for number in range(first, max(last, first + 1) + 1)]


class _Axes:
    """Draws one panel; coordinates are pixels of the finished image until they are drawn."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, panel: Panel, left: int, width: int, height: int
    ) -> None:
        self._draw, self._panel = draw, panel
        self._left, self._right = left + LEFT, left + width - RIGHT
        self._top, self._bottom = TOP, height - BOTTOM
        xs = [x for line in panel.lines for x, _ in line.points]
        ys = [y for line in panel.lines for _, y in line.points if math.isfinite(y)] or [0.0]
        self._across = ticks(0.0, max(xs), 8, whole=True)
        self._up = ticks(min(ys), max(ys))
        self._end = max(xs) or 1.0

    def draw(self) -> None:
        self._grid()
        for number, line in enumerate(self._panel.lines):
            self._curve(line, COLOURS[number % len(COLOURS)])
        self._legend()

    def _place(self, x: float, y: float) -> tuple[float, float]:
        share = x / self._end
        height = (y - self._up[0]) / (self._up[-1] - self._up[0])
        return (
            (self._left + share * (self._right - self._left)) * SCALE,
            (self._bottom - height * (self._bottom - self._top)) * SCALE,
        )

    def _text(self, at: tuple[float, float], text: str, anchor: str, size: int, ink: str) -> None:
        self._draw.text(at, text, fill=ink, font=font(size), anchor=anchor)

    def _grid(self) -> None:
        for y in self._up:
            at = self._place(0, y)
            self._draw.line([at, self._place(self._end, y)], fill=GRID, width=SCALE)
            label = f"{100 * y:g}%" if self._panel.percent else f"{y:.6g}"
            self._text((at[0] - 8 * SCALE, at[1]), label, "rm", 12, FAINT)
        for x in self._across:
            if x <= self._end:
                at = self._place(x, self._up[0])
                self._draw.line([at, (at[0], at[1] + 5 * SCALE)], fill=FAINT, width=SCALE)
                self._text((at[0], at[1] + 8 * SCALE), f"{x:g}", "ma", 12, FAINT)
        corner, end = self._place(0, self._up[0]), self._place(self._end, self._up[0])
        self._draw.line([corner, end], fill=FAINT, width=SCALE)
        middle = ((corner[0] + end[0]) / 2, corner[1] + 26 * SCALE)
        self._text(middle, self._panel.across, "ma", 13, FAINT)
        self._text((corner[0], 14 * SCALE), self._panel.title, "lt", 15, INK)

    def _curve(self, line: Line, colour: str) -> None:
        points = [self._place(x, y) for x, y in line.points if math.isfinite(y)]
        if len(points) > 1:
            self._draw.line(points, fill=colour, width=2 * SCALE, joint="curve")
        if len(points) <= MOST_MARKED:
            size = 3 * SCALE
            for x, y in points:
                self._draw.ellipse([x - size, y - size, x + size, y + size], fill=colour)

    def _legend(self) -> None:
        """Names of the curves above the axes, from the right, each behind a piece of its line."""
        at = float(self._right * SCALE)
        height = 22 * SCALE
        for number, line in reversed(list(enumerate(self._panel.lines))):
            self._text((at, height), line.name, "rm", 12, INK)
            at -= self._draw.textlength(line.name, font=font(12)) + 6 * SCALE
            colour = COLOURS[number % len(COLOURS)]
            self._draw.line([at - 18 * SCALE, height, at, height], fill=colour, width=3 * SCALE)
            at -= 34 * SCALE
