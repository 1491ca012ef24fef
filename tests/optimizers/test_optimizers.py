"""The optimizers against PyTorch, what they keep, and their errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from striate.errors import InputError
from striate.layers.shape import Array
from striate.optimizers import (
    OPTIMIZERS,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RmsProp,
    Sgd,
    optimizer,
)

STEPS = 5
CASES = [
    (Sgd(momentum=0.0), "SGD", {}),
    (Sgd(weight_decay=0.1), "SGD", {"momentum": 0.9}),
    (Sgd(momentum=0.8, nesterov=True, weight_decay=0.1), "SGD", {"momentum": 0.8}),
    (Adagrad(), "Adagrad", {}),
    (Adagrad(weight_decay=0.1, epsilon=1e-3), "Adagrad", {"eps": 1e-3}),
    (RmsProp(), "RMSprop", {}),
    (RmsProp(decay_rate=0.9, momentum=0.5, weight_decay=0.1), "RMSprop", {"alpha": 0.9}),
    (Adam(), "Adam", {}),
    (Adam(beta1=0.8, beta2=0.9, epsilon=1e-3, weight_decay=0.1), "Adam", {"eps": 1e-3}),
    (AdamW(), "AdamW", {}),
    (AdamW(weight_decay=0.3), "AdamW", {}),
]
CHOSEN = [case[0] for case in CASES]


def run(chosen: Optimizer, weights: Array, gradients: Array, rate: float) -> Array:
    state = {name: np.zeros_like(weights) for name in chosen.state()}
    for step, gradient in enumerate(gradients, 1):
        weights, state = chosen.update(weights, gradient, state, rate, step)
        assert sorted(state) == sorted(chosen.state())
    return weights


@pytest.mark.parametrize(("chosen", "name", "settings"), CASES)
def test_against_torch(chosen: Any, name: str, settings: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weights, gradients = rng.standard_normal((3, 4)), rng.standard_normal((STEPS, 3, 4))
    settings = settings | {"lr": 0.05, "weight_decay": chosen.weight_decay}
    for key in ("nesterov", "momentum"):
        if hasattr(chosen, key):
            settings[key] = getattr(chosen, key)
    if name == "RMSprop":
        settings.pop("nesterov", None)
    if hasattr(chosen, "beta1"):
        settings["betas"] = (chosen.beta1, chosen.beta2)
    leaf = torch.tensor(weights).requires_grad_()
    theirs = getattr(torch.optim, name)([leaf], **settings)
    for gradient in gradients:
        leaf.grad = torch.tensor(gradient)
        theirs.step()
    ours = run(chosen, weights, gradients, rate=0.05)
    np.testing.assert_allclose(ours, leaf.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("chosen", CHOSEN)
def test_update_keeps_float32_and_changes_nothing_in_place(chosen: Optimizer) -> None:
    weights, gradient = np.ones((2, 3), np.float32), np.full((2, 3), 0.5, np.float32)
    state = {name: np.full_like(weights, 0.25) for name in chosen.state()}
    new, new_state = chosen.update(weights, gradient, state, 0.1, 3)
    for array in (new, *new_state.values()):
        assert array.dtype == np.float32
        assert array.shape == weights.shape
    assert not np.array_equal(new, weights)
    assert np.all(weights == 1)
    assert np.all(gradient == 0.5)
    assert all(np.all(array == 0.25) for array in state.values())


def test_state() -> None:
    assert Sgd().state() == ("velocity",)
    assert Sgd(momentum=0).state() == ()
    assert Adagrad().state() == ("cache",)
    assert RmsProp().state() == ("cache",)
    assert RmsProp(momentum=0.9).state() == ("cache", "velocity")
    assert Adam().state() == AdamW().state() == ("m", "v")


def test_coefficients() -> None:
    assert Sgd().coefficients(3) == Adagrad().coefficients(3) == RmsProp().coefficients(3) == ()
    assert Adam(beta1=0.5, beta2=0.75).coefficients(2) == (0.75, 0.4375)
    assert AdamW(beta1=0.5, beta2=0.75).coefficients(1) == (0.5, 0.25)


@pytest.mark.parametrize("chosen", CHOSEN)
def test_without_decay(chosen: Optimizer) -> None:
    assert chosen.without_decay() == replace(chosen, weight_decay=0.0)
    weights, zero = np.ones(3), np.zeros(3)
    np.testing.assert_array_equal(run(chosen.without_decay(), weights, zero[None], 0.1), weights)
    assert (run(chosen, weights, zero[None], 0.1) < 1).all() == (chosen.weight_decay > 0)


def test_by_name() -> None:
    assert list(OPTIMIZERS) == ["adagrad", "adam", "adamw", "rmsprop", "sgd"]
    for name, cls in OPTIMIZERS.items():
        assert optimizer(name) == cls()
        assert cls.name == name
    assert optimizer("sgd", rate=0.5, nesterov=True) == Sgd(0.5, nesterov=True)
    assert [cls().rate for cls in OPTIMIZERS.values()] == [0.01, 0.001, 0.001, 0.01, 0.01]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "addam",
            {},
            "unknown optimizer 'addam': did you mean adam? "
            "known: adagrad, adam, adamw, rmsprop, sgd",
        ),
        (
            "SGD",
            {},
            "unknown optimizer 'SGD': did you mean sgd? known: adagrad, adam, adamw, rmsprop, sgd",
        ),
        (
            "xyz",
            {},
            "unknown optimizer 'xyz': known: adagrad, adam, adamw, rmsprop, sgd",
        ),
        (
            "sgd",
            {"momentun": 1},
            "unknown setting of optimizer sgd 'momentun': did you mean momentum? "
            "known: rate, weight_decay, momentum, nesterov",
        ),
        ("sgd", {"rate": 0}, "rate: expected a number above 0, got 0"),
        ("sgd", {"rate": "fast"}, "rate: expected a number above 0, got 'fast'"),
        ("sgd", {"momentum": 1}, "momentum: expected a number from 0 to below 1, got 1"),
        ("sgd", {"weight_decay": -1}, "weight_decay: expected a number of at least 0, got -1"),
        (
            "sgd",
            {"momentum": 0, "nesterov": True},
            "nesterov: expected a momentum above 0, got momentum=0",
        ),
        ("adam", {"epsilon": 0.0}, "epsilon: expected a number above 0, got 0.0"),
        ("adam", {"beta1": float("nan")}, "beta1: expected a number from 0 to below 1, got nan"),
    ],
)
def test_errors(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        optimizer(name, **settings)
    assert str(caught.value) == message
