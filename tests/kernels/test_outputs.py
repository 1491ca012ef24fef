"""CONV's forward kernels write into a range of a deeper volume's channels, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conv_tasks import arrays_of
from one_task import run_task

from examples import example
from isas import NATIVE, SHAPES
from striate.kernels import Isa, candidates_for
from striate.kernels.candidates import INTO_PARTS
from striate.layers import Concat, Conv, Shape
from striate.plan import Task

EXAMPLES = ["9x8x32 -> CONV1-17", "9x8x32 -> CONV3-40", "7x9x32 -> CONV5-16 bias=no"]


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
@pytest.mark.parametrize("text", EXAMPLES)
def test_a_part_has_the_bits_of_the_whole(text: str, isa: Isa) -> None:
    conv, (x,) = example(text)
    assert isinstance(conv, Conv)
    y, front, depth = conv.shape(x), 5, 61
    arrays, _ = arrays_of(conv, x, 3)
    roles = {role: role for role in arrays}
    task = Task("forward", "conv1", conv, 3, (x,), y, True, roles, {"relu": True})
    part = replace(task, detail={**task.detail, "part": (depth, front)})
    for way in (make(isa) for make in INTO_PARTS):
        if way.refuses(task) is None:
            alone = run_task(task, way, arrays, isa)["y"]
            volume = np.full((3, y.height, y.width, depth), 7, np.float32)
            found = run_task(part, way, {**arrays, "y": volume}, isa, threads=2)["y"]
            np.testing.assert_array_equal(found[..., front : front + y.channels], alone)
            assert (np.delete(found, np.s_[front : front + y.channels], axis=-1) == 7).all()


@pytest.mark.parametrize("isa", NATIVE + SHAPES, ids=lambda isa: isa.name)
def test_a_concat_masks_its_gradients(isa: Isa) -> None:
    shapes = tuple(Shape(5, 7, channels) for channels in (9, 16, 3))
    rng = np.random.default_rng(0)
    y, dy = rng.standard_normal((2, 2, 5, 7, 28)).astype(np.float32)
    apart = y[..., 25:].copy()
    arrays = {"dy": dy, "y": y, "x2": apart}
    arrays |= {f"dx{i}": np.full(s.array(2), np.nan, np.float32) for i, s in enumerate(shapes)}
    roles = {role: role for role in arrays if role != "y"} | {"x0": "y"}
    whole = Shape(5, 7, 28)
    detail = {"placed": (0,)}
    task = Task("backward", "c", Concat(), 2, shapes, whole, True, roles, detail)
    (way,) = candidates_for(isa)(task)
    found = run_task(task, way, arrays, isa)
    masked = np.where(y > 0, dy, 0)
    np.testing.assert_array_equal(found["dx0"], masked[..., :9])
    np.testing.assert_array_equal(found["dx1"], dy[..., 9:25])
    np.testing.assert_array_equal(found["dx2"], masked[..., 25:])
