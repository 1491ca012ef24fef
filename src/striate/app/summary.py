"""What is said before and after a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from striate.app.progress import clock
from striate.app.table import brief
from striate.app.terminal import say, say_parts, say_table
from striate.train.run_folder import RUNS, RunFolder, latest_run

if TYPE_CHECKING:
    from striate.api import Net
    from striate.app.data import Parts
    from striate.train.history import History
    from striate.train.metrics import Evaluation
    from striate.train.recipe import Recipe

FILES = ("best.safetensors", "last.safetensors", "results.csv", "curves.png")


def say_start(data: str, net: Net, parts: Parts, recipe: Recipe) -> None:
    """The images, the net, and how it is going to be trained."""
    training = parts.training
    judged = f", {len(parts.validation):,} to judge the epochs" if parts.validation else ""
    say_parts(
        [
            (data, "bold"),
            (f"  {len(training):,} images to train on{judged}, {len(parts.test):,} to test; ", ""),
            (f"{training.shape}, {len(training.classes)} classes", ""),
        ]
    )
    say()
    say_table(brief(net.table()), totals=True)
    say()
    rule = recipe.make_optimizer()
    say_parts(
        [
            ("training  ", "bold"),
            (f"{recipe.optimizer}, rate {rule.rate:g}, schedule {recipe.schedule}, ", ""),
            (f"batch {recipe.batch}, loss {recipe.loss}, ", ""),
            (f"augmentation {recipe.augment}, seed {recipe.seed}", ""),
        ]
    )


def say_end(
    data: str,
    folder: RunFolder,
    runs: Path,
    recipe: Recipe,
    history: History,
    evaluation: Evaluation | None,
) -> None:
    """How good the net is, where the run is, and what can be done with it."""
    last = history.records[-1] if history.records else None
    say()
    if evaluation is None and last is not None:
        say(f"training accuracy {last.accuracy:.1%}, loss {last.loss:.4f}", "bold green")
    elif evaluation is not None:
        best = history.best
        which = f", weights of epoch {best.epoch:.4g}" if best else ""
        top5 = f"top-5 {evaluation.top5:.1%}, " if evaluation.classes > 5 else ""
        say_parts(
            [
                (f"test accuracy {evaluation.accuracy:.1%}", "bold green"),
                (f"  ({top5}{evaluation.images:,} images{which})", ""),
            ]
        )
    ended = "" if history.reason == "finished" else f" ({history.reason})"
    done, seconds = (last.epoch, last.seconds) if last else (0, 0.0)
    say(f"{'1 epoch' if done == 1 else f'{done:.4g} epochs'} in {clock(seconds)}{ended}")
    present = [name for name in FILES if (folder.path / name).exists()]
    _say_ways(
        [
            ("the run", f"{folder.path}  ({', '.join(present)})"),
            ("classify", f"striate predict {_quoted(folder.path)} IMAGE..."),
            ("go on", f"{_resume(data, folder, runs)} --epochs {2 * recipe.epochs}"),
        ]
    )


def say_interrupted(data: str, folder: RunFolder, runs: Path) -> None:
    """Where an interrupted run is and how it goes on."""
    say()
    say("interrupted; the run is saved", "bold yellow")
    _say_ways([("the run", str(folder.path)), ("go on", _resume(data, folder, runs))])


def _resume(data: str, folder: RunFolder, runs: Path) -> str:
    """The command that goes on with a run; it names the run unless it is the latest."""
    numbered = folder.path.parent == runs and folder.path.name.isdecimal()
    if not numbered or latest_run(runs) != folder:
        return f"striate train {_quoted(data)} --run {_quoted(folder.path)}"
    where = "" if runs == RUNS else f" --runs {_quoted(runs)}"
    return f"striate train {_quoted(data)} --resume{where}"


def _say_ways(ways: list[tuple[str, str]]) -> None:
    for name, text in ways:
        say_parts([(f"{name:<9} ", "cyan"), (text, "")])


def _quoted(text: str | Path) -> str:
    return shlex.quote(str(text))
