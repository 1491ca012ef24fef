"""The libraries that a net can be timed in, and how they are installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from striate.errors import InputError
from striate.layers.named import unknown


@dataclass(frozen=True)
class Library:
    """One way to run a net.

    Attributes:
        name: as a command line gives it.
        module: of this room; its ``session`` builds the net.
        packages: the modules that must be importable.
        install: what ``pip install`` is given.
        trains: whether it does training steps.
        environment: variables of its process.
    """

    name: str
    module: str
    packages: tuple[str, ...] = ()
    install: str = ""
    trains: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        """Whether its packages are there."""
        return all(find_spec(package) is not None for package in self.packages)


RAISED = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 28),
}
"""glibc keeps freed memory instead of giving it back: no page faults at every step."""
TORCH = "torch==2.13.0"


def _torch(kind: str, environment: Mapping[str, str]) -> Library:
    name = "-".join(("torch", *([kind] if kind else []), *(["malloc"] if environment else [])))
    return Library(name, "with_torch", ("torch",), TORCH, trains=True, environment=environment)


LIBRARIES: Mapping[str, Library] = {
    library.name: library
    for library in (
        Library("striate", "with_striate", trains=True),
        *(_torch(kind, {}) for kind in ("", "channels-last", "compile")),
        *(_torch(kind, RAISED) for kind in ("", "channels-last", "compile")),
        Library("jax", "with_jax", ("jax",), "jax", trains=True),
        Library("onnxruntime", "with_onnxruntime", ("onnx", "onnxruntime"), "onnx onnxruntime"),
        Library("openvino", "with_openvino", ("onnx", "openvino"), "onnx openvino"),
        Library("ncnn", "with_ncnn", ("ncnn",), "ncnn"),
        Library("mnn", "with_mnn", ("onnx", "MNN"), "onnx mnn"),
    )
}
BEST_MALLOC = "torch-best-malloc"
"""Stands for whichever of PyTorch's ways was the fastest, with raised thresholds."""
USUAL = tuple(name for name in LIBRARIES if not name.endswith("-malloc"))


def chosen_libraries(names: Sequence[str], training: bool) -> tuple[list[Library], list[str]]:
    """The libraries of these names that can do the job, and a line on each that cannot.

    Raises:
        InputError: there is no library of such a name.
    """
    found, lines = [], []
    for name in names:
        if name not in LIBRARIES:
            raise InputError(unknown("library", name, LIBRARIES))
        library = LIBRARIES[name]
        if training and not library.trains:
            continue
        if library.installed:
            found.append(library)
        else:
            lines.append(f"{name}: not installed; pip install {library.install}")
    return found, lines
