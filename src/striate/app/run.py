"""A training run from the command line: set up or taken up again, watched, and summed up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

import striate
from striate.api import Net
from striate.app.data import Parts, open_parts, report_gaps, report_problems
from striate.app.progress import watching
from striate.app.summary import say_end, say_interrupted, say_start
from striate.app.verbs import INTERRUPTED
from striate.errors import InputError
from striate.fit import Output, fit_network
from striate.train.checkpoint import load_checkpoint
from striate.train.history import History, StopReason
from striate.train.metrics import Evaluation
from striate.train.recipe import Recipe, make_recipe
from striate.train.run_folder import RUNS, RunFolder, create_run, latest_run, open_run

DEFAULT_NET = "tinyvgg"
HELD_OUT = 0.1
CHANGEABLE = ("epochs", "steps", "patience", "max_time", "save_every")
"""What may differ when a run goes on: anything else would make it another run."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for; None where it says nothing.

    Attributes:
        data: the data set.
        net: notation, file or name.
        variables: of the notation.
        recipe: the fields of a `Recipe` that are given.
        held_out: share of the training images that judges the epochs.
        resume: whether a run goes on.
        run: the folder of that run; the latest if it is not given.
        runs: where run folders are.
        threads: of the programs.
        strict: whether data that cannot be read are an error.
        tensorboard: whether files for TensorBoard are written.
        quiet: whether only the end is shown.
    """

    data: str | None = None
    net: str | None = None
    variables: dict[str, str] | None = None
    recipe: dict[str, Any] | None = None
    held_out: float | None = None
    resume: bool = False
    run: Path | None = None
    runs: Path | None = None
    threads: int | None = None
    strict: bool = False
    tensorboard: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Job:
    """A run that is ready to start.

    Attributes:
        data: the data set as the user calls it.
        net: with the weights to start from, if any.
        parts: the images.
        recipe: how.
        folder: of the run.
        checkpoint: to go on from, or None.
    """

    data: str
    net: Net
    parts: Parts
    recipe: Recipe
    folder: RunFolder
    checkpoint: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """A run that has come to its end.

    Attributes:
        job: what was done.
        net: with the best weights.
        history: the epochs.
        evaluation: on the test images; None in an overfitting run.
    """

    job: Job
    net: Net
    history: History
    evaluation: Evaluation | None


def carry_out(request: Request) -> Outcome:
    """Train as asked for, and say what came of it.

    Raises:
        StriateError: something cannot be used, or the training diverges.
        typer.Exit: the run was interrupted; it says how to go on.
    """
    job = _taken_up(request) if request.resume else _set_up(request)
    report_problems(job.parts.training)
    report_gaps(job.parts.training)
    if not request.quiet:
        say_start(job.data, job.net, job.parts, job.recipe)
    history = _fit(job, request)
    if history.reason is StopReason.INTERRUPTED:
        say_interrupted(job.data, job.folder, request.runs or RUNS)
        raise typer.Exit(INTERRUPTED)
    best = striate.load(job.folder.best if job.folder.best.exists() else job.folder.last)
    done = None if job.recipe.overfit else best.evaluate(job.parts.test, threads=request.threads)
    say_end(job.data, job.folder, request.runs or RUNS, job.recipe, history, done)
    return Outcome(job, best, history, done)


def _fit(job: Job, request: Request) -> History:
    try:
        with watching(request.quiet) as watcher:
            return fit_network(
                job.net.network,
                job.parts.training,
                job.recipe,
                job.parts.validation,
                Output(job.folder.path, request.tensorboard),
                job.checkpoint,
                request.threads,
                [watcher],
            )
    except BaseException:
        job.folder.discard_unused()
        raise


def _set_up(request: Request) -> Job:
    """A new run."""
    assert request.data is not None, "a new run needs data"
    recipe = make_recipe(request.recipe or {})
    recipe.verify()
    held_out = _held_out(request.held_out, recipe)
    parts = open_parts(request.data, None, held_out, request.strict)
    recipe = _filled(recipe, request, len(parts.training))
    net = _net_for(request.net or DEFAULT_NET, request.variables or {}, parts)
    shape = net.checked.shapes[net.graph.nodes[0].name]
    if shape != parts.training.shape:
        parts = open_parts(request.data, shape, held_out, request.strict)
    config = {
        "data": _lasting(request.data),
        "net": str(net),
        "validation": held_out,
        "recipe": recipe.values(),
    }
    return Job(request.data, net, parts, recipe, create_run(config, request.runs or RUNS))


def _filled(recipe: Recipe, request: Request, images: int) -> Recipe:
    """The recipe with the default batch brought down to so many images to train on."""
    if images >= recipe.batch:
        return recipe
    if "batch" in (request.recipe or {}):
        raise InputError(
            f"{request.data}: {images} images to train on do not fill a batch of {recipe.batch}: "
            f"--batch {images} is the largest"
        )
    return replace(recipe, batch=images)


def _lasting(data: str) -> str:
    """A data set by a name that means the same in every folder."""
    from striate.train.data import EMBEDDED

    return data if data in EMBEDDED else str(Path(data).absolute())


def _taken_up(request: Request) -> Job:
    """A run that goes on from its last checkpoint."""
    folder = open_run(request.run) if request.run else latest_run(request.runs or RUNS)
    if not folder.last.exists():
        raise InputError(
            f"the run in {folder.path} ended before its first checkpoint: start a new one, or "
            "name another with --run"
        )
    config = folder.config()
    before = make_recipe(config["recipe"])
    given = request.recipe or {}
    for name, value in given.items():
        was = getattr(before, name)
        if name not in CHANGEABLE and value != was:
            raise InputError(
                f"{_flag(name)}: the run in {folder.path} was started with {was}, and a run goes "
                f"on as it began; only {', '.join(map(_flag, CHANGEABLE))} may change"
            )
    recipe = replace(before, **given)
    checkpoint = load_checkpoint(folder.last)
    at = checkpoint.position
    if at.step >= recipe.make_settings().total(at.epoch_steps):
        raise InputError(
            f"the run in {folder.path} is done: step {at.step} of {at.step}; "
            f"more --epochs than {at.step / at.epoch_steps:g} go on with it"
        )
    source = request.data or str(config["data"])
    net = Net(checkpoint.network)
    shape = net.checked.shapes[net.graph.nodes[0].name]
    parts = open_parts(source, shape, float(config["validation"]), request.strict)
    if request.net is not None:
        other = _net_for(request.net, request.variables or {}, parts)
        if other.graph != net.graph:
            raise InputError(
                f"--net: the run in {folder.path} trains another net than {request.net}; "
                "without --net its own goes on"
            )
    folder.write({**config, "recipe": recipe.values()})
    return Job(source, net, parts, recipe, folder, folder.last)


def _net_for(source: str, variables: dict[str, str], parts: Parts) -> Net:
    """The net, its bare INPUT and last FC sized by the data."""
    if source.endswith(".safetensors"):
        return striate.load(source)
    return striate.net(source, **variables).sized_for(parts.training)


def _held_out(given: float | None, recipe: Recipe) -> float:
    """The share that judges the epochs; overfitting needs no judge."""
    if recipe.overfit:
        return 0.0
    share = HELD_OUT if given is None else given
    if not 0 <= share < 1:
        raise InputError(f"--validation: expected a share from 0 to below 1, got {share:g}")
    return share


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
