"""Tensor files: what is written is read, and no header is believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from striate.errors import FileError
from striate.graph.tensor_file import BYTES_OF, read_tensors, write_tensors

TENSORS = {
    "conv1/w": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "count": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}


def file_of(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """A file with this header, as JSON unless it is bytes, and this length of it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + data)
    return path


def tensor(shape: list[Any], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"net": "INPUT", "ü": "→"})
    tensors, metadata = read_tensors(path)
    assert metadata == {"net": "INPUT", "ü": "→"}
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        assert tensors[name].shape == array.shape
        np.testing.assert_array_equal(tensors[name], array)


def test_arrays_in_any_order_of_memory_are_written_as_they_are(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"t": array.T, "s": array[:, ::2]}, {})
    tensors, _ = read_tensors(path)
    np.testing.assert_array_equal(tensors["t"], array.T)
    np.testing.assert_array_equal(tensors["s"], array[:, ::2])


@pytest.mark.parametrize("dtype", BYTES_OF)
def test_every_type_is_read(tmp_path: Path, dtype: str) -> None:
    size = BYTES_OF[dtype]
    path = file_of(tmp_path / "x", {"a": tensor([1], 0, size, dtype)}, b"\1" + bytes(size - 1))
    tensors, _ = read_tensors(path)
    assert tensors["a"].dtype.itemsize == size


SOUND = tensor([2], 0, 8)
MANY = [1 << 20] * 4
NOT_COUNTS = "tensor 'a' has a shape or offsets that are not whole numbers"
LIES: list[tuple[Any, str]] = [
    (b"[]", "its header is not a table of tensors"),
    (b"{", "its header is not JSON: Expecting property name enclosed in double quotes: line 1 "
     "column 2 (char 1)"),
    (b"\xff{}", "its header is not text"),
    (b"[" * 100_000, "its header is nested too deeply"),
    (b'{"a":{},"a":{}}', "its header has 'a' twice"),
    ({"__metadata__": {"a": 1}}, "its metadata are not texts by name"),
    ({"__metadata__": []}, "its metadata are not texts by name"),
    ({"a": 3}, "tensor 'a' has no dtype, shape and data_offsets"),
    ({"a": SOUND | {"more": 1}}, "tensor 'a' has no dtype, shape and data_offsets"),
    ({"a": tensor([2], 0, 4, "BF16")}, "tensor 'a' is of type 'BF16'; known are "
     + ", ".join(BYTES_OF)),
    ({"a": tensor([-2], 0, 8)}, NOT_COUNTS),
    ({"a": tensor([True], 0, 8)}, NOT_COUNTS),
    ({"a": tensor([1 << 63], 0, 8)}, NOT_COUNTS),
    ({"a": tensor([2], 0, 9000)}, "tensor 'a' claims bytes 0 to 9000 of 8 that the file has"),
    ({"a": tensor([2], 8, 0)}, "tensor 'a' claims bytes 8 to 0 of 8 that the file has"),
    ({"a": tensor([1], 0, 8)}, "tensor 'a': 1 values of F32 take 4 bytes, but it claims 8 bytes"),
    ({"a": tensor([], 0, 8)}, "tensor 'a': 1 values of F32 take 4 bytes, but it claims 8 bytes"),
    ({"a": tensor(MANY, 0, 8)}, "tensor 'a': 1048576x1048576x1048576x1048576 values of F32 take "
     "more than the file has, but it claims 8 bytes"),
    ({"a": tensor([0, *MANY], 0, 0)}, "tensor 'a': 0x1048576x1048576x1048576x1048576 values of F32 "
     "take more than the file has, but it claims 0 bytes"),
    ({"a": SOUND, "b": tensor([1], 4, 8)}, "tensor 'b' overlaps another one at byte 4"),
    ({"a": tensor([1], 4, 8)}, "bytes 0 to 4 belong to no tensor"),
    ({"a": tensor([1], 0, 4)}, "bytes 4 to 8 belong to no tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("header", "words"), LIES)
def test_a_lying_header_is_refused(tmp_path: Path, header: Any, words: str) -> None:
    path = file_of(tmp_path / "x.safetensors", header, bytes(8))
    with pytest.raises(FileError) as error:
        read_tensors(path)
    assert str(error.value) == f"{path}: is not a sound .safetensors file: {words}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it has 0 bytes, but the length of its header alone takes 8"),
        (b"\x09\0\0\0\0\0\0\0{}", "its header claims 9 bytes, but only 2 follow"),
        (b"\xff" * 8 + b"{}", f"its header claims {2**64 - 1} bytes, but only 2 follow"),
    ],
)
def test_a_lying_length_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError) as error:
        read_tensors(path)
    assert str(error.value) == f"{path}: is not a sound .safetensors file: {words}"


def test_a_huge_header_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write((200_000_000).to_bytes(8, "little"))
        file.truncate(300_000_000)
    with pytest.raises(FileError) as error:
        read_tensors(path)
    assert str(error.value) == (
        f"{path}: is not a sound .safetensors file: its header claims 200000000 bytes; "
        "100000000 is the most"
    )


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError) as error:
        read_tensors(tmp_path / "none")
    assert str(error.value) == f"{tmp_path / 'none'}: there is no such file"
    with pytest.raises(FileError) as error:
        read_tensors(tmp_path)
    assert str(error.value) == f"{tmp_path}: cannot be read: Is a directory"


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6
    ),
    cut=st.integers(0, 400),
    in_header=st.booleans(),
)
def test_a_damaged_file_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int, in_header: bool
) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"net": "INPUT"})
    content = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    for place, value in changes:
        content[place % (header if in_header else len(content))] = value
    path.write_bytes(content[: len(content) - cut] if cut < 20 else content)
    try:
        tensors, _ = read_tensors(path)
    except FileError:
        return
    assert sum(array.nbytes for array in tensors.values()) <= len(content)
