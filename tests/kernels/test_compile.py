"""Layers share code: compile time follows from the kinds of layers, not from their number."""

from __future__ import annotations

import pytest

from isas import NATIVE
from striate import zoo
from striate.check import check
from striate.graph import build
from striate.kernels import Isa, target
from striate.layers import SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import Training, launches, plan_net
from striate.plan import Kernel

TRAINING = Training(SoftmaxLoss(), optimizer("sgd", rate=0.1))


def kernels(text: str, batch: int, isa: Isa) -> set[Kernel]:
    plan = plan_net(check(build(parse(text))), batch, TRAINING, isa)
    return {launch.kernel for launch in launches(plan)}


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "googlenet", "alexnet"])
@pytest.mark.parametrize("isa", NATIVE, ids=lambda isa: isa.name)
def test_a_whole_net_is_a_few_dozen_kernels(name: str, isa: Isa) -> None:
    assert len(kernels(zoo.text(name), 4, isa)) <= 64


def test_a_deeper_net_takes_no_more() -> None:
    isa = target("avx2")
    assert kernels(zoo.text("vgg19"), 4, isa) == kernels(zoo.text("vgg16"), 4, isa)


@pytest.mark.parametrize("layer", ["CONV3-{}", "CONV1-{}", "CONV3-{} S=2 P=1 fit=floor"])
def test_sizes_are_read_at_run_time(layer: str) -> None:
    isa = target("avx2")
    few, many = layer.format(192), layer.format(256)
    small = kernels(f"INPUT 32x32x64 -> {few} -> RELU -> {few} -> FC 10", 4, isa)
    large = kernels(f"INPUT 80x48x64 -> {many} -> RELU -> {many} -> FC 10", 4, isa)
    assert large == small
