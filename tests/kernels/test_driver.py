"""The driver's code is there for every processor; the threads' use of it is tested in run."""

from __future__ import annotations

import pytest

from striate.kernels import host, target
from striate.kernels.compile import object_code
from striate.kernels.driver import driver_text


@pytest.mark.parametrize("name", ["host", "sse2", "avx512", "neon"])
def test_it_compiles_for_every_target(name: str) -> None:
    isa = host() if name == "host" else target(name)
    assert object_code(driver_text(isa), isa)


def test_waiting_threads_tell_the_processor() -> None:
    assert "call void @llvm.x86.sse2.pause()" in driver_text(target("avx2"))
    assert "call void @llvm.aarch64.hint(i32 1)" in driver_text(target("neon"))
