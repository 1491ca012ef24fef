"""Layers share code: compile time follows from the kinds of layers, not from their number."""

from __future__ import annotations

import pytest
from conv_tasks import Makers, arrays_of

from examples import example
from isas import NATIVE
from striate import zoo
from striate.check import check
from striate.graph import build
from striate.kernels import Isa, target
from striate.kernels.conv_filter_gradient import DirectBackward
from striate.kernels.conv_forward import DirectForward
from striate.kernels.conv_phases import PhasesBackward, PhasesForward
from striate.kernels.conv_product import ProductBackward, ProductForward
from striate.kernels.conv_winograd import WinogradBackward, WinogradForward
from striate.layers import Conv, SoftmaxLoss
from striate.notation import parse
from striate.optimizers import optimizer
from striate.pipeline import launches, plan_net
from striate.plan import Kernel, Task, Training

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


@pytest.mark.parametrize(
    ("layer", "makers"),
    [
        ("CONV3-{}", (WinogradForward, WinogradBackward)),
        ("CONV1-{}", (ProductForward, ProductBackward)),
        ("CONV3-{} S=2 P=1 fit=floor", (ProductForward, ProductBackward)),
        ("CONV3-{} S=2 P=1 fit=floor", (DirectForward, DirectBackward)),
    ],
)
def test_sizes_are_read_at_run_time(layer: str, makers: Makers) -> None:
    isa = target("avx2")

    def of_layer(volume: str, filters: int) -> set[Kernel]:
        conv, (x,) = example(f"{volume} -> {layer.format(filters)}")
        assert isinstance(conv, Conv)
        found: set[Kernel] = set()
        for kind, given, maker in zip(
            ("forward", "backward"), arrays_of(conv, x, 4), makers, strict=True
        ):
            roles = {role: role for role in given}
            task = Task(kind, "conv1", conv, 4, (x,), conv.shape(x), True, roles)
            found |= {launch.kernel for launch in maker(isa).lower(task).launches}
        return found

    assert of_layer("80x48x64", 64) == of_layer("96x96x64", 256)
    # Few tiles and many filters: Winograd transforms whole volumes, whatever their sizes.
    assert of_layer("8x8x64", 256) == of_layer("8x12x64", 512)


def test_first_layers_at_other_strides_share_what_copies_phases() -> None:
    isa = target("avx2")

    def of_layer(text: str) -> set[Kernel]:
        conv, (x,) = example(text)
        roles = {"y": "y", "dy": "dy"}
        found: set[Kernel] = set()
        for kind, maker in (("forward", PhasesForward), ("backward", PhasesBackward)):
            task = Task(kind, "conv1", conv, 4, (x,), conv.shape(x), True, roles)
            found |= {launch.kernel for launch in maker(isa).lower(task).launches}
        return found

    seven = of_layer("224x224x3 -> CONV7-64 S=2 P=3 fit=floor")
    assert seven == of_layer("160x96x3 -> CONV8-64 S=2 P=0")
    assert len(seven) == 5
    assert len(seven & of_layer("227x227x3 -> CONV11-64 S=4 P=0")) == 1
