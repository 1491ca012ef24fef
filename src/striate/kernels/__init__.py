"""Native code: candidates for every kind of task, written as loop nests and compiled by LLVM."""

from striate.kernels.cache import directory as cache_folder
from striate.kernels.cache import source_digest
from striate.kernels.candidates import candidates_for
from striate.kernels.compile import Library, driver
from striate.kernels.driver import MOST_CHUNKS, ROW_WORDS, TEAM_BYTES
from striate.kernels.isa import Isa, default_threads, host, runs_here, target
from striate.kernels.merging import merge

__all__ = [
    "MOST_CHUNKS",
    "ROW_WORDS",
    "TEAM_BYTES",
    "Isa",
    "Library",
    "cache_folder",
    "candidates_for",
    "default_threads",
    "driver",
    "host",
    "merge",
    "runs_here",
    "source_digest",
    "target",
]
