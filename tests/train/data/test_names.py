"""Files of class names."""

from __future__ import annotations

from pathlib import Path

import pytest

from striate.errors import DataError
from striate.train.data.names import read_names


def test_blank_lines_and_line_ends_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_bytes("cat\r\n  wild dog\n\nélan".encode())
    assert read_names(file) == ("cat", "wild dog", "élan")
    assert read_names(tmp_path / "none.txt") == ()


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_bytes(b"\xff\xfec\0a\0t\0")
    with pytest.raises(DataError) as caught:
        read_names(file)
    assert str(caught.value) == f"{file}: expected class names in UTF-8 text: invalid start byte"
