"""A net in ncnn's form: a text of layers (.param) and their raw float32 numbers (.bin).

A volume that several layers read goes through a Split first. The numbers in the text are ncnn's
codes for a layer's settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.form import IMAGES, Step

MAGIC = 7767517
RAW = np.zeros(1, np.uint32)
"""In front of filters: they are plain float32."""
RELU = 1


@dataclass(frozen=True)
class Fused:
    """A step, and whether it does the RELU behind it, too, under whose name it then goes."""

    step: Step
    relu: bool = False


def fused(steps: Sequence[Step]) -> list[Fused]:
    """The steps with each RELU in the CONV or FC that it alone reads."""
    readers = Counter(name for step in steps for name in step.inputs)
    found: list[Fused] = []
    for step in steps:
        before = found[-1].step if found else None
        alone = before is not None and step.inputs == (before.name,) and readers[before.name] == 1
        if step.kind == "RELU" and before is not None and alone and before.kind in ("CONV", "FC"):
            found[-1] = Fused(replace(before, name=step.name), relu=True)
        else:
            found.append(Fused(step))
    return found


def ncnn_files(steps: Sequence[Fused], case: Case) -> tuple[Path, Path]:
    """The two files of a net, written if they are not there yet."""
    parameters, weights = case.folder / "net.param", case.folder / "net.bin"
    if not parameters.exists():
        with weights.open("wb") as file:
            for part in steps:
                for array in _weights(part.step):
                    file.write(array.tobytes())
        lines = list(_lines(steps, case))
        volumes = sum(int(line.split()[3]) for line in lines)
        parameters.write_text("\n".join([str(MAGIC), f"{len(lines)} {volumes}", *lines, ""]))
    return parameters, weights


def _weights(step: Step) -> Iterator[Array]:
    if step.kind in ("CONV", "FC"):
        yield RAW
    for name in ("w", "b"):
        if name in step.weights:
            yield np.ascontiguousarray(step.weights[name], np.float32)


def _lines(steps: Sequence[Fused], case: Case) -> Iterator[str]:
    """One line a layer: kind, name, numbers of inputs and outputs, their names, settings."""
    readers = Counter(name for part in steps for name in part.step.inputs)
    taken: Counter[str] = Counter()

    def read(name: str) -> str:
        if readers[name] == 1:
            return name
        taken[name] += 1
        return f"{name}_{taken[name]}"

    def split(name: str) -> Iterator[str]:
        if (count := readers[name]) > 1:
            copies = " ".join(f"{name}_{i + 1}" for i in range(count))
            yield f"Split split_{name} 1 {count} {name} {copies}"

    x = case.input
    yield f"Input {IMAGES} 0 1 {IMAGES} 0={x.width} 1={x.height} 2={x.channels}"
    yield from split(IMAGES)
    for part in steps:
        step = part.step
        kind, settings = LAYERS[step.kind](step)
        if part.relu:
            settings[9] = RELU
        inputs = " ".join(read(name) for name in step.inputs)
        codes = " ".join(f"{code}={value}" for code, value in settings.items())
        yield f"{kind} {step.name} {len(step.inputs)} 1 {inputs} {step.name} {codes}".rstrip()
        yield from split(step.name)


Settings = dict[int, float]


def _conv(step: Step) -> tuple[str, Settings]:
    window, (top, left, bottom, right), w = step.window, step.pads, step.weights["w"]
    settings: Settings = {0: len(w), 5: 1, 6: w.size}
    settings |= {1: window.size[1], 11: window.size[0]}
    settings |= {2: window.dilation[1], 12: window.dilation[0]}
    settings |= {3: window.stride[1], 13: window.stride[0]}
    settings |= {4: left, 15: right, 14: top, 16: bottom}
    groups = step.layer.groups
    if groups == 1:
        return "Convolution", settings
    return "ConvolutionDepthWise", settings | {7: groups}


def _pool(step: Step) -> tuple[str, Settings]:
    kind = 0 if step.layer.kind == "max" else 1
    if step.layer.whole:
        return "Pooling", {0: kind, 4: 1}
    window, (top, left, bottom, right) = step.window, step.pads
    settings: Settings = {0: kind, 5: 1, 1: window.size[1], 11: window.size[0]}
    settings |= {2: window.stride[1], 12: window.stride[0]}
    return "Pooling", settings | {3: left, 14: right, 13: top, 15: bottom}


def _fc(step: Step) -> tuple[str, Settings]:
    w = step.weights["w"]
    return "InnerProduct", {0: len(w), 1: 1, 2: w.size}


def _lrn(step: Step) -> tuple[str, Settings]:
    layer = step.layer
    alpha = layer.weight() * layer.size
    return "LRN", {0: 0, 1: layer.size, 2: alpha, 3: layer.beta, 4: float(layer.k)}


LAYERS: Mapping[str, Callable[[Step], tuple[str, Settings]]] = {
    "CONV": _conv,
    "POOL": _pool,
    "FC": _fc,
    "LRN": _lrn,
    "SCALE": lambda step: ("Scale", {0: step.weights["w"].size, 1: 1}),
    "RELU": lambda step: ("ReLU", {}),  # noqa: ARG005
    "CONCAT": lambda step: ("Concat", {0: 0}),  # noqa: ARG005
    "SUM": lambda step: ("Eltwise", {0: 1}),  # noqa: ARG005
}
