"""Choosing an implementation by name: losses, and optimizers in their room."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from striate.errors import InputError

Made = TypeVar("Made")


def make(
    what: str, registry: Mapping[str, type[Made]], name: str, settings: dict[str, Any]
) -> Made:
    """An instance of the registered class of this name.

    Args:
        what: what is chosen, for errors: "loss".
        registry: dataclasses by name.
        name: the wanted one.
        settings: values of its fields.

    Raises:
        InputError: there is no such name or setting; the message suggests near ones.
    """
    if name not in registry:
        raise InputError(unknown(what, name, registry))
    cls: Any = registry[name]
    fields = [field.name for field in dataclasses.fields(cls)]
    for setting in settings:
        if setting not in fields:
            raise InputError(unknown(f"setting of {what} {name}", setting, fields))
    made: Made = cls(**settings)
    return made


def unknown(what: str, name: str, known: Mapping[str, object] | list[str]) -> str:
    """The words for a name that is not known: a suggestion if one is near, and all that are."""
    near = get_close_matches(str(name).lower(), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown {what} {name!r}: {hint}known: {', '.join(known) or 'none'}"
