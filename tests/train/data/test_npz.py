""".npz files: names, pickles that are not loaded, headers that lie."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from striate.errors import DataError
from striate.train.data import open_data

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 1, 0, 1, 0])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(("x", "y"), [("images", "labels"), ("x", "y"), ("X", "y")])
def test_undivided(tmp_path: Path, x: str, y: str, save: object) -> None:
    path = tmp_path / "a.npz"
    save(path, **{x: IMAGES, y: LABELS}, classes=np.array(["cat", "dog"]))  # type: ignore[operator]
    whole = open_data(path, "all")
    assert np.array_equal(whole.batch(np.arange(6))[0], IMAGES)
    assert whole.labels.tolist() == LABELS.tolist()
    assert whole.classes == ("cat", "dog")
    assert len(open_data(path)) + len(open_data(path, "test")) == 6


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (("x_train", "y_train"), ("x_test", "y_test")),
        (("train_images", "train_labels"), ("val_images", "val_labels")),
    ],
)
def test_divided(tmp_path: Path, train: tuple[str, str], test: tuple[str, str]) -> None:
    path = tmp_path / "a.npz"
    parts = {train[0]: IMAGES, train[1]: LABELS[:, None], test[0]: IMAGES[:2], test[1]: LABELS[:2]}
    np.savez(path, **parts)
    assert len(open_data(path)) == 6
    other = open_data(path, "test")
    assert np.array_equal(other.batch(np.arange(2))[0], IMAGES[:2])
    assert other.name == f"{path}, {test[0]}"


def test_test_comes_before_val(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_test=IMAGES[:1], y_test=LABELS[:1], x_val=IMAGES[:2], y_val=LABELS[:2])
    assert len(open_data(path, "test")) == 1


def test_unknown_names(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, pictures=IMAGES, labels=LABELS)
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"{path}: expected arrays named x_train, y_train; train_images, train_labels; "
        "images, labels; x, y; X, y; x_test, y_test; test_images, test_labels; x_val, y_val; "
        "val_images, val_labels; the file holds labels, pictures"
    )


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES, labels=np.array([0, None, 1, 0, 1, 1], object))
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"{path}: labels holds pickled Python objects, which are never loaded"
    )


def header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_claims_more_than_the_file_holds(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, labels=LABELS)
    with zipfile.ZipFile(path, "a", kind) as archive:
        archive.writestr("images.npy", header((10**9, 5, 4, 3)) + bytes(range(250)))
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"{path}: images: the header claims 1000000000 x 5 x 4 x 3 values of uint8, "
        "60000000000 bytes; the file holds at most 250"
    )


def test_a_header_that_claims_a_negative_or_scalar_shape(tmp_path: Path) -> None:
    for number, shape in enumerate([(-6, 5, 4, 3), ()]):
        path = tmp_path / f"{number}.npz"
        np.savez(path, labels=LABELS)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("images.npy", header(shape) + bytes(360))
        with pytest.raises(DataError, match=f"{number}.npz"):
            open_data(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\3\4" + bytes(40)])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value) == f"{path}: damaged .npz file: File is not a zip file"


def test_an_overwritten_archive_is_named_or_harmless(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez_compressed(whole, images=IMAGES, labels=LABELS)
    content = whole.read_bytes()
    path = tmp_path / "a.npz"
    refused = 0
    for start in range(0, len(content), 25):
        inverted = bytes(255 - byte for byte in content[start : start + 20])
        path.write_bytes(content[:start] + inverted + content[start + 20 :])
        try:
            data = open_data(path, "all")
        except DataError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017
            refused += 1
        else:
            assert np.array_equal(data.batch(np.arange(6))[0], IMAGES)
    assert refused > 10


def test_a_truncated_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=IMAGES, labels=LABELS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value) == f"{path}: damaged .npz file: File is not a zip file"
