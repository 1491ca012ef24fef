"""Opening a data set by its name or path: what it is shows in what is there."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from striate.errors import DataError, InputError
from striate.layers.shape import Shape
from striate.train.data import cifar, folder, idx, npz
from striate.train.data.dataset import DataSet, divide, require_trainable
from striate.train.data.embedded import EMBEDDED
from striate.train.data.kept import keep
from striate.train.data.resized import Resized

SPLITS = ("train", "test", "all")
WORDS = (idx.WORDS, cifar.WORDS, npz.WORDS, folder.WORDS)
MOST_LISTED = 10
PICTURES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def open_data(
    source: str | os.PathLike[str],
    split: str = "train",
    shape: Shape | None = None,
    strict: bool = False,
) -> DataSet:
    """Open one part of a data set.

    A source without a test part is divided by a fixed rule: of each class four fifths are
    ``train`` and one fifth is ``test`` (`divide` with its defaults).

    Args:
        source: the name of an embedded data set (``fashion``), or the path of a folder of class
            folders, of idx or of CIFAR files, or of an .npz file. Write ``./fashion`` for a
            folder that is called like an embedded data set.
        split: ``train``, ``test``, or ``all`` for everything in a source that is not divided.
        shape: what the net takes; images of another shape are scaled and cropped to it
            (`striate.train.data.images`). By default they keep their shape.
        strict: whether a file or folder that has to be left out is an error.

    Raises:
        InputError: if the split is none of the three.
        DataError: if there is nothing at the path or nothing that can be read, if it is damaged,
            if its training part has no two classes, or if it lacks the part.
    """
    if split not in SPLITS:
        raise InputError(f"split: expected one of {', '.join(SPLITS)}, got '{split}'")
    path = EMBEDDED.get(os.fspath(source)) or Path(source)
    try:
        data = _part(path, _parts(path, shape), split)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if strict and data.problems:
        raise DataError(_problems(data))
    if split == "train":
        require_trainable(data)
    return data if shape is None or data.shape == shape else keep(Resized(data, shape))


def _parts(path: Path, shape: Shape | None) -> dict[str, Callable[[], DataSet]]:
    if not path.exists():
        raise DataError(_missing(path))
    parts = idx.parts(path) or cifar.parts(path) or npz.parts(path) or folder.parts(path, shape)
    if not parts:
        _require_folders(path)
        looked = "".join(f"\n  {words}" for words in WORDS)
        raise DataError(f"{path}: not a data set that can be read; looked for{looked}")
    return parts


def _require_folders(path: Path) -> None:
    """Raise DataError for a folder that is empty or has its pictures beside one another."""
    if not path.is_dir():
        return
    files = list(path.iterdir())
    if not files:
        raise DataError(f"{path}: the folder is empty; expected {folder.WORDS}")
    pictures = sum(file.suffix.lower() in PICTURES for file in files)
    if pictures:
        found = "1 picture" if pictures == 1 else f"{pictures:,} pictures"
        raise DataError(f"{path}: has {found} but no class folders; expected {folder.WORDS}")


def _part(path: Path, parts: dict[str, Callable[[], DataSet]], split: str) -> DataSet:
    if split == "all":
        if len(parts) > 1:
            raise DataError(f"{path}: holds a train and a test part; ask for one of them")
        return next(iter(parts.values()))()
    if len(parts) > 1 or "train" not in parts:
        if split not in parts:
            raise DataError(f"{path}: has no training part, only a test part")
        return parts[split]()
    rest, held = divide(parts["train"]())
    return rest if split == "train" else held


def _missing(path: Path) -> str:
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, [*beside, *EMBEDDED], n=1)
    if close and close[0] in beside:
        close = [str(path.parent / close[0])]
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"there is no file or folder '{path}'{hint} embedded data sets: {', '.join(EMBEDDED)}"


def _problems(data: DataSet) -> str:
    count = len(data.problems)
    listed = "".join(f"\n  {problem}" for problem in data.problems[:MOST_LISTED])
    more = f"\n  and {count - MOST_LISTED} more" if count > MOST_LISTED else ""
    found = "1 problem" if count == 1 else f"{count} problems"
    return f"{data.name}: {found} and strict is on{listed}{more}"
