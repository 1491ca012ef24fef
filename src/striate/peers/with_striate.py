"""Striate's side of a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import striate
from striate.kernels import candidates_for, host
from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.job import Job
from striate.peers.launches import Launches
from striate.peers.layer_case import PASSES, LayerCase, Pass
from striate.peers.session import MOMENTUM, RATE, Session
from striate.plan import Task
from striate.plan.choose import choose

VERSION = striate.__version__
ROLES = {"forward": ("x0", "w.w", "y"), "backward": ("dy", "x0", "w.w", "dx0", "dw.w")}


def session(case: Case) -> Session:
    """The net compiled for inference or training."""
    net, images, labels = case.net, case.images, case.labels
    if case.job.fresh:
        net.init(seed=0)
    threads = case.job.threads

    def scores() -> Array:
        return net.predict(images, threads=threads)

    if case.job.training:
        trained = net.compile(
            *(len(images), True, threads), optimizer=f"sgd,momentum={MOMENTUM}", rate=RATE
        )
        if case.job.fresh:
            # As `fit` does: while it trains, only the program has weights.
            net.network.weights = {}
        return Session(VERSION, lambda: trained.step(images, labels), scores)
    program = net.compile(len(images), threads=threads)
    return Session(VERSION, lambda: program(images), lambda: program(images))


def passes(case: LayerCase, job: Job) -> Mapping[str, Pass]:
    """A CONV's launches as a training step has them: forward, and each half of backward."""
    x, w, dy = case.arrays
    shapes = {"x0": x.shape, "w.w": w.shape, "y": dy.shape, "dy": dy.shape}
    shapes |= {"dx0": x.shape, "dw.w": w.shape}
    candidates = candidates_for(host())
    choices = [choose(task, candidates(task)) for task in layer_tasks(case)]
    sizes = {role: 4 * prod(shape) for role, shape in shapes.items()}
    launches = Launches(choices, sizes, job.threads)
    for role, array in (("x0", x), ("w.w", w), ("dy", dy)):
        launches.view(role, array.shape)[...] = array
    calls = (launches.call(0), launches.call(1, "dx0"), launches.call(1, "dw.w"))
    views = [launches.view(role, shapes[role]) for role in ("y", "dx0", "dw.w")]
    made = zip(PASSES, calls, views, strict=True)
    return {name: _pass(call, view) for name, call, view in made}


def _pass(call: Callable[[], None], view: Array) -> Pass:
    return Pass(call, lambda _: view)


def layer_tasks(case: LayerCase) -> list[Task]:
    """A CONV's forward and backward as a training step has them."""
    return [_task(case, kind) for kind in ROLES]


def _task(case: LayerCase, kind: str) -> Task:
    roles = {role: role for role in ROLES[kind]}
    return Task(kind, "conv", case.conv, case.batch, (case.x,), case.y, True, roles)
