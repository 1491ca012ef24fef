"""Run folders: ``runs/train/1``, ``runs/train/2``, … with what a run needs and leaves behind."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import FileError
from striate.graph.atomic_file import describe_os_error, write_atomically
from striate.train.checkpoint import BEST, LAST

RUNS = Path("runs") / "train"
CONFIG = "config.json"
SLIGHT = (CONFIG, "results.csv")
EVENTS = "tfevents"
"""In the names of TensorBoard's files. These and `SLIGHT` are nothing without a checkpoint."""
PACKAGES = ("striate", "numpy", "llvmlite")


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def last(self) -> Path:
        """The checkpoint from which the run goes on."""
        return self.path / LAST

    @property
    def best(self) -> Path:
        """The checkpoint of the epoch with the highest score."""
        return self.path / BEST

    def config(self) -> dict[str, Any]:
        """What the run was created with: everything that reproduces it.

        Raises:
            FileError: it cannot be read or is damaged.
        """
        path = self.path / CONFIG
        try:
            found = json.loads(path.read_bytes())
        except OSError as error:
            raise FileError(f"{path}: cannot be read: {describe_os_error(error)}") from error
        except (ValueError, RecursionError):
            raise FileError(f"{path}: is damaged: expected JSON") from None
        if not isinstance(found, dict):
            raise FileError(f"{path}: is damaged: expected a table of settings")
        return found

    def write(self, config: Mapping[str, Any]) -> None:
        """Write what reproduces the run, with the versions of what its bits depend on.

        Raises:
            FileError: it cannot be written.
        """
        text = json.dumps({**config, "versions": versions()}, indent=2, ensure_ascii=False)
        write_atomically(self.path / CONFIG, text.encode() + b"\n")

    def discard_unused(self) -> None:
        """Remove the folder of a run that failed before its first checkpoint."""
        entries = list(self.path.iterdir())
        if all(entry.name in SLIGHT or EVENTS in entry.name for entry in entries):
            for entry in entries:
                entry.unlink()
            self.path.rmdir()


def create_run(config: Mapping[str, Any], root: Path = RUNS) -> RunFolder:
    """Make the folder with the next number that is free, and write the config into it.

    Two processes that do so at once get different folders.

    Args:
        config: what reproduces the run, as JSON can hold it; the versions are added.
        root: where the numbered folders are.

    Raises:
        FileError: the folder cannot be made or written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        number = max(_numbers(root), default=0) + 1
        while True:
            try:
                (root / str(number)).mkdir()
                break
            except FileExistsError:
                number += 1
    except OSError as error:
        raise FileError(
            f"{root}: a run folder cannot be made: {describe_os_error(error)}"
        ) from error
    run = RunFolder(root / str(number))
    run.write(config)
    return run


def open_run(path: Path) -> RunFolder:
    """The run in a folder.

    Raises:
        FileError: there is no run.
    """
    if not (path / CONFIG).is_file():
        raise FileError(f"{path}: is no run: expected a folder with {CONFIG} in it")
    return RunFolder(path)


def latest_run(root: Path = RUNS) -> RunFolder:
    """The run with the highest number.

    Raises:
        FileError: there is none.
    """
    numbers = _numbers(root) if root.is_dir() else []
    if not numbers:
        raise FileError(f"{root}: has no run to go on with")
    return open_run(root / str(max(numbers)))


def versions() -> dict[str, str]:
    """The versions of what the bits of a run depend on, by name."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _numbers(root: Path) -> list[int]:
    return [int(entry.name) for entry in root.iterdir() if entry.name.isdecimal()]
