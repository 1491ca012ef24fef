"""The same net in other libraries, each in a process of its own: to compare times with."""

from striate.peers.case import write_case
from striate.peers.catalogue import BEST_MALLOC, LIBRARIES, USUAL, Library, chosen_libraries
from striate.peers.floors import Floor, floor_of
from striate.peers.job import Job
from striate.peers.machine import Speed, measure_speed
from striate.peers.rounds import OURS, Measured, interleaved, losses_differ

__all__ = [
    "BEST_MALLOC",
    "LIBRARIES",
    "OURS",
    "USUAL",
    "Floor",
    "Job",
    "Library",
    "Measured",
    "Speed",
    "chosen_libraries",
    "floor_of",
    "interleaved",
    "losses_differ",
    "measure_speed",
    "write_case",
]
