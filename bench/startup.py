"""How long it takes until a library can work: import, and compiling a training step.

Python compiles a module to bytecode once and keeps it, as an installer does for all; only processes
that find it there are counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import striate

MODULES = ("striate", "torch", "jax", "onnxruntime", "openvino", "ncnn", "MNN")
COMPILE = """
import sys, time, striate
net = striate.net(sys.argv[1])
if sys.argv[4] == "weights":
    net.init(seed=0)
began = time.perf_counter()
from striate.pipeline import compile_net
from striate.train.recipe import make_recipe
compile_net(net.network, int(sys.argv[2]), make_recipe({}).make_training(), int(sys.argv[3]))
print(time.perf_counter() - began)
"""


def _environment(**more: str) -> dict[str, str]:
    source = str(Path(striate.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source, **more}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def import_seconds(rounds: int) -> dict[str, list[float]]:
    """Seconds of a process that imports a module, beyond those of one that does nothing."""
    found: dict[str, list[float]] = {name: [] for name in MODULES if find_spec(name)}
    for name in found:
        _process(f"import {name}")
    for _ in range(rounds):
        nothing = _process("pass")
        for name, times in found.items():
            times.append(_process(f"import {name}") - nothing)
    return found


def _process(code: str) -> float:
    began = perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=_environment()
    )
    return perf_counter() - began


def compile_seconds(notation: str, batch: int, threads: int) -> dict[str, float]:
    """Seconds of `compile` with an empty object cache, then with what that left there, then for a
    net without weights.

    That is the whole call: what it imports, LLVM among it, and the weights, copied into new memory.
    """
    _process("import striate.pipeline, striate.train.recipe")
    words = [sys.executable, "-c", COMPILE, notation, str(batch), str(threads)]
    with tempfile.TemporaryDirectory() as cache:
        environment = _environment(XDG_CACHE_HOME=cache)
        environment.pop("STRIATE_CACHE", None)
        first, cached, bare = (
            subprocess.run(
                [*words, kind], check=True, capture_output=True, text=True, env=environment
            )
            for kind in ("weights", "weights", "none")
        )
    return {
        "first": float(first.stdout),
        "cached": float(cached.stdout),
        "bare": float(bare.stdout),
    }
