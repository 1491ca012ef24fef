"""The nets of the zoo: parameters, MACs and sizes against published numbers.

Parameters are those that are trained: weights, biases, scales and shifts; not running statistics.
"""

from __future__ import annotations

import pytest

from striate import zoo
from striate.check import Table, check, tabulate
from striate.check.check import Checked
from striate.errors import InputError
from striate.graph import build, describe
from striate.layers import Shape
from striate.notation import parse, write


def checked(name: str, **variables: int | str) -> Checked:
    return check(build(parse(zoo.text(name), name, **variables)))


def table(name: str, **variables: int | str) -> Table:
    return tabulate(checked(name, **variables))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("linear", 3072 * 10 + 10),
        # The demo: 1,216 + 8,020 + 10,020 + 3,210.
        ("convnetjs", 22_466),
        # Caffe's bvlc_alexnet, two groups.
        ("alexnet", 60_965_224),
        # The same sizes without groups; torchvision's alexnet has fewer filters (61,100,840).
        ("alexnet-ungrouped", 62_378_344),
        ("zfnet", 62_357_608),
        # Caffe's cifar10_nin.
        ("nin", 966_986),
        # The paper rounds to 1.4 million.
        ("allconv", 1_369_738),
        # torchvision's vgg11, vgg13, vgg16, vgg19 without batch norm.
        ("vgg11", 132_863_336),
        ("vgg13", 133_047_848),
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        # Caffe's bvlc_googlenet without its auxiliary heads; the last FC is counted.
        ("googlenet", 6_998_552),
        # torchvision's resnet18, resnet34, resnet50.
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
    ],
)
def test_parameters(name: str, parameters: int) -> None:
    assert table(name).parameters == parameters


def test_lenet_has_the_parameters_of_the_classic_one() -> None:
    assert table("lenet", input="32x32x1").parameters == 61_706


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("vgg16", 15_470_264_320),
        ("resnet18", 1_814_073_344),
        ("resnet34", 3_663_761_408),
        ("resnet50", 4_089_184_256),
    ],
)
def test_macs(name: str, macs: int) -> None:
    assert table(name).macs == macs


def test_vgg16_in_the_memory_rows_of_the_notes() -> None:
    assert table("vgg16").values == 15_237_608


def test_alexnet_of_the_notes() -> None:
    net = checked("alexnet-ungrouped")
    assert net.shapes["conv1"] == Shape(55, 55, 96)
    row = tabulate(net).rows[1]
    assert (row.weights, row.parameters) == (34_848, 34_848 + 96)
    assert net.shapes["pool3"] == Shape(6, 6, 256)


@pytest.mark.parametrize(
    ("name", "node", "shape"),
    [
        ("zfnet", "pool3", Shape(6, 6, 256)),
        ("googlenet", "inception_3a", Shape(28, 28, 256)),
        ("googlenet", "inception_5b", Shape(7, 7, 1024)),
        ("resnet18", "sum8", Shape(7, 7, 512)),
        ("resnet50", "sum16", Shape(7, 7, 2048)),
        ("vgg16", "pool5", Shape(7, 7, 512)),
        ("nin", "pool2", Shape(8, 8, 192)),
        ("allconv", "conv7", Shape(6, 6, 192)),
    ],
)
def test_volumes(name: str, node: str, shape: Shape) -> None:
    assert checked(name).shapes[node] == shape


@pytest.mark.parametrize("name", zoo.names())
def test_every_net_can_be_written_and_described(name: str) -> None:
    description = parse(zoo.text(name))
    assert parse(write(description)) == description
    assert describe(build(description)) == description
    assert zoo.text(name).startswith("INPUT")
    assert zoo.text(name).endswith("\n")
    assert zoo.summary(name)


@pytest.mark.parametrize("name", ["linear", "lenet", "tinyvgg", "convnetjs", "nin", "allconv"])
@pytest.mark.parametrize("volume", ["28x28x1", "32x32x3"])
def test_nets_for_small_images_take_the_sizes_of_the_data(name: str, volume: str) -> None:
    net = checked(name, input=volume, classes=7)
    assert str(net.shapes["input"]) == volume
    assert net.shapes[net.graph.output] == Shape(1, 1, 7)


def test_tinyvgg() -> None:
    assert zoo.text("tinyvgg") == (
        "INPUT\n"
        "-> [CONV3-32 -> RELU]*2 -> POOL2 fit=floor\n"
        "-> [CONV3-64 -> RELU]*2 -> POOL2 fit=floor\n"
        "-> [CONV3-128 -> RELU]*2 -> POOL2 fit=floor\n"
        "-> FC 256 -> RELU -> FC\n"
    )


def test_unknown_nets() -> None:
    for ask in (zoo.text, zoo.summary):
        with pytest.raises(InputError) as caught:
            ask("vgg15")
        assert str(caught.value) == "the zoo has no net 'vgg15'; did you mean vgg19?"
    with pytest.raises(InputError) as caught:
        zoo.text("?")
    listed = ", ".join(zoo.names())
    assert str(caught.value) == f"the zoo has no net '?'; the nets are {listed}"


def test_unknown_depths() -> None:
    with pytest.raises(InputError) as caught:
        zoo.vgg(12)
    assert str(caught.value) == "VGGNet has 11, 13, 16, 19 layers, not 12"
    with pytest.raises(InputError) as caught:
        zoo.resnet(20)
    assert str(caught.value) == "ResNet has 18, 34, 50 layers here, not 20"
