"""``striate plan``: the forms that a net takes on its way to native code."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from striate.app.columns import aligned
from striate.app.nets import BatchOption, NetArgument, SetOption, net_of
from striate.app.terminal import say, say_table
from striate.app.verbs import NETS, verb

if TYPE_CHECKING:
    from striate.api import Net


class Form(StrEnum):
    """Where the pipeline stops."""

    GRAPH = "graph"
    SHAPES = "shapes"
    PLAN = "plan"
    LLVM = "llvm"


@verb(
    "plan",
    NETS,
    [
        "striate plan tinyvgg --batch 64 --training",
        "striate plan tinyvgg --stop graph",
        'striate plan "INPUT 32x32x3 -> CONV3-16 -> RELU -> FC 10" --stop llvm --target avx2',
    ],
)
def plan(
    net: NetArgument,
    batch: BatchOption = 1,
    training: Annotated[
        bool, typer.Option("--training", help="A training step instead of an inference.")
    ] = False,
    stop: Annotated[Form, typer.Option(help="The form to show.")] = Form.PLAN,
    target: Annotated[
        str,
        typer.Option(metavar="NAME", help="The instruction set: host, sse2, avx2, avx512, neon."),
    ] = "host",
    set_: SetOption = [],  # noqa: B006
) -> None:
    """Show how a net is compiled: which kernel does each task, why, and where memory goes.

    The way is text, graph, shapes, plan, LLVM, machine code; --stop shows any form before the
    last. A task that no kernel does runs its NumPy definition, and the plan says so.
    """
    found = net_of(net, set_)
    if stop is Form.GRAPH:
        say_table(_graph(found))
    elif stop is Form.SHAPES:
        say_table(_shapes(found))
    else:
        _planned(found, batch, training, target, stop)


def _planned(net: Net, batch: int, training: bool, target: str, stop: Form) -> None:
    from striate.kernels import target as isa_of
    from striate.kernels.compile import llvm_text
    from striate.pipeline import launches, plan_net
    from striate.plan import show_plan
    from striate.train.recipe import Recipe

    isa = isa_of(target)
    made = plan_net(net.checked, batch, Recipe().make_training() if training else None, isa)
    if stop is Form.LLVM:
        for kernel in dict.fromkeys(launch.kernel for launch in launches(made)):
            print(f"; {kernel}\n{llvm_text(kernel, isa)}")
        return
    title, _, rest = show_plan(made).partition("\n")
    tasks, _, memory = rest.partition("\n\n")
    say(f"{title}, {isa.name}", "bold")
    say_table(tasks)
    say()
    say(memory)


def _graph(net: Net) -> str:
    from striate.notation import write_layer

    rows = [("node", "layer", "takes", "place")]
    for node in net.graph.nodes:
        place = f"line {node.place.line}, column {node.place.column}" if node.place else ""
        rows.append((node.name, write_layer(node.layer), ", ".join(node.inputs), place))
    return aligned(rows)


def _shapes(net: Net) -> str:
    rows = [("node", "volume", "parameters")]
    for name, shape in net.checked.shapes.items():
        parameters = net.checked.parameters[name].items()
        listed = ", ".join(f"{n} {'x'.join(map(str, p.shape))}" for n, p in parameters)
        rows.append((name, str(shape), listed))
    return aligned(rows)
