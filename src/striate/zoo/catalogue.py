"""The nets of the zoo by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from striate.errors import InputError
from striate.zoo import nets
from striate.zoo.googlenet import googlenet
from striate.zoo.resnet import resnet
from striate.zoo.vgg import vgg


@dataclass(frozen=True)
class _Entry:
    summary: str
    make: Callable[[], str]


_ENTRIES = {
    "linear": _Entry("a linear classifier", lambda: nets.LINEAR),
    "lenet": _Entry("LeNet-5 (LeCun et al. 1998) with max pooling and RELU", lambda: nets.LENET),
    "tinyvgg": _Entry("three stages of two 3x3 CONV, for small images", lambda: nets.TINYVGG),
    "convnetjs": _Entry("the CIFAR-10 net of the ConvNetJS demo", lambda: nets.CONVNETJS),
    "alexnet": _Entry("AlexNet (Krizhevsky et al. 2012) with its two groups and LRN", nets.alexnet),
    "alexnet-ungrouped": _Entry(
        "AlexNet without groups: each CONV sees all channels",
        lambda: nets.alexnet(groups=1),
    ),
    "zfnet": _Entry("ZF Net (Zeiler & Fergus 2013)", lambda: nets.ZFNET),
    "nin": _Entry("Network in Network for CIFAR-10 (Lin et al. 2013)", lambda: nets.NIN),
    "allconv": _Entry("All-CNN-C for CIFAR-10 (Springenberg et al. 2014)", lambda: nets.ALLCONV),
    "vgg11": _Entry("VGGNet A (Simonyan & Zisserman 2014)", lambda: vgg(11)),
    "vgg13": _Entry("VGGNet B", lambda: vgg(13)),
    "vgg16": _Entry("VGGNet D, the one of the notes", lambda: vgg(16)),
    "vgg19": _Entry("VGGNet E", lambda: vgg(19)),
    "googlenet": _Entry(
        "GoogLeNet (Szegedy et al. 2014) without auxiliary heads and LRN", googlenet
    ),
    "resnet18": _Entry("ResNet-18 (He et al. 2015)", lambda: resnet(18)),
    "resnet34": _Entry("ResNet-34", lambda: resnet(34)),
    "resnet50": _Entry("ResNet-50, stride in the 3x3 CONV", lambda: resnet(50)),
}


def names() -> tuple[str, ...]:
    """The names that `text` knows."""
    return tuple(_ENTRIES)


def text(name: str) -> str:
    """The notation of a net.

    The nets for ImageNet take the images and give the 1000 classes that they were published for.
    Those for small images leave both open: the variables ``input`` and ``classes`` of
    `striate.notation.parse` decide, by default 32x32x3 and 10.

    Raises:
        InputError: there is no such net.
    """
    return _entry(name).make().strip() + "\n"


def summary(name: str) -> str:
    """What a net is, in one line.

    Raises:
        InputError: there is no such net.
    """
    return _entry(name).summary


def _entry(name: str) -> _Entry:
    if name in _ENTRIES:
        return _ENTRIES[name]
    close = get_close_matches(name, _ENTRIES, n=1)
    hint = f"; did you mean {close[0]}?" if close else f"; the nets are {', '.join(_ENTRIES)}"
    raise InputError(f"the zoo has no net {name!r}{hint}")
