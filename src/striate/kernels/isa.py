"""The processors that kernels are written for: vector width, registers, the shape of a micro-tile.

One record a target; a kernel reads these and nothing else about the machine.
"""

from __future__ import annotations

import os
import platform

import llvmlite.binding as llvm
from msgspec import Struct
from msgspec.structs import replace

from striate.errors import CompileError


class Isa(Struct, frozen=True):
    """One instruction set.

    Attributes:
        name: as ``target=`` takes it.
        triple: LLVM's name of the machine and its system; empty for this machine's own.
        cpu: LLVM's name of the processor.
        features: LLVM's feature flags.
        lanes: float32 values in one vector register.
        tile_rows: pixels (or other rows) of a micro-tile: broadcast values.
        tile_vectors: vectors of output channels of a micro-tile; rows times vectors accumulators,
            the vectors themselves and one broadcast must fit the register file.
        most_rows: of the highest micro-tile that pays where it leaves fewer rows empty;
            ``tile_rows`` where none does.
        outputs_past: whether large outputs are better written past the caches.
    """

    name: str
    triple: str
    cpu: str
    features: str
    lanes: int
    tile_rows: int
    tile_vectors: int
    most_rows: int
    outputs_past: bool = False

    @property
    def tile_columns(self) -> int:
        """Output channels of a micro-tile."""
        return self.lanes * self.tile_vectors


X86_64 = "x86_64-unknown-linux-gnu"
AARCH64 = "aarch64-unknown-linux-gnu"
TARGETS = {
    "sse2": Isa("sse2", X86_64, "x86-64", "", 4, 5, 2, 5),
    "avx2": Isa("avx2", X86_64, "haswell", "+avx2,+fma", 8, 6, 2, 6),
    "avx512": Isa("avx512", X86_64, "skylake-avx512", "-prefer-256-bit", 16, 12, 2, 14),
    "neon": Isa("neon", AARCH64, "generic", "+neon", 4, 8, 2, 8),
}
ZEN = "znver"
"""How LLVM's names of AMD's processors begin. Those with AVX-512 gain from writing outputs past the
caches, where Intel's lose as much as they gain."""
_AVX512 = ("avx512f", "avx512vl", "avx512bw", "avx512dq")


def host() -> Isa:
    """The best instruction set of this machine, from its processor's features.

    ``STRIATE_TARGET`` in the environment names another one, e.g. to test the baseline.

    Raises:
        CompileError: the processor is of no known kind, or the name is unknown.
    """
    named = os.environ.get("STRIATE_TARGET")
    if named:
        return target(named)
    return _detect(platform.machine().lower(), dict(llvm.get_host_cpu_features()))


def target(name: str) -> Isa:
    """A target by name; ``host`` is this machine.

    Raises:
        CompileError: the name is unknown.
    """
    if name == "host":
        return _detect(platform.machine().lower(), dict(llvm.get_host_cpu_features()))
    if name not in TARGETS:
        raise CompileError(f"unknown target '{name}': expected host, {', '.join(TARGETS)}")
    isa = TARGETS[name]
    here = llvm.get_process_triple().split("-")[0].replace("arm64", "aarch64")
    if isa.triple.split("-")[0] == here:
        return replace(isa, triple="")
    return isa


def runs_here(isa: Isa) -> bool:
    """Whether this machine can execute code for the target."""
    if isa.triple:
        return False
    features = dict(llvm.get_host_cpu_features())
    needed = {"avx2": ("avx2", "fma"), "avx512": _AVX512}.get(isa.name, ())
    return all(features.get(feature) for feature in needed)


def _detect(machine: str, features: dict[str, bool]) -> Isa:
    if machine in ("arm64", "aarch64"):
        base = TARGETS["neon"]
    elif machine not in ("x86_64", "amd64"):
        raise CompileError(
            f"this machine's processor is a '{machine}'; native code is there for x86-64 and arm64"
        )
    elif all(features.get(feature) for feature in _AVX512):
        base = TARGETS["avx512"]
    elif features.get("avx2") and features.get("fma"):
        base = TARGETS["avx2"]
    else:
        base = TARGETS["sse2"]
    flags = ",".join(("+" if on else "-") + name for name, on in sorted(features.items()))
    cpu = llvm.get_host_cpu_name()
    past = base.name == "avx512" and cpu.startswith(ZEN)
    return replace(base, triple="", cpu=cpu, features=flags, outputs_past=past)


def default_threads() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
