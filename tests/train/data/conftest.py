"""Image files in class folders, made small."""

from __future__ import annotations

from pathlib import Path

import pytest
from photo_files import MakePhotos, noise
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path) -> MakePhotos:
    """Make a folder of class folders of PNG files: photos(cats=3, dogs=2)."""

    def make(root: str = "photos", size: tuple[int, int] = (6, 5), **classes: int) -> Path:
        folder = tmp_path / root
        for number, (name, count) in enumerate(classes.items()):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                image = Image.fromarray(noise(*size, seed=100 * number + index))
                image.save(folder / name / f"{index}.png")
        return folder

    return make
