"""Random descriptions for property tests."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from striate.layers import LAYERS, Input, Layer, Shape
from striate.notation import Branches, Description, Element, Item, parse

JOINING = [cls() for cls in LAYERS.values() if cls.arity < 0]


def _example_layers() -> list[Layer]:
    texts = [
        text.partition("->")[2]
        for cls in LAYERS.values()
        if cls.arity == 1
        for text in cls.examples
    ]
    return [parse(f"INPUT 9x9x9 -> {text}").elements[1].layer for text in texts]


items = st.sampled_from(_example_layers()).map(Item)


def _forks(elements: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    branches = st.lists(st.lists(elements, max_size=4).map(tuple), min_size=2, max_size=3)
    return st.builds(Branches, st.sampled_from(JOINING), branches.map(tuple))


elements: st.SearchStrategy[Element] = st.recursive(items, _forks, max_leaves=12)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Element, ...]:
    """Elements among which some come several times in a row."""
    groups = st.tuples(st.lists(elements, max_size=4), st.integers(1, 3))
    return tuple(e for group, times in draw(st.lists(groups, max_size=4)) for e in group * times)


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    """Nets whose layers need not fit together; some of their layers have names."""
    volume = Shape(*(draw(st.integers(1, 300)) for _ in range(3)))
    count = 0

    def named(element: Element) -> Element:
        nonlocal count
        if isinstance(element, Branches):
            branches = tuple(tuple(map(named, branch)) for branch in element.branches)
            element = replace(element, branches=branches)
        if draw(st.integers(0, 9)):
            return element
        count += 1
        return replace(element, name=draw(st.sampled_from(["n", "conv", "relu"])) + str(count))

    return Description((Item(Input(volume)), *map(named, draw(chains()))))
