"""Replacing a file whole or not at all: a reader never sees half of one, a failure loses none."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from striate.errors import FileError


def write_atomically(path: Path, content: bytes, what: str = "file") -> None:
    """Write a file such that its name always stands for the whole old or the whole new content.

    The content goes to a temporary file in the same folder, is flushed to the disk and takes the
    name in one step; the temporary file is removed when anything goes wrong.

    Args:
        path: of the file, whose folder exists.
        content: all of it.
        what: what the file is called in errors: ``checkpoint``.

    Raises:
        FileError: it cannot be written, e.g. because the disk is full; what was there is intact.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _flush_folder(path.parent)
    except OSError as error:
        raise FileError(_failure(path, error, what)) from error


def make_folder(path: str | Path) -> Path:
    """Make a folder, and those above it, unless it is there. Returns its path.

    Raises:
        FileError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path}: cannot make the folder: {describe_os_error(error)}") from error
    return Path(path)


def describe_os_error(error: OSError) -> str:
    """What the system says went wrong, without its number: ``No space left on device``."""
    return error.strerror or str(error)


def _flush_folder(folder: Path) -> None:
    """Put the new name itself on the disk, so that it outlives a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failure(path: Path, error: OSError, what: str) -> str:
    text = f"{path}: cannot write the {what}: {describe_os_error(error)}"
    if path.exists():
        text += f"; the previous {what} of that name is intact"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        text += "; free some space and try again"
    return text
