"""Running: memory, threads, and the program that calls native code."""

from striate.run.program import Program

__all__ = ["Program"]
