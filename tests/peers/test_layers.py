"""The passes of single layers, and what kernels alone are timed with."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from striate.kernels import target
from striate.kernels.base import NativeKernel
from striate.kernels.compile import llvm_text, object_code
from striate.layers import Mode
from striate.layers.shape import Shape
from striate.peers import Job, machine, measure_speed
from striate.peers.launches import needed_for
from striate.peers.layer_case import LAYERS, PASSES, LayerCase, layer_case
from striate.peers.session import disagreement
from striate.plan import At, Launch

JOB = Job("", "striate", False, 2)


@pytest.mark.parametrize("side", ["striate", "torch", "jax"])
@pytest.mark.parametrize(("filters", "size", "channels"), [(16, 3, 16), (16, 5, 3)])
def test_every_pass_alone_is_the_layers(side: str, filters: int, size: int, channels: int) -> None:
    if side != "striate":
        pytest.importorskip(side)
    case = LayerCase(Shape(9, 8, channels), size, filters, 2)
    x, w, dy = (array.astype(np.float64) for array in case.arrays)
    y = case.conv.forward((x,), {"w": w}, Mode(True))
    (dx,), gradients = case.conv.backward(dy, (x,), y, {"w": w}, Mode(True))
    found = import_module(f"striate.peers.with_{side}").passes(case, JOB)
    for name, meant in zip(PASSES, (y, dx, gradients["w"]), strict=True):
        one = found[name]
        for _ in range(2):
            result = one.result(one.call())
            assert result.shape == meant.shape
            assert disagreement(np.asarray(result), meant) < 1e-5, name


def test_the_protocols_layers() -> None:
    sizes = {name: (layer_case(name, 128).y.height, layer_case(name, 128).flops) for name in LAYERS}
    assert {name: height for name, (height, _) in sizes.items()} == {
        "L1": 118,
        "L2": 56,
        "L3": 24,
        "L4": 10,
        "L5": 11,
    }
    assert sizes["L5"][1] == 2 * 128 * 11 * 11 * 384 * 384 * 9


def test_a_role_needs_what_shares_its_scratch() -> None:
    kernel = NativeKernel()
    launches = [
        Launch(kernel, 1, ("dy", "scratch.a")),
        Launch(kernel, 1, ("dy", "scratch.b", 3)),
        Launch(kernel, 1, ("scratch.a", At("dx0", 8))),
        Launch(kernel, 1, ("scratch.b", "dw.w")),
    ]
    assert needed_for(launches, "dx0") == [0, 2]
    assert needed_for(launches, "dw.w") == [1, 3]


@pytest.mark.parametrize("name", ["sse2", "avx2", "avx512", "neon"])
@pytest.mark.parametrize("kernel", [machine.MultiplyAdds(10), machine.ReadMemory()])
def test_the_kernels_of_the_machines_speed_compile(name: str, kernel: NativeKernel) -> None:
    isa = target(name)
    assert object_code(llvm_text(kernel, isa), isa)


def test_the_machine_has_a_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ROUNDS", 100)
    monkeypatch.setattr(machine, "BYTES", 1 << 16)
    monkeypatch.setattr(machine, "REPETITIONS", 1)
    speed = measure_speed(2)
    assert speed.flops > 0
    assert speed.bytes > 0
