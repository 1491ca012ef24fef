"""Striate's side of a job."""

from __future__ import annotations

import striate
from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.session import MOMENTUM, RATE, Session


def session(case: Case) -> Session:
    """The net compiled for inference or training."""
    net, images, labels = case.net, case.images, case.labels
    if case.job.fresh:
        net.init(seed=0)
    threads = case.job.threads

    def scores() -> Array:
        return net.predict(images, threads=threads)

    if case.job.training:
        recipe = {"optimizer": f"sgd,momentum={MOMENTUM}", "rate": RATE}
        trained = net.compile(len(images), training=True, threads=threads, **recipe)
        return Session(striate.__version__, lambda: trained.step(images, labels), scores)
    program = net.compile(len(images), threads=threads)
    return Session(striate.__version__, lambda: program(images), lambda: program(images))
