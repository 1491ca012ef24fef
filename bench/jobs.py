"""What the benchmark measures: each job is a function that gives a record for the JSON file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import startup

import striate
from striate.graph import Graph, Network
from striate.peers import (
    LIBRARIES,
    OURS,
    Job,
    Library,
    chosen_libraries,
    floor_of,
    interleaved,
    losses_differ,
    measure_speed,
    write_case,
)
from striate.peers.layer_case import LAYERS, layer_case
from striate.peers.layer_session import write_layer_case

Record = dict[str, Any]
INPUTS = {"convnetjs": "32x32x3", "tinyvgg": "32x32x3"}
TRAINING = {
    "convnetjs": 64,
    "tinyvgg": 128,
    "alexnet-ungrouped": 32,
    "vgg16": 4,
    "googlenet": 8,
    "resnet50": 8,
}
"""The nets, each with the batch of its training step."""
SLOWEST = 3.0
"""Times the fastest other library: one that takes longer is not run after the first round."""


@dataclass(frozen=True)
class Settings:
    """What the command line says.

    Attributes:
        libraries: names, in turn.
        rounds: how often each is run.
        threads: of every library.
        seconds: of counted calls in one process.
        layer_batch: images in the jobs on single layers.
        told: hears of progress.
    """

    libraries: Sequence[str]
    rounds: int
    threads: int
    seconds: float
    layer_batch: int
    told: Callable[[str], None]


def net_of(name: str) -> Any:
    """A net of the zoo with random weights."""
    settings = {"input": INPUTS[name], "classes": "10"} if name in INPUTS else {}
    return striate.net(name, **settings).init(seed=0)


def net_job(name: str, batch: int, training: bool, settings: Settings) -> Record:
    """Inference or training of a net in all libraries."""
    libraries, missing = chosen_libraries(settings.libraries, training)
    net = net_of(name)
    record = _record("training" if training else "inference", name, batch, settings)
    record["floor"] = asdict(floor_of(net.checked, batch, training))
    wrong: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        job = Job(folder, OURS, training, settings.threads, seconds=settings.seconds)
        drops = _drops(net.graph)
        if training and drops:
            write_case(Path(folder), _without_dropout(net), batch)
            wrong = _wrong_losses(job, libraries, settings)
            libraries = [library for library in libraries if library.name not in wrong]
        write_case(Path(folder), net, batch)
        del net
        measured = interleaved(
            job, libraries, settings.rounds, settings.told, training, slowest=SLOWEST
        )
    if training and not drops:
        wrong = dict(losses_differ(measured))
    runs = {name: found for name, found in measured.runs.items() if name not in wrong}
    return record | {"runs": runs, "failed": measured.failed | wrong, "missing": missing}


def _record(kind: str, name: str, batch: int, settings: Settings) -> Record:
    speed = asdict(measure_speed(settings.threads))
    return {"kind": kind, "net": name, "batch": batch, "speed": speed}


def _drops(graph: Graph) -> bool:
    return any(node.layer.keyword == "DROPOUT" for node in graph.nodes)


def _without_dropout(net: Any) -> Any:
    """The same net with every DROPOUT at rate 0, so that all libraries find the same losses."""
    nodes = tuple(
        replace(node, layer=replace(node.layer, rate=0.0))
        if node.layer.keyword == "DROPOUT"
        else node
        for node in net.graph.nodes
    )
    return striate.Net(Network(Graph(nodes), net.weights))


def _wrong_losses(job: Job, libraries: Iterable[Library], settings: Settings) -> dict[str, str]:
    """The libraries that train another net, by the losses of two steps; one of each module."""
    first = {library.module: library for library in reversed(list(libraries))}
    brief = replace(job, fewest=1, most=1)

    def told(line: str) -> None:
        settings.told(f"losses without dropout, {line}")

    found = interleaved(brief, list(first.values()), 1, told)
    wrong = {LIBRARIES[name].module: why for name, why in losses_differ(found)}
    return {one.name: wrong[one.module] for one in libraries if one.module in wrong}


def layer_job(name: str, settings: Settings) -> Record:
    """One layer of the convnet-benchmarks protocol."""
    libraries, missing = chosen_libraries(settings.libraries, training=True)
    libraries = [library for library in libraries if "compile" not in library.name]
    record = _record("layer", name, settings.layer_batch, settings)
    record["flops"] = layer_case(name, settings.layer_batch).flops
    with tempfile.TemporaryDirectory() as folder:
        job = Job(folder, OURS, False, settings.threads, layer=name, batch=settings.layer_batch)
        job = replace(job, seconds=settings.seconds / 2, fewest=2)
        write_layer_case(job)
        measured = interleaved(job, libraries, settings.rounds, settings.told, slowest=SLOWEST)
    return record | {"runs": measured.runs, "failed": measured.failed, "missing": missing}


def memory_job(name: str, settings: Settings) -> Record:
    """Peak memory of training steps with weights of the library's own."""
    libraries, missing = chosen_libraries(settings.libraries, training=True)
    libraries = [library for library in libraries if "compile" not in library.name]
    batch = TRAINING[name]
    with tempfile.TemporaryDirectory() as folder:
        write_case(Path(folder), net_of(name), batch)
        job = Job(folder, OURS, True, settings.threads, fewest=2, most=2, fresh=True)
        measured = interleaved(job, libraries, 1, settings.told)
    found = {"runs": measured.runs, "failed": measured.failed, "missing": missing}
    return {"kind": "memory", "net": name, "batch": batch} | found


def compile_job(name: str, settings: Settings) -> Record:
    """Seconds that compiling a training step takes Striate, at first and from its cache."""
    notation = str(net_of(name))
    runs = [
        startup.compile_seconds(notation, TRAINING[name], settings.threads)
        for _ in range(settings.rounds)
    ]
    return {"kind": "compile", "net": name, "batch": TRAINING[name], "runs": runs}


def import_job(settings: Settings) -> Record:
    """Seconds that importing each library takes."""
    return {"kind": "import", "runs": startup.import_seconds(max(5, settings.rounds))}


JOBS: Mapping[str, Callable[[Settings], Record]] = {
    **{f"inference-{n}-{b}": partial(net_job, n, b, False) for n in TRAINING for b in (1, 8)},
    **{f"training-{n}": partial(net_job, n, batch, True) for n, batch in TRAINING.items()},
    **{f"layer-{name}": partial(layer_job, name) for name in LAYERS},
    **{f"memory-{name}": partial(memory_job, name) for name in TRAINING},
    **{f"compile-{name}": partial(compile_job, name) for name in TRAINING},
    "import": import_job,
}
