"""A task done by its NumPy definition on the program's memory, where no kernel does it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from striate.layers.base import Mode
from striate.layers.shape import Array
from striate.plan import Plan, Task
from striate.run.memory import Memory


def run_reference(
    plan: Plan,
    index: int,
    memory: Memory,
    parameters: Mapping[str, Mapping[str, tuple[int, ...]]],
    control: Array,
) -> None:
    """Run one task by the definition of its layer, loss or optimizer.

    Args:
        plan: the plan.
        index: of the task.
        memory: of the program.
        parameters: shape of every parameter of every node.
        control: the control block as float32.
    """
    task, binding = plan.choices[index].task, plan.bindings[index]
    step = _Step(task, binding, memory, parameters, control, plan.keys.get(task.node, 0))
    {
        "forward": step.forward,
        "backward": step.backward,
        "add": step.add,
        "loss": step.loss,
        "clip": step.clip,
        "update": step.update,
    }[task.kind]()


class _Step:
    """One task with the arrays of its roles."""

    def __init__(
        self,
        task: Task,
        binding: Mapping[str, str],
        memory: Memory,
        parameters: Mapping[str, Mapping[str, tuple[int, ...]]],
        control: Array,
        key: int,
    ) -> None:
        self.task, self.binding, self.memory = task, binding, memory
        self.shapes = parameters.get(task.node, {})
        self.control = control
        self.mode = Mode(task.training, int(control.view(np.uint32)[key]))

    def _volume(self, role: str) -> Array:
        task = self.task
        shape = task.output
        if role[0] == "x" or role.startswith("dx"):
            place = int(role.lstrip("dx") or 0)
            shape = task.inputs[place] if task.inputs else task.output
        return self.memory.view(self.binding[role], shape.array(task.batch))

    def _inputs(self) -> tuple[Array, ...]:
        count = max(1, len(self.task.inputs))
        return tuple(
            self._volume(f"x{i}").astype(float) if f"x{i}" in self.task.roles else np.array(np.nan)
            for i in range(count)
        )

    def _weights(self, prefix: str = "w.") -> dict[str, Array]:
        return {
            name: self.memory.view(self.binding[prefix + name], shape)
            for name, shape in self.shapes.items()
            if prefix + name in self.binding
        }

    def _exact_weights(self) -> dict[str, Array]:
        return {name: w.astype(float) for name, w in self._weights().items()}

    def forward(self) -> None:
        inputs, weights = self._inputs(), self._exact_weights()
        output = self.task.what.forward(inputs, weights, self.mode)
        if self.task.training:
            for name, value in self.task.what.statistics(inputs, weights).items():
                self._weights()[name][...] = value
        self._volume("y")[...] = output

    def backward(self) -> None:
        gradient = self._volume("dy").astype(float)
        output = self._volume("y").astype(float) if "y" in self.task.roles else np.array(np.nan)
        inputs = self._inputs()
        if "x0" not in self.task.roles:
            inputs = tuple(np.empty(shape.array(self.task.batch)) for shape in self.task.inputs)
        by_input, by_weight = self.task.what.backward(
            gradient, inputs, output, self._exact_weights(), self.mode
        )
        for i, values in enumerate(by_input):
            if f"dx{i}" in self.task.roles:
                self._volume(f"dx{i}")[...] = values
        for name, target in self._weights("dw.").items():
            target[...] = by_weight[name]

    def add(self) -> None:
        shape = (self.task.detail["count"],)
        self.memory.view(self.binding["y"], shape)[...] += self.memory.view(
            self.binding["x"], shape
        )

    def loss(self) -> None:
        task = self.task
        shape = (task.batch, task.output.values)
        scores = self.memory.view(self.binding["x"], shape).astype(float)
        labels = self.memory.view(self.binding["labels"], (task.batch,), "int64")
        self.memory.view(self.binding["loss"], (1,))[...] = task.what.forward(scores, labels)
        self.memory.view(self.binding["dx"], shape)[...] = task.what.backward(scores, labels)

    def clip(self) -> None:
        total = 0.0
        for i, size in enumerate(self.task.detail["sizes"]):
            part = self.memory.view(self.binding[f"dw{i}"], (size,)).astype(float)
            total += float(part @ part)
        norm = total**0.5
        limit = self.task.detail["clip"]
        self.control[1] = limit / norm if norm > limit else 1.0

    def update(self) -> None:
        shape = (self.task.detail["count"],)
        rule, roles = self.task.what, self.task.roles
        names = [role for role in roles if role.startswith("s.")]
        state = {name[2:]: self.memory.view(self.binding[name], shape) for name in names}
        w = self.memory.view(self.binding["w"], shape)
        gradient = self.memory.view(self.binding["dw"], shape).astype(float) * self.control[1]
        exact = {name: value.astype(float) for name, value in state.items()}
        rate, step = float(self.control[0]), int(self.control.view(np.uint32)[2])
        new, new_state = rule.update(w.astype(float), gradient, exact, rate, step)
        w[...] = new
        for name, value in new_state.items():
            state[name][...] = value
