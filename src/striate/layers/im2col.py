"""im2col: a convolution as one matrix product (CS231n notes, "Implementation as Matrix
Multiplication")."""

from __future__ import annotations

from striate.layers.shape import Array
from striate.layers.window import Window


def x_col(image: Array, window: Window) -> Array:
    """Every region that the window sees, stretched into a column.

    Args:
        image: one volume [H, W, C].
        window: of CONV or LOCAL.

    Returns:
        [F·F·C, H'·W']: regions in row-major order of their positions, each stretched in the order
        row, column, channel.
    """
    patches = window.patches(image[None])[0]
    positions = patches.shape[0] * patches.shape[1]
    columns: Array = patches.reshape(positions, -1).T
    return columns


def w_row(filters: Array) -> Array:
    """Every filter of [K, F, F, C] stretched into a row: [K, F·F·C].

    ``w_row(w) @ x_col(image, window)`` is the output [K, H'·W'] without the biases.
    """
    return filters.reshape(len(filters), -1)
