"""How much the estimates that choose kernels cost against measuring every candidate.

    python bench/choice.py [--threads 2] [NET ...]

For every CONV and FC of the nets' training steps, and for the layers of convnet-benchmarks, all
candidates are timed; shown are the time of the one that the estimates choose and of the fastest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jobs import TRAINING, net_of

from striate.kernels import Isa, candidates_for, host
from striate.layers import SoftmaxLoss
from striate.optimizers import optimizer
from striate.peers.layer_case import LAYERS, layer_case
from striate.peers.with_striate import layer_tasks
from striate.pipeline import plan_net
from striate.plan import Candidate, Task, Training
from striate.plan.choose import choose
from striate.run.tuning import Tuner

LAYER_BATCH = 16


@dataclass
class Recorder:
    """Measures like a `Tuner` and writes everything down.

    Attributes:
        tuner: measures.
        times: seconds by task and candidate.
        estimates: seconds that the candidates themselves expect.
    """

    tuner: Tuner
    times: dict[str, dict[str, float]] = field(default_factory=dict)
    estimates: dict[str, dict[str, float]] = field(default_factory=dict)

    def __call__(self, task: Task, candidates: Sequence[Candidate]) -> list[float]:
        """Seconds of each candidate."""
        seconds = self.tuner(task, candidates)
        names = [candidate.name for candidate in candidates]
        self.times[task.name] = dict(zip(names, seconds, strict=True))
        self.estimates[task.name] = {c.name: c.cost(task) for c in candidates}
        return seconds

    def rows(self, title: str) -> list[str]:
        """The sum, and every task where another candidate is more than 10% faster."""
        found, chosen, best = [], 0.0, 0.0
        for name, times in self.times.items():
            picked = min(self.estimates[name], key=self.estimates[name].__getitem__)
            fastest = min(times, key=times.__getitem__)
            chosen, best = chosen + times[picked], best + times[fastest]
            if times[picked] > 1.1 * times[fastest]:
                found.append(
                    _row(f"{title}: {name}", times[picked], times[fastest], picked, fastest)
                )
        if not self.times:
            return [f"| {title}: one candidate | | | | | |"]
        total = _row(f"{title}, {len(self.times)} choices", chosen, best, "", "")
        return [total, *found]


def _row(what: str, chosen: float, best: float, picked: str, fastest: str) -> str:
    cost = f"{100 * (chosen / best - 1):.0f}%"
    return f"| {what} | {chosen * 1e3:.2f} | {best * 1e3:.2f} | {cost} | {picked} | {fastest} |"


def of_net(name: str, isa: Isa, threads: int) -> list[str]:
    """The choices of a net's training step."""
    recorder = Recorder(Tuner(isa, threads))
    parts = Training(SoftmaxLoss(), optimizer("sgd"))
    plan_net(net_of(name).checked, TRAINING[name], parts, isa, measure=recorder)
    return recorder.rows(name)


def of_layers(isa: Isa, threads: int) -> list[str]:
    """The choices for the layers of convnet-benchmarks."""
    rows = []
    for name in LAYERS:
        recorder = Recorder(Tuner(isa, threads))
        for task in layer_tasks(layer_case(name, LAYER_BATCH)):
            choose(task, candidates_for(isa)(task), recorder)
        rows += recorder.rows(name)
    return rows


def main(words: Iterable[str] | None = None) -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("nets", nargs="*", help=", ".join(TRAINING))
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(words)
    print("| what | chosen ms | fastest ms | cost | chosen | fastest |")
    print("|---|---|---|---|---|---|")
    if not chosen.nets:
        print("\n".join(of_layers(host(), chosen.threads)), flush=True)
    for name in chosen.nets or TRAINING:
        print("\n".join(of_net(name, host(), chosen.threads)), flush=True)


if __name__ == "__main__":
    main()
