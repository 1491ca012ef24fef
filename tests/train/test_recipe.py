"""Recipes: losses, optimizers and settings from words and numbers."""

from __future__ import annotations

import json

import pytest

from striate.errors import InputError
from striate.layers import SoftmaxLoss, SvmLoss
from striate.optimizers import Adam, Sgd
from striate.train.recipe import Recipe, make_recipe
from striate.train.schedules import Cosine


def test_the_defaults_make_a_run() -> None:
    recipe = Recipe()
    assert recipe.make_loss() == SoftmaxLoss()
    assert recipe.make_optimizer() == Sgd()
    settings = recipe.make_settings()
    assert (settings.epochs, settings.rate, settings.schedule) == (10, Sgd().rate, Cosine())


def test_settings_stand_behind_a_name() -> None:
    recipe = Recipe(loss="svm,margin=2", optimizer="sgd, momentum=0.95, nesterov=yes")
    assert recipe.make_loss() == SvmLoss(margin=2)
    assert recipe.make_optimizer() == Sgd(momentum=0.95, nesterov=True)


def test_the_fields_of_a_recipe_reach_the_loss_the_optimizer_and_the_loop() -> None:
    recipe = Recipe(optimizer="adam", rate=0.5, weight_decay=0.1, label_smoothing=0.2, seed=4)
    assert recipe.make_optimizer() == Adam(rate=0.5, weight_decay=0.1)
    assert recipe.make_loss() == SoftmaxLoss(label_smoothing=0.2)
    assert (recipe.make_settings().rate, recipe.make_settings().seed) == (0.5, 4)


def test_a_recipe_goes_through_json() -> None:
    recipe = Recipe(optimizer="adam,beta1=0.8", clip=1.0, patience=3)
    assert make_recipe(json.loads(json.dumps(recipe.values()))) == recipe


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "smd"}, "unknown optimizer 'smd': did you mean sgd? known: adagrad, adam, "),
        (
            {"optimizer": "sgd,speed=2"},
            "unknown setting of optimizer sgd 'speed': known: rate, weight_decay, momentum, ",
        ),
        (
            {"optimizer": "sgd,momentum=fast"},
            "optimizer sgd: momentum: expected a number from 0 to below 1, got 'fast'",
        ),
        ({"loss": "softmx"}, "unknown loss 'softmx': did you mean softmax? known: "),
        ({"loss": "svm", "label_smoothing": 0.1}, "unknown setting of loss svm 'label_smoothing'"),
        ({"rate": -1.0}, "rate: expected a number above 0, got -1.0"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin': did you mean cosine? known: constant"),
        ({"epochs": 0}, "epochs: expected a whole number of at least 1, got 0"),
    ],
)
def test_what_is_wrong_is_told(fields: dict[str, object], message: str) -> None:
    recipe = make_recipe(fields)
    with pytest.raises(InputError) as caught:
        recipe.verify()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"clip": 0.0}, "clip: expected a number above 0, got 0"),
        ({"clip": -1.0}, "clip: expected a number above 0, got -1"),
        ({"label_smoothing": 1.0}, "label_smoothing: expected a number from 0 to below 1, got 1"),
    ],
)
def test_ranges_are_told(fields: dict[str, float], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_recipe(fields)
    assert str(caught.value) == message


def test_an_unknown_field_is_told() -> None:
    with pytest.raises(InputError) as caught:
        make_recipe({"rates": 1})
    assert str(caught.value).startswith(
        "unknown setting of the training 'rates': did you mean rate? known: epochs, steps, batch, "
    )
