"""CIFAR-10 and CIFAR-100 in their binary form (https://www.cs.toronto.edu/~kriz/cifar.html).

A record is one byte of label (CIFAR-100: coarse, then fine label; the fine one counts) and 3072
bytes of pixels: the red, the green and the blue plane of a 32x32 image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from striate.errors import DataError
from striate.train.data.arrays import ArrayData
from striate.train.data.dataset import DataSet
from striate.train.data.names import read_names

WORDS = "the binary CIFAR-10 or CIFAR-100 files (data_batch_1.bin ..., or train.bin and test.bin)"

SIDE = 32
PIXELS = 3 * SIDE * SIDE


def parts(path: Path) -> dict[str, Callable[[], DataSet]]:
    """How to open each part, ``train`` and ``test``, of a folder of CIFAR files; or nothing."""
    if not path.is_dir():
        return {}
    ten = {
        "train": sorted(path.glob("data_batch_*.bin")),
        "test": sorted(path.glob("test_batch.bin")),
    }
    if any(ten.values()):
        names = path / "batches.meta.txt"
        return {part: partial(_open, files, 1, 10, names) for part, files in ten.items() if files}
    names = path / "fine_label_names.txt"
    hundred = {part: path / f"{part}.bin" for part in ("train", "test")}
    return {
        part: partial(_open, [file], 2, 100, names)
        for part, file in hundred.items()
        if file.is_file() and (names.is_file() or file.stat().st_size % (PIXELS + 2) == 0)
    }


def _open(files: list[Path], label_bytes: int, classes: int, names: Path) -> DataSet:
    record = label_bytes + PIXELS
    counts = [_records(file, record) for file in files]
    images = np.empty((sum(counts), SIDE, SIDE, 3), np.uint8)
    labels = np.empty(sum(counts), np.int64)
    start = 0
    for file, count in zip(files, counts, strict=True):
        records = np.fromfile(file, np.uint8, count * record).reshape(count, record)
        planes = records[:, label_bytes:].reshape(count, 3, SIDE, SIDE)
        images[start : start + count] = planes.transpose(0, 2, 3, 1)
        labels[start : start + count] = records[:, label_bytes - 1]
        start += count
    name = str(files[0].parent / "data_batch_*.bin" if len(files) > 1 else files[0])
    return ArrayData(images, labels, _names(names, classes), name)


def _records(file: Path, record: int) -> int:
    size = file.stat().st_size
    if size == 0:
        raise DataError(f"{file}: expected records of {record} bytes, got an empty file")
    if size % record:
        raise DataError(
            f"{file}: expected records of {record} bytes, got {size} bytes, "
            f"of which {size % record} are left over"
        )
    return size // record


def _names(file: Path, classes: int) -> tuple[str, ...]:
    """The names in a file, one a line, or the numbers where there is no such file."""
    if not file.is_file():
        return tuple(map(str, range(classes)))
    names = read_names(file)
    if len(names) != classes:
        raise DataError(f"{file}: expected {classes} class names, got {len(names)}")
    return names
