"""Targets: found from the processor's features, or named."""

from __future__ import annotations

import pytest

from striate.errors import CompileError
from striate.kernels import host, runs_here, target
from striate.kernels.isa import TARGETS, _detect


def test_the_host_runs_here() -> None:
    assert runs_here(host())
    assert host().name in TARGETS


def test_another_architecture_does_not() -> None:
    other = "neon" if host().name != "neon" else "avx2"
    assert not runs_here(target(other))


def test_the_environment_names_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_TARGET", "avx512")
    assert host().name == "avx512"
    assert target("host") != host()


def test_an_unknown_target_is_an_error() -> None:
    with pytest.raises(CompileError) as caught:
        target("mmx")
    assert str(caught.value) == "unknown target 'mmx': expected host, sse2, avx2, avx512, neon"


@pytest.mark.parametrize(
    ("machine", "features", "name"),
    [
        ("x86_64", {}, "sse2"),
        ("amd64", {"avx2": True, "fma": True}, "avx2"),
        ("x86_64", {"avx2": True, "fma": False}, "sse2"),
        (
            "x86_64",
            dict.fromkeys(("avx2", "fma", "avx512f", "avx512vl", "avx512bw", "avx512dq"), True),
            "avx512",
        ),
        ("arm64", {}, "neon"),
        ("aarch64", {}, "neon"),
    ],
)
def test_features_decide(machine: str, features: dict[str, bool], name: str) -> None:
    assert _detect(machine, features).name == name


def test_an_unknown_processor_is_an_error() -> None:
    with pytest.raises(CompileError) as caught:
        _detect("riscv64", {})
    assert str(caught.value) == (
        "this machine's processor is a 'riscv64'; native code is there for x86-64 and arm64"
    )


def test_a_micro_tile_fits_the_registers() -> None:
    for isa in TARGETS.values():
        registers = 32 if isa.name in ("avx512", "neon") else 16
        assert isa.tile_rows * isa.tile_vectors + isa.tile_vectors + 1 <= registers
