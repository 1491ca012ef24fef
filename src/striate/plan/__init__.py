"""Planning: what is done in which order, by which kernel and why, and where everything lies."""

from striate.plan.make import CONTROL_FLOATS, make_plan
from striate.plan.records import (
    ALIGNMENT,
    At,
    Buffer,
    Candidate,
    Choice,
    Kernel,
    Launch,
    Lowering,
    Plan,
    Task,
)

__all__ = [
    "ALIGNMENT",
    "CONTROL_FLOATS",
    "At",
    "Buffer",
    "Candidate",
    "Choice",
    "Kernel",
    "Launch",
    "Lowering",
    "Plan",
    "Task",
    "make_plan",
]
