"""Atomic writes: the whole old or the whole new file, whatever fails."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from striate.errors import FileError
from striate.graph.atomic_file import make_folder, write_atomically


@contextmanager
def quota(size: int) -> Iterator[None]:
    """No file may grow beyond this many bytes; the system's error is as for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_content_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"one")
    (tmp_path / "b").write_bytes(b"one")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_full_disk_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    write_atomically(path, b"old")
    with quota(1000), pytest.raises(FileError) as error:
        write_atomically(path, bytes(100_000), "checkpoint")
    assert str(error.value) == (
        f"{path}: cannot write the checkpoint: File too large; the previous checkpoint of that "
        "name is intact; free some space and try again"
    )
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_no_failure_leaves_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "x"
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(FileError) as error:
        write_atomically(path, b"new")
    assert str(error.value) == (
        f"{path}: cannot write the file: No space left on device; free some space and try again"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x"
    with pytest.raises(FileError) as error:
        write_atomically(path, b"new")
    assert str(error.value) == f"{path}: cannot write the file: No such file or directory"


def test_a_folder_is_made_with_those_above_it_once(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert make_folder(str(folder)) == folder
    assert make_folder(folder).is_dir()
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FileError) as caught:
        make_folder(file / "c")
    assert str(caught.value) == f"{file / 'c'}: cannot make the folder: Not a directory"
