"""LOCAL: at every output position a small FC of its own over what the window sees there."""

from __future__ import annotations

from striate.kernels import dot_products, outer_products
from striate.kernels.base import NativeKernel
from striate.kernels.dot_products import DotTile
from striate.kernels.emitter import Emitter
from striate.kernels.fc import add_bias_gradient
from striate.kernels.isa import Isa
from striate.kernels.matrix import Matrix, Range
from striate.kernels.memory_ops import fill
from striate.kernels.outer_products import (
    Product,
    pack_columns,
    packed_rows,
    rows_of,
    tile_height,
)
from striate.kernels.patches import Patches
from striate.kernels.values import Pointer
from striate.plan.records import Launch, Lowering, Task

OVERRUN = 64
"""Values that loads of a micro-tile may read behind the patches."""


class LocalKernel(NativeKernel, frozen=True):
    """What the kernels of LOCAL share. One chunk is one output position, unless they say otherwise.

    Attributes:
        patches: what the window sees.
        filters: at each position.
        images: in the batch.
    """

    patches: Patches
    filters: int
    images: int

    def pack(self, e: Emitter, x: Pointer, to: Pointer) -> Matrix:
        """The patches of all images at this chunk's position, as the rows of a matrix."""
        rows = Matrix(to, self.patches.values)
        with e.loop(self.images) as n:
            self.patches.pack(e, rows.row(n), x + n * self.patches.x.values, e.chunk)
        return rows

    def at_position(self, values: Pointer) -> Matrix:
        """This position's channels of y or dy, a row for each image."""
        filters = self.filters
        return Matrix(values + values.emitter.chunk * filters, self.patches.positions * filters)

    def weights(self, w: Pointer) -> Matrix:
        """This position's filters, or their gradient."""
        size = self.patches.values
        return Matrix(w + w.emitter.chunk * (self.filters * size), size)


class LocalForward(LocalKernel, frozen=True):
    """x, w, b, y."""

    tile: DotTile
    bias: bool

    @property
    def private(self) -> int:
        return dot_products.PRIVATE_BYTES + 4 * (self.images * self.patches.values + OVERRUN)

    def emit(self, e: Emitter) -> None:
        x, w, b, y = (e.pointer(i) for i in range(4))
        free = e.scratch + dot_products.PRIVATE_BYTES // 4
        factors = self.pack(e, x, free), self.weights(w)
        bias = b + e.chunk * self.filters if self.bias else None
        ranges = Range.all(e, self.images), Range.all(e, self.filters)
        depth = e.integer(self.patches.values)
        self.tile.multiply(e, factors, depth, self.at_position(y), ranges, bias)


class LocalBackwardPatches(LocalKernel, frozen=True):
    """dy, w, gradients of the patches: [positions, images, values of a patch]."""

    @property
    def private(self) -> int:
        return outer_products.PRIVATE_BYTES

    def emit(self, e: Emitter) -> None:
        dy, w, gradients = (e.pointer(i) for i in range(3))
        size = self.patches.values
        to = Matrix(gradients + e.chunk * (self.images * size), size)
        rows = rows_of(
            e, self.at_position(dy), Range.all(e, self.images), tile_height(e.isa, self.images)
        )
        product = Product(rows, self.weights(w), False, e.integer(self.filters), to)
        product.emit(e, Range.all(e, size))


class LocalFold(LocalKernel, frozen=True):
    """Gradients of the patches, dx: each patch is added back. One chunk is one image."""

    def emit(self, e: Emitter) -> None:
        patches = self.patches
        dx = e.pointer(1) + e.chunk * patches.x.values
        fill(e, dx, patches.x.values)
        with e.loop(patches.positions) as position:
            place = (position * self.images + e.chunk) * patches.values
            patches.add_back(e, dx, e.pointer(0) + place, position)


class LocalBackwardFilter(LocalKernel, frozen=True):
    """x, dy, dw, db."""

    bias: bool

    @property
    def private(self) -> int:
        # A micro-tile has at most 16 rows, so the packed gradients are that much longer at most.
        packed = self.images * (self.filters + 16)
        patches = self.images * self.patches.values + OVERRUN
        return outer_products.PRIVATE_BYTES + 4 * (patches + packed)

    def emit(self, e: Emitter) -> None:
        x, dy, dw, db = (e.pointer(i) for i in range(4))
        images, filters = e.integer(self.images), e.integer(self.filters)
        free = e.scratch + outer_products.PRIVATE_BYTES // 4
        patches = self.pack(e, x, free)
        packed = free + (self.images * self.patches.values + OVERRUN)
        gradients = self.at_position(dy)
        with e.loop(filters, step=e.isa.tile_rows) as k:
            tile = packed + k * images
            pack_columns(e, tile, gradients, images, k, filters)
            if self.bias:
                place = db + (e.chunk * self.filters + k)
                add_bias_gradient(e, tile, images, place, filters - k)
        rows = packed_rows(e, packed, filters, images)
        product = Product(rows, patches, False, images, self.weights(dw))
        product.emit(e, Range.all(e, self.patches.values))


def local_forward(isa: Isa, task: Task) -> Lowering:
    """Position by position."""
    local, images = task.what, task.batch
    patches = Patches(task.inputs[0], local.window)
    kernel = LocalForward(patches, local.filters, images, DotTile.of(isa, images), local.bias)
    arguments = ("x0", "w.w", "w.b" if local.bias else 0, "y")
    return Lowering((Launch(kernel, patches.positions, arguments),))


def local_backward(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """By the patches and then the volume, where that is wanted; by the filters."""
    local, images = task.what, task.batch
    patches = Patches(task.inputs[0], local.window)
    sizes = patches, local.filters, images
    arguments = ("x0", "dy", "dw.w", "dw.b" if local.bias else 0)
    filters = Launch(LocalBackwardFilter(*sizes, local.bias), patches.positions, arguments)
    if "dx0" not in task.roles:
        return Lowering((filters,))
    by_patches = ("dy", "w.w", "scratch.patches")
    launches = (
        Launch(LocalBackwardPatches(*sizes), patches.positions, by_patches),
        Launch(LocalFold(*sizes), images, ("scratch.patches", "dx0")),
        filters,
    )
    return Lowering(launches, {"patches": 4 * images * patches.positions * patches.values})
