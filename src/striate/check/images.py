"""Are these images for this net? Shape and kind are compared before anything is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from striate.errors import InputError
from striate.layers.shape import Array, Shape


def require_images(images: ArrayLike, shape: Shape) -> Array:
    """Images [N, H, W, C] of a shape, as uint8 or float32, from uint8 or floats.

    Raises:
        InputError: they are of another shape, or neither uint8 nor floats.
    """
    try:
        found = np.asarray(images)
    except ValueError:
        raise InputError("images: expected one array, got images of different sizes") from None
    expected = shape.array(0)[1:]
    is_number = found.dtype == np.uint8 or found.dtype.kind == "f"
    if found.ndim != 4 or found.shape[1:] != expected or not is_number:
        raise InputError(
            f"images: expected [N, {', '.join(map(str, expected))}] of uint8 or floats, "
            f"got {list(found.shape)} of {found.dtype}{_hint(found)}"
        )
    # A number too large for float32 becomes infinite.
    with np.errstate(over="ignore"):
        return found if found.dtype == np.uint8 else found.astype(np.float32, copy=False)


def _hint(found: Array) -> str:
    """What makes pixels of other whole numbers."""
    whole = found.dtype.kind in "iu" and found.dtype != np.uint8
    return "; .astype(np.uint8) makes pixels of 0 to 255" if whole else ""
