"""Fingerprints: what is different about other data is named."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from striate.train.data import ArrayData
from striate.train.data.fingerprint import fingerprint_of, read_fingerprint

IMAGES = np.zeros((4, 2, 3, 1), np.uint8)
OURS = fingerprint_of(ArrayData(IMAGES, [0, 1, 1, 0], ("a", "b")))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ArrayData(IMAGES + 1, [0, 1, 1, 0], ("a", "b")), ""),
        (ArrayData(IMAGES[:3], [0, 1, 1], ("a", "b")), "3 images instead of 4"),
        (ArrayData(IMAGES, [0, 1, 1, 0], ("a", "b", "c")), "3 classes instead of 2"),
        (ArrayData(IMAGES, [0, 1, 1, 0], ("a", "c")), "other names of the classes"),
        (ArrayData(IMAGES, [0, 1, 0, 1], ("a", "b")), "other labels"),
        (
            ArrayData(IMAGES[:, :, :2], [0, 1, 0, 1], ("b", "a")),
            "the shape 2x2x1 instead of 3x2x1, other names of the classes, other labels",
        ),
    ],
)
def test_differences_are_named(data: ArrayData, words: str) -> None:
    assert OURS.differences(fingerprint_of(data)) == words


def test_a_fingerprint_goes_through_json() -> None:
    assert read_fingerprint(json.loads(json.dumps(asdict(OURS)))) == OURS
    assert read_fingerprint(None) is None


@pytest.mark.parametrize("values", [7, {"images": 3}, asdict(replace(OURS, labels=3))])  # type: ignore[arg-type]
def test_what_is_no_fingerprint_is_refused(values: object) -> None:
    with pytest.raises(TypeError):
        read_fingerprint(values)
