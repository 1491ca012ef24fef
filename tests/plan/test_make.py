"""Whole plans: what is bound to which memory, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nets import plan_of

from striate.check import check
from striate.graph import build
from striate.layers import Pool, SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.plan import At, Candidate, Launch, Lowering, Task, Training, make_plan, show_plan


@dataclass(frozen=True)
class Nothing:
    """A kernel that is never run."""

    private: int = 0

    def emit(self, e: Any) -> None:
        raise AssertionError(e)


@dataclass(frozen=True)
class Switches:
    """Max pooling that needs one byte for each output to go back, and not its input."""

    name: str = "switches"

    def refuses(self, task: Task) -> None:
        assert isinstance(task.what, Pool)

    def cost(self, task: Task) -> float:
        assert isinstance(task.what, Pool)
        return 0.0

    def lower(self, task: Task) -> Lowering:
        saved = {"switches": task.batch * task.output.values}
        if task.kind == "backward":
            return Lowering((Launch(Nothing(), 1, ("dy", At("dx0"), "saved.switches", 3)),))
        return Lowering((Launch(Nothing(), 1, ("x0", "y", "saved.switches")),), saved=saved)


def candidates(task: Task) -> Iterable[Candidate]:
    known = isinstance(task.what, Pool) and task.kind != "again"
    return [Switches()] if known else []


NET = "INPUT 32x32x4 -> CONV3-64 -> POOL2 -> FC 10"


def test_what_no_launch_names_is_not_kept_alive() -> None:
    checked = check(build(parse(NET)))
    training = Training(SoftmaxLoss(), optimizer("sgd"))
    volume = 2 * 32 * 32 * 64 * 4
    kept = plan_of(NET).regions["arena"]
    freed = make_plan(checked, 2, candidates, training).regions["arena"]
    assert kept >= 2 * volume
    assert freed < kept - volume // 2


@dataclass(frozen=True)
class TwoScratches:
    """Each of three launches hands something on to the next."""

    name: str = "two scratches"

    def refuses(self, task: Task) -> str | None:
        return None if isinstance(task.what, Pool) else "no POOL"

    def cost(self, task: Task) -> float:
        assert isinstance(task.what, Pool)
        return 0.0

    def lower(self, task: Task) -> Lowering:
        assert task.kind == "forward"
        roles = [("x0", "scratch.a"), ("scratch.a", "scratch.b"), ("scratch.b", "y")]
        launches = tuple(Launch(Nothing(), 1, pair) for pair in roles)
        return Lowering(launches, scratch={"a": 1 << 20, "b": 1 << 20})


def test_what_the_first_launches_need_makes_room_for_what_the_last_do() -> None:
    checked = check(build(parse("INPUT 32x32x4 -> POOL2 -> POOL2")))
    plan = make_plan(checked, 1, lambda task: [TwoScratches()], None)  # noqa: ARG005
    volume = 16 * 16 * 4 * 4
    assert plan.regions["arena"] == (2 << 20) + volume
    input_, first, second = (plan.offsets[n] for n in ("input", "pool1", "pool1/forward/b"))
    assert input_ in range(second, second + (1 << 20))
    assert first not in range(second, second + (1 << 20))


def test_the_backward_task_finds_what_forward_saved() -> None:
    plan = make_plan(
        check(build(parse(NET))), 2, candidates, Training(SoftmaxLoss(), optimizer("sgd"))
    )
    bound = [
        binding["saved.switches"]
        for choice, binding in zip(plan.choices, plan.bindings, strict=True)
        if isinstance(choice.task.what, Pool)
    ]
    assert bound == ["pool1/switches", "pool1/switches"]
    assert plan.buffers["pool1/switches"].bytes == 2 * 16 * 16 * 64


def test_a_plan_prints_on_one_page() -> None:
    text = show_plan(make_plan(check(build(parse(NET))), 2, candidates, None))
    lines = text.splitlines()
    assert lines[0] == "inference, batch 2: 4 tasks"
    assert lines[1].split() == ["task", "by", "launches", "chunks", "in", "place", "because"]
    assert lines[3] == (
        "conv1 forward  reference  -         -       no        no kernel does a forward of it"
    )
    assert lines[4] == "pool1 forward  switches   1         1       no        the only kernel"
    assert lines[-1].startswith("total ")
