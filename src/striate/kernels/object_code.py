"""From LLVM assembly to object code, here or, when run as a script, in a process of its own.

llvmlite lets one thread at a time into LLVM, so several processors compile in several processes.
The script needs this file and llvmlite alone, which start in a tenth of a second or two. It answers
every request on its standard input, the length of a text in bytes on a line and the text, with a
line `made LENGTH` or `rejected LENGTH` and the object code or LLVM's reason.
"""

from __future__ import annotations

import sys
from functools import cache as once
from typing import BinaryIO, NamedTuple

import llvmlite.binding as llvm


class Machine(NamedTuple):
    """What LLVM generates code for."""

    triple: str
    cpu: str
    features: str

    def target(self, jit: bool = False) -> llvm.TargetMachine:
        """LLVM's record of it; RuntimeError if LLVM does not know the triple."""
        _initialize()
        return llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu,
            features=self.features,
            opt=2,
            reloc="pic",
            codemodel="default",
            jit=jit,
        )


@once
def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def emit_object(text: str, machine: Machine) -> bytes:
    """Machine code, as an object file, of LLVM assembly; RuntimeError if LLVM rejects it."""
    with llvm.create_context() as context:
        # The module must be gone before its context is.
        return _emit(text, context, machine.target())


def _emit(text: str, context: llvm.ContextRef, target: llvm.TargetMachine) -> bytes:
    module = llvm.parse_assembly(text, context)
    module.verify()
    module.triple = target.triple
    module.data_layout = str(target.target_data)
    _optimize(module, target)
    return bytes(target.emit_object(module))


def _optimize(module: llvm.ModuleRef, target: llvm.TargetMachine) -> None:
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
    passes.run(module, llvm.create_pass_builder(target, options))


def serve(requests: BinaryIO, answers: BinaryIO, machine: Machine) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        text = requests.read(int(line)).decode()
        try:
            word, content = "made", emit_object(text, machine)
        except RuntimeError as error:
            word, content = "rejected", str(error).encode()
        answers.write(f"{word} {len(content)}\n".encode() + content)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, Machine(*sys.argv[1:]))
