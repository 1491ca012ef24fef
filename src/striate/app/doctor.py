"""``striate doctor``: is everything in order on this machine?"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import typer

import striate
from striate.app import terminal
from striate.app.terminal import complain, say, say_parts
from striate.app.verbs import MACHINE, verb

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = (
    "numpy",
    "llvmlite",
    "safetensors",
    "pillow",
    "rich",
    "typer",
    "platformdirs",
)
OPTIONAL = ("tensorboardX", "torch")
TEST_NET = "INPUT 12x12x3 -> CONV3-8 -> BATCHNORM -> RELU -> POOL2 -> FC 16 -> RELU -> FC 4"
INDENT = 13
TOLERANCE = 1e-4
"""Of native float32 scores against the float64 reference, relative to the largest score."""


@verb("doctor", MACHINE, ["striate doctor"])
def doctor() -> None:
    """Show what Striate finds on this machine, and test that native code computes rightly.

    The exit code is 1 if the test fails. Send the output along when you report a problem.
    """
    for name, value in [*_machine(), *_software()]:
        columns = terminal.width() - INDENT if terminal.is_terminal() else len(value)
        first, *more = textwrap.wrap(value, columns)
        say_parts([(name.ljust(INDENT), "cyan"), (first, "")])
        for line in more:
            say(" " * INDENT + line)
    say()
    problem = _self_test()
    if problem is None:
        say(
            "self-test    passed: a small net agrees with its reference, forward and trained",
            "green",
        )
        return
    complain(f"the self-test failed: {problem}")
    raise typer.Exit(1)


def _machine() -> list[tuple[str, str]]:
    import os
    import platform

    from striate.check import available_memory
    from striate.check.numbers import in_bytes
    from striate.kernels import default_threads, host

    isa, memory = host(), available_memory()
    tile = f"{isa.lanes} lanes, micro-tile {isa.tile_rows}x{isa.tile_columns}"
    return [
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("processor", isa.cpu),
        ("target", f"{isa.name} ({tile})"),
        ("threads", f"{default_threads()} of {os.cpu_count()} processors"),
        ("memory", "not known" if memory is None else f"{in_bytes(memory)} available"),
    ]


def _software() -> list[tuple[str, str]]:
    import platform

    from striate.kernels.cache import directory

    return [
        ("striate", striate.__version__),
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("packages", ", ".join(_version(name) for name in PACKAGES)),
        ("optional", ", ".join(_version(name) for name in OPTIONAL)),
        ("cache", _cache(directory())),
    ]


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def _cache(folder: Path | None) -> str:
    from striate.check.numbers import in_bytes

    if folder is None:
        return "none: the folder cannot be used, so that every program is compiled anew"
    sizes = [entry.stat().st_size for entry in folder.iterdir() if entry.suffix == ".o"]
    return f"{folder} ({len(sizes):,} kernels, {in_bytes(sum(sizes))})"


def _self_test() -> str | None:
    """What is wrong, or None."""
    import numpy as np

    random = np.random.default_rng(0)
    net = striate.net(TEST_NET).init(seed=0)
    images = random.normal(size=(8, 12, 12, 3)).astype(np.float32)
    labels = random.integers(0, 4, 8)
    program = net.compile(batch=8, training=True, rate=0.05)
    losses = [program.step(images, labels) for _ in range(10)]
    if not losses[-1] < losses[0]:
        return f"training steps did not lower the loss: {losses[0]:.4f} to {losses[-1]:.4f}"
    net.take(program)
    meant, found = net.reference(images), net.predict(images)
    error = float(abs(found - meant).max() / abs(meant).max())
    if not error < TOLERANCE:
        return f"scores differ from the reference by {error:.2g} of the largest"
    return None
