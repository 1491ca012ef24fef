"""Folders of class folders: what counts, what is left out and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from photo_files import MakePhotos, noise
from PIL import Image

from striate.errors import DataError
from striate.layers.shape import Shape
from striate.train.data import open_data
from striate.train.data.folder import FolderData


def test_classes_and_files_are_sorted(photos: MakePhotos) -> None:
    data = FolderData(photos(dogs=2, cats=3))
    assert data.classes == ("cats", "dogs")
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert (data.shape, data.problems) == (Shape(6, 5, 3), ())
    images, labels = data.batch(np.array([3, 0]))
    assert np.array_equal(images[0], noise(6, 5, seed=0))
    assert np.array_equal(images[1], noise(6, 5, seed=100))
    assert labels.tolist() == [1, 0]


def test_different_sizes_become_64_by_64_or_what_the_net_takes(photos: MakePhotos) -> None:
    folder = photos(cats=2)
    photos(dogs=2, size=(9, 30))
    assert FolderData(folder).shape == Shape(64, 64, 3)
    data = FolderData(folder, Shape(8, 12, 1))
    assert data.batch(np.arange(4))[0].shape == (4, 8, 12, 1)


def test_all_grey_files_give_one_channel(photos: MakePhotos) -> None:
    folder = photos(cats=0, dogs=0)
    for name in ("cats", "dogs"):
        Image.fromarray(noise(4, 4, channels=1)).save(folder / name / "a.png")
    assert FolderData(folder).shape == Shape(4, 4, 1)
    Image.fromarray(noise(4, 4)).save(folder / "dogs" / "b.png")
    assert FolderData(folder).shape == Shape(4, 4, 3)


def test_what_is_left_out_is_reported(photos: MakePhotos) -> None:
    folder = photos(cats=2, dogs=2, empty=0)
    (folder / ".git").mkdir()
    (folder / "README.txt").write_text("beside the classes")
    (folder / "cats" / ".DS_Store").write_text("hidden files are passed over")
    (folder / "cats" / "old").mkdir()
    (folder / "cats" / ".trash").mkdir()
    (folder / "cats" / "notes.txt").write_text("text")
    cut = folder / "dogs" / "0.png"
    cut.write_bytes(cut.read_bytes()[:-20])
    data = FolderData(folder)
    assert data.classes == ("cats", "dogs")
    assert data.labels.tolist() == [0, 0, 1]
    assert data.problems == (
        f"{folder}/.git: hidden folder",
        f"{folder}/empty: has no files, so it is no class",
        f"{folder}/cats/.trash: hidden folder",
        f"{folder}/cats/old: folder in a class folder",
        f"{folder}/cats/notes.txt: not an image that can be read",
        f"{cut}: damaged image: Truncated File Read",
    )


def test_strict_makes_problems_an_error(photos: MakePhotos) -> None:
    folder = photos(cats=2, dogs=2)
    assert len(open_data(folder, strict=True)) == 2
    (folder / "cats" / "notes.txt").write_text("text")
    with pytest.raises(DataError) as caught:
        open_data(folder, "all", strict=True)
    assert str(caught.value) == (
        f"{folder}: 1 problem and strict is on\n"
        f"  {folder}/cats/notes.txt: not an image that can be read"
    )
    for number in range(11):
        (folder / "cats" / f"z{number}").mkdir()
    with pytest.raises(DataError) as caught:
        open_data(folder, "all", strict=True)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{folder}: 12 problems and strict is on"
    assert lines[-1] == "  and 2 more"
    assert len(lines) == 12


def test_nothing_readable(photos: MakePhotos) -> None:
    folder = photos(cats=0, dogs=0)
    for number in range(5):
        (folder / "dogs" / f"{number}").write_text("text")
    with pytest.raises(DataError) as caught:
        FolderData(folder)
    listed = "".join(f"\n  {folder}/dogs/{n}: not an image that can be read" for n in range(4))
    assert str(caught.value) == (
        f"{folder}: expected images in class folders, found none that can be read"
        f"\n  {folder}/cats: has no files, so it is no class{listed}\n  and 1 more"
    )


def test_floating_point_images_are_found_when_the_folder_is_opened(photos: MakePhotos) -> None:
    folder = photos(cats=2, dogs=2)
    values = folder / "dogs" / "z.tif"
    Image.fromarray(np.ones((6, 5), np.float32)).save(values)
    data = FolderData(folder)
    assert len(data) == 4
    assert data.problems == (
        f"{values}: holds floating-point values; save it with 8 or 16 bits a channel",
    )
    with pytest.raises(DataError, match=r"1 problem and strict is on\n.*floating-point values"):
        open_data(folder, "all", strict=True)


def test_an_empty_folder_of_the_training_part_is_no_class(photos: MakePhotos) -> None:
    photos(root="photos/train", cats=2, dogs=3, empty=0)
    folder = photos(root="photos/test", dogs=2, empty=0).parent
    assert open_data(folder).classes == open_data(folder, "test").classes == ("cats", "dogs")


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("training", "val"), ("Train", "Validation")]
)
def test_parts_in_folders_of_their_own(photos: MakePhotos, train: str, test: str) -> None:
    photos(root=f"photos/{train}", cats=2, dogs=3, emus=1)
    folder = photos(root=f"photos/{test}", dogs=2).parent
    first, second = open_data(folder), open_data(folder, "test")
    assert (len(first), len(second)) == (6, 2)
    assert first.classes == second.classes == ("cats", "dogs", "emus")
    assert second.labels.tolist() == [1, 1]


def test_a_test_folder_comes_before_a_validation_folder(photos: MakePhotos) -> None:
    for root, count in (("train", 4), ("test", 1), ("val", 2)):
        folder = photos(root=f"photos/{root}", cats=count, dogs=count).parent
    assert len(open_data(folder, "test")) == 2


def test_an_unknown_class_in_the_test_part(photos: MakePhotos) -> None:
    photos(root="photos/train", cats=2, dogs=3)
    folder = photos(root="photos/test", cow=2).parent
    with pytest.raises(DataError) as caught:
        open_data(folder, "test")
    assert str(caught.value) == (
        f"{folder}/test: the folder 'cow' is none of the classes of the training part: cats, dogs"
    )


def test_a_class_may_be_called_train(photos: MakePhotos) -> None:
    assert open_data(photos(train=3, car=3), "all").classes == ("car", "train")
    assert open_data(photos(root="other", train=3, test=3), "all").classes == ("test", "train")


def test_a_source_that_is_not_divided_is_divided_once(photos: MakePhotos) -> None:
    folder = photos(cats=10, dogs=5)
    train, test, whole = (open_data(folder, split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(whole)) == (12, 3, 15)
    assert (train.name, test.name) == (f"{folder} (80%)", f"{folder} (other 20%)")
    seen = [
        image.tobytes() for part in (train, test) for image in part.batch(np.arange(len(part)))[0]
    ]
    assert len(set(seen)) == 15


def test_decoded_images_are_kept(photos: MakePhotos) -> None:
    data = open_data(photos(cats=3, dogs=3), "all")
    before, _ = data.batch(np.arange(6))
    for file in Path(data.name).rglob("*.png"):
        file.unlink()
    again, labels = data.batch(np.array([5, 1]))
    assert np.array_equal(again, before[[5, 1]])
    assert labels.tolist() == [1, 0]


def test_a_file_that_goes_missing_is_named(photos: MakePhotos) -> None:
    folder = photos(cats=3, dogs=3)
    data = FolderData(folder)
    (folder / "dogs" / "1.png").unlink()
    with pytest.raises(DataError) as caught:
        data.batch(np.arange(6))
    assert str(caught.value) == f"{folder}/dogs/1.png: no such file"
