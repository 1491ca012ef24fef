"""Subsets, stratified division and pixel statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import DataError, InputError
from striate.train.data import ArrayData, Subset, divide, pixel_statistics, require_trainable


def labelled(labels: list[int], classes: tuple[str, ...] = ()) -> ArrayData:
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return ArrayData(images, labels, classes)


def test_subset_gives_its_images_by_its_own_index() -> None:
    part = Subset(labelled([0, 1, 2, 3]), np.array([3, 1]), "part")
    images, labels = part.batch(np.array([1, 0]))
    assert images.ravel().tolist() == [1, 3]
    assert labels.tolist() == [1, 3]
    assert part.labels.tolist() == [3, 1]
    assert (len(part), part.name, part.classes) == (2, "part", ("0", "1", "2", "3"))


def test_subset_refuses_nothing_and_what_is_not_there() -> None:
    with pytest.raises(DataError) as empty:
        Subset(labelled([0, 1]), np.array([], np.int64))
    assert str(empty.value) == "arrays: expected at least one image, got none"
    with pytest.raises(InputError) as beyond:
        Subset(labelled([0, 1]), np.array([0, 2]))
    assert str(beyond.value) == "arrays: index 2 is out of range: 2 images go from 0 to 1"
    with pytest.raises(InputError) as before:
        Subset(labelled([0, 1]), np.array([0, -1]))
    assert str(before.value) == "arrays: index -1 is out of range: 2 images go from 0 to 1"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=80).filter(lambda x: len(set(x)) < len(x)),
    st.floats(0.01, 0.99),
    st.integers(0, 1000),
)
def test_divide_is_stratified_and_loses_nothing(labels: list[int], share: float, seed: int) -> None:
    rest, held = divide(labelled(labels), share, seed)
    together = np.concatenate([rest.indices, held.indices])
    assert sorted(together) == list(range(len(labels)))
    assert np.all(np.diff(rest.indices) > 0)
    assert np.all(np.diff(held.indices) > 0)
    for label in set(labels):
        count = labels.count(label)
        expected = min(max(1, round(count * share)), count - 1)
        assert np.count_nonzero(held.labels == label) == expected


def test_divide_depends_on_the_seed_alone() -> None:
    data = labelled([0] * 50 + [1] * 50)
    again = [divide(data, 0.2, seed)[1].indices.tolist() for seed in (0, 0, 1)]
    assert again[0] == again[1]
    assert again[0] != again[2]
    assert [part.name for part in divide(data, 0.25)] == ["arrays (75%)", "arrays (other 25%)"]


def test_divide_refuses() -> None:
    with pytest.raises(InputError) as fraction:
        divide(labelled([0, 0]), 1)
    assert str(fraction.value) == "fraction: expected a number between 0 and 1, got 1"
    with pytest.raises(DataError) as single:
        divide(labelled([0, 1]))
    assert str(single.value) == (
        "arrays: no image can be held out: every class has a single image; "
        "add images or give a data set with a test part"
    )


def test_one_class_cannot_be_trained() -> None:
    require_trainable(labelled([0, 1]))
    with pytest.raises(DataError) as caught:
        require_trainable(labelled([1, 1], ("cat", "dog")))
    assert (
        str(caught.value) == "arrays: expected images of at least 2 classes, got only class 'dog'"
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pixel_statistics_are_those_of_all_pixels(dtype: type) -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 90, 30, 3)).astype(dtype)
    images[..., 2] = 7
    mean, std = pixel_statistics(ArrayData(images, np.zeros(300, int)))
    assert mean == pytest.approx(images.mean(axis=(0, 1, 2), dtype=np.float64), rel=1e-6)
    assert std[:2] == pytest.approx(images[..., :2].std(axis=(0, 1, 2), dtype=np.float64), rel=1e-6)
    assert std[2] == 1
    assert mean.dtype == std.dtype == np.float32


def test_pixel_statistics_read_evenly_spaced_images() -> None:
    mean, std = pixel_statistics(labelled([0] * 10), limit=4)
    chosen = [0, 2, 5, 7]
    assert mean[0] == pytest.approx(np.mean(chosen))
    assert std[0] == pytest.approx(np.std(chosen))
