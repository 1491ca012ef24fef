"""idx: the format of MNIST and its kin, plain or gzipped.

A file is two zero bytes, a byte for the type of the values, a byte for the number of dimensions,
the dimensions as big-endian 32-bit numbers, and the values
(http://yann.lecun.com/exdb/mnist, "The IDX file format"). A folder holds a part of a data set as
two files, e.g. ``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz``; the test part
begins with ``t10k``, ``test`` or ``val``. A file ``classes.txt`` beside them may name the classes,
one a line.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.train.data.arrays import ArrayData
from striate.train.data.dataset import DataSet
from striate.train.data.names import read_names

WORDS = "idx files such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz"

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
PREFIXES = {"train": "train", "t10k": "test", "test": "test", "val": "test"}
IMAGES = re.compile(r"(?P<stem>.*(?P<part>train|t10k|test|val))-images[-.]idx\d-ubyte(\.gz)?")

# No stream of deflate is more than 1032 times shorter than what it holds.
MOST_EXPANSION = 1032
CHUNK = 1 << 20


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an idx file, gzipped if its name ends in ``.gz``.

    Raises:
        DataError: if the file is not idx, is damaged, or does not hold what its header claims;
            never more is allocated than the file holds.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as opened:
                return _read(cast(IO[bytes], opened), path, path.stat().st_size * MOST_EXPANSION)
        with path.open("rb") as plain:
            return _read(plain, path, path.stat().st_size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _read(file: IO[bytes], path: Path, most: int) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= 4:
        raise DataError(f"{path}: not an idx file: it begins with {magic.hex(' ') or 'nothing'}")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(f"{path}: the file ends inside its header")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    dtype = np.dtype(TYPES[magic[2]])
    claimed = math.prod(shape) * dtype.itemsize
    # Read in pieces: a claim is believed only as far as bytes come.
    held = bytearray()
    while claimed <= most and len(held) < claimed:
        piece = file.read(min(CHUNK, claimed - len(held)))
        if not piece:
            break
        held += piece
    if len(held) < claimed or file.read(1):
        amount = "more" if claimed <= most and len(held) == claimed else "less"
        raise DataError(
            f"{path}: the header claims {' x '.join(map(str, shape))} values, {claimed} bytes; "
            f"the file holds {amount}"
        )
    return np.frombuffer(held, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def parts(path: Path) -> dict[str, Callable[[], DataSet]]:
    """How to open each part, ``train`` and ``test``, that a folder of idx files holds; or nothing.

    Raises:
        DataError: if two files could be the images of one part.
    """
    if not path.is_dir():
        return {}
    found: dict[str, tuple[Path, str]] = {}
    for file in sorted(path.iterdir()):
        if matched := IMAGES.fullmatch(file.name):
            part = PREFIXES[matched["part"]]
            if part in found:
                raise DataError(
                    f"{path}: two files could be the {part} images: "
                    f"{found[part][0].name} and {file.name}; put them in folders of their own"
                )
            found[part] = file, matched["stem"]
    return {part: partial(_open, file, stem) for part, (file, stem) in found.items()}


def _open(images: Path, stem: str) -> DataSet:
    pattern = re.compile(re.escape(stem) + r"-labels[-.]idx1-ubyte(\.gz)?")
    labels = [file for file in sorted(images.parent.iterdir()) if pattern.fullmatch(file.name)]
    if not labels:
        raise DataError(
            f"{images}: the labels are missing: expected {stem}-labels-idx1-ubyte beside it"
        )
    classes = read_names(images.parent / "classes.txt")
    return ArrayData(read_idx(images), read_idx(labels[0]), classes, str(images))
