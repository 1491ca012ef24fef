"""The layers and losses against PyTorch in float64, forward and backward."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from examples import example
from striate.layers import (
    BatchNorm,
    Conv,
    GroupNorm,
    L2Loss,
    LayerNorm,
    Loss,
    Lrn,
    Mode,
    Pool,
    SoftmaxLoss,
    SvmLoss,
)
from striate.layers.shape import Array

torch = pytest.importorskip("torch")
F = torch.nn.functional

BATCH = 3
TRAINING = Mode(training=True)


def to_torch(x: Array) -> Any:
    """NHWC to NCHW, and a leaf that gathers a gradient."""
    return torch.tensor(x.transpose(0, 3, 1, 2)).requires_grad_()


def to_numpy(x: Any) -> Array:
    array: Array = x.detach().numpy().transpose(0, 2, 3, 1)
    return array


def compare(
    text: str,
    function: Callable[..., Any],
    parameters: dict[str, Array] | None = None,
    mode: Mode = TRAINING,
) -> None:
    """Run the example's layer and a function of torch tensors on the same numbers."""
    layer, (shape,) = example(text)
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    x = 2 * rng.standard_normal(shape.array(BATCH))
    weights = parameters or {}
    theirs = {name: torch.tensor(w).requires_grad_() for name, w in weights.items()}
    leaf = to_torch(x)
    y = function(leaf, **theirs)
    output = layer.forward((x,), weights, mode)
    np.testing.assert_allclose(output, to_numpy(y), rtol=1e-12, atol=1e-12)
    gradient = rng.standard_normal(output.shape)
    y.backward(torch.tensor(gradient.transpose(0, 3, 1, 2)))
    (dx,), by_weights = layer.backward(gradient, (x,), output, weights, mode)
    np.testing.assert_allclose(dx, to_numpy(leaf.grad), rtol=1e-10, atol=1e-11)
    for name, dw in by_weights.items():
        np.testing.assert_allclose(dw, theirs[name].grad.numpy(), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(
    "text", [t for t in Conv.examples if "fit" not in t and "P=1,0,2,2" not in t]
)
def test_conv(text: str) -> None:
    layer, (shape,) = example(text)
    assert isinstance(layer, Conv)
    rng = np.random.default_rng(1)
    parameters = layer.parameters(shape)
    weights = {name: rng.standard_normal(p.shape) for name, p in parameters.items()}
    window = layer.window

    def convolve(x: Any, w: Any, b: Any = None) -> Any:
        return F.conv2d(
            x,
            w.permute(0, 3, 1, 2),
            b,
            window.stride,
            (window.sides[0], window.sides[2]),
            window.dilation,
            layer.groups,
        )

    compare(text, convolve, weights)


@pytest.mark.parametrize("fit", ["floor", "ceil"])
@pytest.mark.parametrize("size", ["8x8x3", "9x7x2", "10x11x1", "5x6x4"])
@pytest.mark.parametrize(
    "options", ["POOL2", "POOL3 S=2", "POOL3 S=2 P=1", "POOL3x2 S=2", "POOL3 S=1x3", "POOL2 S=3"]
)
def test_pool(options: str, size: str, fit: str) -> None:
    text = f"{size} -> {options} fit={fit}"
    layer, (shape,) = example(text)
    assert isinstance(layer, Pool)
    window = layer.view(shape)
    geometry = window.size, window.stride, (window.sides[0], window.sides[2])
    up = fit == "ceil"
    compare(text, lambda x: F.max_pool2d(x, *geometry, ceil_mode=up))
    for count, flag in (("inside", False), ("all", True)):
        compare(
            f"{text} avg count={count}",
            lambda x, flag=flag: F.avg_pool2d(x, *geometry, up, flag),
        )
    if window.sides == (0, 0, 0, 0) and not up:
        compare(f"{text} l2", lambda x: F.lp_pool2d(x, 2, *geometry[:2]))


def test_dilated_and_global_pooling() -> None:
    compare("9x8x3 -> POOL2 S=1 dilation=3", lambda x: F.max_pool2d(x, 2, 1, 0, 3))
    compare("9x8x3 -> POOL global", lambda x: F.adaptive_max_pool2d(x, 1))
    compare("9x8x3 -> POOL global avg", lambda x: F.adaptive_avg_pool2d(x, 1))


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("RELU", F.relu),
        ("LEAKY", F.leaky_relu),
        ("LEAKY 0.3", lambda x: F.leaky_relu(x, 0.3)),
        ("ELU", F.elu),
        ("ELU 0.7", lambda x: F.elu(x, 0.7)),
        ("GELU", F.gelu),
        ("SILU", F.silu),
        ("HARDSWISH", F.hardswish),
        ("RELU6", F.relu6),
        ("SIGMOID", torch.sigmoid),
        ("TANH", torch.tanh),
        ("SOFTMAX", lambda x: F.softmax(x, 1)),
    ],
)
def test_activations(text: str, function: Callable[..., Any]) -> None:
    compare(f"7x5x9 -> {text}", function)


def scale_and_shift(channels: int) -> dict[str, Array]:
    rng = np.random.default_rng(2)
    return {"scale": rng.standard_normal(channels), "shift": rng.standard_normal(channels)}


def running(channels: int) -> dict[str, Array]:
    rng = np.random.default_rng(3)
    return {"mean": rng.standard_normal(channels), "variance": rng.uniform(0.5, 2, channels)}


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(training: bool) -> None:
    def normalise(x: Any, scale: Any, shift: Any, mean: Any, variance: Any) -> Any:
        return F.batch_norm(
            x, mean.detach(), variance.detach(), scale, shift, training, 0.1, eps=1e-3
        )

    weights = scale_and_shift(5) | running(5)
    compare("4x3x5 -> BATCHNORM eps=1e-3", normalise, weights, Mode(training))


def test_batch_norm_running_statistics() -> None:
    weights = scale_and_shift(5) | running(5)
    x = np.random.default_rng(4).standard_normal((BATCH, 3, 4, 5))
    theirs = {name: torch.tensor(weights[name].copy()) for name in ("mean", "variance")}
    F.batch_norm(to_torch(x), theirs["mean"], theirs["variance"], training=True, momentum=0.3)
    ours = BatchNorm(momentum=0.3).statistics((x,), weights)
    assert sorted(ours) == ["mean", "variance"]
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name].numpy(), rtol=1e-13)


def test_group_norm() -> None:
    def normalise(x: Any, scale: Any, shift: Any) -> Any:
        return F.group_norm(x, 3, scale, shift)

    compare("4x3x6 -> GROUPNORM 3", normalise, scale_and_shift(6))
    assert GroupNorm(3).epsilon == 1e-5


def test_layer_norm() -> None:
    def normalise(x: Any, scale: Any, shift: Any) -> Any:
        return F.layer_norm(x, x.shape[1:]) * scale[:, None, None] + shift[:, None, None]

    compare("4x3x6 -> LAYERNORM", normalise, scale_and_shift(6))
    assert LayerNorm().epsilon == 1e-5


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("channels", [1, 3, 7, 12])
def test_lrn_of_caffe(size: int, channels: int) -> None:
    compare(
        f"3x2x{channels} -> LRN{size} caffe alpha=0.7 beta=0.6 k=1.5",
        lambda x: F.local_response_norm(x, size, alpha=0.7, beta=0.6, k=1.5),
    )


@pytest.mark.parametrize("size", [3, 4])
def test_lrn_of_krizhevsky_does_not_divide_alpha(size: int) -> None:
    compare(
        f"3x2x9 -> LRN{size} alpha=0.7",
        lambda x: F.local_response_norm(x, size, alpha=0.7 * size, beta=0.75, k=2),
    )
    assert Lrn().convention == "krizhevsky"


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (SoftmaxLoss(), F.cross_entropy),
        (SoftmaxLoss(0.1), lambda s, y: F.cross_entropy(s, y, label_smoothing=0.1)),
        (SoftmaxLoss(1), lambda s, y: F.cross_entropy(s, y, label_smoothing=1.0)),
        # torch divides the sum over the classes by their number.
        (SvmLoss(), lambda s, y: F.multi_margin_loss(s, y) * s.shape[1]),
        (SvmLoss(2.5), lambda s, y: F.multi_margin_loss(s, y, margin=2.5) * s.shape[1]),
        (L2Loss(), lambda s, y: F.mse_loss(s, F.one_hot(y, 10).double(), reduction="sum") / 6),
    ],
)
def test_losses(loss: Loss, function: Callable[..., Any]) -> None:
    rng = np.random.default_rng(5)
    scores, labels = 3 * rng.standard_normal((6, 10)), rng.integers(0, 10, 6)
    leaf = torch.tensor(scores).requires_grad_()
    value = function(leaf, torch.tensor(labels))
    value.backward()
    assert loss.forward(scores, labels) == pytest.approx(value.item(), rel=1e-12)
    np.testing.assert_allclose(loss.backward(scores, labels), leaf.grad.numpy(), atol=1e-14)
