"""``striate time``: where the time of a call goes, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from striate.app.columns import aligned
from striate.app.nets import NetArgument, SetOption, ThreadsOption, net_of
from striate.app.peers import show_peers
from striate.app.pictures import bar
from striate.app.terminal import say, say_parts, say_table
from striate.app.verbs import MACHINE, verb

if TYPE_CHECKING:
    from striate.api import Net
    from striate.run import Program
    from striate.run.timing import Timing

FLOP = 2
"""Of one multiply-add."""


@dataclass
class Spent:
    """Seconds and kernels of one layer.

    Attributes:
        forward: seconds of its forward task.
        backward: seconds of its backward task and of adding its gradients up.
        passes: gradients that the backward task computes with all multiply-adds: by the weights
            and, where somebody wants it, by the input.
        by: what does it, in order.
    """

    forward: float = 0.0
    backward: float = 0.0
    passes: int = 1
    by: list[str] = field(default_factory=list)


@verb(
    "time",
    MACHINE,
    [
        "striate time tinyvgg --batch 64",
        "striate time my.net --batch 64 --training --threads 1",
        "striate time vgg16 --batch 1 --peers",
    ],
)
def time(
    net: NetArgument,
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Images at once.")] = 64,
    training: Annotated[
        bool, typer.Option("--training", help="A training step: forward, backward and update.")
    ] = False,
    threads: ThreadsOption = None,
    repetitions: Annotated[int, typer.Option(min=1, metavar="N", help="Runs of each task.")] = 5,
    tune: Annotated[
        bool, typer.Option("--tune", help="Choose kernels by measuring them, once.")
    ] = False,
    peers: Annotated[
        bool, typer.Option("--peers", help="The other libraries that are installed, instead.")
    ] = False,
    set_: SetOption = [],  # noqa: B006
) -> None:
    """Time a net on this machine: each layer forward and backward, and the whole call.

    Every layer is run alone, several times, and the median is shown with the GFLOP/s it comes to
    (a multiply-add is 2 FLOP; a backward pass has the multiply-adds of the forward one for each
    gradient, by the weights and by the input). A layer done ``with`` another has no time of its
    own. The whole call is timed apart: it has no pauses between the layers. Images and weights are
    random.

    With ``--peers``, the whole call is timed in PyTorch, JAX, ONNX Runtime, OpenVINO, ncnn and MNN
    instead, as far as they are installed; each process first checks that its scores are Striate's.
    """
    from striate.run.timing import time_tasks

    found = net_of(net, set_)
    if not found.weights:
        found.init()
    if peers:
        show_peers(found, batch, training, threads)
        return
    program = found.compile(batch, training, threads, tune=tune)
    timing = time_tasks(program, _call(found, program), repetitions)
    _show(found, program, timing)


def _call(net: Net, program: Program) -> Callable[[], object]:
    """A whole call on random images, without effect on the weights."""
    import numpy as np

    shape = net.checked.shapes[net.graph.nodes[0].name]
    random = np.random.default_rng(0)
    images = random.integers(0, 256, shape.array(program.batch), np.uint8)
    labels = random.integers(0, program.classes, program.batch)
    if program.plan.training:
        return lambda: program.step(images, labels, rate=0.0)
    return lambda: program(images)


def _show(net: Net, program: Program, timing: Timing) -> None:
    training, batch = program.plan.training, program.batch
    spent, rest = _by_layer(net, timing)
    mode = "a training step" if training else "an inference"
    threads = "1 thread" if program.threads == 1 else f"{program.threads} threads"
    say(f"{mode} of {batch} images on {threads}, milliseconds", "bold")
    say_table(aligned(_rows(net, program, spent, timing), right=range(2, 6 if training else 4)))
    say()
    for name, seconds in rest.items():
        say(f"{name:<12} {seconds * 1e3:9.3f} ms")
    macs = sum(row.macs for row in net.table().rows) * batch
    rate = macs * FLOP * (3 if training else 1) / timing.whole / 1e9
    say(f"{'tasks alone':<12} {timing.total * 1e3:9.3f} ms, their sum")
    say_parts(
        [
            (f"{'whole call':<12} {timing.whole * 1e3:9.3f} ms", "bold"),
            (f"  {batch / timing.whole:,.0f} images/s  {rate:,.1f} GFLOP/s", ""),
        ]
    )


def _by_layer(net: Net, timing: Timing) -> tuple[dict[str, Spent], dict[str, float]]:
    """The times of the layers by name, and of what belongs to no layer."""
    spent = {node.name: Spent() for node in net.graph.nodes}
    rest: dict[str, float] = {}
    for task in timing.tasks:
        node, kind = task.choice.task.node, task.choice.task.kind
        if node not in spent or kind in ("loss", "update", "clip"):
            rest[kind] = rest.get(kind, 0.0) + task.seconds
            continue
        if kind == "forward":
            spent[node].forward += task.seconds
        else:
            spent[node].backward += task.seconds
            if kind == "backward":
                spent[node].passes = 1 + ("dx0" in task.choice.task.roles)
        spent[node].by.append(task.choice.candidate)
        for name in task.choice.task.detail.get("joined", ()):
            spent[name].by.append(f"with {node}")
    return spent, rest


def _rows(
    net: Net, program: Program, spent: dict[str, Spent], timing: Timing
) -> list[tuple[str, ...]]:
    training = program.plan.training
    head = ("layer", "notation", "forward", "GFLOP/s")
    rows = [(*head, *(("backward", "GFLOP/s") if training else ()), "share", "by")]
    for row in net.table().rows:
        own = spent[row.name]
        flop = row.macs * program.batch * FLOP
        share = (own.forward + own.backward) / timing.total
        figures = [*_figures(own.forward, flop)]
        if training:
            figures += _figures(own.backward, own.passes * flop)
        by = ", ".join(dict.fromkeys(own.by))
        rows.append((row.name, row.notation, *figures, f"{bar(share, 12)} {share:4.0%}", by))
    return rows


def _figures(seconds: float, flop: int) -> tuple[str, str]:
    """Milliseconds and GFLOP/s."""
    speed = f"{flop / seconds / 1e9:,.1f}" if flop and seconds else ""
    return f"{seconds * 1e3:.3f}" if seconds else "", speed
