"""The rooms import one way, packages have one owner, and files and functions stay small."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "striate"
FILES = sorted(SOURCE.rglob("*.py"))

ROOMS = (
    "errors",
    "layers",
    "optimizers",
    "notation",
    "graph",
    "check",
    "plan",
    "kernels",
    "run",
    "train",
    "zoo",
    "pipeline",
    "fit",
    "api",
    "opening",
    "peers",
    "app",
)
"""In the order in which a net passes through; a room imports only those in front of it."""

OWNERS = {
    "llvmlite": "kernels",
    "msgspec": "kernels",
    "platformdirs": "kernels",
    "PIL": "train",
    "tensorboardX": "train",
    "safetensors": "graph",
    "torch": "peers",
    "jax": "peers",
    "onnx": "peers",
    "onnxruntime": "peers",
    "openvino": "peers",
    "ncnn": "peers",
    "MNN": "peers",
    "rich": "app",
    "typer": "app",
    "numpy": None,
}
"""The only room that imports each package; None is every room."""

FILE_LINES = 300
FUNCTION_LINES = 40
LONG: dict[str, str] = {
    "app/train.py::train": "declares the options of the command line, one after the other",
}
"""Files and functions (path::name) that are longer, each with its reason."""


def room_of(path: Path) -> str:
    """The room that a file belongs to; the package's own files are of the last one."""
    first = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    return first if first in ROOMS else "app"


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            if node.module == "striate":
                yield from (f"striate.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_rooms_in_front_of_it(path: Path) -> None:
    room = room_of(path)
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "striate" and len(parts) > 1:
            other = parts[1] if parts[1] in ROOMS else "app"
            assert ROOMS.index(other) <= ROOMS.index(room), f"{room} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_every_package_has_one_owner(path: Path) -> None:
    for module in imports(path):
        package = module.split(".")[0]
        if package == "striate" or package in sys.stdlib_module_names:
            continue
        assert package in OWNERS, f"{package} has no owner"
        assert OWNERS[package] in (None, room_of(path)), f"{package} belongs to {OWNERS[package]}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_are_small(path: Path) -> None:
    name = str(path.relative_to(SOURCE))
    text = path.read_text()
    if name not in LONG:
        assert len(text.splitlines()) <= FILE_LINES, f"{name} is too long"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and f"{name}::{node.name}" not in LONG:
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{name}::{node.name} has {length} lines"


def test_every_exception_is_still_needed() -> None:
    for entry in LONG:
        path, _, function = entry.partition("::")
        lines = (SOURCE / path).read_text()
        if not function:
            assert len(lines.splitlines()) > FILE_LINES, f"{entry} is short enough now"


def test_no_pickle() -> None:
    for path in FILES:
        assert "pickle" not in [m.split(".")[0] for m in imports(path)], str(path)
