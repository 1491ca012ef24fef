"""CIFAR's binary files, written here in their format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from striate.errors import DataError
from striate.layers.shape import Shape
from striate.train.data import open_data

RNG = np.random.default_rng(0)
TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def write(path: Path, labels: list[list[int]]) -> np.ndarray:
    """Write one record for each entry of labels; returns the images [n, 32, 32, 3]."""
    planes = RNG.integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8)
    flat = planes.reshape(len(labels), -1)
    path.write_bytes(np.concatenate([np.array(labels, np.uint8), flat], axis=1).tobytes())
    return planes.transpose(0, 2, 3, 1)


def test_ten_classes_in_several_files(tmp_path: Path) -> None:
    first = write(tmp_path / "data_batch_1.bin", [[3], [9]])
    second = write(tmp_path / "data_batch_2.bin", [[0]])
    other = write(tmp_path / "test_batch.bin", [[1], [2]])
    (tmp_path / "batches.meta.txt").write_text("\n".join(TEN) + "\n\n")
    train, test = open_data(tmp_path), open_data(tmp_path, "test")
    assert np.array_equal(train.batch(np.arange(3))[0], np.concatenate([first, second]))
    assert train.labels.tolist() == [3, 9, 0]
    assert train.classes == test.classes == tuple(TEN)
    assert train.shape == Shape(32, 32, 3)
    assert np.array_equal(test.batch(np.arange(2))[0], other)


def test_a_hundred_classes_go_by_the_fine_label(tmp_path: Path) -> None:
    images = write(tmp_path / "train.bin", [[7, 99], [1, 0]])
    write(tmp_path / "test.bin", [[7, 5]])
    train, test = open_data(tmp_path), open_data(tmp_path, "test")
    assert train.labels.tolist() == [99, 0]
    assert test.labels.tolist() == [5]
    assert train.classes == tuple(map(str, range(100)))
    assert np.array_equal(train.batch(np.arange(2))[0], images)


def test_a_file_of_no_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1.bin"
    write(path, [[1], [2]])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == (
        f"{path}: expected records of 3073 bytes, got 6145 bytes, of which 3072 are left over"
    )


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == f"{path}: expected records of 3073 bytes, got an empty file"


def test_label_out_of_range(tmp_path: Path) -> None:
    write(tmp_path / "data_batch_1.bin", [[1], [200]])
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/data_batch_1.bin: label 200 of image 1 is out of range: "
        "with 10 classes labels go from 0 to 9"
    )


def test_wrong_number_of_names(tmp_path: Path) -> None:
    write(tmp_path / "data_batch_1.bin", [[1], [2]])
    (tmp_path / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == f"{tmp_path}/batches.meta.txt: expected 10 class names, got 2"
