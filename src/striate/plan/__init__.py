"""Planning: what is done in which order, by which kernel and why, and where everything lies."""

from striate.plan.make import make_plan
from striate.plan.records import (
    ALIGNMENT,
    CONTROL_WORDS,
    SWITCHES,
    At,
    Buffer,
    Candidate,
    Choice,
    Kernel,
    Launch,
    Lowering,
    Plan,
    Task,
    Training,
)
from striate.plan.show import show_plan

__all__ = [
    "ALIGNMENT",
    "CONTROL_WORDS",
    "SWITCHES",
    "At",
    "Buffer",
    "Candidate",
    "Choice",
    "Kernel",
    "Launch",
    "Lowering",
    "Plan",
    "Task",
    "Training",
    "make_plan",
    "show_plan",
]
