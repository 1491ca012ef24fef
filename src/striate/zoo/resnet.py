"""ResNet (He et al. 2015): residual blocks with batch norm, for 224x224 images.

As the field trains them: CONV without bias before each BATCHNORM, and where a block of three CONV
layers halves the volume, its 3x3 CONV has the stride. ``fit=floor`` crops the last row and column,
which strides of 2 over even sizes never see.
"""

from __future__ import annotations

from striate.errors import InputError

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Number of blocks in each stage, by the number of layers with weights."""

WITH_BOTTLENECK = (50,)
FILTERS = (64, 128, 256, 512)
WIDENING = 4


def resnet(layers: int) -> str:
    """The notation of ResNet with 18, 34 or 50 layers that have weights.

    Raises:
        InputError: another number.
    """
    if layers not in BLOCKS:
        raise InputError(f"ResNet has {', '.join(map(str, BLOCKS))} layers here, not {layers}")
    widens = layers in WITH_BOTTLENECK
    lines = [
        "INPUT 224x224x3",
        f"-> {_norm_conv(7, 64, 2)} -> RELU -> POOL3 S=2 P=1 fit=floor",
    ]
    for stage, (filters, times) in enumerate(zip(FILTERS, BLOCKS[layers], strict=True)):
        first = _block(filters, 1 if stage == 0 else 2, widens, changes=widens or stage > 0)
        rest = _block(filters, 1, widens, changes=False)
        lines += [f"-> {first}", f"-> [{rest}]*{times - 1}"]
    lines.append("-> POOL avg global -> FC 1000")
    return "\n".join(lines)


def _block(filters: int, stride: int, widens: bool, changes: bool) -> str:
    """A residual block; where it changes the shape, the skip connection is a 1x1 CONV."""
    wide = filters * WIDENING if widens else filters
    if widens:
        path = (
            f"{_norm_conv(1, filters, 1)} -> RELU -> {_norm_conv(3, filters, stride)} -> RELU"
            f" -> {_norm_conv(1, wide, 1)}"
        )
    else:
        path = f"{_norm_conv(3, filters, stride)} -> RELU -> {_norm_conv(3, filters, 1)}"
    skip = _norm_conv(1, wide, stride) if changes else "SKIP"
    return f"SUM{{\n    {path}\n  | {skip}\n}} -> RELU"


def _norm_conv(size: int, filters: int, stride: int) -> str:
    jump = "" if stride == 1 else f" S={stride} fit=floor"
    return f"CONV{size}-{filters}{jump} bias=no -> BATCHNORM"
