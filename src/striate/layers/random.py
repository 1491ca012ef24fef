"""Random numbers from a counter: element i of a layer in a step draws the same bits everywhere.

The bits of element ``i`` under a 32-bit ``key`` are murmur3's finaliser of ``i + key * golden``,
so that kernels, threads and the NumPy reference agree to the bit without sharing state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN = 0x9E3779B9
MIX = (0x85EBCA6B, 0xC2B2AE35)


def mix(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Murmur3's 32-bit finaliser: every input bit changes every output bit with odds of a half."""
    bits = bits ^ (bits >> np.uint32(16))
    bits = bits * np.uint32(MIX[0])
    bits = bits ^ (bits >> np.uint32(13))
    bits = bits * np.uint32(MIX[1])
    return bits ^ (bits >> np.uint32(16))


def uniform_bits(key: int, count: int) -> NDArray[np.uint32]:
    """32 random bits for each of ``count`` elements."""
    start = np.uint32((key * GOLDEN) & 0xFFFFFFFF)
    return mix(mix(np.arange(count, dtype=np.uint32) + start) ^ np.uint32(key & 0xFFFFFFFF))


def step_keys(seed: int, step: int, places: int) -> NDArray[np.uint32]:
    """The keys of all layers in one step of a run: one for each place in the net."""
    key = np.zeros(1, np.uint32)
    for part in (seed, step):
        key = mix(key ^ np.uint32((part + GOLDEN) & 0xFFFFFFFF))
    return mix(key ^ (np.arange(places, dtype=np.uint32) + np.uint32(GOLDEN)))
