"""JAX's side of a job: jit-compiled by XLA for the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.jax_net import HWIO, RUNNING, Tree, forward, parameters_of
from striate.peers.job import Job
from striate.peers.layer_case import PASSES, LayerCase, Pass
from striate.peers.session import MOMENTUM, RATE, Session

VERSION = jax.__version__


def session(case: Case) -> Session:
    """The net as one compiled function of its weights; a training step gives its memory back."""
    jax.config.update("jax_compilation_cache_dir", str(case.folder / "jax"))
    net = case.net
    if case.job.fresh:
        net.init(seed=0)
    parameters = parameters_of(net)
    images, labels = jnp.asarray(case.images), jnp.asarray(case.labels)
    infer = jax.jit(lambda parameters, images: forward(net, parameters, images)[0])

    def scores() -> Array:
        return np.asarray(infer(parameters, images).block_until_ready())

    if not case.job.training:
        return Session(VERSION, scores, scores)
    state: dict[str, Any] = {"key": jax.random.key(0), "parameters": parameters}
    state["velocity"] = jax.tree.map(jnp.zeros_like, parameters)
    step = partial(jax.jit, donate_argnums=(0, 1))(_step_of(case))

    def call() -> float:
        state["key"], key = jax.random.split(state["key"])
        found = step(state["parameters"], state["velocity"], images, labels, key)
        state["parameters"], state["velocity"], loss = jax.block_until_ready(found)
        return float(loss)

    return Session(VERSION, call, scores)


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


def passes(case: LayerCase, job: Job) -> Mapping[str, Pass]:
    """A CONV's forward pass and each half of its backward pass alone."""
    del job  # XLA takes as many threads as the process has processors
    x, w, dy = (jnp.asarray(array) for array in case.arrays)
    w = w.transpose(1, 2, 3, 0)

    def convolve(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=HWIO)

    forward = jax.jit(convolve)
    by_input = jax.jit(lambda x, w, dy: jax.vjp(lambda x: convolve(x, w), x)[1](dy)[0])
    by_weights = jax.jit(lambda x, w, dy: jax.vjp(lambda w: convolve(x, w), w)[1](dy)[0])
    calls: tuple[Callable[[], Any], ...] = (
        lambda: forward(x, w).block_until_ready(),
        lambda: by_input(x, w, dy).block_until_ready(),
        lambda: by_weights(x, w, dy).block_until_ready(),
    )
    results: tuple[Callable[[Any], Array], ...] = (
        *(np.asarray, np.asarray),
        lambda dw: np.asarray(dw).transpose(3, 0, 1, 2),
    )
    made = zip(PASSES, calls, results, strict=True)
    return {name: Pass(call, result) for name, call, result in made}
