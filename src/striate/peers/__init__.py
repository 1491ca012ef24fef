"""The same net in other libraries, each in a process of its own: to compare times with."""

from striate.peers.catalogue import LIBRARIES, Library, chosen_libraries
from striate.peers.case import write_case
from striate.peers.job import Job
from striate.peers.rounds import Measured, interleaved

__all__ = [
    "LIBRARIES",
    "Job",
    "Library",
    "Measured",
    "chosen_libraries",
    "interleaved",
    "write_case",
]
