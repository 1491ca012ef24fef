"""Reading a text or a file: cut into tokens, parsed, repetitions written out, layers made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from striate.errors import FileError
from striate.layers.shape import Shape
from striate.notation.defaults import VARIABLES, start
from striate.notation.description import Description
from striate.notation.errors import error_at
from striate.notation.expand import check_order, check_size, describe, layers_in
from striate.notation.parser import Parser
from striate.notation.tokens import cut

Variable = int | str | bool | Shape


class _Variables(Mapping[str, str]):
    """Variables by name that remember which of them were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> str:
        value = self._values[name]
        self.used.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def parse(text: str, source: str = "<net>", /, **variables: Variable) -> Description:
    """The description of a net.

    Args:
        text: the notation, e.g. ``INPUT 32x32x3 -> CONV3-16 -> RELU -> POOL2 -> FC 10``.
        source: what errors call the text, e.g. a file name.
        variables: numbers for ``[...]*N`` and values such as ``K=N``, by name. ``pool=False``
            leaves out ``POOL?``; ``input`` (a Shape or WxHxD) and ``classes`` are the meaning of a
            bare INPUT and of a bare last FC. `striate.notation.defaults` says what they are
            otherwise.

    Raises:
        NotationError: the text is not a net.
    """
    values = VARIABLES | {name: _text(value) for name, value in variables.items()}
    tokens = cut(text, source)
    seen = _Variables(values)
    parts = Parser(tokens, seen).net()
    check_size(parts)
    layers = list(layers_in(parts))
    check_order(layers, tokens[0].place)
    try:
        defaults = start(layers, values)
    except ValueError as error:
        raise error_at(tokens[0].place, str(error)) from None
    found = describe(parts, defaults)
    return replace(found, variables=frozenset(seen.used | defaults.used))


def parse_file(path: str | Path, /, **variables: Variable) -> Description:
    """The description of the net in a text file; errors name the file.

    Raises:
        FileError: the file cannot be read or is not UTF-8 text.
        NotationError: its text is not a net.
    """
    return parse(read_text(path), str(path), **variables)


def read_text(path: str | Path) -> str:
    """The text of a file.

    Raises:
        FileError: the file cannot be read or is not UTF-8 text.
    """
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FileError(f"{path}: the net cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path}: expected the text of a net in UTF-8, got byte "
            f"0x{error.object[error.start]:02x} at offset {error.start}"
        ) from error


def _text(value: Variable) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
