"""Refusing what would not fit in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.check import available_memory, check, estimate, largest_batch, require_room
from striate.check import budget as budget_module
from striate.errors import BudgetError
from striate.graph import build
from striate.notation import parse

NET = check(build(parse("INPUT 32x32x3 -> CONV3-64 -> RELU -> POOL2 -> FC 10")))


def test_what_fits_is_estimated() -> None:
    assert require_room(NET, 8, True, 1, available=10**9) == estimate(NET, 8, True, 1)


def test_the_error_tells_what_would_fit() -> None:
    with pytest.raises(BudgetError) as caught:
        require_room(NET, 100_000, training=True, states=1, available=10**9)
    assert str(caught.value) == (
        "training this net with a batch of 100,000 needs 69.23 GB, but 1.000 GB are available: "
        "activations 68.00 GB, parameters 1.988 MB, images 1.229 GB; a batch of 1,441 would fit"
    )


def test_the_error_of_a_net_that_never_fits() -> None:
    with pytest.raises(BudgetError) as caught:
        require_room(NET, 1, available=1000)
    assert str(caught.value) == (
        "running this net with a batch of 1 needs 1.003 MB, but 1.000 kB are available: "
        "activations 327.7 kB, parameters 662.6 kB, images 12.29 kB; not even a batch of 1 would "
        "fit: use a smaller input, fewer filters or fewer neurons"
    )


@given(st.integers(0, 10**10), st.booleans(), st.integers(0, 3))
def test_the_largest_batch_fits_and_one_more_does_not(
    available: int, training: bool, states: int
) -> None:
    batch = largest_batch(NET, training, states, available)
    if batch:
        assert estimate(NET, batch, training, states).total <= available
    assert estimate(NET, batch + 1, training, states).total > available


def test_memory_of_this_machine_is_found() -> None:
    available = available_memory()
    assert available is not None
    assert available > 10**7
    with pytest.raises(BudgetError):
        require_room(NET, 10**9)


def test_the_smallest_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget_module, "_from_meminfo", lambda _: 3000)
    monkeypatch.setattr(budget_module, "_from_limit", lambda _: 2000)
    monkeypatch.setattr(budget_module, "_physical", lambda: None)
    assert available_memory() == 2000


def test_unknown_memory_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_from_meminfo", "_from_limit"):
        monkeypatch.setattr(budget_module, name, lambda _: None)
    monkeypatch.setattr(budget_module, "_physical", lambda: None)
    assert available_memory() is None
    assert require_room(NET, 10**9).batch == 10**9


@pytest.mark.parametrize(
    ("text", "meminfo", "limit"),
    [
        ("MemTotal: 9 kB\nMemAvailable:   5 kB\n", 5120, None),
        ("MemTotal: 9 kB\n", None, None),
        ("MemAvailable:\n", None, None),
        ("MemAvailable: many kB\n", None, None),
        ("max\n", None, None),
        ("4096\n", None, 4096),
    ],
)
def test_what_linux_tells(
    tmp_path: Path, text: str, meminfo: int | None, limit: int | None
) -> None:
    path = tmp_path / "told"
    path.write_text(text)
    assert budget_module._from_meminfo(path) == meminfo
    assert budget_module._from_limit(path) == limit


def test_what_other_systems_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert budget_module._from_meminfo(tmp_path / "none") is None
    assert budget_module._from_limit(tmp_path / "none") is None

    def unknown(_: str) -> int:
        raise ValueError

    monkeypatch.setattr("os.sysconf", unknown)
    assert budget_module._physical() is None
