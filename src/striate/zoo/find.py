"""What a user means by a net: a notation, a file with one, or a name of the zoo."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from striate.errors import FileError, InputError, quoted
from striate.graph import Graph, build
from striate.layers.shape import Shape
from striate.notation import Variable, parse, read_text
from striate.zoo.catalogue import names, text

LONGEST_NAME = 255
SIZES = {"input": "a bare INPUT", "classes": "a bare last FC"}
"""The variables that data can give a value to, each with the layer that takes it."""


@dataclass(frozen=True)
class NetText:
    """The notation of a net, and what its variables were given.

    Attributes:
        text: the notation.
        source: what errors call it: a file, a name of the zoo, or ``<net>``.
        variables: the values given, by name.
        open: those of `SIZES` that the net uses and nobody gave.
    """

    text: str
    source: str
    variables: dict[str, Variable]
    open: frozenset[str]

    def graph(self, **sizes: Variable) -> Graph:
        """The graph, with values for variables that are open.

        Raises:
            NotationError: the text is not a net.
        """
        wanted = {name: value for name, value in sizes.items() if name in self.open}
        return build(parse(self.text, self.source, **self.variables, **wanted))

    def sized(self, shape: Shape, classes: int) -> Graph:
        """The graph for images of a shape and a number of classes, as far as the text leaves it."""
        return self.graph(input=shape, classes=classes)


def find_net(source: str | Path, /, **variables: Variable) -> NetText:
    """The notation that a user means.

    Args:
        source: the notation, the path of a file, or a name of the zoo. A text that is none of
            the zoo's names and no file is notation if it has an arrow, brackets or a line break,
            begins with INPUT, or is longer than a path can be.
        variables: of the notation.

    Raises:
        NotationError: the text is not a net.
        FileError: the file cannot be read.
        InputError: there is no such file or net, or the net does not use one of the variables.
    """
    found, where = _text_of(source)
    used = parse(found, where, **variables).variables
    for name in variables:
        if name not in used:
            raise InputError(_unused(name, used))
    return NetText(found, where, variables, frozenset(SIZES) & used - variables.keys())


def _text_of(source: str | Path) -> tuple[str, str]:
    """The notation, and what errors call it."""
    if isinstance(source, Path):
        return _read(source), str(source)
    if not isinstance(source, str):
        raise InputError(
            f"a net is a notation, the path of a file or a name of the zoo, got {source!r}"
        )
    if source in names():
        return text(source), source
    if "->" in source or source.lstrip().upper().startswith("INPUT"):
        return source, "<net>"
    if _exists(source) or source.endswith(".net"):
        return _read(Path(source)), source
    if len(source) > LONGEST_NAME or any(sign in source for sign in "[]{}|\n"):
        return source, "<net>"
    near = get_close_matches(source, names(), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(
        f"there is no net {quoted(source)}{hint}\n"
        "  expected a notation such as 'INPUT 32x32x3 -> CONV3-16 -> RELU -> FC 10', a file with\n"
        f"  one, or a net of the zoo: {', '.join(names())}"
    )


def _read(path: Path) -> str:
    """The notation in a file; of what holds no notation the error says how it is read."""
    if path.suffix == ".safetensors":
        raise InputError(f"{path}: holds a trained net: read it with striate.load()")
    if path.is_dir():
        best = path / "best.safetensors"
        hint = f"; the trained net of this run is {best}" if best.exists() else ""
        raise FileError(f"{path}: is a folder: expected a file with a notation{hint}")
    return read_text(path)


def _exists(source: str) -> bool:
    """Whether there is a file or folder of that name; what cannot be a name is none."""
    try:
        return bool(source) and Path(source).exists()
    except (OSError, ValueError):
        return False


def _unused(name: str, used: frozenset[str]) -> str:
    where = f", which is for {SIZES[name]}" if name in SIZES else ""
    known = ", ".join(sorted(used)) or "none"
    return f"the net does not use the variable {quoted(name)}{where}; those that it uses: {known}"
