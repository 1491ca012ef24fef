"""Check: every size of a net before a byte is allocated; the cost table; the memory budget."""

from striate.check.budget import available_memory, largest_batch, require_room
from striate.check.check import Checked, check
from striate.check.memory import Memory, estimate, in_place
from striate.check.receptive import Receptive, receptive_fields
from striate.check.table import Row, Table, tabulate

__all__ = [
    "Checked",
    "Memory",
    "Receptive",
    "Row",
    "Table",
    "available_memory",
    "check",
    "estimate",
    "in_place",
    "largest_batch",
    "receptive_fields",
    "require_room",
    "tabulate",
]
