"""Numbers in registers and addresses in memory, with the usual operators.

A `Value` is an integer, a float, a vector of floats or a condition; operators emit instructions. A
`Pointer` adds offsets counted in elements, loads and stores. A `Variable` is a place in registers
that a loop may change. Python numbers become constants, so that a size known when the kernel is
written costs nothing and one known later is read from the step's arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import llvmlite.ir as ir

if TYPE_CHECKING:
    from striate.kernels.emitter import Emitter

Operand = Any


def is_number(operand: Operand) -> bool:
    """Whether this is a Python number, known while the kernel is written."""
    return isinstance(operand, int | float)


def _is(operand: Operand, number: int) -> bool:
    return isinstance(operand, int) and operand == number


class Value:
    """A number in a register: see the module."""

    __slots__ = ("emitter", "ir")

    def __init__(self, emitter: Emitter, value: ir.Value) -> None:
        self.emitter = emitter
        self.ir = value

    def _binary(self, other: Operand, integer: str, real: str, swap: bool = False) -> Value:
        right = self.emitter.like(other, self)
        a, b = (right.ir, self.ir) if swap else (self.ir, right.ir)
        name = integer if self.is_integer else real
        return Value(self.emitter, getattr(self.emitter.builder, name)(a, b))

    @property
    def is_integer(self) -> bool:
        kind = self.ir.type.element if isinstance(self.ir.type, ir.VectorType) else self.ir.type
        return isinstance(kind, ir.IntType)

    def __add__(self, other: Operand) -> Value:
        return self if _is(other, 0) else self._binary(other, "add", "fadd")

    def __sub__(self, other: Operand) -> Value:
        return self if _is(other, 0) else self._binary(other, "sub", "fsub")

    def __mul__(self, other: Operand) -> Value:
        return self if _is(other, 1) else self._binary(other, "mul", "fmul")

    def __truediv__(self, other: Operand) -> Value:
        return self._binary(other, "sdiv", "fdiv")

    def __floordiv__(self, other: Operand) -> Value:
        return self._binary(other, "udiv", "fdiv")

    def __mod__(self, other: Operand) -> Value:
        return self._binary(other, "urem", "frem")

    def __radd__(self, other: Operand) -> Value:
        return self.__add__(other)

    def __rmul__(self, other: Operand) -> Value:
        return self.__mul__(other)

    def __rsub__(self, other: Operand) -> Value:
        return self._binary(other, "sub", "fsub", swap=True)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._binary(other, "sdiv", "fdiv", swap=True)

    def __neg__(self) -> Value:
        return (
            0 - self if self.is_integer else Value(self.emitter, self.emitter.builder.fneg(self.ir))
        )

    def _bits(self, other: Operand, name: str) -> Value:
        right = self.emitter.like(other, self)
        return Value(self.emitter, getattr(self.emitter.builder, name)(self.ir, right.ir))

    def __xor__(self, other: Operand) -> Value:
        return self._bits(other, "xor")

    def __and__(self, other: Operand) -> Value:
        return self._bits(other, "and_")

    def __or__(self, other: Operand) -> Value:
        return self._bits(other, "or_")

    def __lshift__(self, other: Operand) -> Value:
        return self._bits(other, "shl")

    def __rshift__(self, other: Operand) -> Value:
        return self._bits(other, "lshr")

    def _compare(self, other: Operand, sign: str) -> Value:
        """Floats compare as ordered: false where either is NaN; except !=, true there."""
        right = self.emitter.like(other, self)
        builder = self.emitter.builder
        if self.is_integer:
            return Value(self.emitter, builder.icmp_signed(sign, self.ir, right.ir))
        compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
        return Value(self.emitter, compare(sign, self.ir, right.ir))

    def __lt__(self, other: Operand) -> Value:
        return self._compare(other, "<")

    def __le__(self, other: Operand) -> Value:
        return self._compare(other, "<=")

    def __gt__(self, other: Operand) -> Value:
        return self._compare(other, ">")

    def __ge__(self, other: Operand) -> Value:
        return self._compare(other, ">=")

    def equals(self, other: Operand) -> Value:
        """Whether both are equal, lane by lane."""
        return self._compare(other, "==")


class Pointer:
    """The address of an element in memory; offsets count elements."""

    __slots__ = ("element", "emitter", "ir")

    def __init__(self, emitter: Emitter, value: ir.Value, element: ir.Type) -> None:
        self.emitter = emitter
        self.ir = value
        self.element = element

    def __add__(self, offset: Operand) -> Pointer:
        if _is(offset, 0):
            return self
        index = self.emitter.integer(offset).ir
        return Pointer(self.emitter, self.emitter.builder.gep(self.ir, [index]), self.element)

    def load(self, offset: Operand = 0) -> Value:
        """One element."""
        where = self + offset
        return Value(self.emitter, self.emitter.builder.load(where.ir))

    def store(self, value: Operand, offset: Operand = 0) -> None:
        """Write one element."""
        where = self + offset
        stored = self.emitter.constant(value, self.element) if is_number(value) else value.ir
        self.emitter.builder.store(stored, where.ir)

    def broadcast(self, offset: Operand = 0) -> Value:
        """One element in every lane."""
        return self.emitter.splat(self.load(offset))

    def vector(self, offset: Operand = 0, count: int | None = None) -> Value:
        """As many elements as a vector has lanes; only the first ``count``, the others zero."""
        return self.emitter.load_vector(self + offset, count)

    def store_vector(self, value: Value, offset: Operand = 0, count: int | None = None) -> None:
        """Write a whole vector, or only its first ``count`` lanes."""
        self.emitter.store_vector(self + offset, value, count)


class Variable:
    """A value that loops may change. It lives in a register after LLVM's first pass."""

    __slots__ = ("emitter", "slot")

    def __init__(self, emitter: Emitter, initial: Value) -> None:
        self.emitter = emitter
        with emitter.builder.goto_block(emitter.entry):
            self.slot = emitter.builder.alloca(initial.ir.type)
        emitter.builder.store(initial.ir, self.slot)

    @property
    def value(self) -> Value:
        """What it holds now."""
        return Value(self.emitter, self.emitter.builder.load(self.slot))

    @value.setter
    def value(self, new: Value) -> None:
        self.emitter.builder.store(new.ir, self.slot)
