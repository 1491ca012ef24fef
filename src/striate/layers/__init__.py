"""Layers: one file each, with typed fields, rules, shape, parameters, MACs, forward and backward.

Importing this room registers every layer in `LAYERS` and every loss in `LOSSES`.
"""

from striate.layers.base import (
    LAYERS,
    Gradients,
    Layer,
    Mode,
    Parameter,
    grammar,
    layer,
)
from striate.layers.batch_norm import BatchNorm
from striate.layers.cnorm import CNorm
from striate.layers.concat import Concat
from striate.layers.conv import Conv
from striate.layers.dropout import Dropout
from striate.layers.elu import Elu
from striate.layers.fc import Fc
from striate.layers.flatten import Flatten
from striate.layers.gelu import Gelu
from striate.layers.group_norm import GroupNorm
from striate.layers.hardswish import HardSwish
from striate.layers.input import Input
from striate.layers.layer_norm import LayerNorm
from striate.layers.leaky import Leaky
from striate.layers.local import Local
from striate.layers.loss import LOSSES, Loss
from striate.layers.loss_l2 import L2Loss
from striate.layers.loss_softmax import SoftmaxLoss
from striate.layers.loss_svm import SvmLoss
from striate.layers.lrn import Lrn
from striate.layers.pool import Pool, PoolWindow
from striate.layers.relu import Relu
from striate.layers.relu6 import Relu6
from striate.layers.rnorm import RNorm
from striate.layers.shape import Shape
from striate.layers.sigmoid import Sigmoid
from striate.layers.silu import Silu
from striate.layers.softmax import Softmax
from striate.layers.sum import Sum
from striate.layers.tanh import Tanh
from striate.layers.window import Window

__all__ = [
    "LAYERS",
    "LOSSES",
    "BatchNorm",
    "CNorm",
    "Concat",
    "Conv",
    "Dropout",
    "Elu",
    "Fc",
    "Flatten",
    "Gelu",
    "Gradients",
    "GroupNorm",
    "HardSwish",
    "Input",
    "L2Loss",
    "Layer",
    "LayerNorm",
    "Leaky",
    "Local",
    "Loss",
    "Lrn",
    "Mode",
    "Parameter",
    "Pool",
    "PoolWindow",
    "RNorm",
    "Relu",
    "Relu6",
    "Shape",
    "Sigmoid",
    "Silu",
    "Softmax",
    "SoftmaxLoss",
    "Sum",
    "SvmLoss",
    "Tanh",
    "Window",
    "grammar",
    "layer",
]
