"""A checked net becomes a plan: tasks, choices, memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from striate.check import Checked
from striate.plan.again import with_again
from striate.plan.choose import Measure, choose
from striate.plan.fuse import Merge, fuse
from striate.plan.memory import lifetimes, place, sequence
from striate.plan.parts import with_parts
from striate.plan.pooled import with_pools
from striate.plan.records import (
    CONTROL_WORDS,
    At,
    Buffer,
    Candidate,
    Choice,
    Launch,
    Plan,
    Task,
    Training,
)
from striate.plan.statistics import with_statistics
from striate.plan.tasks import Work, backward_tasks, forward_tasks, loss_task
from striate.plan.weights import lay_out_weights, with_updates


def make_plan(
    checked: Checked,
    batch: int,
    candidates: Callable[[Task], Iterable[Candidate]],
    training: Training | None = None,
    merge: Merge = lambda task, following, alone: None,  # noqa: ARG005
    measure: Measure | None = None,
) -> Plan:
    """Plan one call of a net.

    Args:
        checked: the net with its shapes and parameters.
        batch: number of images in a call.
        candidates: the ways to do a task, from the kernels room.
        training: what makes a training step of it; None for inference.
        merge: which neighbours are done together, from the kernels room too.
        measure: times candidates; without it their estimates decide.
    """
    keys = {node.name: CONTROL_WORDS + i for i, node in enumerate(checked.graph.nodes)}
    work = Work(checked, batch, training is not None, keys)
    work.add_buffer("control", CONTROL_WORDS + len(keys), "control")
    fixed = lay_out_weights(work, training)
    forward_tasks(work)
    if training is not None:
        loss_task(work, training.loss)
        backward_tasks(work)
    tasks = with_parts(fuse(work.tasks, merge), candidates)
    if training is not None:
        tasks = with_statistics(tasks, candidates)
    tasks = with_pools(tasks, candidates, measure)
    if training is not None:
        tasks = with_again(work, tasks, candidates)
        tasks = fuse(with_updates(work, tasks, training), merge)
    choices = _without_idle([choose(task, candidates(task), measure) for task in tasks])
    saved: dict[str, dict[str, str]] = {}
    bindings = tuple(_bind(work, c, saved.setdefault(c.task.node, {})) for c in choices)
    pairs = zip(choices, bindings, strict=True)
    touched = [step for choice, binding in pairs for step in _touched(choice, binding)]
    offsets, regions = _place_all(work.buffers, touched, fixed)
    return Plan(choices, work.buffers, offsets, regions, bindings, batch, work.training, keys)


def _without_idle(choices: list[Choice]) -> tuple[Choice, ...]:
    """The choices without tasks ``again`` whose volume no kernel reads: a max POOL needs only its
    switches."""
    touched = Counter(
        choice.task.roles[role]
        for choice in choices
        for role in choice.task.roles
        if not choice.native or role in _roles(choice.lowering.launches)
    )
    return tuple(
        choice
        for choice in choices
        if choice.task.kind != "again" or touched[choice.task.roles["y"]] > 1
    )


def _bind(work: Work, choice: Choice, saved: dict[str, str]) -> dict[str, str]:
    """The task's roles, its scratch and its saved buffers, declared as they come up.

    ``saved`` collects the roles that the node's forward task hands to its backward task.
    """
    task, lowering = choice.task, choice.lowering
    binding = {**task.roles, **saved}
    prepared = _roles(
        launch for launch in lowering.launches if launch.prepare and not work.training
    )
    for name, size in lowering.scratch.items():
        buffer, role = f"{task.node}/{task.kind}/{name}", f"scratch.{name}"
        region = "kept" if role in prepared else "arena"
        work.buffers[buffer] = Buffer(buffer, size, region)
        binding[role] = buffer
    for name, size in lowering.saved.items():
        buffer = f"{task.node}/{name}"
        work.buffers[buffer] = Buffer(buffer, size, "arena")
        binding[f"saved.{name}"] = saved[f"saved.{name}"] = buffer
    return binding


def _touched(choice: Choice, binding: Mapping[str, str]) -> list[dict[str, str]]:
    """The roles that the launches of a choice really read or write, one after the other.

    A kernel may need less than its task offers, e.g. the switches of a max POOL but not its input;
    and what only the first launches need makes room for what only the last ones do.
    """
    if not choice.native:
        return [dict(binding)]
    launches = choice.lowering.launches
    return [{role: binding[role] for role in _roles([launch])} for launch in launches]


def _roles(launches: Iterable[Launch]) -> set[str]:
    """The roles that launches name in their arguments."""
    named = [argument for launch in launches for argument in launch.arguments]
    return {a.role if isinstance(a, At) else a for a in named if not isinstance(a, int)}


def _place_all(
    buffers: Mapping[str, Buffer], touched: Iterable[Mapping[str, str]], fixed: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Offsets of all buffers and the size of every region."""
    alive = lifetimes(touched)
    offsets = dict(fixed)
    regions: dict[str, int] = {}
    for name in fixed:
        region, end = buffers[name].region, fixed[name] + buffers[name].bytes
        regions[region] = max(regions.get(region, 0), end)
    by_region: dict[str, list[Buffer]] = {}
    for buffer in buffers.values():
        if buffer.name not in fixed:
            by_region.setdefault(buffer.region, []).append(buffer)
    for region, members in by_region.items():
        if region == "arena":
            found, regions[region] = place([b for b in members if b.name in alive], alive)
        else:
            found, regions[region] = sequence(members)
        offsets |= found
    return offsets, regions
