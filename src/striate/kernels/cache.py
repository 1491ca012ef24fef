"""The object cache: compiled kernels on disk, private to the user, checked before they are run.

A kernel's code follows from its record, the target, Striate's source and LLVM's version;
the key is a digest of those, so that a hit needs neither code generation nor LLVM. A file holds the
SHA-256 of its content in front; one that does not match is compiled again. Its time of modification
is when it was last used: where the folder grows too large, those unused for longest go.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import platformdirs

from striate.kernels.isa import Isa
from striate.plan import Kernel

DIGEST = 32
MOST_BYTES = 256 * 2**20
"""The folder's content is cut back when it is larger."""
KEPT_BYTES = MOST_BYTES * 3 // 4
"""What it is cut back to, so that it does not have to be looked through again soon."""
FRESH = 3600.0
"""Seconds in which a use is not written down again, and nothing is taken away."""
GENERATES = ("layers", "optimizers", "plan", "kernels")
"""The rooms whose source the code of a kernel depends on."""


@cache
def source_digest() -> str:
    """A digest of everything but the kernel and target that the code depends on."""
    digest = hashlib.sha256(f"{llvmlite.__version__} {llvm.llvm_version_info}".encode())
    package = Path(__file__).parent.parent
    for path in sorted(path for room in GENERATES for path in (package / room).glob("*.[pl][yl]")):
        name = str(path.relative_to(package))
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def symbol(kernel: Kernel, isa: Isa) -> str:
    """The name of a kernel's function: a digest of all that its code depends on."""
    text = f"{type(kernel).__module__} {kernel!r} {isa!r} {source_digest()}"
    return "striate_" + hashlib.sha256(text.encode()).hexdigest()[:40]


def directory() -> Path | None:
    """The cache's folder, made if need be; None if it cannot be made or is not private.

    ``STRIATE_CACHE`` in the environment names another folder; empty, it switches the cache off.
    """
    named = os.environ.get("STRIATE_CACHE")
    if named == "":
        return None
    path = Path(named) if named else Path(platformdirs.user_cache_dir("striate")) / "objects"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    return path


def read(name: str) -> bytes | None:
    """The object code stored under a name, or None if it is not there or damaged."""
    folder = directory()
    if folder is None:
        return None
    path = folder / f"{name}.o"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > FRESH:
            os.utime(path)
    code = content[DIGEST:]
    return code if hashlib.sha256(code).digest() == content[:DIGEST] else None


def write(name: str, code: bytes) -> None:
    """Store object code; a disk that is full or not writable is no error."""
    folder = directory()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            os.replace(temporary, folder / f"{name}.o")
        finally:
            Path(temporary).unlink(missing_ok=True)


def prune(most: int = MOST_BYTES, kept: int = KEPT_BYTES) -> None:
    """Where the folder holds more than ``most`` bytes, cut it back to ``kept``.

    Files unused for longest go first, half-written ones of processes that were killed among them.
    What was used within the last hour stays, so that no process loses what it has just written.
    Any process may do this at any time: code that is gone is compiled again.
    """
    folder = directory()
    if folder is None:
        return
    found = []
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            status = entry.stat()
            found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    if total <= most:
        return
    for used, size, path in sorted(found):
        if total <= kept or time.time() - used < FRESH:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
