"""What a kernel is: a frozen record of the sizes it is written for, and the code it emits.

Kernels that are equal share their code, in a program and in the object cache. A kernel reads the
arguments of its launch by slot number, does one chunk of the work, and may use private scratch.
"""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.emitter import Emitter


class NativeKernel(Struct, frozen=True):
    """The base of all kernels. Everything that shapes the code is a field."""

    @property
    def private(self) -> int:
        """Bytes of scratch memory that each thread needs for itself."""
        return 0

    def emit(self, e: Emitter) -> None:
        """Write the code of one chunk."""
        raise NotImplementedError
