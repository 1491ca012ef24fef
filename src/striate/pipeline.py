"""The way from a net to its program on one screen: check, plan, kernels, program."""

from __future__ import annotations

from typing import Any

from striate.check import Checked, available_memory, check
from striate.check.numbers import in_bytes
from striate.errors import BudgetError, CompileError, InputError
from striate.graph import Network
from striate.kernels import (
    Isa,
    Library,
    candidates_for,
    default_threads,
    host,
    merge,
    runs_here,
    target,
)
from striate.plan import Launch, Plan, Training, make_plan
from striate.plan.choose import Measure
from striate.run import Program
from striate.run.tuning import Tuner

MOST_THREADS = 256


def plan_net(
    checked: Checked,
    batch: int,
    training: Training | None,
    isa: Isa,
    exact: bool = False,
    measure: Measure | None = None,
) -> Plan:
    """Decide everything about one call of a net; ``measure`` times candidates instead of estimates.

    Raises:
        InputError: a net that does not end in one vector of scores is to be trained.
    """
    if training is not None:
        require_scores(checked)
    return make_plan(checked, batch, candidates_for(isa, exact), training, merge, measure)


def launches(plan: Plan) -> list[Launch]:
    """All launches of a plan in order."""
    return [launch for choice in plan.choices for launch in choice.lowering.launches]


def require_counts(batch: Any, threads: Any) -> int:
    """The number of threads, all processors by default; InputError if batch or it is not usable."""
    count = default_threads() if threads is None else threads
    for name, number, most in (("batch", batch, None), ("threads", count, MOST_THREADS)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f"{name}: expected a whole number of at least 1, got {number!r}")
        if most is not None and number > most:
            raise InputError(f"{name}: expected at most {most}, got {number}")
    return count


def require_scores(checked: Checked) -> None:
    """Raise InputError unless the net ends in one vector of scores, which losses are made for."""
    output = checked.graph.output
    shape = checked.shapes[output]
    if shape.pixels > 1:
        raise InputError(
            f"training: {output}, the last layer, gives {shape} values, but a loss takes one "
            f"vector of scores: end the net in FC or in POOL global"
        )


def require_memory(plan: Plan, available: int | None, threads: int = 1) -> None:
    """Raise BudgetError if a plan's memory exceeds the available bytes, where those are known."""
    private = max((launch.private for launch in launches(plan)), default=0)
    needed = sum(plan.regions.values()) + threads * private
    if available is None or needed <= available:
        return
    what = "a training step" if plan.training else "an inference"
    each = plan.regions.get("arena", 0) + plan.regions.get("batch", 0)
    fits = max(0, plan.batch * (available - needed + each) // each)
    advice = f"a batch of about {fits:,} would fit" if fits else "use a smaller input or net"
    raise BudgetError(
        f"{what} with a batch of {plan.batch:,} needs {in_bytes(needed)}, "
        f"but {in_bytes(available)} are available; {advice}"
    )


def native(target_name: str) -> Isa:
    """The instruction set of this name (``host`` is this machine's best), which must run here."""
    isa = host() if target_name == "host" else target(target_name)
    if not runs_here(isa):
        raise CompileError(f"this machine cannot run code for {isa.name}")
    return isa


def compile_net(
    network: Network,
    batch: int,
    training: Training | None = None,
    threads: int | None = None,
    seed: int = 0,
    target_name: str = "host",
    exact: bool = False,
    tune: bool = False,
) -> Program:
    """A program for a net, with its weights loaded.

    Args:
        network: the net; without weights it starts at zeros.
        batch: number of images in one call.
        training: loss and optimizer for a training step; None for inference.
        threads: how many threads work on a call; all processors by default.
        seed: of a training step's random numbers.
        target_name: the instruction set: host, sse2, avx2, avx512, neon.
        exact: leave out Winograd's convolution, whose rounding error is a few times larger.
        tune: choose kernels by measured times, which are remembered, not by estimates.

    Raises:
        NetError: the net's layers do not fit together.
        BudgetError: its memory would exceed what this machine has; nothing has been allocated.
        CompileError: the target is unknown or this machine cannot run it.
        InputError: batch or threads is less than 1, or a net that gives no vector is to be trained.
    """
    count = require_counts(batch, threads)
    isa = native(target_name)
    checked = check(network.graph)
    plan = plan_net(checked, batch, training, isa, exact, Tuner(isa, count) if tune else None)
    require_memory(plan, available_memory(), count)
    library = Library([launch.kernel for launch in launches(plan)], isa)
    rule = training.optimizer if training else None
    steps = (seed, rule.rate, rule.coefficients) if rule else ()
    program = Program(plan, checked, library, count, *steps)
    if network.weights:
        program.load(network.weights)
    return program
