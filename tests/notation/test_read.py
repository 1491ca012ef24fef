"""Nets in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from striate.errors import FileError, NotationError
from striate.notation import parse, parse_file


def test_a_file_is_a_net(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_bytes("\ufeffINPUT 8x8x3  # Größe\r\n-> [RELU]*N\r\n".encode())
    assert parse_file(path, N=2) == parse("INPUT 8x8x3 -> RELU -> RELU")


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_text("INPUT\n-> RELO")
    with pytest.raises(NotationError) as caught:
        parse_file(str(path))
    assert str(caught.value).startswith(f"{path}:2:4: unknown layer RELO; did you mean RELU?\n")


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    with pytest.raises(FileError) as caught:
        parse_file(path)
    assert str(caught.value) == f"{path}: the net cannot be read: No such file or directory"


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_bytes(b"INPUT\xff")
    with pytest.raises(FileError) as caught:
        parse_file(path)
    assert str(caught.value) == (
        f"{path}: expected the text of a net in UTF-8, got byte 0xff at offset 5"
    )
