"""Are these images for this net? Shape and kind are compared before anything is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from striate.errors import InputError
from striate.layers.shape import Array, Shape


def require_images(images: ArrayLike, shape: Shape) -> Array:
    """Images [N, H, W, C] of a shape, as uint8 or float32.

    Raises:
        InputError: they are of another shape, or neither uint8 nor floats.
    """
    found = np.asarray(images)
    expected = shape.array(0)[1:]
    is_number = found.dtype == np.uint8 or found.dtype.kind == "f"
    if found.ndim != 4 or found.shape[1:] != expected or not is_number:
        raise InputError(
            f"images: expected [N, {', '.join(map(str, expected))}] of uint8 or float32, "
            f"got {list(found.shape)} of {found.dtype}"
        )
    return found if found.dtype == np.uint8 else found.astype(np.float32, copy=False)
