"""Augmentation: what each step does, that it is drawn image by image, and its text form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import InputError
from striate.train.augment import (
    Augmentation,
    Augmented,
    Crop,
    Cutout,
    Flip,
    Jitter,
    Step,
    parse,
    uniform,
)
from striate.train.data import ArrayData

FULL = "crop=4,flip,jitter=0.2,cutout=8"


def noise(count: int = 6, size: int = 12, channels: int = 3) -> np.ndarray:
    shape = (count, size, size, channels)
    return np.random.default_rng(0).integers(1, 256, shape, dtype=np.uint8)


def test_draws_are_uniform_and_unrelated() -> None:
    draws = uniform(7, np.arange(20_000), range(3))
    assert draws.shape == (3, 20_000)
    assert 0 <= draws.min() < draws.max() < 1
    assert draws.mean(axis=1) == pytest.approx([0.5] * 3, abs=0.01)
    assert draws.var(axis=1) == pytest.approx([1 / 12] * 3, abs=0.003)
    others = [uniform(8, np.arange(20_000), [0])[0], np.roll(draws[0], 1), draws[1], draws[2]]
    for other in others:
        assert abs(np.corrcoef(draws[0], other)[0, 1]) < 0.03


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 39), min_size=1, max_size=20),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 4]),
    st.sampled_from([np.uint8, np.float32]),
)
def test_an_image_is_augmented_alike_in_any_batch(
    chosen: list[int], key: int, channels: int, dtype: type
) -> None:
    augmentation = parse(FULL)
    images = noise(40, 10, channels).astype(dtype)
    together = augmentation.apply(images[chosen], np.array(chosen), key)
    assert together.dtype == dtype
    for place, index in enumerate(chosen):
        alone = augmentation.apply(images[[index]], np.array([index]), key)
        assert np.array_equal(together[place], alone[0])


def test_key_and_index_matter() -> None:
    augmentation = parse(FULL)
    same = np.repeat(noise(1), 8, axis=0)
    found = [augmentation.apply(same.copy(), np.arange(8), key) for key in (1, 2)]
    assert len({image.tobytes() for images in found for image in images}) == 16


def test_crop_shifts_within_the_pad() -> None:
    images = noise(1, 5)
    for top in range(3):
        for left in range(3):
            draws = np.array([[(top + 0.5) / 3], [(left + 0.5) / 3]])
            found = Crop(1).apply(images.copy(), draws)
            padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
            assert np.array_equal(found, padded[:, top : top + 5, left : left + 5])
    assert np.array_equal(Crop(1).apply(images.copy(), np.full((2, 1), 0.5)), images)


def test_flip_exchanges_left_and_right_of_half() -> None:
    images = noise(3)
    found = Flip().apply(images.copy(), np.array([[0.49, 0.5, 0.0]]))
    assert np.array_equal(found[0], images[0, :, ::-1])
    assert np.array_equal(found[1], images[1])
    assert np.array_equal(found[2], images[2, :, ::-1])


def steps_of_jitter(image: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Brightness, contrast and saturation one after the other, in float64."""
    grey = np.array([0.299, 0.587, 0.114])
    x = image.astype(np.float64) * factors[0]
    level = (x @ grey).mean()
    x = level + (x - level) * factors[1]
    plain = (x @ grey)[..., np.newaxis]
    return plain + (x - plain) * factors[2]


def test_jitter_is_its_three_steps() -> None:
    images = noise()
    draws = np.random.default_rng(1).random((3, len(images)))
    strengths = np.array([0.3, 0.6, 0.9])
    floats = Jitter(*strengths).apply(images.astype(np.float32), draws)
    bytes_ = Jitter(*strengths).apply(images.copy(), draws)
    for index, image in enumerate(images):
        expected = steps_of_jitter(image, 1 + strengths * (2 * draws[:, index] - 1))
        assert floats[index] == pytest.approx(expected, rel=1e-4, abs=1e-3)
        assert np.abs(bytes_[index] - expected.clip(0, 255)).max() < 0.51


def test_jitter_of_grey_images_has_no_saturation() -> None:
    images = noise(channels=1)
    draws = np.full((3, len(images)), 0.9)
    strong, none = (Jitter(0.2, 0.2, s).apply(images.copy(), draws) for s in (1.0, 0.0))
    assert np.array_equal(strong, none)


def test_cutout_fills_a_square_with_the_mean() -> None:
    images = noise(2, 12)
    found = Cutout(4).apply(images.copy(), np.array([[0.5, 0.0], [0.5, 11.5 / 12]]))
    fills = np.rint(images.mean(axis=(1, 2)))
    expected = images.copy()
    expected[0, 4:8, 4:8] = fills[0]
    expected[1, :2, 9:] = fills[1]
    assert np.array_equal(found, expected)


def test_no_step_changes_nothing() -> None:
    images = noise()
    assert np.array_equal(Augmentation().apply(images.copy(), np.arange(6), 3), images)


def test_augmented_data_set_uses_index_and_key() -> None:
    images = noise(10)
    data = Augmented(ArrayData(images.copy(), [0, 1] * 5, ("a", "b"), "toy"), parse(FULL))
    chosen = np.array([7, 2])
    found, labels = data.batch(chosen, 99)
    assert np.array_equal(found, parse(FULL).apply(images[chosen], chosen, 99))
    assert labels.tolist() == [1, 0]
    assert (data.name, data.classes, len(data)) == ("toy", ("a", "b"), 10)
    assert np.array_equal(data.batch(chosen, 99)[0], found)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("none", ()),
        (FULL, (Crop(4), Flip(), Jitter(0.2, 0.2, 0.2), Cutout(8))),
        (" flip , crop = 2 ", (Flip(), Crop(2))),
        ("jitter=0.1/0.2/0", (Jitter(0.1, 0.2, 0),)),
        ("crop,jitter,cutout", (Crop(), Jitter(), Cutout())),
    ],
)
def test_text_form(text: str, steps: tuple[Step, ...]) -> None:
    augmentation = parse(text)
    assert augmentation == Augmentation(steps)
    assert parse(str(augmentation)) == augmentation


def test_text_is_written_short() -> None:
    texts = ("none", FULL, "jitter=0.1/0.2/0", "crop=2")
    assert [str(parse(text)) for text in texts] == list(texts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filp", "augmentation: unknown step 'filp'; did you mean flip?"),
        ("Crop=4", "augmentation: unknown step 'Crop'; did you mean crop?"),
        ("xyz", "augmentation: unknown step 'xyz'; there are crop, flip, jitter, cutout"),
        ("crop=4,,flip", "augmentation: unknown step ''; there are crop, flip, jitter, cutout"),
        ("flip=1", "augmentation: flip takes no value, got '1'"),
        ("crop=", "augmentation: crop: expected a whole number of at least 1, got ''"),
        ("crop=0", "augmentation: crop: expected a whole number of at least 1, got '0'"),
        ("crop=4/4", "augmentation: crop: expected one value, got '4/4'"),
        ("jitter=2", "augmentation: jitter: expected a number from 0 to 1, got '2'"),
        (
            "jitter=0.1/0.2",
            "augmentation: jitter: expected one value or 3 separated by /, got '0.1/0.2'",
        ),
        ("crop=4,crop=2", "augmentation 'crop=4,crop=2': crop is given twice"),
    ],
)
def test_text_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_settings_refused() -> None:
    with pytest.raises(InputError) as caught:
        Crop(0)
    assert str(caught.value) == "crop: pad: expected a whole number of at least 1, got '0'"
    with pytest.raises(InputError) as caught:
        Jitter(contrast=1.5)
    assert str(caught.value) == "jitter: contrast: expected a number from 0 to 1, got '1.5'"
