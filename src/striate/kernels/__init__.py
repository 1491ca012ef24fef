"""Native code: candidates for every kind of task, written as loop nests and compiled by LLVM."""

from striate.kernels.candidates import candidates_for
from striate.kernels.compile import Library
from striate.kernels.driver import ROW_WORDS as DRIVER_ROW_WORDS
from striate.kernels.isa import Isa, host, runs_here, target
from striate.kernels.merging import merge

__all__ = [
    "DRIVER_ROW_WORDS",
    "Isa",
    "Library",
    "candidates_for",
    "host",
    "merge",
    "runs_here",
    "target",
]
