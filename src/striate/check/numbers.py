"""Large numbers in few characters."""

from __future__ import annotations


def in_bytes(count: int) -> str:
    """A number of bytes: ``12.85 MB``; 1 MB is 10**6 bytes."""
    return _scaled(count, ("bytes", "kB", "MB", "GB", "TB"))


def in_short(count: int) -> str:
    """A count: ``86.70 M``."""
    return _scaled(count, ("", "k", "M", "G", "T")).rstrip()


def _scaled(count: int, units: tuple[str, ...]) -> str:
    """Four digits and a unit."""
    scaled, step = float(count), 0
    while scaled >= 999.95 and step + 1 < len(units):
        scaled, step = scaled / 1000, step + 1
    if step == 0:
        return f"{count} {units[0]}"
    digits = 3 if scaled < 9.9995 else 2 if scaled < 99.995 else 1
    return f"{scaled:,.{digits}f} {units[step]}"
