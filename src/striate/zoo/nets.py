"""Nets that are short enough to be written down.

Where the published strides do not fit, ``fit=floor`` or ``fit=ceil`` says what the authors'
programs did. The nets for small images leave INPUT and the last layer to the data set: bare, or
``K=classes``.
"""

from __future__ import annotations

LINEAR = """
INPUT -> FC
"""

LENET = """
INPUT
-> CONV5-6 P=0 -> RELU -> POOL2
-> CONV5-16 P=0 -> RELU -> POOL2
-> FC 120 -> RELU -> FC 84 -> RELU -> FC
"""

# fit=floor: 28x28 images go 28, 14, 7, 3 and 32x32 images 32, 16, 8, 4.
TINYVGG = """
INPUT
-> [CONV3-32 -> RELU]*2 -> POOL2 fit=floor
-> [CONV3-64 -> RELU]*2 -> POOL2 fit=floor
-> [CONV3-128 -> RELU]*2 -> POOL2 fit=floor
-> FC 256 -> RELU -> FC
"""

CONVNETJS = """
INPUT
-> CONV5-16 -> RELU -> POOL2 fit=floor
-> [CONV5-20 -> RELU -> POOL2 fit=floor]*2
-> FC
"""

ZFNET = """
INPUT 224x224x3
-> CONV7-96 S=2 P=1 fit=floor -> RELU -> POOL3 S=2 P=1 fit=floor -> LRN5
-> CONV5-256 S=2 P=0 fit=floor -> RELU -> POOL3 S=2 P=1 fit=floor -> LRN5
-> [CONV3-384 -> RELU]*2
-> CONV3-256 -> RELU -> POOL3 S=2
-> [FC 4096 -> RELU -> DROPOUT]*2
-> FC 1000
"""

NIN = """
INPUT
-> CONV5-192 -> RELU -> CONV1-160 -> RELU -> CONV1-96 -> RELU
-> POOL3 S=2 fit=ceil -> DROPOUT
-> CONV5-192 -> RELU -> [CONV1-192 -> RELU]*2
-> POOL3 S=2 avg fit=ceil -> DROPOUT
-> CONV3-192 -> RELU -> CONV1-192 -> RELU -> CONV1 K=classes -> RELU
-> POOL avg global
"""

ALLCONV = """
INPUT
-> DROPOUT 0.2
-> [CONV3-96 -> RELU]*2 -> CONV3-96 S=2 fit=floor -> RELU -> DROPOUT
-> [CONV3-192 -> RELU]*2 -> CONV3-192 S=2 fit=floor -> RELU -> DROPOUT
-> CONV3-192 P=0 -> RELU -> CONV1-192 -> RELU -> CONV1 K=classes -> RELU
-> POOL avg global
"""


def alexnet(groups: int = 2) -> str:
    """AlexNet on 227x227 crops, where the strides fit (the paper says 224).

    Args:
        groups: 2 as published, for two GPUs; 1 lets every CONV see all channels.
    """
    split = "" if groups == 1 else f" groups={groups}"
    return f"""
INPUT 227x227x3
-> CONV11-96 S=4 P=0 -> RELU -> LRN5 -> POOL3 S=2
-> CONV5-256{split} -> RELU -> LRN5 -> POOL3 S=2
-> CONV3-384 -> RELU
-> CONV3-384{split} -> RELU
-> CONV3-256{split} -> RELU -> POOL3 S=2
-> [FC 4096 -> RELU -> DROPOUT]*2
-> FC 1000
"""
