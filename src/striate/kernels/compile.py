"""From kernels to machine code: LLVM, the object cache, and functions that can be called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache as once

import llvmlite.binding as llvm
from msgspec import Struct
from msgspec.structs import fields

from striate.errors import CompileError
from striate.kernels import cache
from striate.kernels.base import NativeKernel
from striate.kernels.compilers import emit_objects
from striate.kernels.driver import driver_text, make_library_known
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa, target
from striate.kernels.object_code import Machine
from striate.plan import Kernel


def _machine(isa: Isa) -> Machine:
    return Machine(isa.triple or llvm.get_process_triple(), isa.cpu, isa.features)


def _target(isa: Isa, jit: bool = False) -> llvm.TargetMachine:
    machine = _machine(isa)
    try:
        return machine.target(jit)
    except RuntimeError as error:
        raise CompileError(f"LLVM knows no target '{machine.triple}': {error}") from None


def llvm_text(kernel: Kernel, isa: Isa) -> str:
    """A kernel's LLVM assembly before optimization."""
    emitter = Emitter(cache.symbol(kernel, isa), isa)
    kernel.emit(emitter)
    return str(emitter.finish())


def object_code(text: str, isa: Isa) -> bytes:
    """Machine code, as an object file, of LLVM assembly.

    Raises:
        CompileError: LLVM rejects the text, a defect of a kernel, or does not know the target.
    """
    (code,) = _objects([text], 1, isa)
    return code


def _objects(texts: Iterable[str], count: int, isa: Isa) -> Iterator[bytes]:
    """Object code of so many texts in their order."""
    _target(isa)  # one that LLVM does not know is no defect of a kernel
    try:
        yield from emit_objects(texts, count, _machine(isa))
    except RuntimeError as error:
        raise CompileError(f"LLVM rejects a kernel: {error}") from None


def _loaded(codes: Iterable[bytes], isa: Isa) -> llvm.ExecutionEngine:
    """Object code in executable memory, until the engine is closed."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target(isa, jit=True))
    for code in codes:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


class Driver(Struct, frozen=True):
    """Addresses of the native functions that walk tables; see `striate.kernels.driver`."""

    alone: int
    open: int
    call: int
    work: int


@once
def driver() -> Driver:
    """The driver, compiled for this machine and loaded for the life of the process."""
    isa = target("host")
    name = f"driver_{cache.symbol(NativeKernel(), isa)}"
    code = cache.read(name)
    if code is None:
        code = object_code(driver_text(isa), isa)
        cache.write(name, code)
    make_library_known()
    engine = _loaded([code], isa)
    names = [field.name for field in fields(Driver)]
    found = Driver(**{name: engine.get_function_address(f"striate_{name}") for name in names})
    # Threads may be in this code until the process is gone.
    engine.detach()
    return found


class Library:
    """Kernels in executable memory.

    Attributes:
        compiled: how many kernels had to be compiled; the others came from the cache.
    """

    def __init__(self, kernels: Iterable[Kernel], isa: Isa) -> None:
        wanted = {cache.symbol(kernel, isa): kernel for kernel in dict.fromkeys(kernels)}
        found = {name: cache.read(name) for name in wanted}
        codes = {name: code for name, code in found.items() if code is not None}
        missing = [name for name in wanted if name not in codes]
        self.compiled = len(missing)
        if missing:
            texts = (llvm_text(wanted[name], isa) for name in missing)
            for name, code in zip(missing, _objects(texts, len(missing), isa), strict=True):
                cache.write(name, code)
                codes[name] = code
            cache.prune()
        self._engine = _loaded(codes.values(), isa)
        self._address: dict[Kernel, int] = {
            kernel: self._engine.get_function_address(name) for name, kernel in wanted.items()
        }

    def address(self, kernel: Kernel) -> int:
        """Where a kernel's function is."""
        return self._address[kernel]
