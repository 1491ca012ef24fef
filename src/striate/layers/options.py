"""The kinds of value that a layer's hyper-parameters take, read from text and written back.

A layer's dataclass fields carry these in their metadata. The grammar, ``striate explain`` and the
hints of errors are all derived from them, so a hyper-parameter is declared exactly once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from striate.errors import InputError, quoted

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


MOST_DIGITS = 9


class TooLargeError(ValueError):
    """A whole number that no size can be; the text is complete."""


class Kind(Protocol):
    """How one value is written in the notation."""

    @property
    def words(self) -> str:
        """What the value is, for explanations and errors: ``a whole number of at least 1``."""
        ...

    def read(self, text: str) -> Any:
        """The value that the text stands for; raises ValueError with what was expected."""
        ...

    def write(self, value: Any) -> str:
        """The shortest text that reads back as this value."""
        ...


@dataclass(frozen=True)
class Whole:
    """A whole number such as ``64``."""

    at_least: int = 1

    @property
    def words(self) -> str:
        return f"a whole number of at least {self.at_least}"

    def read(self, text: str) -> int:
        is_number = text.isascii() and text.isdigit()
        digits = text.lstrip("0") or "0"
        if is_number and len(digits) > MOST_DIGITS:
            raise TooLargeError(
                f"{quoted(text)} is too large: at most {10**MOST_DIGITS - 1:,} is allowed"
            )
        if not is_number or int(digits) < self.at_least:
            raise ValueError(f"expected {self.words}, got {quoted(text)}")
        return int(digits)

    def write(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True)
class Number:
    """A number such as ``0.5`` or ``1e-4``; an open end is not itself allowed."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    @property
    def words(self) -> str:
        if self.low == -math.inf:
            return "a number"
        if self.high == math.inf:
            return f"a number {'above' if self.open_low else 'of at least'} {self.low:g}"
        return f"a number from {self.low:g} to {'below ' if self.open_high else ''}{self.high:g}"

    def read(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        if not (math.isfinite(value) and above and below):
            raise ValueError(f"expected {self.words}, got {quoted(text)}")
        return value

    def write(self, value: Any) -> str:
        return repr(int(value)) if float(value).is_integer() else repr(float(value))


@dataclass(frozen=True)
class Size:
    """One number for both directions, or ``WxH``: width first, as the notes write a volume."""

    at_least: int = 1

    @property
    def words(self) -> str:
        return f"one whole number or width x height such as 3 or 5x3, each at least {self.at_least}"

    def read(self, text: str) -> Pair:
        parts = text.lower().split("x")
        if len(parts) > 2:
            raise ValueError(f"expected {self.words}, got {quoted(text)}")
        try:
            numbers = [Whole(self.at_least).read(part) for part in parts]
        except TooLargeError:
            raise
        except ValueError:
            raise ValueError(f"expected {self.words}, got {quoted(text)}") from None
        return numbers[-1], numbers[0]

    def write(self, value: Any) -> str:
        rows, columns = value
        return str(rows) if rows == columns else f"{columns}x{rows}"


@dataclass(frozen=True)
class Padding:
    """Zero-padding: ``1``, ``WxH``, or ``top,bottom,left,right``."""

    @property
    def words(self) -> str:
        return "P such as 1, width x height such as 2x1, or top,bottom,left,right such as 0,1,0,1"

    def read(self, text: str) -> Sides:
        try:
            if "," in text:
                top, bottom, left, right = (Whole(0).read(part) for part in text.split(","))
                return top, bottom, left, right
            rows, columns = Size(0).read(text)
        except TooLargeError:
            raise
        except ValueError:
            raise ValueError(f"expected {self.words}, got {quoted(text)}") from None
        return rows, rows, columns, columns

    def write(self, value: Any) -> str:
        top, bottom, left, right = value
        if top == bottom and left == right:
            return Size(0).write((top, left))
        return f"{top},{bottom},{left},{right}"


@dataclass(frozen=True)
class Choice:
    """One of a few words. With ``bare``, the word alone is enough: ``POOL3 avg``."""

    choices: tuple[str, ...]
    bare: bool = False

    @property
    def words(self) -> str:
        return "one of " + ", ".join(self.choices)

    def read(self, text: str) -> str:
        if text not in self.choices:
            raise ValueError(f"expected {self.words}, got {quoted(text)}")
        return text

    def write(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True)
class YesNo:
    """``yes`` or ``no``. With ``bare``, the option's own name alone means yes: ``POOL global``."""

    bare: bool = False

    @property
    def words(self) -> str:
        return "yes or no"

    def read(self, text: str) -> bool:
        if text not in ("yes", "no"):
            raise ValueError(f"expected {self.words}, got {quoted(text)}")
        return text == "yes"

    def write(self, value: Any) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True)
class Option:
    """One hyper-parameter as the notation writes it: ``K=64``.

    Attributes:
        key: the name in front of ``=``: the notes' letter where they have one.
        kind: how the value is read and written.
        help: what it means, one sentence without a full stop.
        default: the value where the text does not give one; ``REQUIRED`` if it must.
        otherwise: what a default of None comes to, in words.
    """

    key: str
    kind: Kind
    help: str
    default: Any
    otherwise: str = ""


REQUIRED: Any = dataclasses.MISSING


def option(
    key: str,
    kind: Kind,
    help: str,  # noqa: A002
    default: Any = REQUIRED,
    otherwise: str = "",
) -> Any:
    """A dataclass field that the notation writes as ``key=value``."""
    metadata = {"option": Option(key, kind, help, default, otherwise)}
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def record(cls: type, default: Callable[[], Any] | None = None) -> Any:
    """A dataclass field whose value is a record of options, written flat: CONV's ``window``."""
    if default is None:
        return dataclasses.field(metadata={"record": cls})
    return dataclasses.field(default_factory=default, metadata={"record": cls})


def options_of(cls: type) -> dict[str, Option]:
    """Every option of a layer or record by key, in the order of its fields."""
    found: dict[str, Option] = {}
    for field in dataclasses.fields(cls):
        if "option" in field.metadata:
            declared: Option = field.metadata["option"]
            found[declared.key] = declared
        elif "record" in field.metadata:
            found.update(options_of(field.metadata["record"]))
    return found


def construct(cls: type, values: dict[str, Any]) -> Any:
    """Build a layer or record from option values by key; what is missing takes its default."""
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        if "record" in field.metadata:
            arguments[field.name] = construct(field.metadata["record"], values)
        elif "option" in field.metadata and field.metadata["option"].key in values:
            arguments[field.name] = values[field.metadata["option"].key]
    return cls(**arguments)


def values_of(instance: Any) -> dict[str, Any]:
    """The inverse of `construct`: every option's value by key."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if "option" in field.metadata:
            found[field.metadata["option"].key] = value
        elif "record" in field.metadata:
            found.update(values_of(value))
    return found


def check_values(instance: Any) -> None:
    """Raise InputError if an option's value is not one that its kind could have read."""
    for field in dataclasses.fields(instance):
        if "option" not in field.metadata:
            continue
        declared: Option = field.metadata["option"]
        value = getattr(instance, field.name)
        try:
            right = declared.kind.read(declared.kind.write(value)) == value
        except (TypeError, ValueError, OverflowError):
            right = False
        if not right:
            raise InputError(f"{declared.key}: expected {declared.kind.words}, got {value!r}")
