"""FC forward, and backward by the weights and the bias, over weights as they lie in memory.

y[n, k] = b[k] + Σ_d x[n, d]·w[k, d];  dw[k, d] = Σ_n dy[n, k]·x[n, d];  db[k] = Σ_n dy[n, k].
"""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from striate.kernels import dot_products, outer_products
from striate.kernels.base import NativeKernel
from striate.kernels.dot_products import DotTile
from striate.kernels.emitter import Emitter
from striate.kernels.matrix import Matrix, Range
from striate.kernels.outer_products import Product, Sums, pack_columns, packed_rows, rows_of
from striate.kernels.values import Pointer, Value


class FcDots(NativeKernel, frozen=True):
    """x, w, b, y, images, neurons, depth, images in a chunk, neurons in a chunk.

    Attributes:
        tile: the micro-tile.
        bias: whether the sums start from a bias.
        relu: whether RELU follows.
    """

    tile: DotTile
    bias: bool
    relu: bool

    @property
    def private(self) -> int:
        return dot_products.PRIVATE_BYTES

    def emit(self, e: Emitter) -> None:
        x, w, b, y = (e.pointer(i) for i in range(4))
        neurons, depth = e.argument(5), e.argument(6)
        ranges = images_and_neurons(e)
        factors = Matrix(x, depth), Matrix(w, depth)
        bias = b if self.bias else None
        self.tile.multiply(e, factors, depth, Matrix(y, neurons), ranges, bias, self.relu)


class FcForward(NativeKernel, frozen=True):
    """x, w, b, y, images, neurons, depth, images in a chunk, neurons in a chunk.

    Attributes:
        bias: whether the sums start from a bias.
        height: images of a micro-tile.
        relu: whether RELU follows.
    """

    bias: bool
    height: int
    relu: bool

    @property
    def private(self) -> int:
        return outer_products.PRIVATE_BYTES

    def emit(self, e: Emitter) -> None:
        x, w, b, y = (e.pointer(i) for i in range(4))
        neurons, depth = e.argument(5), e.argument(6)
        images, within = images_and_neurons(e)
        rows = rows_of(e, Matrix(x, depth), images, self.height)
        to = Matrix(y, neurons).at(images.first, 0)
        start = b if self.bias else None
        product = Product(rows, Matrix(w, depth), True, depth, to, start)
        if self.relu:
            product = replace(product, finish=partial(_rectify, e))
        product.emit(e, within)


def _rectify(e: Emitter, sums: Sums, row: Value, column: Value) -> None:  # noqa: ARG001
    """RELU of a micro-tile."""
    for totals in sums:
        for total in totals:
            total.value = e.maximum(total.value, 0.0)


def images_and_neurons(e: Emitter) -> tuple[Range, Range]:
    """The part of a forward pass that this chunk does, from arguments 4, 5, 7 and 8."""
    images, neurons, image_block, neuron_block = (e.argument(i) for i in (4, 5, 7, 8))
    parts = (images + image_block - 1) // image_block
    return (
        Range.part(e, e.chunk % parts, image_block, images),
        Range.part(e, e.chunk // parts, neuron_block, neurons),
    )


class FcBackwardBias(NativeKernel, frozen=True):
    """dy, packed dy, db, images, neurons. One chunk is a micro-tile of neurons.

    Packed dy is [micro-tiles][images][neurons of a micro-tile], filled up with zeros.
    """

    bias: bool

    def emit(self, e: Emitter) -> None:
        dy, packed, db = (e.pointer(i) for i in range(3))
        images, neurons = e.argument(3), e.argument(4)
        first = e.chunk * e.isa.tile_rows
        to = packed + first * images
        pack_columns(e, to, Matrix(dy, neurons), images, first, neurons)
        if self.bias:
            add_bias_gradient(e, to, images, db + first, neurons - first)


def add_bias_gradient(
    e: Emitter, packed: Pointer, images: Value, db: Pointer, neurons: Value
) -> None:
    """Sums over the images of a micro-tile of packed dy."""
    height = e.isa.tile_rows
    with e.loop(e.integer_minimum(neurons, height)) as c:
        total = e.variable(0.0)
        with e.loop(images) as n:
            total.value = total.value + packed.load(n * height + c)
        db.store(total.value, c)


class FcBackwardFilter(NativeKernel, frozen=True):
    """packed dy, x, dw, images, neurons, depth, columns in a chunk, which is a block of columns."""

    @property
    def private(self) -> int:
        return outer_products.PRIVATE_BYTES

    def emit(self, e: Emitter) -> None:
        packed, x, dw = (e.pointer(i) for i in range(3))
        images, neurons, depth, block = (e.argument(i) for i in range(3, 7))
        rows = packed_rows(e, packed, neurons, images)
        product = Product(rows, Matrix(x, depth), False, images, Matrix(dw, depth))
        product.emit(e, Range.part(e, e.chunk, block, depth))
