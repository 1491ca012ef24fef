"""Opening by name or path: recognition, parts, shapes and the words of refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from photo_files import MakePhotos

from striate.errors import DataError, InputError
from striate.layers.shape import Shape
from striate.train import data as data_room
from striate.train.data import open_data


def test_what_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no data")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(DataError) as caught:
            open_data(path)
        assert str(caught.value) == (
            f"{path}: not a data set that can be read; looked for\n"
            "  idx files such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz\n"
            "  the binary CIFAR-10 or CIFAR-100 files "
            "(data_batch_1.bin ..., or train.bin and test.bin)\n"
            "  an .npz file with arrays such as images and labels, or x_train, y_train, x_test, "
            "y_test\n"
            "  a folder with one folder of images for each class"
        )


def test_a_folder_without_class_folders_is_told_so(tmp_path: Path) -> None:
    for count, found in ((0, "the folder is empty"), (1, "has 1 picture"), (2, "has 2 pictures")):
        if count:
            (tmp_path / f"{count}.jpg").write_bytes(b"")
        with pytest.raises(DataError) as caught:
            open_data(tmp_path)
        but = " but no class folders" if count else ""
        assert str(caught.value) == (
            f"{tmp_path}: {found}{but}; expected a folder with one folder of images for each class"
        )


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for source, hint in (
        (str(tmp_path / "potos"), f" did you mean '{tmp_path / 'photos'}'?"),
        (str(tmp_path / "other" / "deep"), ""),
        ("fashoin", " did you mean 'fashion'?"),
    ):
        with pytest.raises(DataError) as caught:
            open_data(source)
        assert str(caught.value) == (
            f"there is no file or folder '{source}';{hint} embedded data sets: fashion"
        )


def test_an_unknown_split() -> None:
    with pytest.raises(InputError) as caught:
        open_data("fashion", "trian")
    assert str(caught.value) == "split: expected one of train, test, all, got 'trian'"


def test_all_of_a_divided_source(photos: MakePhotos) -> None:
    photos(root="photos/train", cats=2, dogs=2)
    folder = photos(root="photos/test", cats=1).parent
    with pytest.raises(DataError) as caught:
        open_data(folder, "all")
    assert str(caught.value) == f"{folder}: holds a train and a test part; ask for one of them"


def test_only_a_test_part(photos: MakePhotos) -> None:
    folder = photos(root="photos/test", cats=2, dogs=2).parent
    assert len(open_data(folder, "test")) == len(open_data(folder, "all")) == 4
    with pytest.raises(DataError) as caught:
        open_data(folder)
    assert str(caught.value) == f"{folder}: has no training part, only a test part"


def test_only_a_training_part_is_divided(photos: MakePhotos) -> None:
    folder = photos(root="photos/train", cats=5, dogs=5).parent
    assert (len(open_data(folder)), len(open_data(folder, "test"))) == (8, 2)


def test_one_class_cannot_be_trained_but_can_be_classified(photos: MakePhotos) -> None:
    folder = photos(cats=5)
    assert len(open_data(folder, "all")) == 5
    with pytest.raises(DataError) as caught:
        open_data(folder)
    assert str(caught.value) == (
        f"{folder} (80%): expected images of at least 2 classes, got only class 'cats'"
    )


def test_an_empty_data_set(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=np.zeros((0, 4, 4, 3), np.uint8), labels=np.zeros(0, int))
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"{path}, images: expected at least one image, got shape (0, 4, 4, 3)"
    )


@pytest.mark.parametrize("shape", [Shape(28, 28, 1), Shape(32, 32, 3)])
def test_images_take_the_shape_of_the_net(shape: Shape) -> None:
    data = open_data("fashion", "test", shape)
    images, _ = data.batch(np.arange(3))
    assert images.shape == shape.array(3)
    assert data.shape == shape


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError) as caught:
        data_room.nothing  # noqa: B018
    assert str(caught.value) == "module 'striate.train.data' has no attribute 'nothing'"


def test_importing_the_room_leaves_pillow_out() -> None:
    code = "import sys, striate.train.data, striate.train.augment; print('PIL' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_what_the_system_refuses_is_an_error_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:  # noqa: ARG001
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Permission denied"
