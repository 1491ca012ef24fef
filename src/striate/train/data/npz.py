"""NumPy's .npz: arrays of images and of labels under their usual names.

``images`` and ``labels``, or ``x`` and ``y``; for a divided data set ``x_train``, ``y_train``,
``x_test``, ``y_test`` or ``train_images``, ``train_labels`` and so on (``val`` may stand for
``test``). ``classes`` may hold the names. Pickled objects are never loaded, and an array is
allocated only if the file holds as many bytes as its header claims.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from numpy.lib import format as npy
from numpy.typing import NDArray

from striate.errors import DataError
from striate.train.data.arrays import ArrayData
from striate.train.data.dataset import DataSet
from striate.train.data.idx import MOST_EXPANSION

WORDS = "an .npz file with arrays such as images and labels, or x_train, y_train, x_test, y_test"

PAIRS = {
    "train": (
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("images", "labels"),
        ("x", "y"),
        ("X", "y"),
    ),
    "test": (
        ("x_test", "y_test"),
        ("test_images", "test_labels"),
        ("x_val", "y_val"),
        ("val_images", "val_labels"),
    ),
}

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

Result = TypeVar("Result")


def parts(path: Path) -> dict[str, Callable[[], DataSet]]:
    """How to open each part, ``train`` and ``test``, that an .npz file holds; or nothing.

    Raises:
        DataError: if the file is no .npz or holds no arrays of the known names.
    """
    if not path.is_file() or path.suffix != ".npz":
        return {}
    names = _reading(path, lambda archive: {Path(name).stem for name in archive.namelist()})
    found: dict[str, Callable[[], DataSet]] = {}
    for part, pairs in PAIRS.items():
        for images, labels in pairs:
            if part not in found and {images, labels} <= names:
                found[part] = partial(_open, path, images, labels, "classes" in names)
    if not found:
        known = "; ".join(f"{x}, {y}" for pairs in PAIRS.values() for x, y in pairs)
        raise DataError(
            f"{path}: expected arrays named {known}; "
            f"the file holds {', '.join(sorted(names)) or 'nothing'}"
        )
    return found


def _open(path: Path, images: str, labels: str, named: bool) -> DataSet:
    def read(archive: zipfile.ZipFile) -> DataSet:
        classes = _array(archive, "classes", path).tolist() if named else []
        pixels, numbers = _array(archive, images, path), _array(archive, labels, path)
        return ArrayData(pixels, numbers, [str(name) for name in classes], f"{path}, {images}")

    return _reading(path, read)


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in HEADERS:
            raise DataError(f"{path}: {name}: unknown version {version} of the .npy format")
        shape, _, dtype = HEADERS[version](file)
        if dtype.hasobject:
            raise DataError(f"{path}: {name} holds pickled Python objects, which are never loaded")
        claimed = math.prod(shape) * dtype.itemsize
        held = min(member.file_size - file.tell(), member.compress_size * MOST_EXPANSION)
    if claimed > held:
        raise DataError(
            f"{path}: {name}: the header claims {' x '.join(map(str, shape))} values of "
            f"{dtype}, {claimed} bytes; the file holds at most {held}"
        )
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)


def _reading(path: Path, use: Callable[[zipfile.ZipFile], Result]) -> Result:
    try:
        with zipfile.ZipFile(path) as archive:
            return use(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: damaged .npz file: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
