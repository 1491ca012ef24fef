"""A case: a net with its weights, images, labels, and the scores that every library must find."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from striate.api import Net
from striate.layers.shape import Array, Shape
from striate.opening import load, net
from striate.peers.job import Job


def write_case(folder: Path, found: Net, batch: int) -> None:
    """Fill a folder with a case of a net with weights, on random images."""
    shape = found.checked.shapes[found.graph.nodes[0].name]
    random = np.random.default_rng(0)
    images = random.standard_normal(shape.array(batch)).astype(np.float32)
    classes = found.checked.shapes[found.graph.output].channels
    found.save(folder / "net.safetensors")
    (folder / "net.txt").write_text(str(found))
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", random.integers(0, classes, batch))
    np.save(folder / "scores.npy", found.predict(images))


@dataclass(frozen=True)
class Case:
    """A case as a library's process reads it.

    Attributes:
        job: what is done with it.
    """

    job: Job

    @property
    def folder(self) -> Path:
        """Where its files are; a library may put files of its own there."""
        return Path(self.job.folder)

    @cached_property
    def net(self) -> Net:
        """The net; in a fresh job without weights."""
        if self.job.fresh:
            return net((self.folder / "net.txt").read_text())
        return load(self.folder / "net.safetensors")

    @cached_property
    def images(self) -> Array:
        """[N, H, W, C] float32."""
        found: Array = np.load(self.folder / "images.npy")
        return found

    @cached_property
    def images_nchw(self) -> Array:
        """[N, C, H, W] float32, contiguous."""
        return np.ascontiguousarray(self.images.transpose(0, 3, 1, 2))

    @cached_property
    def labels(self) -> Array:
        """[N] int64."""
        found: Array = np.load(self.folder / "labels.npy")
        return found

    @property
    def scores(self) -> Array:
        """[N, K]: Striate's."""
        found: Array = np.load(self.folder / "scores.npy")
        return found.reshape(len(found), -1)

    @property
    def input(self) -> Shape:
        """Of one image."""
        return self.net.checked.shapes[self.net.graph.nodes[0].name]
