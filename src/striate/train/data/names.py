"""Files of class names, one a line."""

from __future__ import annotations

from pathlib import Path

from striate.errors import DataError


def read_names(file: Path) -> tuple[str, ...]:
    """The lines of a UTF-8 text file without blank ones; nothing if there is no such file.

    Raises:
        DataError: if the file is not UTF-8 text.
    """
    if not file.is_file():
        return ()
    try:
        lines = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: expected class names in UTF-8 text: {error.reason}") from error
    return tuple(line.strip() for line in lines if line.strip())
