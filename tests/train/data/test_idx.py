"""idx files: every type, gzip, damaged and lying ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from striate.errors import DataError
from striate.train.data import idx, open_data


def encode(values: np.ndarray) -> bytes:
    codes = {np.dtype(dtype): code for code, dtype in idx.TYPES.items()}
    big = values.astype(values.dtype.newbyteorder(">"))
    shape = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, codes[big.dtype], values.ndim]) + shape + big.tobytes()


def fill(folder: Path, part: str, images: np.ndarray, labels: list[int], end: str = "") -> None:
    pack = gzip.compress if end else bytes
    for kind, values in (("images-idx3", images), ("labels-idx1", np.array(labels, np.uint8))):
        (folder / f"{part}-{kind}-ubyte{end}").write_bytes(pack(encode(values)))


IMAGES = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5)


@pytest.mark.parametrize("code", sorted(idx.TYPES))
@pytest.mark.parametrize("end", ["", ".gz"])
def test_reads_every_type(tmp_path: Path, code: int, end: str) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(np.dtype(idx.TYPES[code]).newbyteorder("="))
    path = tmp_path / f"a{end}"
    path.write_bytes(gzip.compress(encode(values)) if end else encode(values))
    found = idx.read_idx(path)
    assert np.array_equal(found, values)
    assert found.dtype == values.dtype


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("test", ["t10k", "test", "val"])
def test_opens_both_parts_of_a_folder(tmp_path: Path, end: str, test: str) -> None:
    fill(tmp_path, "train", IMAGES, [0, 1, 1, 0], end)
    fill(tmp_path, test, IMAGES[:2], [1, 0], end)
    (tmp_path / "classes.txt").write_text("round\nsquare\n")
    train, other = open_data(tmp_path), open_data(tmp_path, "test")
    assert np.array_equal(train.batch(np.arange(4))[0][..., 0], IMAGES)
    assert other.labels.tolist() == [1, 0]
    assert train.classes == other.classes == ("round", "square")
    assert train.name == str(tmp_path / f"train-images-idx3-ubyte{end}")


def test_a_folder_without_test_files_is_divided(tmp_path: Path) -> None:
    fill(tmp_path, "train", IMAGES, [0, 1, 1, 0])
    assert (len(open_data(tmp_path)), len(open_data(tmp_path, "test"))) == (2, 2)


VALID = encode(IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an idx file: it begins with nothing"),
        (b"\x89PNG\r\n", "not an idx file: it begins with 89 50 4e 47"),
        (b"\0\0\x08\x09" + bytes(99), "not an idx file: it begins with 00 00 08 09"),
        (VALID[:11], "the file ends inside its header"),
        (
            VALID[:-1],
            "the header claims 4 x 6 x 5 values, 120 bytes; the file holds less",
        ),
        (
            VALID + b"x",
            "the header claims 4 x 6 x 5 values, 120 bytes; the file holds more",
        ),
        (
            b"\0\0\x0e\x03" + b"\xff" * 12 + bytes(100),
            "the header claims 4294967295 x 4294967295 x 4294967295 values, "
            "633825299671392843082401579000 bytes; the file holds less",
        ),
    ],
)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_damaged_and_lying_files(tmp_path: Path, content: bytes, message: str, end: str) -> None:
    path = tmp_path / f"bad{end}"
    path.write_bytes(gzip.compress(content) if end else content)
    with pytest.raises(DataError) as caught:
        idx.read_idx(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_claim_within_what_gzip_could_hold_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "bad.gz"
    noise = np.random.default_rng(0).bytes(20_000)
    path.write_bytes(gzip.compress(b"\0\0\x08\x01" + (2**24).to_bytes(4, "big") + noise))
    with pytest.raises(DataError) as caught:
        idx.read_idx(path)
    assert str(caught.value) == (
        f"{path}: the header claims 16777216 values, 16777216 bytes; the file holds less"
    )


def test_damaged_gzip(tmp_path: Path) -> None:
    cut, plain = tmp_path / "cut.gz", tmp_path / "plain.gz"
    cut.write_bytes(gzip.compress(VALID)[:-9])
    plain.write_bytes(VALID)
    with pytest.raises(DataError) as caught:
        idx.read_idx(cut)
    assert str(caught.value) == (
        f"{cut}: damaged gzip file: Compressed file ended before the end-of-stream marker was "
        "reached"
    )
    with pytest.raises(DataError) as caught:
        idx.read_idx(plain)
    assert str(caught.value) == f"{plain}: damaged gzip file: Not a gzipped file (b'\\x00\\x00')"


def test_missing_labels_and_missing_file(tmp_path: Path) -> None:
    fill(tmp_path, "train", IMAGES, [0, 1, 1, 0])
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    images = tmp_path / "train-images-idx3-ubyte"
    assert str(caught.value) == (
        f"{images}: the labels are missing: expected train-labels-idx1-ubyte beside it"
    )
    with pytest.raises(DataError) as caught:
        idx.read_idx(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none'}: cannot be read: No such file or directory"


def test_two_files_for_one_part(tmp_path: Path) -> None:
    fill(tmp_path, "balanced-train", IMAGES, [0, 1, 1, 0])
    fill(tmp_path, "letters-train", IMAGES, [0, 1, 1, 0])
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: two files could be the train images: balanced-train-images-idx3-ubyte and "
        "letters-train-images-idx3-ubyte; put them in folders of their own"
    )


def test_label_out_of_range_names_the_file(tmp_path: Path) -> None:
    fill(tmp_path, "train", IMAGES, [0, 1, 7, 0])
    (tmp_path / "classes.txt").write_text("round\nsquare\n")
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'train-images-idx3-ubyte'}: label 7 of image 2 is out of range: "
        "with 2 classes labels go from 0 to 1"
    )
