"""The ways to do FC: forward as dot products or as outer products, backward as outer products."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.dot_products import DotTile
from striate.kernels.fc import (
    FcBackwardBias,
    FcBackwardFilter,
    FcDots,
    FcForward,
)
from striate.kernels.fc_blocks import Blocks
from striate.kernels.fc_data_gradient import data_gradient, partial_sums
from striate.kernels.fc_update import update_launch
from striate.kernels.isa import Isa
from striate.kernels.outer_products import BLOCK, tile_height
from striate.plan.records import Launch, Lowering, Task

CLOCK = 3.2e9
BYTES_PER_SECOND = 20e9
PACKING_CYCLES = 0.6
"""For each weight that is transposed into a panel."""
WANTED_CHUNKS = 16
NEURON_TILES = 16
"""Micro-tiles of neurons in a chunk of dot products, at most: their weights stay in a second-level
cache for all images."""
IMAGES_OF_A_PANEL = 32
"""A panel should serve at least so many images, to be worth its packing."""


def peak(isa: Isa) -> float:
    """A nominal core's multiply-adds per second."""
    return isa.lanes * 2 * CLOCK


def reading(values: int) -> float:
    """Seconds to read so many weights from memory."""
    return 4 * values / BYTES_PER_SECOND


def _up(count: int, multiple: int) -> int:
    """The next multiple."""
    return -(-count // multiple) * multiple


class DotsForward(Struct, frozen=True):
    """FC forward as dot products."""

    isa: Isa
    name: str = "dot products"

    def refuses(self, task: Task) -> str | None:  # noqa: ARG002
        return None

    def cost(self, task: Task) -> float:
        """Two thirds of the peak, as sums over lanes take the rest; or the weights' way here."""
        depth, neurons = task.inputs[0].values, int(task.what.filters)
        macs = task.batch * depth * neurons
        return max(macs / (peak(self.isa) * 0.67), reading(depth * neurons))

    def lower(self, task: Task) -> Lowering:
        """Blocks of neurons, and of images where there are few neurons."""
        fc, images = task.what, task.batch
        tile = DotTile.of(self.isa, images)
        tiles = -(-fc.filters // tile.neurons)
        neurons = tile.neurons * max(1, min(NEURON_TILES, tiles // WANTED_CHUNKS))
        parts = max(1, WANTED_CHUNKS // -(-fc.filters // neurons))
        block = tile.images * -(-images // (tile.images * parts))
        return forward(FcDots(tile, fc.bias, task.detail.get("relu", False)), task, block, neurons)


class OuterForward(Struct, frozen=True):
    """FC forward as outer products."""

    isa: Isa
    name: str = "outer products"

    def refuses(self, task: Task) -> str | None:  # noqa: ARG002
        return None

    def cost(self, task: Task) -> float:
        """Nine tenths of the peak over whole micro-tiles, and packing the weights."""
        rows, columns = self.isa.tile_rows, self.isa.tile_columns
        images, neurons = _up(task.batch, rows), _up(task.what.filters, columns)
        depth = task.inputs[0].values
        packing = depth * neurons * PACKING_CYCLES / CLOCK
        computing = depth * neurons * images / (peak(self.isa) * 0.9)
        return max(computing + packing, reading(depth * neurons))

    def lower(self, task: Task) -> Lowering:
        """Blocks of neurons, and of images where there are few neurons."""
        fc, images = task.what, task.batch
        neurons = column_block(self.isa, fc.filters)
        parts = max(1, min(WANTED_CHUNKS // -(-fc.filters // neurons), images // IMAGES_OF_A_PANEL))
        height = tile_height(self.isa, images // parts)
        block = height * -(-images // (height * parts))
        return forward(
            FcForward(fc.bias, height, task.detail.get("relu", False)), task, block, neurons
        )


def forward(
    kernel: FcDots | FcForward, task: Task, image_block: int, neuron_block: int
) -> Lowering:
    """The launch of a forward pass cut in blocks."""
    fc, images = task.what, task.batch
    chunks = -(-images // image_block) * -(-fc.filters // neuron_block)
    sizes = (images, fc.filters, task.inputs[0].values, image_block, neuron_block)
    arguments = ("x0", "w.w", "w.b" if fc.bias else 0, "y", *sizes)
    return Lowering((Launch(kernel, chunks, arguments),))


def fc_backward(isa: Isa, task: Task) -> Lowering:
    """By the data, where it is wanted, with the old weights, and by the weights: in one pass over
    these where they are updated, too."""
    fc, images, depth = task.what, task.batch, task.inputs[0].values
    tiles, blocks = -(-fc.filters // isa.tile_rows), Blocks.of(isa, task)
    scratch = {"packed": 4 * (tiles * images + isa.tile_rows) * isa.tile_rows}
    pack = ("dy", "scratch.packed", "dw.b" if fc.bias else 0, images, fc.filters)
    launches = [Launch(FcBackwardBias(fc.bias), tiles, pack)]
    by_data = "dx0" in task.roles
    if "update" in task.detail:
        launches.append(update_launch(isa, task, blocks))
    else:
        launches += [data_gradient(isa, task, blocks)] if by_data else []
        block = column_block(isa, depth)
        arguments = ("scratch.packed", "x0", "dw.w", images, fc.filters, depth, block)
        launches.append(Launch(FcBackwardFilter(), -(-depth // block), arguments))
    if by_data:
        launches += partial_sums(task, blocks)
        scratch |= {"partial": 4 * blocks.ranges * images * depth} if blocks.ranges > 1 else {}
    return Lowering(tuple(launches), scratch)


def column_block(isa: Isa, columns: int, most: int = BLOCK) -> int:
    """Columns in a chunk of outer products: whole micro-tiles, and enough chunks."""
    tiles = -(-columns // isa.tile_columns)
    return isa.tile_columns * max(1, min(most // isa.tile_columns, tiles // WANTED_CHUNKS))
