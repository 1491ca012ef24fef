"""Pictures of a net: the filters of its first layer, and the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from striate.layers.shape import Array
from striate.train.plot import FAINT, INK, PAPER, SCALE, font

MOST_TILES = 256
TILE_PIXELS = 48
MOST_NUMBERED = 30
MOST_NAMED = 60
MOST_DRAWN = 200
"""Classes of a picture of the confusion matrix, at most: their cells are four pixels large."""


def first_filters(weights: Mapping[str, Mapping[str, Array]]) -> Array | None:
    """The first weights [K, F, F, C] whose filters are more than one pixel large, if any."""
    for arrays in weights.values():
        for array in arrays.values():
            if array.ndim == 4 and array.shape[1] * array.shape[2] > 1:
                return array
    return None


def draw_filters(filters: Array) -> Image.Image:
    """Filters [K, F, F, C] as tiles: in colour where C is 3, else a grey tile for each channel.

    Each filter is stretched over the whole range of brightness; at most `MOST_TILES` are shown.
    """
    count, rows, columns, channels = filters.shape
    if channels != 3:
        filters = filters.transpose(0, 3, 1, 2).reshape(count * channels, rows, columns, 1)
    tiles = filters[:MOST_TILES].astype(np.float64)
    low = tiles.min(axis=(1, 2, 3), keepdims=True)
    span = tiles.max(axis=(1, 2, 3), keepdims=True) - low
    pixels = np.round(255 * (tiles - low) / np.where(span == 0, 1, span)).astype(np.uint8)
    enlarge = max(1, round(TILE_PIXELS / max(rows, columns)))
    pixels = np.broadcast_to(pixels, (*pixels.shape[:3], 3))
    pixels = pixels.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    across = math.ceil(math.sqrt(len(pixels)))
    height, width = pixels.shape[1] + 2, pixels.shape[2] + 2
    down = math.ceil(len(pixels) / across)
    sheet = np.full((down * height + 2, across * width + 2, 3), 255, np.uint8)
    for number, tile in enumerate(pixels):
        y, x = (number // across) * height + 2, (number % across) * width + 2
        sheet[y : y + height - 2, x : x + width - 2] = tile
    return Image.fromarray(sheet)


def draw_confusion(confusion: NDArray[np.int64], classes: Sequence[str]) -> Image.Image:
    """The confusion matrix [K, K]: a row for each label, a column for each predicted class.

    A cell is the darker, the larger its share of the row; up to `MOST_NUMBERED` classes it shows
    its count as well.
    """
    count = len(confusion)
    cell = 40 if count <= MOST_NUMBERED else max(4, 900 // count)
    names = [name if len(name) <= 18 else name[:17] + "…" for name in classes][:count]
    if count > MOST_NAMED:
        names = []
    margin = _width_of(names) + 44
    size = margin + cell * count + 16
    image = Image.new("RGB", (size * SCALE, size * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    for row, column in np.ndindex(count, count):
        share = float(shares[row, column])
        x, y = margin + column * cell, margin + row * cell
        box = [x * SCALE, y * SCALE, (x + cell) * SCALE - SCALE, (y + cell) * SCALE - SCALE]
        draw.rectangle(box, fill=_shade(share))
        if count <= MOST_NUMBERED and confusion[row, column]:
            middle = ((x + cell / 2) * SCALE, (y + cell / 2) * SCALE)
            ink = PAPER if share > 0.5 else INK
            number = str(confusion[row, column])
            draw.text(middle, number, fill=ink, font=font(12), anchor="mm")
    image = _with_names(image, names, margin, cell)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _shade(share: float) -> tuple[int, int, int]:
    """From nearly white to dark blue."""
    light, dark = np.array([243, 246, 250]), np.array([16, 78, 139])
    red, green, blue = (light + (dark - light) * math.sqrt(share)).astype(int).tolist()
    return red, green, blue


def _width_of(names: Sequence[str]) -> int:
    widths = [font(12).getlength(name) / SCALE for name in names]
    return math.ceil(max(widths, default=0))


def _with_names(image: Image.Image, names: Sequence[str], margin: int, cell: int) -> Image.Image:
    """Names left of the rows and, turned, above the columns, and what rows and columns are."""
    draw = ImageDraw.Draw(image)
    middles = [(margin + (number + 0.5) * cell) * SCALE for number in range(len(names))]
    for middle, name in zip(middles, names, strict=True):
        draw.text(((margin - 8) * SCALE, middle), name, fill=INK, font=font(12), anchor="rm")
    for y, line in ((2, "validation images"), (15, "down: label"), (28, "across: predicted")):
        draw.text((12 * SCALE, y * SCALE), line, fill=FAINT, font=font(11))
    turned = image.transpose(Image.Transpose.ROTATE_270)
    draw = ImageDraw.Draw(turned)
    above = turned.width - (margin - 8) * SCALE
    for middle, name in zip(middles, names, strict=True):
        draw.text((above, middle), name, fill=INK, font=font(12), anchor="lm")
    return turned.transpose(Image.Transpose.ROTATE_90)
