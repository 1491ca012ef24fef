"""Large numbers in few characters."""

from __future__ import annotations

import pytest

from striate.check.numbers import in_bytes, in_short


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.000 kB"),
        (9999, "9.999 kB"),
        (99_990, "99.99 kB"),
        (99_996, "100.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.000 MB"),
        (60_950_432, "60.95 MB"),
        (15_470_264_320, "15.47 GB"),
        (10**12, "1.000 TB"),
        (12_345 * 10**12, "12,345.0 TB"),
    ],
)
def test_bytes(count: int, text: str) -> None:
    assert in_bytes(count) == text


def test_counts() -> None:
    assert [in_short(n) for n in (0, 12, 4_096_000, 15_470_264_320)] == [
        "0",
        "12",
        "4.096 M",
        "15.47 G",
    ]
