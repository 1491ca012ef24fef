"""The FLOPs and bytes that a job cannot do without."""

from __future__ import annotations

import striate
from striate.peers import Floor, Speed, floor_of

NET = "INPUT 8x8x3 -> CONV3-4 -> RELU -> CONV3-6 -> FC 10"
CONV1, CONV2, FC = 64 * 4 * 27, 64 * 6 * 36, 64 * 6 * 10
WEIGHTS = 6 + 4 * 28 + 6 * 37 + 10 * 385


def test_inference() -> None:
    floor = floor_of(striate.net(NET).checked, 2, training=False)
    assert floor.flops == 2 * 2 * (CONV1 + CONV2 + FC)
    assert floor.bytes == 4 * (2 * 64 * 3 + WEIGHTS)


def test_training_has_no_gradient_by_the_images() -> None:
    floor = floor_of(striate.net(NET).checked, 2, training=True)
    assert floor.flops == 2 * 2 * (2 * CONV1 + 3 * CONV2 + 3 * FC)
    assert floor.bytes == 4 * (2 * 64 * 3 + 5 * WEIGHTS)


def test_the_slower_of_both_bounds() -> None:
    assert Floor(6.0, 4.0).seconds(Speed(2.0, 1.0)) == 4.0
    assert Floor(6.0, 4.0).seconds(Speed(1.0, 1.0)) == 6.0
