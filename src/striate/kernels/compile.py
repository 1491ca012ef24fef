"""From kernels to machine code: LLVM, the object cache, and functions that can be called."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache as once

import llvmlite.binding as llvm

from striate.errors import CompileError
from striate.kernels import cache
from striate.kernels.base import NativeKernel
from striate.kernels.driver import driver_text, make_library_known
from striate.kernels.emitter import Emitter
from striate.kernels.isa import Isa, target
from striate.plan import Kernel


@once
def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def _machine(isa: Isa, jit: bool) -> llvm.TargetMachine:
    _initialize()
    triple = isa.triple or llvm.get_process_triple()
    try:
        found = llvm.Target.from_triple(triple)
    except RuntimeError as error:
        raise CompileError(f"LLVM knows no target '{triple}': {error}") from None
    return found.create_target_machine(
        cpu=isa.cpu, features=isa.features, opt=2, reloc="pic", codemodel="default", jit=jit
    )


def _optimize(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Only the passes that pay for loop nests written by hand: no unrolling, no vectorizing.

    The code generator itself removes what is computed twice or anew in every round of a loop.
    NewGVN, which would do it here, took 5 of 100 of the time, gave nothing measurable, and its
    assertions can end the process.
    """
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    passes.run(module, llvm.create_pass_builder(machine, options))


def llvm_text(kernel: Kernel, isa: Isa) -> str:
    """A kernel's LLVM assembly before optimization."""
    emitter = Emitter(cache.symbol(kernel, isa), isa)
    kernel.emit(emitter)
    return str(emitter.finish())


def object_code(text: str, isa: Isa) -> bytes:
    """Machine code, as an object file, of LLVM assembly.

    Raises:
        CompileError: LLVM rejects the text; a defect of a kernel.
    """
    with llvm.create_context() as context:
        # The module must be gone before its context is.
        return _emit_object(text, context, _machine(isa, jit=False))


def _emit_object(text: str, context: llvm.ContextRef, machine: llvm.TargetMachine) -> bytes:
    try:
        module = llvm.parse_assembly(text, context)
        module.verify()
    except RuntimeError as error:
        raise CompileError(f"LLVM rejects a kernel: {error}") from None
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    _optimize(module, machine)
    return bytes(machine.emit_object(module))


def _compiled(name: str, text: str, isa: Isa) -> bytes:
    """Object code of LLVM assembly, which the cache has from now on."""
    code = object_code(text, isa)
    cache.write(name, code)
    return code


def _loaded(codes: Iterable[bytes], isa: Isa) -> llvm.ExecutionEngine:
    """Object code in executable memory, until the engine is closed."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(isa, jit=True))
    for code in codes:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


@dataclass(frozen=True)
class Driver:
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
    code = cache.read(name) or _compiled(name, driver_text(isa), isa)
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
            with ThreadPoolExecutor(2) as pool:
                made = pool.map(lambda n: _compiled(n, llvm_text(wanted[n], isa), isa), missing)
                codes |= zip(missing, made, strict=True)
            cache.prune()
        self._engine = _loaded(codes.values(), isa)
        self._address: dict[Kernel, int] = {
            kernel: self._engine.get_function_address(name) for name, kernel in wanted.items()
        }

    def address(self, kernel: Kernel) -> int:
        """Where a kernel's function is."""
        return self._address[kernel]
