"""The arena: no two buffers that are alive at once overlap."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from striate.plan import ALIGNMENT, Buffer
from striate.plan.memory import Lifetime, aligned, lifetimes, place, sequence

BUFFERS = st.lists(
    st.tuples(st.integers(1, 5000), st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=25
)


@given(BUFFERS)
def test_live_buffers_do_not_overlap_and_lie_within_the_total(
    drawn: list[tuple[int, int, int]],
) -> None:
    buffers = [Buffer(f"b{i}", size, "arena") for i, (size, _, _) in enumerate(drawn)]
    alive = {f"b{i}": Lifetime(first, first + length) for i, (_, first, length) in enumerate(drawn)}
    offsets, total = place(buffers, alive)
    for i, a in enumerate(buffers):
        assert offsets[a.name] % ALIGNMENT == 0
        assert offsets[a.name] + a.bytes <= total
        for b in buffers[:i]:
            if alive[a.name].overlaps(alive[b.name]):
                apart = (
                    offsets[a.name] + a.bytes <= offsets[b.name]
                    or offsets[b.name] + b.bytes <= offsets[a.name]
                )
                assert apart, (a, b, offsets)


@given(BUFFERS)
def test_each_lies_as_low_as_those_before_it_allow(drawn: list[tuple[int, int, int]]) -> None:
    buffers = [Buffer(f"b{i:02}", size, "arena") for i, (size, _, _) in enumerate(drawn)]
    alive = {
        f"b{i:02}": Lifetime(first, first + length) for i, (_, first, length) in enumerate(drawn)
    }
    offsets, _ = place(buffers, alive)
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: (-b.bytes, b.name)):
        beside = [b for b in placed if alive[b.name].overlaps(alive[buffer.name])]
        taken = [(offsets[b.name], offsets[b.name] + aligned(b.bytes)) for b in beside]
        lowest = next(
            offset
            for offset in sorted([0, *(end for _, end in taken)])
            if all(offset + buffer.bytes <= start or end <= offset for start, end in taken)
        )
        assert offsets[buffer.name] == lowest
        placed.append(buffer)


def test_a_chain_needs_room_for_two_volumes_only() -> None:
    names = [f"v{i}" for i in range(6)]
    bindings = [{"x0": a, "y": b} for a, b in pairwise(names)]
    buffers = [Buffer(name, 1024, "arena") for name in names]
    offsets, total = place(buffers, lifetimes(bindings))
    assert total == 2048
    assert set(offsets.values()) == {0, 1024}


def test_lifetimes_run_from_the_first_task_to_the_last() -> None:
    bindings = [{"y": "a"}, {"x0": "a", "y": "b"}, {"x0": "b"}, {"x": "a"}]
    assert lifetimes(bindings) == {"a": Lifetime(0, 3), "b": Lifetime(1, 2)}


def test_memory_that_is_not_shared_lies_in_a_row() -> None:
    buffers = [Buffer("a", 10, "batch"), Buffer("b", 100, "batch"), Buffer("c", 1, "batch")]
    assert sequence(buffers) == ({"a": 0, "b": 64, "c": 192}, 256)
    assert aligned(0) == 0
    assert aligned(1) == ALIGNMENT
