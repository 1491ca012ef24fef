"""Running: memory, threads, and the program that calls native code."""

from striate.run.program import Program
from striate.run.threads import default_threads

__all__ = ["Program", "default_threads"]
