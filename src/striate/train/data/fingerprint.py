"""By what a run that goes on knows its data again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from striate.train.data.dataset import DataSet


@dataclass(frozen=True)
class Fingerprint:
    """What stays the same about the data of a run. A few bytes, however large the data are.

    Attributes:
        images: how many there are.
        classes: how many there are.
        shape: of every image, ``32x32x3``.
        names: of the names of the classes, a hash.
        labels: of the class numbers of all images in order, a hash.
    """

    images: int
    classes: int
    shape: str
    names: str
    labels: str

    def differences(self, now: Fingerprint) -> str:
        """What is different about other data, in words; empty if nothing is."""
        counts = [
            f"{theirs:,} {what} instead of {ours:,}"
            for what, ours, theirs in (
                ("images", self.images, now.images),
                ("classes", self.classes, now.classes),
            )
            if ours != theirs
        ]
        if self.shape != now.shape:
            counts.append(f"the shape {now.shape} instead of {self.shape}")
        hashes = [
            f"other {what}"
            for what, count, ours, theirs in (
                ("names of the classes", "classes", self.names, now.names),
                ("labels", "images", self.labels, now.labels),
            )
            if ours != theirs and getattr(self, count) == getattr(now, count)
        ]
        return ", ".join([*counts, *hashes])


def fingerprint_of(data: DataSet) -> Fingerprint:
    """The fingerprint of a data set."""
    names = json.dumps(data.classes).encode()
    labels = data.labels.astype("<i8").tobytes()
    return Fingerprint(len(data), len(data.classes), str(data.shape), _hash(names), _hash(labels))


def read_fingerprint(values: object) -> Fingerprint | None:
    """A fingerprint from its JSON; None for a run that has kept none.

    Raises:
        TypeError: the values are not those of a fingerprint.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        raise TypeError("expected a table")
    found = Fingerprint(**values)
    for name, value in asdict(found).items():
        if type(value) is not (int if name in ("images", "classes") else str):
            raise TypeError(name)
    return found


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
