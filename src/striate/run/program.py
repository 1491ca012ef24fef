"""A compiled net: one native call for an inference or for a whole training step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy as np

from striate.check import Checked
from striate.errors import InputError
from striate.kernels import Library
from striate.layers.random import step_keys
from striate.layers.shape import Array
from striate.plan import CONTROL_WORDS, Plan
from striate.run.call import Caller
from striate.run.memory import Memory, copy_all
from striate.run.reference import run_reference
from striate.run.table import Stretch, Table

NetArrays = dict[str, dict[str, Array]]
Coefficients = Callable[[int], tuple[float, ...]]


class Program:
    """A plan in memory, ready to run. Calls from several threads take turns.

    Args:
        plan: what is done.
        checked: the net with its shapes and parameters.
        library: the kernels, compiled.
        threads: how many threads work on a call.
        seed: of the random numbers of a training step, e.g. dropout's.
        rate: the learning rate where `step` is not given one.
        coefficients: of the optimizer, by the number of the step.

    Attributes:
        batch: number of images in a call.
        classes: number of scores of an image.
        steps: training steps done so far.
        weights: float32 views of all parameters, by node and name; live. They can be written in a
            training program; in one for inference, whose kernels use prepared copies, `load` does.
        state: views of the optimizer's arrays, by node, parameter and state.
        scores: [batch, classes] of the last call, or [batch, H, W, classes]; a view.
    """

    def __init__(
        self,
        plan: Plan,
        checked: Checked,
        library: Library,
        threads: int,
        seed: int = 0,
        rate: float = 0.01,
        coefficients: Coefficients = lambda step: (),  # noqa: ARG005
    ) -> None:
        self.plan, self.checked, self.seed, self.rate = plan, checked, seed, rate
        self.batch, self.steps, self.threads = plan.batch, 0, threads
        self.memory = Memory(plan)
        self._coefficients = coefficients
        self.table = Table(plan, library, self.memory)
        self.caller = Caller(self.table, library, threads)
        self._shapes = {
            node: {name: parameter.shape for name, parameter in parameters.items()}
            for node, parameters in checked.parameters.items()
        }
        graph = checked.graph
        first, last = checked.shapes[graph.nodes[0].name], checked.shapes[graph.output]
        self.classes = last.channels
        self._images = self.memory.view("images", first.array(self.batch))
        shape = last.array(self.batch) if last.pixels > 1 else (self.batch, last.channels)
        self.scores = self.memory.view(graph.output, shape)
        words = CONTROL_WORDS + len(plan.keys)
        self._control = self.memory.view("control", (words,))
        self._words = self.memory.view("control", (words,), "uint32")
        self._labels, self._loss = self._label_views()
        self._weights = self._views(lambda node, name: f"{node}.{name}")
        self.weights = self._weights if plan.training else _read_only(self._weights)
        self.state = self._state_views()
        self._loaded, self._stale = False, True
        self._lock = threading.RLock()

    def load(self, weights: Mapping[str, Mapping[str, Array]]) -> None:
        """Copy weights in, by node and parameter.

        Raises:
            InputError: an array is missing or of another shape.
        """
        pairs = []
        for node, views in self._weights.items():
            for name, view in views.items():
                given = weights.get(node, {}).get(name)
                if given is None or given.shape != view.shape:
                    came = "nothing" if given is None else f"shape {list(given.shape)}"
                    raise InputError(
                        f"weights of {node}.{name}: expected shape {list(view.shape)}, got {came}"
                    )
                pairs.append((view, given))
        with self._lock:
            copy_all(pairs, 1 if self._loaded else self.threads)
            self._loaded = self._stale = True

    def __call__(self, images: Array) -> Array:
        """The scores of up to ``batch`` images: [n, classes], a copy.

        Args:
            images: [n, H, W, D] uint8 or float32, n at most ``batch``.

        Raises:
            InputError: the images are of another shape or kind, or the program is for training.
        """
        if self.plan.training:
            raise InputError("this program was compiled for training: call step, or compile()")
        with self._lock:
            count = self._take(images, self.batch)
            if self._stale:
                for stretch in self.table.prepare:
                    self.caller.run(stretch)
                self._stale = False
            self._run()
            return self.scores[:count].copy()

    def step(self, images: Array, labels: Array, rate: float | None = None) -> float:
        """One training step: forward, loss, backward, update. Returns the mean loss.

        Args:
            images: [batch, H, W, D] uint8 or float32.
            labels: [batch] whole numbers from 0 to classes - 1.
            rate: learning rate of this step.

        Raises:
            InputError: images or labels are of another number, shape, kind or range.
        """
        if not self.plan.training:
            raise InputError("this program was compiled for inference; compile(training=True)")
        with self._lock:
            if self._take(images, self.batch) != self.batch:
                came = len(images)
                raise InputError(f"images: expected a whole batch of {self.batch}, got {came}")
            self._take_labels(labels)
            self._set_control(rate)
            self._run()
            return float(self._loss[0])

    def _set_control(self, rate: float | None) -> None:
        """Count the step and write what its kernels read besides images and labels."""
        self.steps += 1
        self._control[0] = self.rate if rate is None else rate
        self._control[1] = 1.0
        self._words[2] = self.steps
        numbers = self._coefficients(self.steps)
        self._control[3 : 3 + len(numbers)] = numbers
        self._words[CONTROL_WORDS:] = step_keys(self.seed, self.steps, len(self.plan.keys))

    def run_task(self, index: int) -> None:
        """Do one task of the plan alone, on what the last call left in memory (for timing)."""
        rows = self.table.tasks.get(index)
        with self._lock:
            if rows is None:
                run_reference(self.plan, index, self.memory, self._shapes, self._control)
            elif rows.first < rows.last:
                self.caller.run(rows)

    def _run(self) -> None:
        for step in self.table.steps:
            if isinstance(step, Stretch):
                self.caller.run(step)
            else:
                run_reference(self.plan, step.index, self.memory, self._shapes, self._control)

    def _take(self, images: Array, most: int) -> int:
        """Copy the images in; how many there were."""
        expected = self._images.shape[1:]
        kinds = (np.uint8, np.float32)
        if images.ndim != 4 or images.shape[1:] != expected or images.dtype not in kinds:
            raise InputError(
                f"images: expected [n, {', '.join(map(str, expected))}] of uint8 or float32, "
                f"got {list(images.shape)} of {images.dtype}"
            )
        if not 1 <= len(images) <= most:
            raise InputError(f"images: expected 1 to {most}, the batch, got {len(images)}")
        self._images[: len(images)] = images
        return len(images)

    def _take_labels(self, labels: Array) -> None:
        if labels.shape != (self.batch,) or labels.dtype.kind not in "iu":
            raise InputError(
                f"labels: expected {self.batch} whole numbers, "
                f"got {list(labels.shape)} of {labels.dtype}"
            )
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= self.classes:
            wrong = low if low < 0 else high
            raise InputError(
                f"labels: {wrong} is out of range, the net has {self.classes} scores: "
                f"expected 0 to {self.classes - 1}"
            )
        self._labels[...] = labels

    def _label_views(self) -> tuple[Array, Array]:
        """The labels and the loss, in training."""
        if not self.plan.training:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        return self.memory.view("labels", (self.batch,), "int64"), self.memory.view("loss", (1,))

    def _views(self, buffer: Callable[[str, str], str]) -> NetArrays:
        return {
            node: {name: self.memory.view(buffer(node, name), shape) for name, shape in own.items()}
            for node, own in self._shapes.items()
        }

    def _state_views(self) -> dict[str, NetArrays]:
        found: dict[str, NetArrays] = {}
        states = [r.removeprefix("state.") for r in self.plan.regions if r.startswith("state.")]
        for node, own in self._shapes.items():
            for name, shape in own.items():
                if states and self.checked.parameters[node][name].trainable:
                    views = {s: self.memory.view(f"{node}.{name}.{s}", shape) for s in states}
                    found.setdefault(node, {})[name] = views
        return found


def _read_only(arrays: NetArrays) -> NetArrays:
    """Views of the same memory that cannot be written."""
    found = {
        node: {name: view.view() for name, view in own.items()} for node, own in arrays.items()
    }
    for own in found.values():
        for view in own.values():
            view.flags.writeable = False
    return found
