"""JAX's side of a job: jit-compiled by XLA for the CPU."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.jax_net import RUNNING, Tree, forward, parameters_of
from striate.peers.session import MOMENTUM, RATE, Session


def session(case: Case) -> Session:
    """The net as one compiled function of its weights; a training step gives its memory back."""
    net = case.net
    if case.job.fresh:
        net.init(seed=0)
    parameters = parameters_of(net)
    images, labels = jnp.asarray(case.images), jnp.asarray(case.labels)
    infer = jax.jit(lambda parameters, images: forward(net, parameters, images)[0])

    def scores() -> Array:
        return np.asarray(infer(parameters, images).block_until_ready())

    if not case.job.training:
        return Session(jax.__version__, scores, scores)
    state: dict[str, Any] = {"key": jax.random.key(0), "parameters": parameters}
    state["velocity"] = jax.tree.map(jnp.zeros_like, parameters)
    step = partial(jax.jit, donate_argnums=(0, 1))(_step_of(case))

    def call() -> float:
        state["key"], key = jax.random.split(state["key"])
        found = step(state["parameters"], state["velocity"], images, labels, key)
        state["parameters"], state["velocity"], loss = jax.block_until_ready(found)
        return float(loss)

    return Session(jax.__version__, call, scores)


def _step_of(case: Case) -> Any:
    """Forward, softmax loss, backward, SGD with momentum."""

    def loss(parameters: Tree, images: Any, labels: Any, key: Any) -> tuple[Any, Tree]:
        scores, moved = forward(case.net, parameters, images, key)
        chances = jax.nn.log_softmax(scores)
        return -jnp.take_along_axis(chances, labels[:, None], 1).mean(), moved

    def step(
        parameters: Tree, velocity: Tree, images: Any, labels: Any, key: Any
    ) -> tuple[Tree, Tree, Any]:
        graded = jax.value_and_grad(loss, has_aux=True)
        (value, moved), gradient = graded(parameters, images, labels, key)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)
        stepped = jax.tree.map(lambda w, v: w - RATE * v, parameters, velocity)
        for node, own in moved.items():
            stepped[node] |= {name: own[name] for name in RUNNING}
        return stepped, velocity, value

    return step
