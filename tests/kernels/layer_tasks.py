"""Runs a layer's forward and backward tasks with their kernels, and by the layer's definition."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from one_task import run_task

from isas import FOREIGN, NATIVE
from striate.kernels import Isa, candidates_for
from striate.kernels.compile import llvm_text, object_code
from striate.layers import Layer, Shape
from striate.layers.base import Mode
from striate.plan import Task

Array = NDArray[np.generic]
Arrays = dict[str, Array]
ISAS = NATIVE


@dataclass
class Ran:
    """Results by role: ``y``, the running statistics ``w.NAME``, ``dx0`` …, ``dw.NAME``."""

    found: Arrays
    saved: Arrays = field(default_factory=dict)


def random_arrays(
    layer: Layer, shapes: tuple[Shape, ...], batch: int, seed: int = 0
) -> tuple[Arrays, Arrays]:
    """Random inputs and parameters by role, and the random gradient of the output (``dy``)."""
    rng = np.random.default_rng(seed)
    found: Arrays = {}
    for i, shape in enumerate(shapes):
        found[f"x{i}"] = rng.standard_normal(shape.array(batch)).astype(np.float32)
    for name, parameter in layer.parameters(*shapes).items():
        values = rng.standard_normal(parameter.shape)
        found[f"w.{name}"] = (abs(values) if name == "variance" else values).astype(np.float32)
    dy = rng.standard_normal(layer.shape(*shapes).array(batch)).astype(np.float32)
    return found, {"dy": dy}


def tasks(
    layer: Layer,
    shapes: tuple[Shape, ...],
    batch: int,
    training: bool = True,
    by_input: bool = True,
    behind: Layer | None = None,
) -> tuple[Task, Task]:
    """The forward and the backward task, every role with a buffer of its own.

    Without ``by_input``, nobody wants the gradients by the inputs; ``behind`` gives the first one.
    """
    parameters = layer.parameters(*shapes)
    inputs = [f"x{i}" for i in range(len(shapes))]
    weights = [f"w.{name}" for name in parameters]
    trained = [f"dw.{name}" for name, parameter in parameters.items() if parameter.trainable]
    forward = Task(
        *("forward", "node", layer, batch, shapes, layer.shape(*shapes), training),
        {role: role for role in [*inputs, "y", "key", *weights]},
        {"key": 16, "behind": behind},
    )
    roles = ["dy", "key", *weights, *trained, *(f"d{x}" for x in inputs if by_input)]
    roles += inputs if "inputs" in layer.saves else []
    roles += ["y"] if "output" in layer.saves else []
    return forward, replace(forward, kind="backward", roles={role: role for role in roles})


def run_native(
    layer: Layer,
    shapes: tuple[Shape, ...],
    arrays: Arrays,
    gradient: Arrays,
    isa: Isa,
    threads: int = 1,
    training: bool = True,
    by_input: bool = True,
    behind: Layer | None = None,
) -> Ran:
    """Run forward (and, in training, backward) with the first candidate of each task."""
    batch = len(arrays["x0"])
    forward, backward = tasks(layer, shapes, batch, training, by_input, behind)
    outputs = {"y": np.full(forward.output.array(batch), np.nan, np.float32)}
    control = {"key": np.zeros(17, np.uint32)}
    candidate = next(iter(candidates_for(isa)(forward)))
    after = run_task(forward, candidate, {**arrays, **outputs, **control}, isa, threads)
    fixed = {f"w.{n}" for n, p in layer.parameters(*shapes).items() if not p.trainable}
    ran = Ran({role: after[role] for role in after if role == "y" or role in fixed})
    ran.saved = {role: after[role] for role in after if role.startswith("saved.")}
    if not training:
        return ran
    available = {**arrays, **gradient, **control, "y": after["y"]}
    given = {role: array for role, array in available.items() if role in backward.roles}
    empty = {
        role: np.full_like(arrays[role[1:]], np.nan)
        for role in backward.roles
        if role.startswith(("dx", "dw."))
    }
    candidate = next(iter(candidates_for(isa)(backward)))
    after = run_task(backward, candidate, {**given, **empty, **ran.saved}, isa, threads)
    ran.found |= {role: after[role] for role in empty}
    return ran


def run_definition(
    layer: Layer, arrays: Arrays, gradient: Arrays, training: bool = True
) -> dict[str, NDArray[np.float64]]:
    """The same results by the layer's definition, in float64."""
    exact = {role: array.astype(np.float64) for role, array in arrays.items()}
    inputs = tuple(exact[f"x{i}"] for i in range(sum(role[0] == "x" for role in exact)))
    weights = {role[2:]: w for role, w in exact.items() if role.startswith("w.")}
    mode = Mode(training)
    y = layer.forward(inputs, weights, mode)
    found = {"y": y}
    if training:
        found |= {f"w.{name}": w for name, w in layer.statistics(inputs, weights).items()}
        by_input, by_weight = layer.backward(
            gradient["dy"].astype(np.float64), inputs, y, weights, mode
        )
        found |= {f"dx{i}": dx for i, dx in enumerate(by_input)}
        found |= {f"dw.{name}": dw for name, dw in by_weight.items()}
    return found


def check_layer(
    layer: Layer,
    shapes: tuple[Shape, ...],
    batch: int = 3,
    isa: Isa = ISAS[0],
    tolerance: float = 2e-6,
    training: bool = True,
    seed: int = 0,
) -> None:
    """Kernels and definition agree within ``tolerance`` of the largest value of each result."""
    arrays, gradient = random_arrays(layer, shapes, batch, seed)
    ran = run_native(layer, shapes, arrays, gradient, isa, training=training)
    expected = run_definition(layer, arrays, gradient, training)
    for role, found in ran.found.items():
        if role in expected:
            error = np.abs(found - expected[role]).max() / max(np.abs(expected[role]).max(), 1e-30)
            assert error <= tolerance, f"{isa.name} {role}: {error:.2g} > {tolerance:.2g}"
        else:
            np.testing.assert_array_equal(found, arrays[role])


def check_threads(layer: Layer, shapes: tuple[Shape, ...], batch: int = 3) -> None:
    """The results are the same, bit for bit, with one, two and three threads."""
    arrays, gradient = random_arrays(layer, shapes, batch)
    one, *others = (
        run_native(layer, shapes, arrays, gradient, ISAS[0], threads) for threads in (1, 2, 3)
    )
    for other in others:
        for role, found in one.found.items():
            np.testing.assert_array_equal(found, other.found[role])


def check_foreign(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    """Every kernel of the layer becomes object code for processors that this machine is not."""
    for isa in FOREIGN:
        for task in tasks(layer, shapes, 3):
            candidate = next(iter(candidates_for(isa)(task)))
            for launch in candidate.lower(task).launches:
                assert object_code(llvm_text(launch.kernel, isa), isa)  # type: ignore[arg-type]
