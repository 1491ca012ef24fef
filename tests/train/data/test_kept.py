"""Keeping images in memory: each is read once and comes back unchanged."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from striate.layers.shape import Array
from striate.train.data import ArrayData, kept
from striate.train.data.dataset import Indices, Labels


class Counting(ArrayData):
    """A data set that counts how often each of its images is read."""

    def __init__(self) -> None:
        super().__init__(np.arange(12, dtype=np.uint8).reshape(6, 2, 1, 1), [0, 1, 2, 0, 1, 2])
        self.reads: Counter[int] = Counter()

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:
        self.reads.update(indices.tolist())
        return super().batch(indices, key)


def test_images_are_read_once_and_come_back_unchanged() -> None:
    source = Counting()
    data = kept.Kept(source)
    source.reads.clear()
    for chosen in ([4, 2], [2, 4, 5], [0, 1, 2, 3, 4, 5]):
        images, labels = data.batch(np.array(chosen))
        assert np.array_equal(images, source.images[chosen])
        assert labels.tolist() == source.labels[chosen].tolist()
        images[:] = 0
    assert source.reads == dict.fromkeys(range(6), 1)


def test_only_what_fits_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Counting()
    monkeypatch.setattr(kept, "MOST_KEPT", 6 * 2 * 4)
    assert isinstance(kept.keep(source), kept.Kept)
    monkeypatch.setattr(kept, "MOST_KEPT", 6 * 2 * 4 - 1)
    assert kept.keep(source) is source
