"""Augmentation: random crops, flips, colours and holes, drawn for each image by itself.

What happens to an image depends on the key (of seed and epoch), on its index in the data set, and
on the step's place in the list, never on the batch it is in or the thread that reads it.

As text: ``crop=4,flip,jitter=0.2,cutout=8``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from striate.errors import InputError
from striate.layers.options import Kind, Number, Whole
from striate.layers.random import GOLDEN, mix
from striate.layers.shape import Array, Shape
from striate.train.data.dataset import LUMA, DataSet, Indices, Labels

Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """The base of every step. Its fields are its settings, all of one kind.

    Class attributes:
        keyword: its name in the text form.
        kind: what its value in the text form may be; None if it takes none.
        draws: how many random numbers it uses for each image.
    """

    keyword: ClassVar[str]
    kind: ClassVar[Kind | None] = None
    draws: ClassVar[int]

    def __post_init__(self) -> None:
        for field in fields(self):
            if self.kind is not None:
                try:
                    self.kind.read(self.kind.write(getattr(self, field.name)))
                except ValueError as error:
                    raise InputError(f"{self.keyword}: {field.name}: {error}") from None

    def reach(self) -> int:
        """How many pixels of an image's side it may blank out."""
        return 0

    def apply(self, images: Array, draws: Draws) -> Array:
        """The changed images, [n, H, W, C] of the same kind; the given ones may be overwritten.

        Args:
            images: [n, H, W, C], uint8 or float32.
            draws: numbers from 0 up to 1, [self.draws, n].
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Crop(Step):
    """A window of the image's own size, anywhere in the image padded with ``pad`` zeros all round.

    As He et al. (2015), section 4.2, do for CIFAR-10 with a pad of 4.
    """

    pad: int = 4

    keyword: ClassVar = "crop"
    kind: ClassVar = Whole()
    draws: ClassVar = 2

    def reach(self) -> int:
        return self.pad

    def apply(self, images: Array, draws: Draws) -> Array:
        _, rows, columns, _ = images.shape
        around = (self.pad, self.pad)
        padded = np.pad(images, ((0, 0), around, around, (0, 0)))
        corners = (draws * (2 * self.pad + 1)).astype(np.int64)
        for place, image, (top, left) in zip(images, padded, corners.T, strict=True):
            place[...] = image[top : top + rows, left : left + columns]
        return images


@dataclass(frozen=True)
class Flip(Step):
    """Left and right exchanged, for half of the images."""

    keyword: ClassVar = "flip"
    draws: ClassVar = 1

    def apply(self, images: Array, draws: Draws) -> Array:
        chosen = draws[0] < 0.5
        images[chosen] = images[chosen, :, ::-1]
        return images


@dataclass(frozen=True)
class Jitter(Step):
    """Other brightness, contrast and saturation, each by a factor from 1 - s to 1 + s.

    Brightness multiplies the pixels; contrast multiplies their distance from the image's mean grey,
    saturation that from each pixel's own grey, in this order. Grey is the luma of ITU-R 601 for
    three channels and the mean for any other number. uint8 pixels are rounded and kept within 0
    to 255 at the end.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2

    keyword: ClassVar = "jitter"
    kind: ClassVar = Number(0, 1)
    draws: ClassVar = 3

    def apply(self, images: Array, draws: Draws) -> Array:
        strengths = np.array([[self.brightness], [self.contrast], [self.saturation]])
        factors = (1 + strengths * (2 * draws - 1)).astype(np.float32)
        bright, contrast, saturation = factors.reshape(3, -1, 1, 1, 1)
        depth = images.shape[3]
        weights = LUMA if depth == 3 else np.full(depth, 1 / depth, np.float32)
        pixels = images.astype(np.float32)
        grey = (pixels @ weights)[..., np.newaxis]
        level = grey.mean(axis=(1, 2, 3), keepdims=True)
        # The three steps are linear, and grey is unchanged by the last: one sum does for all.
        pixels *= bright * contrast * saturation
        grey *= bright * contrast * (1 - saturation)
        grey += bright * (1 - contrast) * level
        pixels += grey
        if images.dtype != np.uint8:
            return pixels
        return np.rint(np.clip(pixels, 0, 255, out=pixels), out=pixels).astype(np.uint8)


@dataclass(frozen=True)
class Cutout(Step):
    """A square hole around a random pixel, cut off at the borders (DeVries and Taylor, 2017).

    It is filled with the image's mean colour, which is near zero once the INPUT layer has centred
    the pixels.
    """

    size: int = 8

    keyword: ClassVar = "cutout"
    kind: ClassVar = Whole()
    draws: ClassVar = 2

    def reach(self) -> int:
        return self.size

    def apply(self, images: Array, draws: Draws) -> Array:
        _, rows, columns, _ = images.shape
        starts = (draws * [[rows], [columns]]).astype(np.int64) - self.size // 2
        stops = starts + self.size
        # Over one axis at a time: NumPy is ten times faster at that.
        means = images.astype(np.float32).mean(axis=1).mean(axis=1)
        fills = (np.rint(means) if images.dtype == np.uint8 else means).astype(images.dtype)
        for image, fill, (top, left), (bottom, right) in zip(
            images, fills, np.maximum(starts, 0).T, stops.T, strict=True
        ):
            image[top:bottom, left:right] = fill
        return images


STEPS: dict[str, type[Step]] = {step.keyword: step for step in (Crop, Flip, Jitter, Cutout)}


@dataclass(frozen=True)
class Augmentation:
    """Steps that are applied one after the other. ``str()`` gives the text form."""

    steps: tuple[Step, ...] = ()

    def apply(self, images: Array, indices: Indices, key: int) -> Array:
        """The augmented images, [n, H, W, C] of the same kind; the given ones may be overwritten.

        Args:
            images: [n, H, W, C], uint8 or float32.
            indices: of the images in their data set, [n].
            key: 32 bits that stand for the seed and the epoch.
        """
        first = 0
        for step in self.steps:
            draws = range(first, first + step.draws)
            images = step.apply(images, uniform(key, indices, draws))
            first += step.draws
        return images

    def require_smaller(self, shape: Shape) -> None:
        """Raise InputError if a step could blank out images of this shape as a whole."""
        side = min(shape.height, shape.width)
        for step in self.steps:
            if step.reach() >= side:
                raise InputError(
                    f"augmentation: {step.keyword}: expected less than {side} for images of "
                    f"{shape}, got {step.reach()}"
                )

    def __str__(self) -> str:
        return ",".join(map(_write, self.steps)) or "none"


def parse(text: str) -> Augmentation:
    """The augmentation that a text such as ``crop=4,flip,jitter=0.2,cutout=8`` stands for.

    ``jitter`` may have three numbers, ``jitter=0.2/0.2/0``, for brightness, contrast and
    saturation. ``none`` or an empty text is no augmentation.

    Raises:
        InputError: if a step is unknown, given twice, or has a value that it cannot take.
    """
    if text.strip() in ("", "none"):
        return Augmentation()
    steps = tuple(_step(part.strip()) for part in text.split(","))
    keywords = [step.keyword for step in steps]
    for keyword in keywords:
        if keywords.count(keyword) > 1:
            raise InputError(f"augmentation '{text}': {keyword} is given twice")
    return Augmentation(steps)


def uniform(key: int, indices: Indices, draws: Iterable[int]) -> Draws:
    """Numbers from 0 up to 1: one for each draw (rows) and image (columns)."""
    images = mix(indices.astype(np.uint32) * np.uint32(GOLDEN) + np.uint32(key & 0xFFFFFFFF))
    numbers = [mix(images + _salt(draw)) / 2.0**32 for draw in draws]
    return np.stack(numbers)


class Augmented:
    """A data set whose images are augmented as they are read. Implements `DataSet`."""

    def __init__(self, data: DataSet, augmentation: Augmentation) -> None:
        self.data = data
        self.augmentation = augmentation
        self.name = data.name
        self.classes = data.classes
        self.shape = data.shape
        self.labels = data.labels
        self.problems = data.problems

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:
        """The augmented images and the labels at ``indices``; see `DataSet.batch`."""
        images, labels = self.data.batch(indices, key)
        return self.augmentation.apply(images, indices, key), labels


def _salt(draw: int) -> np.uint32:
    return np.uint32((draw + 1) * GOLDEN & 0xFFFFFFFF)


def _step(text: str) -> Step:
    keyword, given, value = (part.strip() for part in text.partition("="))
    if keyword not in STEPS:
        close = difflib.get_close_matches(keyword.lower(), STEPS, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(STEPS)}"
        raise InputError(f"augmentation: unknown step '{keyword}'{hint}")
    cls = STEPS[keyword]
    if not given:
        return cls()
    if cls.kind is None:
        raise InputError(f"augmentation: {keyword} takes no value, got '{value}'")
    try:
        values = [cls.kind.read(part) for part in value.split("/")]
    except ValueError as error:
        raise InputError(f"augmentation: {keyword}: {error}") from None
    settings = len(fields(cls))
    if len(values) not in (1, settings):
        counts = "one value" if settings == 1 else f"one value or {settings} separated by /"
        raise InputError(f"augmentation: {keyword}: expected {counts}, got '{value}'")
    return cls(*(values * settings if len(values) == 1 else values))


def _write(step: Step) -> str:
    if step.kind is None:
        return step.keyword
    values = [step.kind.write(getattr(step, field.name)) for field in fields(step)]
    shown = values[:1] if len(set(values)) == 1 else values
    return f"{step.keyword}={'/'.join(shown)}"
