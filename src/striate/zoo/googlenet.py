"""GoogLeNet (Szegedy et al. 2014): nine Inception modules.

Without the auxiliary heads and without LRN; every CONV has a bias and the last FC is counted, which
makes 6,998,552 parameters.
"""

from __future__ import annotations

# For each module: 1x1; reduction to and filters of 3x3; of 5x5; 1x1 behind the pool.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
LAST_OF_STAGE = ("3b", "4e")


def googlenet() -> str:
    """The notation of GoogLeNet on 224x224 images."""
    lines = [
        "INPUT 224x224x3",
        "-> CONV7-64 S=2 fit=floor -> RELU -> POOL3 S=2 fit=ceil",
        "-> CONV1-64 -> RELU -> CONV3-192 -> RELU -> POOL3 S=2 fit=ceil",
    ]
    for name, filters in MODULES.items():
        lines.append(_inception(name, *filters))
        if name in LAST_OF_STAGE:
            lines.append("-> POOL3 S=2 fit=ceil")
    lines.append("-> POOL avg global -> DROPOUT 0.4 -> FC 1000")
    return "\n".join(lines)


def _inception(
    name: str, one: int, to_three: int, three: int, to_five: int, five: int, behind_pool: int
) -> str:
    return f"""-> inception_{name}: CONCAT{{
    CONV1-{one} -> RELU
  | CONV1-{to_three} -> RELU -> CONV3-{three} -> RELU
  | CONV1-{to_five} -> RELU -> CONV5-{five} -> RELU
  | POOL3 S=1 P=1 -> CONV1-{behind_pool} -> RELU
}}"""
