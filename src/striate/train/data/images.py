"""Image files and arrays, brought to the shape of a net's input.

An image is scaled until its shorter side fits (bilinear, antialiased when it shrinks) and cropped
around the centre. Files: the EXIF orientation is applied; of an animation the first frame counts;
transparent pixels are laid over white; 16-bit values keep their high byte; CMYK and palettes become
RGB. One channel is the luma of ITU-R 601, three are RGB.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from striate.errors import DataError
from striate.layers.shape import Array, Shape
from striate.train.data.dataset import LUMA

GREY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16B", "I;16L", "I;16N", "I"})
TAIL = 1 << 16

# EXIF's tag, and the first of its values that stand for an image lying on its side.
ORIENTATION = 0x0112
FIRST_TURNED = 5


def read_image(path: Path | str, shape: Shape | None = None) -> Array:
    """The pixels of an image file, [H, W, C] uint8.

    Args:
        path: the file, in any format that Pillow reads.
        shape: what to bring it to, of 1 or 3 channels; without it the image keeps its size and has
            three channels.

    Raises:
        DataError: if the file is not an image, is damaged, too large, or of floating-point values,
            or if the shape has neither 1 nor 3 channels. The text names the file.
    """
    channels = 3 if shape is None else shape.channels
    if channels not in (1, 3):
        raise DataError(f"{path}: images are read with 1 or 3 channels, the net has {shape}")
    try:
        _require_regular(Path(path))
        with Image.open(path) as image:
            if shape is not None:
                # JPEG decodes at 1/2, 1/4 or 1/8 of the size for a fraction of the time; twice
                # the size asked for leaves the resampling enough to work on.
                side = 2 * max(shape.height, shape.width)
                image.draft(None, (side, side))
            upright = ImageOps.exif_transpose(image)
            flat = _flatten(upright).convert("L" if channels == 1 else "RGB")
        if shape is not None:
            flat = _fit(flat, shape)
        return np.asarray(flat).reshape(flat.height, flat.width, channels)
    # Pillow's readers raise errors of many kinds when a file is damaged.
    except Exception as error:
        raise DataError(f"{path}: {_reason(error)}") from error


def shape_of(path: Path) -> Shape:
    """The shape of an image file, which is found to be whole, at little cost for JPEG and PNG.

    Returns:
        The height and width of the upright image, and one channel if it is grey, else three.

    Raises:
        DataError: if the file is not an image, is damaged, truncated, too large, or of
            floating-point values.
    """
    try:
        _require_regular(Path(path))
        with Image.open(path) as image:
            height, width = image.height, image.width
            grey = image.mode in GREY_MODES
            if image.format == "PNG":
                image.verify()
                return Shape(height, width, 1 if grey else 3)
            if image.format != "JPEG" or not _ends(path):
                # A pixel is brought to what `read_image` gives, to see that this kind can be.
                _flatten(image.crop((0, 0, 1, 1))).convert("L" if grey else "RGB")
            if image.getexif().get(ORIENTATION, 1) >= FIRST_TURNED:
                height, width = width, height
        return Shape(height, width, 1 if grey else 3)
    # Pillow's readers raise errors of many kinds when a file is damaged.
    except Exception as error:
        raise DataError(f"{path}: {_reason(error)}") from error


def fit_array(image: Array, shape: Shape) -> Array:
    """An image [h, w, c], uint8 or float32, brought to [H, W, C] of the same kind.

    The number of channels must be that of the shape, or one of them 1 and the other 3.
    """
    if image.shape[:2] != (shape.height, shape.width):
        planes = [
            Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, 2, 0)
        ]
        image = np.stack([np.asarray(_fit(plane, shape)) for plane in planes], axis=2)
    if image.shape[2] == shape.channels:
        return image
    if shape.channels == 3:
        return np.repeat(image, 3, axis=2)
    luma = image @ LUMA
    return (np.rint(luma) if image.dtype == np.uint8 else luma).astype(image.dtype)[..., np.newaxis]


def _fit(image: Image.Image, shape: Shape) -> Image.Image:
    return ImageOps.fit(image, (shape.width, shape.height), Image.Resampling.BILINEAR)


def _flatten(image: Image.Image) -> Image.Image:
    """The image without transparency and with 8 bits a channel."""
    if image.mode == "F":
        raise DataError("holds floating-point values; save it with 8 or 16 bits a channel")
    if image.mode == "I" or image.mode.startswith("I;"):
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray((values.clip(0, 0xFFFF) >> 8).astype(np.uint8))
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def _require_regular(path: Path) -> None:
    """Raise DataError for a pipe or a device, which might never come to an end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError("not a regular file")


def _ends(path: Path) -> bool:
    """Whether a JPEG's end marker comes near the end of the file.

    Compressed data never holds the marker's bytes, so a file without it may be truncated.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - TAIL))
        tail = file.read()
    end = tail.rfind(b"\xff\xd9")
    return end >= 0 and tail.rfind(b"\xff\xda") < end


def _reason(error: Exception) -> str:
    """Why an image cannot be read, in words without the file's name."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image that can be read"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        return f"too large: an image may have at most {limit:,} pixels"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if isinstance(error, DataError):
        return str(error)
    return f"damaged image: {error}"
