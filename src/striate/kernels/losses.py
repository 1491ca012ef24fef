"""Losses: the value of each image and the gradient in one pass, then a sum in a fixed order.

Labels are compared with the index of a class, never used as an address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from striate.kernels.base import NativeKernel
from striate.kernels.elementary import log
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa
from striate.kernels.rows import exponentials, for_rows, lane_is, rows_in_chunk, sum_row
from striate.kernels.values import Pointer, Value
from striate.kernels.vector_loop import STASH_BYTES, for_vectors
from striate.layers import L2Loss, Loss, SoftmaxLoss, SvmLoss
from striate.plan.records import Launch, Lowering, Task


class Image(Struct, frozen=True):
    """What one image's loss is computed from.

    Attributes:
        scores: of its classes.
        gradient: where that of the mean loss goes.
        classes: how many.
        label: the right class.
        share: one over the number of images.
    """

    scores: Pointer
    gradient: Pointer
    classes: Value
    label: Value
    share: Value


def softmax_loss(e: Emitter, loss: SoftmaxLoss, image: Image) -> Value:
    """Cross-entropy: log Σ exp(s) - Σ q·s, and (softmax(s) - q)/N."""
    scores, gradient, classes = image.scores, image.gradient, image.classes
    top, total = exponentials(e, gradient, scores, classes)
    spread = loss.label_smoothing / e.to_float(classes)

    def target(i: Value) -> Value:
        right = lane_is(e, i, image.label)
        return e.select(right, e.splat(1 - loss.label_smoothing), 0.0) + spread

    def derivative(i: Value) -> Value:
        return (gradient.vector(i) / total - target(i)) * image.share

    along = sum_row(e, classes, lambda i: target(i) * (scores.vector(i) - top))
    for_vectors(e, classes, lambda i: [(gradient + i, derivative(i))], e.scratch)
    return log(e, total) - along


def svm_loss(e: Emitter, loss: SvmLoss, image: Image) -> Value:
    """Σ over j ≠ y of max(0, s_j - s_y + margin), and the number of hinges above 0 at y."""
    scores, classes, label = image.scores, image.classes, image.label
    right = sum_row(e, classes, lambda i: e.select(lane_is(e, i, label), scores.vector(i), 0.0))

    def hinge(i: Value) -> Value:
        lead = scores.vector(i) - right + float(loss.margin)
        return e.maximum(e.select(lane_is(e, i, label), 0.0, lead), 0.0)

    def over(i: Value) -> Value:
        return e.select(hinge(i) > 0.0, e.splat(1.0), 0.0)

    count = sum_row(e, classes, over)

    def derivative(i: Value) -> Value:
        return e.select(lane_is(e, i, label), -count, over(i)) * image.share

    for_vectors(e, classes, lambda i: [(image.gradient + i, derivative(i))], e.scratch)
    return sum_row(e, classes, hinge)


def l2_loss(e: Emitter, loss: L2Loss, image: Image) -> Value:  # noqa: ARG001
    """Σ (s - t)² with t one-hot, and 2(s - t)/N."""

    def difference(i: Value) -> Value:
        right = lane_is(e, i, image.label)
        return image.scores.vector(i) - e.select(right, e.splat(1.0), 0.0)

    double = image.share * 2.0
    for_vectors(
        e,
        image.classes,
        lambda i: [(image.gradient + i, difference(i) * double)],
        e.scratch,
    )
    return sum_row(e, image.classes, lambda i: difference(i) * difference(i))


LOSSES: Mapping[type[Loss], Callable[[Emitter, Any, Image], Value]] = {
    SoftmaxLoss: softmax_loss,
    SvmLoss: svm_loss,
    L2Loss: l2_loss,
}


class LossOfImages(NativeKernel, frozen=True):
    """scores, labels, gradient, losses, images, classes, images in a chunk."""

    loss: Loss

    @property
    def private(self) -> int:
        return STASH_BYTES

    def emit(self, e: Emitter) -> None:
        scores, labels, gradient, losses = (
            e.pointer(0),
            e.pointer(1, "i64"),
            *map(e.pointer, (2, 3)),
        )
        images, classes, block = (e.argument(i) for i in range(4, 7))
        share = 1.0 / e.to_float(images)
        function = LOSSES[type(self.loss)]

        def store_loss(n: Value) -> None:
            row = n * classes
            image = Image(scores + row, gradient + row, classes, labels.load(n), share)
            losses.store(function(e, self.loss, image), n)

        for_rows(e, images, block, store_loss)


class MeanLoss(NativeKernel, frozen=True):
    """losses, loss, images."""

    def emit(self, e: Emitter) -> None:
        losses, images = e.pointer(0), e.argument(2)
        total = sum_row(e, images, losses.vector)
        e.pointer(1).store(total / e.to_float(images))


def loss_and_gradient(isa: Isa, task: Task) -> Lowering:  # noqa: ARG001
    """The losses of all images, then their mean."""
    images, classes = task.batch, task.output.values
    block = rows_in_chunk(classes)
    arguments = ("x", "labels", "dx", "scratch.losses", images, classes, block)
    each = Launch(LossOfImages(task.what), -(-images // block), arguments)
    mean = Launch(MeanLoss(), 1, ("scratch.losses", "loss", images))
    return Lowering((each, mean), {"losses": 4 * images})
