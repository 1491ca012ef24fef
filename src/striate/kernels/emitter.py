"""Writes one kernel as LLVM: loops, variables, vectors; a thin typed layer, see `values`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import llvmlite.ir as ir

from striate.kernels.isa import Isa
from striate.kernels.values import Operand, Pointer, Value, Variable, is_number

INT = ir.IntType(64)
FLOAT = ir.FloatType()
ELEMENTS = {"f32": FLOAT, "i64": INT} | {f"u{n}": ir.IntType(n) for n in (8, 16, 32)}


class Emitter:
    """Writes one kernel: a function of the step's arguments, the chunk, and private scratch memory.

    Attributes:
        isa: the target.
        chunk: which of the step's chunks this call does (integer).
        scratch: this thread's own memory (float32), as many bytes as the kernel asked for.
    """

    def __init__(self, name: str, isa: Isa) -> None:
        self.isa = isa
        self.lanes = isa.lanes
        self.module = ir.Module(name)
        self.vector_type = ir.VectorType(FLOAT, isa.lanes)
        kind = ir.FunctionType(ir.VoidType(), [INT.as_pointer(), INT, FLOAT.as_pointer()])
        self.function = ir.Function(self.module, kind, name)
        slots, chunk, scratch = self.function.args
        for pointer in (slots, scratch):
            pointer.add_attribute("noalias")
        self.entry = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.function.append_basic_block("body"))
        self._slots = slots
        self.chunk = Value(self, chunk)
        self.scratch = Pointer(self, scratch, FLOAT)

    def finish(self) -> ir.Module:
        """Close the function; the module is then complete."""
        self.builder.ret_void()
        with self.builder.goto_block(self.entry):
            self.builder.branch(self.function.blocks[1])
        return self.module

    def pointer(self, slot: int, element: str = "f32") -> Pointer:
        """Argument number ``slot`` of the step as an address of f32, u8, u16, u32 or i64."""
        kind = ELEMENTS[element]
        address = self.builder.load(self.builder.gep(self._slots, [ir.Constant(INT, slot)]))
        return Pointer(self, self.builder.inttoptr(address, kind.as_pointer()), kind)

    def argument(self, slot: int) -> Value:
        """Argument number ``slot`` of the step as an integer."""
        return Value(
            self, self.builder.load(self.builder.gep(self._slots, [ir.Constant(INT, slot)]))
        )

    def constant(self, number: float, kind: ir.Type) -> ir.Constant:
        """A Python number as a constant of an LLVM type."""
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [self.constant(number, kind.element)] * kind.count)
        if isinstance(kind, ir.IntType):
            return ir.Constant(kind, int(number) & (2**kind.width - 1))
        return ir.Constant(kind, float(number))

    def like(self, operand: Operand, model: Value) -> Value:
        """The operand in the type of ``model``: numbers become constants, scalars are broadcast."""
        if is_number(operand):
            return Value(self, self.constant(operand, model.ir.type))
        wide = isinstance(model.ir.type, ir.VectorType)
        if wide and not isinstance(operand.ir.type, ir.VectorType):
            return self.splat(operand)
        return operand  # type: ignore[no-any-return]

    def integer(self, number: Operand) -> Value:
        """A 64-bit integer: for counts and offsets."""
        return Value(self, ir.Constant(INT, number)) if is_number(number) else number

    def number(self, number: float) -> Value:
        """A float constant."""
        return Value(self, ir.Constant(FLOAT, float(number)))

    def splat(self, number: Operand) -> Value:
        """A number in every lane."""
        if is_number(number):
            return Value(self, self.constant(number, self.vector_type))
        kind = ir.VectorType(number.ir.type, self.lanes)
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, number.ir, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return Value(self, self.builder.shuffle_vector(first, nothing, mask))

    def variable(self, initial: Operand) -> Variable:
        """A variable; a Python float starts a scalar, use `splat` for a vector."""
        if is_number(initial):
            initial = self.number(initial) if isinstance(initial, float) else self.integer(initial)
        return Variable(self, initial)

    @contextmanager
    def loop(self, stop: Operand, start: Operand = 0, step: int = 1) -> Iterator[Value]:
        """``for i in range(start, stop, step)``."""
        if is_number(start) and is_number(stop) and start < stop <= start + step:
            yield self.integer(start)
            return
        builder = self.builder
        first, limit = self.integer(start), self.integer(stop)
        head, body, after = (builder.append_basic_block(n) for n in ("loop", "body", "after"))
        before = builder.block
        known = isinstance(first.ir, ir.Constant) and isinstance(limit.ir, ir.Constant)
        if known and first.ir.constant < limit.ir.constant:
            builder.branch(head)
        else:
            builder.cbranch(builder.icmp_signed("<", first.ir, limit.ir), head, after)
        builder.position_at_end(head)
        index = builder.phi(INT)
        index.add_incoming(first.ir, before)
        builder.branch(body)
        builder.position_at_end(body)
        yield Value(self, index)
        following = builder.add(index, ir.Constant(INT, step), flags=["nsw"])
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, limit.ir), head, after)
        builder.position_at_end(after)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """``if condition:``."""
        with self.builder.if_then(condition.ir):
            yield

    def select(self, condition: Value, yes: Operand, no: Operand) -> Value:
        """``yes if condition else no``, lane by lane; at least one of them must be a Value."""
        model = no if is_number(yes) else yes
        a, b = self.like(yes, model), self.like(no, model)
        if isinstance(b.ir.type, ir.VectorType):
            a = self.like(a, b)
        return Value(self, self.builder.select(condition.ir, a.ir, b.ir))

    def one_of(self, numbers: Sequence[float], index: Value) -> Value:
        """One of a few numbers, all whole or all floats."""
        first = numbers[0]
        found = self.number(first) if isinstance(first, float) else self.integer(first)
        for i, number in enumerate(numbers[1:], 1):
            found = self.select(index.equals(i), number, found)
        return found

    def room(self, offset: Operand, element: str) -> Pointer:
        """Private scratch memory from this float32 on, as elements of another kind."""
        kind, start = ELEMENTS[element], self.scratch + offset
        return Pointer(self, self.builder.bitcast(start.ir, kind.as_pointer()), kind)

    def as_bytes(self, pointer: Pointer) -> Pointer:
        """The same address, of bytes."""
        kind = ELEMENTS["u8"]
        return Pointer(self, self.builder.bitcast(pointer.ir, kind.as_pointer()), kind)

    def select_pointer(self, condition: Value, yes: Pointer, no: Pointer) -> Pointer:
        """One of two addresses of the same kind of element."""
        chosen = self.builder.select(condition.ir, yes.ir, no.ir)
        return Pointer(self, chosen, yes.element)

    def fma(self, a: Operand, b: Operand, c: Value) -> Value:
        """a·b + c in one instruction where the target has one."""
        x, y = self.like(a, c), self.like(b, c)
        return self.call("llvm.fmuladd", x, y, c)

    def call(self, name: str, *operands: Value) -> Value:
        """An LLVM intrinsic overloaded on the type of its operands, e.g. ``llvm.sqrt``."""
        kind = operands[0].ir.type
        suffix = f"v{self.lanes}f32" if isinstance(kind, ir.VectorType) else "f32"
        intrinsic = self._declare(f"{name}.{suffix}", kind, [o.ir.type for o in operands])
        return Value(self, self.builder.call(intrinsic, [o.ir for o in operands]))

    def maximum(self, a: Value, b: Operand) -> Value:
        """The larger one; NaN in ``a`` stays NaN (NumPy's maximum where b is a number)."""
        other = self.like(b, a)
        return self.select(a < other, other, a)

    def minimum(self, a: Value, b: Operand) -> Value:
        """The smaller one; NaN in ``a`` stays NaN."""
        other = self.like(b, a)
        return self.select(a > other, other, a)

    def integer_minimum(self, a: Value, b: Operand) -> Value:
        """The smaller of two integers."""
        other = self.integer(b)
        return self.select(a < other, a, other)

    def integer_maximum(self, a: Value, b: Operand) -> Value:
        """The larger of two integers."""
        other = self.integer(b)
        return self.select(a > other, a, other)

    def to_float(self, value: Value) -> Value:
        """A signed integer as a float, lane by lane."""
        kind = value.ir.type
        wide = isinstance(kind, ir.VectorType)
        return Value(self, self.builder.sitofp(value.ir, self.vector_type if wide else FLOAT))

    def to_integer(self, value: Value, bits: int = 64) -> Value:
        """A float rounded towards zero, or an unsigned integer widened or cut, to ``bits``."""
        kind = value.ir.type
        goal: ir.Type = ir.IntType(bits)
        if isinstance(kind, ir.VectorType):
            goal = ir.VectorType(goal, self.lanes)
        if not value.is_integer:
            return Value(self, self.builder.fptosi(value.ir, goal))
        if kind == goal:
            return value
        width = kind.element.width if isinstance(kind, ir.VectorType) else kind.width
        convert = self.builder.zext if width < bits else self.builder.trunc
        return Value(self, convert(value.ir, goal))

    def reinterpret(self, value: Value) -> Value:
        """The same 32 bits read as float instead of integer, or the other way round."""
        goal: ir.Type = FLOAT if value.is_integer else ir.IntType(32)
        if isinstance(value.ir.type, ir.VectorType):
            goal = ir.VectorType(goal, self.lanes)
        return Value(self, self.builder.bitcast(value.ir, goal))

    def lane_numbers(self) -> Value:
        """The integers 0, 1, 2 … as a vector of 32-bit lanes."""
        kind = ir.VectorType(ir.IntType(32), self.lanes)
        return Value(self, ir.Constant(kind, list(range(self.lanes))))

    def sum_lanes(self, vector: Value) -> Value:
        """The sum of a vector's lanes, in a fixed tree order."""
        width, current = self.lanes, vector.ir
        while width > 1:
            width //= 2
            order = list(range(width, 2 * width)) + list(range(width, 2 * width))
            order += [0] * (self.lanes - len(order))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), order[: self.lanes])
            upper = self.builder.shuffle_vector(current, current, mask)
            current = self.builder.fadd(current, upper)
        return Value(self, self.builder.extract_element(current, ir.Constant(ir.IntType(32), 0)))

    def load_vector(self, where: Pointer, count: int | None) -> Value:
        """See `Pointer.vector`."""
        kind = ir.VectorType(where.element, self.lanes)
        address = self.builder.bitcast(where.ir, kind.as_pointer())
        if count is None or count == self.lanes:
            return Value(self, self.builder.load(address, align=_bytes(where.element)))
        loaded: ir.Value = ir.Constant(kind, [self.constant(0, where.element)] * self.lanes)
        for lane in range(count):
            one = (where + lane).load()
            loaded = self.builder.insert_element(loaded, one.ir, ir.Constant(ir.IntType(32), lane))
        return Value(self, loaded)

    def store_vector(self, where: Pointer, value: Value, count: int | None) -> None:
        """See `Pointer.store_vector`."""
        kind = ir.VectorType(where.element, self.lanes)
        if count is None or count == self.lanes:
            address = self.builder.bitcast(where.ir, kind.as_pointer())
            self.builder.store(value.ir, address, align=_bytes(where.element))
            return
        for lane in range(count):
            one = self.builder.extract_element(value.ir, ir.Constant(ir.IntType(32), lane))
            self.builder.store(one, (where + lane).ir)

    def prefetch(self, where: Pointer, level: int = 1) -> None:
        """Ask for the cache line of an address, which may lie anywhere: nothing is read. It is
        brought into the cache of this level."""
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = self._declare("llvm.prefetch.p0", ir.VoidType(), [byte, number, number, number])
        read, keep, data = (ir.Constant(number, n) for n in (0, 4 - level, 1))
        self.builder.call(function, [self.builder.bitcast(where.ir, byte), read, keep, data])

    def order_stores(self) -> None:
        """Finish stores past the caches before those by which threads tell each other; x86 only."""
        self.builder.call(self._declare("llvm.x86.sse.sfence", ir.VoidType(), []), [])

    def _declare(self, name: str, result: ir.Type, operands: list[ir.Type]) -> ir.Function:
        if name in self.module.globals:
            return self.module.globals[name]
        return ir.Function(self.module, ir.FunctionType(result, operands), name)


def _bytes(kind: ir.Type) -> int:
    return kind.width // 8 if isinstance(kind, ir.IntType) else 4
