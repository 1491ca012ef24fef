"""VGGNet (Simonyan & Zisserman 2014): 3x3 CONV and 2x2 POOL from the beginning to the end."""

from __future__ import annotations

from striate.errors import InputError

FILTERS = (64, 128, 256, 512, 512)
STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Number of CONV layers in front of each POOL, by the number of layers with weights."""


def vgg(layers: int) -> str:
    """The notation of VGGNet with 11, 13, 16 or 19 layers that have weights.

    Raises:
        InputError: another number.
    """
    if layers not in STAGES:
        raise InputError(f"VGGNet has {', '.join(map(str, STAGES))} layers, not {layers}")
    stages = [
        f"-> [CONV3-{filters} -> RELU]*{times} -> POOL2"
        for filters, times in zip(FILTERS, STAGES[layers], strict=True)
    ]
    head = ["-> [FC 4096 -> RELU -> DROPOUT]*2", "-> FC 1000"]
    return "\n".join(["INPUT 224x224x3", *stages, *head])
