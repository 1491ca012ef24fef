"""Write the embedded data set ``fashion``: a class-balanced part of Fashion-MNIST.

    python tools/make_embedded_fashion.py FOLDER

FOLDER holds the four original files (``train-images-idx3-ubyte.gz`` ...), for instance those of
Debian's package dataset-fashion-mnist. Of each class the first 800 training and the first 200 test
images are taken, in the order of the files.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.train.data.embedded import EMBEDDED
from striate.train.data.idx import read_idx

EACH = {"train": 800, "t10k": 200}


def first_of_each_class(labels: NDArray[Any], count: int) -> NDArray[Any]:
    """The indices, ascending, of the first ``count`` images of every class."""
    members = [np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]
    return np.sort(np.concatenate(members))


def write_idx(path: Path, values: NDArray[Any]) -> None:
    """Write uint8 values as a gzipped idx file; the same values give the same bytes."""
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.tobytes(), compresslevel=9, mtime=0))


def main(source: Path) -> None:
    for part, count in EACH.items():
        names = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
        images, labels = (read_idx(source / name) for name in names)
        chosen = first_of_each_class(labels, count)
        for name, values in zip(names, (images, labels), strict=True):
            write_idx(EMBEDDED["fashion"] / name, values[chosen])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
