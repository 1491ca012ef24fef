"""Named tensors and metadata in a .safetensors file, read without trusting what it says of itself.

The format (https://github.com/huggingface/safetensors): 8 bytes with the length of the header,
the header as JSON, then the bytes of the tensors, each where the header says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from striate.errors import FileError
from striate.graph.atomic_file import describe_os_error, write_atomically
from striate.layers.shape import Array

LENGTH_BYTES = 8
MOST_HEADER_BYTES = 100_000_000
METADATA = "__metadata__"
BYTES_OF = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
}


def write_tensors(
    path: str | Path,
    tensors: Mapping[str, Array],
    metadata: Mapping[str, str],
    what: str = "file",
) -> None:
    """Write named arrays and texts to a .safetensors file, atomically.

    Args:
        path: of the file, whose folder exists.
        tensors: arrays by name.
        metadata: texts by name.
        what: what the file is called in errors.

    Raises:
        FileError: it cannot be written; a file that was there before is intact.
    """
    # The library writes the memory of an array as it lies, whatever its strides.
    in_order = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    content = safetensors.numpy.save(in_order, dict(metadata))
    write_atomically(Path(path), content, what)


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a .safetensors file: the arrays and the texts of its metadata, by name.

    Every claim of the header is held against the size of the file before any tensor is read, so
    that nothing is allocated that the file does not fill.

    Raises:
        FileError: the file cannot be read, is damaged, or has a type that NumPy has not.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            metadata = _checked_metadata(path, file)
        return safetensors.numpy.load_file(path), metadata
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {describe_os_error(error)}") from error
    except (ValueError, safetensors.SafetensorError) as error:
        raise FileError(f"{path}: is not a sound .safetensors file: {error}") from error


def _checked_metadata(path: Path, file: BinaryIO) -> dict[str, str]:
    """The metadata of a file whose header holds; ValueError says what does not."""
    size = path.stat().st_size
    start = file.read(LENGTH_BYTES)
    if len(start) < LENGTH_BYTES:
        raise ValueError(f"it has {size} bytes, but the length of its header alone takes 8")
    length = int.from_bytes(start, "little")
    room = size - LENGTH_BYTES
    if length > room:
        raise ValueError(f"its header claims {length} bytes, but only {room} follow")
    if length > MOST_HEADER_BYTES:
        raise ValueError(f"its header claims {length} bytes; {MOST_HEADER_BYTES} is the most")
    header = _parsed(file.read(length))
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(t, str) for t in metadata.values()):
        raise ValueError("its metadata are not texts by name")
    data_bytes = room - length
    ranges = [_checked_range(name, entry, data_bytes) for name, entry in header.items()]
    _check_ranges(ranges, data_bytes)
    return metadata


def _parsed(header: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(header, object_pairs_hook=_without_repetition)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("its header is not text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError("its header is not a table of tensors")
    return parsed


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"its header has {twice!r} twice")
    return found


def _checked_range(name: str, entry: Any, data_bytes: int) -> tuple[int, int, str]:
    """First byte, end and name of a tensor whose claims agree with each other and the file."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {name!r} has no dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES_OF:
        raise ValueError(f"tensor {name!r} is of type {dtype!r}; known are {', '.join(BYTES_OF)}")
    if not _is_counts(shape) or not _is_counts(offsets) or len(offsets) != 2:
        raise ValueError(f"tensor {name!r} has a shape or offsets that are not whole numbers")
    begin, end = offsets
    if not begin <= end <= data_bytes:
        raise ValueError(
            f"tensor {name!r} claims bytes {begin} to {end} of {data_bytes} that the file has"
        )
    if (needed := _bytes_of(shape, BYTES_OF[dtype], data_bytes)) != end - begin:
        claimed = "more than the file has" if needed is None else f"{needed} bytes"
        raise ValueError(
            f"tensor {name!r}: {'x'.join(map(str, shape)) or '1'} values of {dtype} take "
            f"{claimed}, but it claims {end - begin} bytes"
        )
    return begin, end, name


def _is_counts(values: Any) -> bool:
    """Whether these are whole numbers from 0 to what an array index can be."""
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 1 << 63 for value in values
    )


def _bytes_of(shape: list[int], itemsize: int, most: int) -> int | None:
    """The bytes of an array, or None if even without its empty dimensions they exceed ``most``."""
    needed = itemsize
    for length in shape:
        needed *= max(length, 1)
        if needed > max(most, itemsize):
            return None
    return 0 if 0 in shape else needed


def _check_ranges(ranges: list[tuple[int, int, str]], data_bytes: int) -> None:
    """Raise ValueError unless the tensors fill the data without gap or overlap."""
    at = 0
    for begin, end, name in sorted(ranges):
        if begin < at:
            raise ValueError(f"tensor {name!r} overlaps another one at byte {begin}")
        if begin > at:
            raise ValueError(f"bytes {at} to {begin} belong to no tensor")
        at = end
    if at < data_bytes:
        raise ValueError(f"bytes {at} to {data_bytes} belong to no tensor")
