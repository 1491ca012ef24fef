"""Batches read ahead: fixed order, any starting point, errors, and threads that end."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import DataError, InputError
from striate.layers.shape import Array
from striate.train.augment import Augmented, parse
from striate.train.data import ArrayData, Loader, evaluation_loader, training_loader
from striate.train.data.dataset import Indices, Labels
from striate.train.data.loader import epoch_key, epoch_order, evaluation_work


def numbered(count: int) -> ArrayData:
    """Images that hold their index, so that a batch shows what is in it."""
    return ArrayData(np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1), [0, 1] * (count // 2))


def take(loader: Loader, count: int) -> list[list[int]]:
    with loader:
        return [next(loader)[0].ravel().astype(int).tolist() for _ in range(count)]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> object:
    yield
    assert not [t for t in threading.enumerate() if t.name.startswith("striate-data")]


def test_every_epoch_has_its_own_order() -> None:
    orders = [epoch_order(50, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(map(tuple, orders))) == 4
    assert orders[0] == epoch_order(50, 0, 0).tolist()
    assert len({epoch_key(seed, epoch) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_training_gives_full_batches_epoch_after_epoch() -> None:
    found = take(training_loader(numbered(10), 4, seed=3), 6)
    for epoch in range(3):
        order = epoch_order(10, 3, epoch).tolist()
        assert found[2 * epoch : 2 * epoch + 2] == [order[:4], order[4:8]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 11), st.integers(1, 5), st.integers(1, 4))
def test_training_goes_on_anywhere(position: int, batch: int, threads: int) -> None:
    data, per_epoch = numbered(12), 12 // batch
    whole = take(training_loader(data, batch, seed=1), position + 6)
    epoch, first = divmod(position, per_epoch)
    again = take(training_loader(data, batch, 1, epoch, first, threads), 6)
    assert again == whole[position:]


def test_starting_behind_the_last_batch_is_the_next_epoch() -> None:
    data = numbered(12)
    assert take(training_loader(data, 4, 0, 0, 3), 1) == take(training_loader(data, 4, 0, 1, 0), 1)


def test_evaluation_gives_every_image_once_in_order() -> None:
    with evaluation_loader(numbered(10), 4) as loader:
        found = [(images.ravel().tolist(), labels.tolist()) for images, labels in loader]
    assert found == [
        ([0, 1, 2, 3], [0, 1, 0, 1]),
        ([4, 5, 6, 7], [0, 1, 0, 1]),
        ([8, 9], [0, 1]),
    ]


def test_threads_do_not_change_augmented_batches() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    data = Augmented(ArrayData(images, [0, 1] * 20), parse("crop=2,flip,jitter=0.3,cutout=3"))
    runs = []
    for threads in (1, 3):
        with training_loader(data, 16, seed=5, threads=threads) as loader:
            runs.append([next(loader) for _ in range(5)])
    for (a, la), (b, lb) in zip(*runs, strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(la, lb)
        assert a.flags.c_contiguous
        assert a.dtype == np.uint8
    assert not np.array_equal(runs[0][0][0], runs[0][2][0])


class Gated(ArrayData):
    """A data set that counts its reads and fails at one image."""

    def __init__(self, bad: int = -1) -> None:
        super().__init__(np.zeros((20, 1, 1, 1), np.uint8), [0, 1] * 10)
        self.bad = bad
        self.reads = 0

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:
        self.reads += 1
        if self.bad in indices:
            raise DataError("a.jpg: damaged image")
        return super().batch(indices, key)


def test_an_error_comes_where_its_batch_would_have_come() -> None:
    loader = evaluation_loader(Gated(bad=5), 2)
    assert len(next(loader)[1]) == len(next(loader)[1]) == 2
    with pytest.raises(DataError, match=r"^a\.jpg: damaged image$"):
        next(loader)
    with pytest.raises(StopIteration):
        next(loader)


def test_no_more_is_read_ahead_than_asked() -> None:
    data = Gated()
    with Loader(data, evaluation_work(20, 1), threads=1, ahead=3) as loader:
        next(loader)
        next(loader)
    assert data.reads <= 5


def test_a_closed_loader_gives_nothing() -> None:
    loader = training_loader(numbered(10), 2, seed=0)
    next(loader)
    loader.close()
    loader.close()
    with pytest.raises(StopIteration):
        next(loader)


def test_refused() -> None:
    with pytest.raises(DataError) as few:
        training_loader(numbered(10), 16, seed=0)
    assert str(few.value) == (
        "arrays: 10 images do not fill a batch of 16; the batch may be at most 10"
    )
    for arguments, name in ((("seed", -1),), "seed"), ((("epoch", -1),), "epoch"):
        with pytest.raises(InputError) as caught:
            training_loader(numbered(10), 2, **{"seed": 0, **dict(arguments)})
        assert str(caught.value) == f"{name}: expected a whole number of at least 0, got -1"
    with pytest.raises(InputError) as caught:
        evaluation_loader(numbered(10), 0)
    assert str(caught.value) == "batch: expected a whole number of at least 1, got 0"
    for name in ("threads", "ahead"):
        with pytest.raises(InputError) as caught:
            Loader(numbered(10), evaluation_work(10, 2), **{name: 0})
        assert str(caught.value) == f"{name}: expected a whole number of at least 1, got 0"
