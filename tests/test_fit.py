"""Putting a run together: what is refused before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import striate
from bars import bars
from striate.errors import InputError

NET = "INPUT 8x8x1 -> FC 2"


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (NET, {"batch": 0}, "batch: expected a whole number of at least 1, got 0"),
        (NET, {"batch": -1}, "batch: expected a whole number of at least 1, got -1"),
        (NET, {"threads": 257}, "threads: expected at most 256, got 257"),
        (NET, {"clip": -1.0}, "clip: expected a number above 0, got -1"),
        (
            NET,
            {"augment": "cutout=9"},
            "augmentation: cutout: expected less than 8 for images of 8x8x1, got 9",
        ),
        (
            f"{NET} -> SOFTMAX",
            {},
            "training: softmax1, the last layer, gives probabilities, but the softmax loss takes "
            "the scores before it: leave out the last SOFTMAX",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    tmp_path: Path, net: str, settings: dict[str, Any], message: str
) -> None:
    images, labels = bars(16)
    found = striate.net(net)
    with pytest.raises(InputError) as error:
        found.fit(images, labels, folder=tmp_path / "run", **{"batch": 8, "steps": 1} | settings)
    assert str(error.value) == message
    assert not (tmp_path / "run").exists()
    assert not found.weights


def test_a_net_that_ends_in_softmax_may_have_another_loss() -> None:
    images, labels = bars(16)
    history = striate.net(f"{NET} -> SOFTMAX").fit(images, labels, batch=8, steps=1, loss="l2")
    assert history.records[-1].step == 1
