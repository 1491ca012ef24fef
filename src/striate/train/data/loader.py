"""Batches in a fixed order, read and augmented by background threads while a program runs.

Which images a batch holds depends on the seed, the epoch and the number of the batch alone, so a
run that stops can go on at any batch, and threads change nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType

import numpy as np

from striate.errors import DataError, InputError
from striate.layers.shape import Array
from striate.train.data.dataset import DataSet, Indices, Labels

# One batch to read: the indices of its images, and the key of the random numbers.
Work = tuple[Indices, int]


def epoch_order(count: int, seed: int, epoch: int) -> Indices:
    """The indices 0 to count - 1 in the random order of one epoch, [count]."""
    return np.random.default_rng([seed, epoch]).permutation(count).astype(np.int64, copy=False)


def epoch_key(seed: int, epoch: int) -> int:
    """The 32 bits from which one epoch's augmentation draws."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(2)[1])


def training_work(
    count: int, batch: int, seed: int, epoch: int = 0, first: int = 0
) -> Iterator[Work]:
    """The batches of one epoch after the other without end, beginning with batch ``first``.

    Each epoch has count // batch batches. The images that are left over are not seen in that epoch;
    as every epoch has another order, others are left over in the next.
    """
    per_epoch = count // batch
    while True:
        order, key = epoch_order(count, seed, epoch), epoch_key(seed, epoch)
        for number in range(first, per_epoch):
            yield order[number * batch : (number + 1) * batch], key
        epoch, first = epoch + 1, 0


def evaluation_work(count: int, batch: int) -> Iterator[Work]:
    """Every image once and in order; the last batch is short where the count is no multiple."""
    order = np.arange(count, dtype=np.int64)
    for start in range(0, count, batch):
        yield order[start : start + batch], 0


class Loader:
    """An iterator over (images [n, H, W, C] contiguous, labels [n] int64), reading ahead.

    At most ``ahead`` batches are read before they are asked for. An error in a thread is raised
    where its batch would have come. Close the loader, or use it in a ``with``, to end its threads;
    it closes itself when it comes to its end or raises.
    """

    def __init__(
        self, data: DataSet, work: Iterator[Work], threads: int = 2, ahead: int = 4
    ) -> None:
        """Begin to read.

        Args:
            data: the data set.
            work: the batches to read, in order: `training_work` or `evaluation_work`.
            threads: how many threads read and augment, each a whole batch at a time.
            ahead: how many batches are read ahead, at least 1.

        Raises:
            InputError: if there is no thread or nothing may be read ahead.
        """
        for name, value in (("threads", threads), ("ahead", ahead)):
            if value < 1:
                raise InputError(f"{name}: expected a whole number of at least 1, got {value}")
        self._data = data
        self._work = work
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="striate-data")
        self._coming: deque[Future[tuple[Array, Labels]]] = deque()
        for task in islice(work, ahead):
            self._coming.append(self._pool.submit(_read, data, task))

    def __iter__(self) -> Loader:
        return self

    def __next__(self) -> tuple[Array, Labels]:
        if not self._coming:
            self.close()
            raise StopIteration
        try:
            ready = self._coming.popleft().result()
        except BaseException:
            self.close()
            raise
        for task in islice(self._work, 1):
            self._coming.append(self._pool.submit(_read, self._data, task))
        return ready

    def close(self) -> None:
        """Drop what was read ahead and end the threads; the loader then gives nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def training_loader(
    data: DataSet, batch: int, seed: int, epoch: int = 0, first: int = 0, threads: int = 2
) -> Loader:
    """Full batches in a new random order each epoch, without end, from any position on.

    Args:
        data: the data set; each epoch has len(data) // batch batches.
        batch: the number of images of every batch.
        seed: of the order and the augmentation.
        epoch: the epoch to begin in, from 0.
        first: the number of the first batch in that epoch, from 0.
        threads: how many threads read.

    Raises:
        DataError: if the data set does not fill one batch.
        InputError: if the batch is not positive or a position is negative.
    """
    _require_batch(batch)
    for name, value in (("seed", seed), ("epoch", epoch), ("first", first)):
        if value < 0:
            raise InputError(f"{name}: expected a whole number of at least 0, got {value}")
    if len(data) < batch:
        raise DataError(
            f"{data.name}: {len(data)} images do not fill a batch of {batch}; "
            f"the batch may be at most {len(data)}"
        )
    return Loader(data, training_work(len(data), batch, seed, epoch, first), threads)


def evaluation_loader(data: DataSet, batch: int, threads: int = 2) -> Loader:
    """Every image once, in order; the last batch may be short.

    Raises:
        InputError: if the batch is not positive.
    """
    _require_batch(batch)
    return Loader(data, evaluation_work(len(data), batch), threads)


def _require_batch(batch: int) -> None:
    if batch < 1:
        raise InputError(f"batch: expected a whole number of at least 1, got {batch}")


def _read(data: DataSet, task: Work) -> tuple[Array, Labels]:
    images, labels = data.batch(*task)
    return np.ascontiguousarray(images), labels
