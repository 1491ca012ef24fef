"""Instruction sets that kernels are run with here, and those that they are only emitted for."""

from __future__ import annotations

from msgspec.structs import replace

from striate.kernels import host, runs_here, target

NATIVE = [isa for isa in (host(), target("sse2")) if runs_here(isa)]
"""This machine's best, and the baseline where it is an x86-64."""

SHAPES = [
    replace(host(), name="as-avx512", lanes=16, tile_rows=12, most_rows=14),
    replace(host(), name="as-neon", lanes=4, tile_rows=8, most_rows=8, outputs_past=False),
]
"""Other vectors and micro-tiles on this machine: LLVM cuts what its registers do not hold."""

FOREIGN = [isa for isa in (target("avx512"), target("neon"), target("avx2")) if isa != host()]
"""For these there is object code at least."""
