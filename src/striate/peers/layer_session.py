"""How a process checks and times the passes of one layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from striate.peers.job import Job
from striate.peers.layer_case import LayerCase, Pass, layer_case
from striate.peers.session import TOLERANCE, DifferentNetError, disagreement, time_calls
from striate.peers.with_striate import passes

Build = Callable[[LayerCase, Job], Mapping[str, Pass]]


def write_layer_case(job: Job) -> None:
    """Put Striate's own results of a layer in the job's folder."""
    found = passes(layer_case(job.layer, job.batch), replace(job, library="striate"))
    for name, one in found.items():
        np.save(_file(job, name), one.result(one.call()))


def measure_layer(job: Job, build: Build, version: str) -> dict[str, Any]:
    """Check and time the passes of a layer; milliseconds by name."""
    case = layer_case(job.layer, job.batch)
    found: dict[str, Any] = {"version": version}
    for name, one in build(case, job).items():
        error = disagreement(one.result(one.call()), np.load(_file(job, name)))
        if not error <= TOLERANCE:
            raise DifferentNetError(f"{name} differs from Striate's by {error:.2g} of the largest")
        found[name] = median(time_calls(one.call, job)) * 1e3
    found["milliseconds"] = sum(found[name] for name in found if name != "version")
    return found


def _file(job: Job, name: str) -> Path:
    return Path(job.folder) / f"{job.layer}-{name}.npy"
