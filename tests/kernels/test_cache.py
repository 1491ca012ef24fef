"""The object cache is private, checked, and never in the way."""

from __future__ import annotations

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


def test_the_name_depends_on_kernel_and_target() -> None:
    names = {
        cache.symbol(kernel, isa)
        for kernel in (PackFilters(), PackFlipped())
        for isa in (target("sse2"), target("avx2"))
    }
    assert len(names) == 4
    assert cache.symbol(PackFilters(), target("sse2")) in names
