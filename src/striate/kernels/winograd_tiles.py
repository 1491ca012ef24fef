"""Tiles: which part of which image a tile covers, and the patch of input that it sees."""

from __future__ import annotations

from dataclasses import dataclass

from striate.kernels.emitter import Emitter
from striate.kernels.memory_ops import copy, fill
from striate.kernels.values import Pointer, Value
from striate.kernels.winograd_matrices import Minimal, minimal


@dataclass(frozen=True)
class Tiling:
    """A volume cut into tiles, each seen as a square patch with its padding.

    Attributes:
        height, width, channels: of the volume that patches are taken from.
        before: rows and columns of padding in front of it.
        rows, columns: how many tiles cover an image.
        step: rows (and columns) from one tile to the next.
        size: rows (and columns) of a patch.
    """

    height: int
    width: int
    channels: int
    before: tuple[int, int]
    rows: int
    columns: int
    step: int
    size: int

    @property
    def per_image(self) -> int:
        """Tiles of one image."""
        return self.rows * self.columns

    @property
    def minimal(self) -> Minimal:
        """The matrices with which a patch gives a tile of ``step`` outputs."""
        return minimal(self.step, self.size - self.step + 1)

    @property
    def patch_values(self) -> int:
        """Values of a patch."""
        return self.size * self.size * self.channels

    def place(self, tile: Value) -> tuple[Value, Value, Value]:
        """Image, and the first row and column of a tile's patch, perhaps inside the padding."""
        image, rest = tile // self.per_image, tile % self.per_image
        row, column = rest // self.columns, rest % self.columns
        return image, row * self.step - self.before[0], column * self.step - self.before[1]

    def patch(
        self, e: Emitter, x: Pointer, tile: Value, room: Pointer, depth: int
    ) -> tuple[Pointer, Value]:
        """Where a tile's patch starts, and the distance of its rows.

        A patch that lies inside the image is used where it is; of one that does not, the first
        ``depth`` channels are copied to ``room`` with zeros around.
        """
        image, top, left = self.place(tile)
        volume = x + image * (self.height * self.width * self.channels)
        inside = (top >= 0) & (left >= 0)
        inside = inside & (top <= self.height - self.size) & (left <= self.width - self.size)
        with e.when(inside ^ True), e.loop(self.size) as i:
            to = room + i * (self.size * self.channels)
            self._patch_row(e, volume, top + i, left, to, depth)
        start = volume + (top * self.width + left) * self.channels
        stride = e.select(
            inside, e.integer(self.width * self.channels), e.integer(self.size * self.channels)
        )
        return e.select_pointer(inside, start, room), stride

    def _patch_row(
        self, e: Emitter, volume: Pointer, row: Value, left: Value, to: Pointer, depth: int
    ) -> None:
        known = (row >= 0) & (row < self.height)
        with e.loop(self.size) as j:
            column = left + j
            inside = known & (column >= 0) & (column < self.width)
            target = to + j * self.channels
            with e.when(inside):
                source = volume + (row * self.width + column) * self.channels
                copy(e, target, source, depth)
            with e.when(inside ^ True):
                fill(e, target, depth)
