"""Do these weights belong to this net? Names and shapes are compared before anything is copied."""

from __future__ import annotations

from collections.abc import Mapping

from striate.errors import FileError
from striate.layers.base import Parameter
from striate.layers.shape import Array

MOST_TOLD = 8


def require_weights(
    where: str,
    parameters: Mapping[str, Mapping[str, Parameter]],
    weights: Mapping[str, Mapping[str, Array]],
) -> None:
    """Raise FileError unless the weights are exactly those of a net, in name and shape.

    Args:
        where: what the weights come from, e.g. a file name.
        parameters: of every node of the net (`striate.check.Checked.parameters`).
        weights: by node and parameter.
    """
    require_same(
        where,
        {f"{n}/{p}": each.shape for n, ps in parameters.items() for p, each in ps.items()},
        {f"{n}/{p}": each.shape for n, ps in weights.items() for p, each in ps.items()},
    )


def require_same(
    where: str, expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise FileError with every name that differs between a net and a file.

    Args:
        where: what was found comes from, e.g. a file name.
        expected: the shape of each array of the net by name.
        found: the shape of each array of the file by name.
    """
    problems = [
        f"{name}: the net has {_shape(expected[name])}, the file has {_shape(found[name])}"
        for name in expected
        if name in found and expected[name] != found[name]
    ]
    problems += [f"{name}: only in the net" for name in expected if name not in found]
    problems += [f"{name}: only in the file" for name in found if name not in expected]
    if problems:
        if len(problems) > MOST_TOLD:
            problems[MOST_TOLD:] = [f"and {len(problems) - MOST_TOLD} more"]
        raise FileError("\n  ".join([f"{where}: is of another net:", *problems]))


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) if shape else "a single value"
