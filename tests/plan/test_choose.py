"""The choice among candidates keeps its reason."""

from __future__ import annotations

from dataclasses import dataclass

from striate.layers import Relu, Shape
from striate.plan import Lowering, Task
from striate.plan.choose import choose

TASK = Task("forward", "relu1", Relu(), 1, (Shape(2, 2, 1),), Shape(2, 2, 1), False, {})


@dataclass(frozen=True)
class Fake:
    name: str
    seconds: float
    refusal: str | None = None

    def refuses(self, task: Task) -> str | None:
        assert task is TASK
        return self.refusal

    def cost(self, task: Task) -> float:
        assert task is TASK
        return self.seconds

    def lower(self, task: Task) -> Lowering:
        assert task is TASK
        return Lowering((), scratch={self.name: 1})


def test_the_cheapest_that_can_is_chosen() -> None:
    choice = choose(TASK, [Fake("slow", 2e-3), Fake("fast", 1e-3), Fake("no", 0, "too odd")])
    assert choice.candidate == "fast"
    assert choice.reason == "estimated 1 ms against slow 2 ms"
    assert choice.lowering.scratch == {"fast": 1}
    assert choice.native


def test_without_a_candidate_the_reference_runs() -> None:
    assert choose(TASK, []).reason == "no kernel does a forward of it"
    choice = choose(TASK, [Fake("odd", 0, "too odd"), Fake("even", 0, "too even")])
    assert (choice.candidate, choice.native) == ("reference", False)
    assert choice.reason == "odd: too odd; even: too even"


def test_the_only_one_says_why_the_others_could_not() -> None:
    assert choose(TASK, [Fake("one", 1)]).reason == "the only kernel"
    assert choose(TASK, [Fake("one", 1), Fake("no", 0, "no")]).reason == "the only kernel (no: no)"
