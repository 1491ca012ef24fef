"""A program in NumPy: the layers' float64 definitions and the optimizer's update, over any graph.

Obeys `striate.train.program`; the compiled program must agree with it up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from striate.check import check
from striate.graph import Graph
from striate.layers import Loss, Mode
from striate.layers.random import step_keys
from striate.layers.shape import Array
from striate.optimizers import Optimizer

Arrays = dict[str, dict[str, Array]]


class NumpyProgram:
    """Inference and training steps; a loss and an optimizer are needed for steps only."""

    def __init__(
        self,
        graph: Graph,
        batch: int,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        clip: float | None = None,
        seed: int = 0,
    ) -> None:
        self.graph, self.batch, self.seed, self.steps, self.clip = graph, batch, seed, 0, clip
        self.loss, self.optimizer = loss, optimizer
        self.parameters = check(graph).parameters
        self.scores = np.zeros((batch, check(graph).shapes[graph.output].values), np.float32)
        self.weights: Arrays = {
            node: {name: np.full(p.shape, p.start == "ones", np.float32) for name, p in own.items()}
            for node, own in self.parameters.items()
        }
        names = optimizer.state() if optimizer else ()
        self.state = {
            node: {
                name: {each: np.zeros(p.shape, np.float32) for each in names}
                for name, p in own.items()
                if p.trainable
            }
            for node, own in self.parameters.items()
            if names and any(p.trainable for p in own.values())
        }

    def load(self, weights: Mapping[str, Mapping[str, Array]]) -> None:
        for node, own in self.weights.items():
            for name, array in own.items():
                array[...] = weights[node][name]

    def __call__(self, images: Array) -> Array:
        outputs, _, _ = self._forward(images, training=False)
        return outputs[self.graph.output].reshape(len(images), -1).astype(np.float32)

    def step(self, images: Array, labels: Array, rate: float | None = None) -> float:
        assert len(images) == self.batch
        assert self.loss
        self.steps += 1
        outputs, inputs, modes = self._forward(images, training=True)
        last = outputs[self.graph.output]
        scores = last.reshape(self.batch, -1)
        self.scores[...] = scores
        value = self.loss.forward(scores, labels)
        gradient = self.loss.backward(scores, labels).reshape(last.shape)
        gradients = self._backward(gradient, outputs, inputs, modes)
        for node in self.graph.nodes:
            own = self._exact(node.name)
            for name, array in node.layer.statistics(inputs[node.name], own).items():
                self.weights[node.name][name][...] = array
        self._update(gradients, rate)
        return value

    def _exact(self, node: str) -> dict[str, Array]:
        return {name: array.astype(np.float64) for name, array in self.weights[node].items()}

    def _forward(
        self, images: Array, training: bool
    ) -> tuple[dict[str, Array], dict[str, tuple[Array, ...]], dict[str, Mode]]:
        nodes = self.graph.nodes
        keys = step_keys(self.seed, self.steps, len(nodes))
        modes = {n.name: Mode(training, int(key)) for n, key in zip(nodes, keys, strict=True)}
        outputs: dict[str, Array] = {}
        inputs: dict[str, tuple[Array, ...]] = {}
        for node in nodes:
            name = node.name
            taken = tuple(outputs[source] for source in node.inputs)
            inputs[name] = taken or (images.astype(np.float64),)
            outputs[name] = node.layer.forward(inputs[name], self._exact(name), modes[name])
        return outputs, inputs, modes

    def _backward(
        self,
        gradient: Array,
        outputs: dict[str, Array],
        inputs: dict[str, tuple[Array, ...]],
        modes: dict[str, Mode],
    ) -> Arrays:
        of_outputs: dict[str, Array] = {self.graph.output: gradient}
        gradients: Arrays = {}
        for node in reversed(self.graph.nodes[1:]):
            name = node.name
            of_inputs, gradients[name] = node.layer.backward(
                of_outputs[name], inputs[name], outputs[name], self._exact(name), modes[name]
            )
            for source, part in zip(node.inputs, of_inputs, strict=True):
                of_outputs[source] = of_outputs[source] + part if source in of_outputs else part
        return gradients

    def _update(self, gradients: Arrays, rate: float | None) -> None:
        assert self.optimizer
        rate = self.optimizer.rate if rate is None else rate
        parts = [g for own in gradients.values() for g in own.values()]
        norm = float(np.sqrt(sum((part**2).sum() for part in parts)))
        scale = self.clip / norm if self.clip and norm > self.clip else 1.0
        for node, own in gradients.items():
            for name, gradient in own.items():
                decays = self.parameters[node][name].decays
                rule = self.optimizer if decays else self.optimizer.without_decay()
                weights = self.weights[node][name]
                kept = self.state.get(node, {}).get(name, {})
                state = {each: array.astype(np.float64) for each, array in kept.items()}
                exact = weights.astype(np.float64)
                new, new_state = rule.update(exact, gradient * scale, state, rate, self.steps)
                weights[...] = new
                for each, array in new_state.items():
                    kept[each][...] = array
