"""Schedules: their values, and the text they are written as."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.errors import InputError
from striate.train.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    OneCycle,
    Progress,
    Schedule,
    Step,
    WarmUp,
    schedule,
)

EXAMPLES: list[tuple[str, Schedule]] = [
    ("constant", Constant()),
    ("step:30", Step((30.0,))),
    ("step:30,60:0.5", Step((30.0, 60.0), 0.5)),
    ("cosine", Cosine()),
    ("cosine:0.01", Cosine(0.01)),
    ("onecycle", OneCycle()),
    ("onecycle:0.25", OneCycle(0.25)),
    ("onecycle:0.25:0.1:0", OneCycle(0.25, 0.1, 0.0)),
    ("warmup:5", WarmUp(5.0)),
    ("warmup:0.5+step:30,60", WarmUp(0.5, Step((30.0, 60.0)))),
]


def factors(text: str, *steps: int, total: int = 100, epoch: int = 10) -> list[float]:
    return [schedule(text).factor(Progress(step, total, epoch)) for step in steps]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_text_is_read_and_written(text: str, expected: Schedule) -> None:
    assert schedule(text) == expected
    assert schedule(str(expected)) == expected


def test_every_schedule_has_an_example() -> None:
    assert {type(example) for _, example in EXAMPLES} == set(SCHEDULES.values())


def test_constant() -> None:
    assert factors("constant", 0, 50, 99) == [1, 1, 1]


def test_step_drops_after_whole_epochs() -> None:
    assert factors("step:3,6", 0, 29, 30, 59, 60, 99) == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_is_half_a_cosine() -> None:
    quarter = (1 + math.cos(math.pi / 4)) / 2
    assert factors("cosine", 0, 25, 50, 100) == pytest.approx([1, quarter, 0.5, 0])
    assert factors("cosine:0.2", 0, 50, 100) == pytest.approx([1, 0.6, 0.2])


def test_one_cycle_rises_and_falls() -> None:
    assert factors("onecycle:0.4:0.1:0.01", 0, 20, 40, 70, 100) == pytest.approx(
        [0.1, 0.55, 1, 0.505, 0.01]
    )


def test_warm_up_rises_linearly_and_leaves_the_rest_as_it_is() -> None:
    assert factors("warmup:2", 0, 9, 19, 20, 99) == pytest.approx([0.05, 0.5, 1, 1, 1])
    plain, warmed = factors("cosine", 19, 60), factors("warmup:2+cosine", 19, 60)
    assert plain == warmed
    assert factors("warmup:2+step:3", 9, 30) == pytest.approx([0.5, 0.1])


@given(step=st.integers(0, 1000), total=st.integers(1, 500), epoch=st.integers(1, 500))
def test_factors_stay_between_0_and_1(step: int, total: int, epoch: int) -> None:
    for _, example in EXAMPLES:
        assert 0 <= example.factor(Progress(step, total, epoch)) <= 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "cosin",
            "unknown schedule 'cosin': did you mean cosine? "
            "known: constant, step, cosine, onecycle, warmup",
        ),
        ("", "unknown schedule '': known: constant, step, cosine, onecycle, warmup"),
        ("constant:1", "schedule: expected constant, got 'constant:1'"),
        (
            "step",
            "schedule: expected step:EPOCH,EPOCH,... or step:EPOCH,EPOCH,...:FACTOR, got 'step'",
        ),
        (
            "step:a",
            "schedule: expected step:EPOCH,EPOCH,... or step:EPOCH,EPOCH,...:FACTOR, got 'step:a'",
        ),
        ("step:30,20", "schedule 'step:30,20': epochs: expected rising numbers above 0, got 30,20"),
        ("step:30:0", "schedule 'step:30:0': factor: expected a number above 0, got 0"),
        ("step:30:1,2", "schedule: expected step:EPOCH,EPOCH,... or step:EPOCH,EPOCH,...:FACTOR, "
         "got 'step:30:1,2'"),
        ("cosine:2", "schedule 'cosine:2': end: expected a number from 0 to 1, got 2"),
        ("cosine:nan", "schedule 'cosine:nan': end: expected a number from 0 to 1, got nan"),
        ("cosine+step:3", "schedule: expected cosine or cosine:END, got 'cosine+step:3'"),
        ("onecycle:1", "schedule 'onecycle:1': rise: expected a number between 0 and 1, got 1"),
        ("warmup", "schedule: expected warmup:EPOCHS+SCHEDULE, got 'warmup'"),
        ("warmup:1:2", "schedule: expected warmup:EPOCHS+SCHEDULE, got 'warmup:1:2'"),
        ("warmup:1,2", "schedule: expected warmup:EPOCHS+SCHEDULE, got 'warmup:1,2'"),
        ("warmup:0+cosine", "schedule 'warmup:0+cosine': epochs: expected a number above 0, got 0"),
    ],
)  # fmt: skip
def test_wrong_texts_say_what_would_work(text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        schedule(text)
    assert str(error.value) == words
