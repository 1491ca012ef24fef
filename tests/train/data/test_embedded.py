"""The embedded data set: what is in it, its size and its licence."""

from __future__ import annotations

import hashlib

import numpy as np

from striate.layers.shape import Shape
from striate.train.data import open_data
from striate.train.data.embedded import EMBEDDED, FOLDER


def test_fashion_is_balanced_and_named() -> None:
    for split, each in (("train", 800), ("test", 200)):
        data = open_data("fashion", split)
        assert data.shape == Shape(28, 28, 1)
        assert np.bincount(data.labels).tolist() == [each] * 10
        assert data.classes == (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        )


def test_fashion_holds_the_documented_images() -> None:
    expected = {
        "train": "3fc3c5f7cb89c15342c87369a5de49614b0afa857bee68ba117e74fae5e3bacb",
        "test": "8e8b02fc2db0ff9ed2d481ff30f8bd7cc5c88205cb131d7f4a0c19448f6957c9",
    }
    for split, digest in expected.items():
        data = open_data("fashion", split)
        images, labels = data.batch(np.arange(len(data)))
        found = hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
        assert found == digest


def test_embedded_files_are_small_and_licensed() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 5_000_000
    licence = (FOLDER / "LICENSE-fashion-mnist.txt").read_text()
    assert "Copyright (c) 2017 Zalando SE" in licence
    assert all(folder.is_relative_to(FOLDER) for folder in EMBEDDED.values())
