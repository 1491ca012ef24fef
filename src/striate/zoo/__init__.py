"""Zoo: well-known nets as notation text."""

from striate.zoo.catalogue import names, summary, text
from striate.zoo.resnet import resnet
from striate.zoo.vgg import vgg

__all__ = ["names", "resnet", "summary", "text", "vgg"]
