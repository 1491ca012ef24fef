"""The object cache is private, checked, and never in the way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from striate.kernels import Library, cache, host, target
from striate.kernels.conv_pack import PackFilters, PackFlipped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "objects"
    monkeypatch.setenv("STRIATE_CACHE", str(path))
    return path


def test_a_second_library_compiles_nothing(folder: Path) -> None:
    assert Library([PackFilters(), PackFilters()], host()).compiled == 1
    assert Library([PackFilters()], host()).compiled == 0
    assert len(list(folder.glob("*.o"))) == 1
    assert folder.stat().st_mode & 0o077 == 0


def test_damaged_code_is_compiled_again_and_never_run(folder: Path) -> None:
    Library([PackFilters()], host())
    for path in folder.glob("*.o"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert Library([PackFilters()], host()).compiled == 1
    for path in folder.glob("*.o"):
        path.write_bytes(b"")
    assert Library([PackFilters()], host()).compiled == 1


def test_a_folder_that_others_may_write_is_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    assert cache.directory() is None
    assert Library([PackFilters()], host()).compiled == 1
    assert not list(folder.iterdir())


def test_an_empty_name_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", "")
    assert cache.directory() is None
    assert cache.read("anything") is None
    cache.write("anything", b"code")


def test_a_cache_that_cannot_be_made_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "file" / "objects"))
    assert cache.directory() is None


def _store(folder: Path, name: str, size: int, hours: float) -> Path:
    """A file of the cache, last used so many hours ago."""
    cache.write(name, bytes(size - cache.DIGEST))
    path = folder / f"{name}.o"
    used = time.time() - 3600 * hours
    os.utime(path, (used, used))
    return path


def test_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    paths = [_store(folder, f"kernel{hours}", 100, hours) for hours in (9, 2, 7, 5)]
    cache.prune(most=400, kept=250)
    assert all(path.exists() for path in paths)
    cache.prune(most=399, kept=250)
    assert [path.exists() for path in paths] == [False, True, False, True]


def test_what_was_just_used_stays_whatever_the_size(folder: Path) -> None:
    fresh = _store(folder, "fresh", 1000, 0)
    old = _store(folder, "old", 100, 2)
    cache.prune(most=10, kept=10)
    assert fresh.exists()
    assert not old.exists()


def test_reading_is_a_use(folder: Path) -> None:
    read, other = (_store(folder, name, 100, hours) for name, hours in (("read", 9), ("other", 2)))
    assert cache.read("read") == bytes(100 - cache.DIGEST)
    cache.prune(most=100, kept=100)
    assert read.exists()
    assert not other.exists()


def test_a_folder_that_cannot_be_written_is_still_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(path)

    _store(folder, "kernel", 100, 9)
    monkeypatch.setattr(os, "utime", refuse)
    assert cache.read("kernel") == bytes(100 - cache.DIGEST)


def test_half_written_files_of_killed_processes_go_too(folder: Path) -> None:
    _store(folder, "kernel", 100, 2)
    half = folder / "tmp123"
    half.write_bytes(bytes(100))
    os.utime(half, (0, 0))
    cache.prune(most=150, kept=100)
    assert [path.name for path in folder.iterdir()] == ["kernel.o"]


def test_files_that_another_process_takes_away_are_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _store(folder, "kernel", 100, 2)

    def gone(path: Path) -> None:
        os.remove(path)
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "unlink", gone)
    cache.prune(most=10, kept=10)
    assert cache.read("kernel") is None


def test_a_library_that_compiles_prunes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(cache, "prune", lambda: calls.append(True))
    Library([PackFilters()], host())
    assert calls == [True]
    Library([PackFilters()], host())
    assert calls == [True]
    assert folder.exists()


def test_the_name_depends_on_kernel_and_target() -> None:
    names = {
        cache.symbol(kernel, isa)
        for kernel in (PackFilters(), PackFlipped())
        for isa in (target("sse2"), target("avx2"))
    }
    assert len(names) == 4
    assert cache.symbol(PackFilters(), target("sse2")) in names
