"""Neighbouring tasks are merged where the kernels room says so."""

from __future__ import annotations

from typing import Any

from striate.layers import Relu, Shape
from striate.plan import Task
from striate.plan.fuse import fuse

SHAPE = Shape(2, 2, 1)


def task(node: str, x: str, y: str) -> Task:
    return Task("forward", node, Relu(), 1, (SHAPE,), SHAPE, False, {"x0": x, "y": y})


def test_a_chain_is_merged_from_the_first_on() -> None:
    asked: list[tuple[str, str, bool]] = []

    def merge(first: Task, second: Task, alone: bool) -> Task | None:
        asked.append((first.name, second.name, alone))
        if second.node == "c":
            return None
        return Task(
            *("forward", first.node, first.what, 1, first.inputs, SHAPE, False),
            {"x0": first.roles["x0"], "y": second.roles["y"]},
            {"joined": (*first.detail.get("joined", ()), second.node)},
        )

    tasks = [task("a", "v0", "v1"), task("b", "v1", "v2"), task("c", "v2", "v3")]
    found = fuse([*tasks, task("d", "v3", "v4"), task("e", "v3", "v5")], merge)
    assert [t.name for t in found] == ["a + b forward", "c + d + e forward"]
    assert asked == [
        ("a forward", "b forward", True),
        ("a + b forward", "c forward", True),
        ("c forward", "d forward", False),
        ("c + d forward", "e forward", False),
    ]


def test_without_merging_nothing_changes() -> None:
    tasks = [task("a", "v0", "v1"), task("b", "v1", "v2")]

    def never(*_: Any) -> None:
        return None

    assert fuse(tasks, never) == tasks
    assert fuse([], never) == []
