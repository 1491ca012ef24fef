"""What a user means by a net: a notation, a file with one, or a name of the zoo."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from striate.errors import InputError
from striate.graph import Graph, build
from striate.notation import Variable, parse, parse_file
from striate.zoo.catalogue import names, text


def find_graph(source: str | Path, /, **variables: Variable) -> Graph:
    """The graph of a net.

    Args:
        source: the notation, the path of a file, or a name of the zoo. A text that is none of
            the zoo's names is notation if it has an arrow or begins with INPUT.
        variables: of the notation.

    Raises:
        NotationError: the text is not a net.
        FileError: the file cannot be read.
        InputError: there is no such file or net.
    """
    if isinstance(source, Path):
        return build(parse_file(source, **variables))
    if source in names():
        return build(parse(text(source), source, **variables))
    if "->" in source or source.lstrip().upper().startswith("INPUT"):
        return build(parse(source, "<net>", **variables))
    if Path(source).is_file() or source.endswith(".net"):
        return build(parse_file(source, **variables))
    near = get_close_matches(source, names(), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(
        f"there is no net '{source}'{hint}\n"
        "  expected a notation such as 'INPUT 32x32x3 -> CONV3-16 -> RELU -> FC 10', a file with\n"
        f"  one, or a net of the zoo: {', '.join(names())}"
    )
