"""A folder of class folders: ``photos/cats/a.jpg``, ``photos/dogs/b.png`` ...

The classes are the names of the folders, sorted. Empty folders, hidden ones, folders in class
folders and files that are no whole images are left out and reported by name; hidden files are
passed over. A source
whose only folders are ``train`` beside ``test``, ``val`` and the like is divided already.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from striate.errors import DataError
from striate.layers.shape import Array, Shape
from striate.train.data.dataset import DataSet, Indices, Labels
from striate.train.data.images import read_image, shape_of
from striate.train.data.kept import keep

WORDS = "a folder with one folder of images for each class"

TRAINING = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation")

# What images of different sizes become when no net says what it takes.
SIDE = 64
THREADS = 4


class FolderData:
    """Images decoded from the files of class folders. Implements `DataSet`."""

    def __init__(
        self, folder: Path, shape: Shape | None = None, classes: tuple[str, ...] = ()
    ) -> None:
        """List the images and check that each is whole; pixels are decoded when they are asked for.

        Args:
            folder: holds one folder for each class.
            shape: what every image is brought to (`striate.train.data.images`). By default the
                size that all of them have, or 64x64 if they differ; one channel if all are grey,
                else three.
            classes: the names of the classes if they are known already; then every class folder
                must be one of them. By default the names of the folders with files in them.

        Raises:
            DataError: if there is no image, or a class folder is none of the classes.
        """
        self.name = str(folder)
        folders, problems = _class_folders(folder)
        self.classes = classes or tuple(entry.name for entry in folders)
        numbers = {name: number for number, name in enumerate(self.classes)}
        for entry in folders:
            if entry.name not in numbers:
                raise DataError(
                    f"{folder}: the folder '{entry.name}' is none of the classes of the training "
                    f"part: {', '.join(self.classes)}"
                )
        files = [file for entry in folders for file in _files(entry, problems)]
        with ThreadPoolExecutor(THREADS) as pool:
            shapes = list(pool.map(_shape_or_problem, files))
        problems += [found for found in shapes if isinstance(found, str)]
        pairs = zip(files, shapes, strict=True)
        self.files = tuple(file for file, found in pairs if isinstance(found, Shape))
        if not self.files:
            raise DataError(_nothing(folder, problems))
        self.labels: Labels = np.array([numbers[f.parent.name] for f in self.files], np.int64)
        self.shape = shape or _common({found for found in shapes if isinstance(found, Shape)})
        self.problems = tuple(problems)

    def __len__(self) -> int:
        return len(self.files)

    def batch(self, indices: Indices, key: int = 0) -> tuple[Array, Labels]:  # noqa: ARG002
        """The decoded images, uint8, and the labels at ``indices``; see `DataSet.batch`."""
        images = np.empty(self.shape.array(len(indices)), np.uint8)
        for place, index in zip(images, indices, strict=True):
            place[...] = read_image(self.files[index], self.shape)
        return images, self.labels[indices]


def parts(path: Path, shape: Shape | None = None) -> dict[str, Callable[[], DataSet]]:
    """How to open each part, ``train`` and ``test``, of a folder of class folders; or nothing.

    A source that is not divided is all ``train``.
    """
    if not path.is_dir():
        return {}
    folders, _ = _visible_folders(path)
    names = {entry.name.lower(): entry for entry in folders}
    if not names:
        return {}
    if not names.keys() <= {*TRAINING, *TEST}:
        return {"train": partial(_open, path, shape)}
    train = next((names[name] for name in TRAINING if name in names), None)
    test = next((names[name] for name in TEST if name in names), None)
    if not any(entry.is_dir() for part in (train, test) if part for entry in part.iterdir()):
        return {"train": partial(_open, path, shape)}
    classes = tuple(entry.name for entry in _class_folders(train)[0]) if train else ()
    found: dict[str, Callable[[], DataSet]] = {}
    if train:
        found["train"] = partial(_open, train, shape)
    if test:
        found["test"] = partial(_open, test, shape, classes)
    return found


def _open(folder: Path, shape: Shape | None, classes: tuple[str, ...] = ()) -> DataSet:
    return keep(FolderData(folder, shape, classes))


def _class_folders(folder: Path) -> tuple[list[Path], list[str]]:
    """The folders with visible files, sorted by name, and a problem for each other folder."""
    folders, problems = _visible_folders(folder)
    full = []
    for entry in folders:
        if _files(entry, []):
            full.append(entry)
        else:
            problems.append(f"{entry}: has no files, so it is no class")
    return full, problems


def _visible_folders(folder: Path) -> tuple[list[Path], list[str]]:
    """The folders in a folder, sorted by name, and a problem for each hidden one."""
    entries = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    hidden = [f"{entry}: hidden folder" for entry in entries if _hidden(entry)]
    return [entry for entry in entries if not _hidden(entry)], hidden


def _files(folder: Path, problems: list[str]) -> list[Path]:
    """The visible files of a class folder, sorted by name; what is left out becomes a problem."""
    files = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            kind = "hidden folder" if _hidden(entry) else "folder in a class folder"
            problems.append(f"{entry}: {kind}")
        elif not _hidden(entry):
            files.append(entry)
    return files


def _hidden(entry: Path) -> bool:
    return entry.name.startswith(".")


def _shape_or_problem(file: Path) -> Shape | str:
    try:
        return shape_of(file)
    except DataError as error:
        return str(error)


def _common(shapes: set[Shape]) -> Shape:
    channels = max(shape.channels for shape in shapes)
    sizes = {(shape.height, shape.width) for shape in shapes}
    height, width = sizes.pop() if len(sizes) == 1 else (SIDE, SIDE)
    return Shape(height, width, channels)


def _nothing(folder: Path, problems: list[str]) -> str:
    listed = "".join(f"\n  {problem}" for problem in problems[:5])
    more = f"\n  and {len(problems) - 5} more" if len(problems) > 5 else ""
    return f"{folder}: expected images in class folders, found none that can be read{listed}{more}"
