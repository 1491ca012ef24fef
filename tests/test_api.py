"""The public face: what the README promises of `striate.net` and what it gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import striate
from bars import NET, bars
from striate.errors import BudgetError, DataError, FileError, InputError
from striate.layers.shape import Shape
from striate.train.data import ArrayData
from striate.train.events import EpochDone, Event
from striate.train.history import StopReason

SIZES = {"input": "8x8x1", "classes": "2"}


@pytest.fixture
def net() -> striate.Net:
    return striate.net(NET, **SIZES).init(seed=0)


def test_importing_striate_brings_nothing_heavy() -> None:
    heavy = ("numpy", "llvmlite", "rich", "typer", "PIL", "safetensors")
    code = f"import striate, sys; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_tables_and_notation_bring_neither_llvm_nor_pillow() -> None:
    code = (
        "import striate, sys; str(striate.net('vgg16').table(batch=2, training=True));"
        "print([m for m in ('llvmlite', 'PIL', 'rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_package_has_only_the_public_names() -> None:
    assert dir(striate) == ["Net", "StriateError", "__version__", "load", "net"]
    for name in dir(striate):
        assert getattr(striate, name) is not None
    with pytest.raises(AttributeError, match=r"^module 'striate' has no attribute 'nett'$"):
        _ = striate.nett  # type: ignore[attr-defined]


def test_a_net_prints_as_its_notation() -> None:
    text = "INPUT 32x32x3 -> [[CONV3-32 -> RELU]*2 -> POOL2]*3 -> FC 256 -> RELU -> FC 10"
    net = striate.net(text)
    assert str(net) == text
    assert repr(net) == f"striate.net({text!r})"
    assert striate.net(str(net)).graph == net.graph


def test_a_net_comes_from_a_file_and_from_the_zoo(tmp_path: Path) -> None:
    path = tmp_path / "my.net"
    path.write_text("INPUT -> CONV3-4 -> FC\n")
    from_path = striate.net(path, **SIZES)
    assert from_path.graph == striate.net(str(path), **SIZES).graph
    assert [node.name for node in from_path.graph.nodes] == ["input", "conv1", "fc1"]
    assert striate.net("vgg16").table().parameters == 138_357_544


def test_the_table_counts_the_optimizers_state() -> None:
    net = striate.net(NET, **SIZES)
    states = [net.table(8, True, name).memory.optimizer_state for name in ("sgd", "adam")]
    assert states[1] == 2 * states[0] > 0
    assert net.table(8).memory.optimizer_state == 0


def test_predictions_are_those_of_the_reference_for_any_number(net: striate.Net) -> None:
    images, _ = bars(70)
    meant = net.reference(images)
    assert meant.dtype == np.float64
    assert meant.shape == (70, 2)
    for count in (1, 5, 70):
        found = net.predict(images[:count])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, meant[:count], rtol=1e-4, atol=1e-3)
    assert net.predict(images[:0]).shape == (0, 2)


def test_images_may_be_floats(net: striate.Net) -> None:
    images, _ = bars(3)
    meant = net.predict(images)
    for kind in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(net.predict(images.astype(kind)), meant)


def test_prediction_follows_weights_that_change(net: striate.Net) -> None:
    images, _ = bars(2)
    net.predict(images)
    net.weights["fc1"]["w"][...] = 0
    net.weights["fc1"]["b"][...] = (1, 2)
    np.testing.assert_array_equal(net.predict(images), [[1, 2], [1, 2]])


def test_a_net_without_weights_says_what_to_do() -> None:
    net = striate.net(NET, **SIZES)
    images, labels = bars(2)
    message = (
        r"^the net has no weights yet: call net\.init\(\), train it with net\.fit\(\), or load "
        r"one with striate\.load\(\)$"
    )
    for use in (
        lambda: net.predict(images),
        lambda: net.reference(images),
        lambda: net.evaluate(images, labels),
        lambda: net.compile(),
        lambda: net.save("x.safetensors"),
    ):
        with pytest.raises(InputError, match=message):
            use()


def test_images_of_another_shape_or_kind_are_refused(net: striate.Net) -> None:
    whole = r"; \.astype\(np\.uint8\) makes pixels of 0 to 255"
    for images, came in (
        (np.zeros((2, 8, 8), np.uint8), r"\[2, 8, 8\] of uint8"),
        (np.zeros((2, 1, 8, 8), np.float32), r"\[2, 1, 8, 8\] of float32"),
        (np.zeros((2, 8, 8, 1), bool), r"\[2, 8, 8, 1\] of bool"),
        (np.zeros((2, 8, 8, 1), np.int64), rf"\[2, 8, 8, 1\] of int64{whole}"),
        (np.zeros((2, 8, 8, 1), int).tolist(), rf"\[2, 8, 8, 1\] of int64{whole}"),
    ):
        expected = rf"^images: expected \[N, 8, 8, 1\] of uint8 or floats, got {came}$"
        with pytest.raises(InputError, match=expected):
            net.predict(images)
        with pytest.raises(InputError, match=expected):
            net.reference(images)


def test_images_of_different_sizes_are_no_array(net: striate.Net) -> None:
    images = [np.zeros((8, 8, 1), np.uint8), np.zeros((8, 9, 1), np.uint8)]
    message = r"^images: expected one array, got images of different sizes$"
    with pytest.raises(InputError, match=message):
        net.predict(images)  # type: ignore[arg-type]


def test_a_float_that_float32_cannot_hold_warns_of_nothing(net: striate.Net) -> None:
    images = np.full((1, 8, 8, 1), 1e300)
    assert net.predict(images).shape == (1, 2)


def test_fit_sizes_a_bare_input_and_a_bare_last_fc() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (24, 20, 20, 3), dtype=np.uint8)
    labels = np.arange(24) % 4
    net = striate.net("INPUT -> CONV3-4 -> RELU -> POOL2 -> FC")
    assert net.table().rows[0].shape == Shape(32, 32, 3)
    net.fit(images, labels, validation=(images[:8], labels[:8]), epochs=1, batch=8)
    assert net.table().rows[0].shape == Shape(20, 20, 3)
    assert net.predict(images).shape == (24, 4)
    assert net.classes == ("0", "1", "2", "3")
    again = striate.net("INPUT -> FC", classes=6)
    again.fit(images, labels, epochs=1, batch=8)
    assert again.predict(images).shape == (24, 6)


def test_a_data_set_sizes_only_what_is_open() -> None:
    data = ArrayData(*bars(8))
    assert str(striate.net("INPUT -> FC").sized_for(data)) == "INPUT 8x8x1 -> FC 2"
    assert str(striate.net("INPUT 9x9x1 -> FC").sized_for(data)) == "INPUT 9x9x1 -> FC 2"
    assert str(striate.net("INPUT -> FC", input="7x7x1").sized_for(data)) == "INPUT 7x7x1 -> FC 2"
    trained = striate.net("INPUT -> FC").init()
    assert str(trained.sized_for(data)) == "INPUT 32x32x3 -> FC 10"


def test_fit_makes_its_folder_and_takes_one_listener(tmp_path: Path) -> None:
    images, labels = bars(16)
    events: list[Event] = []
    folder = tmp_path / "a" / "run"
    striate.net(NET).fit(images, labels, epochs=1, batch=8, folder=folder, listen=events.append)
    assert (folder / "last.safetensors").exists()
    assert any(isinstance(event, EpochDone) for event in events)


def test_fit_learns_and_tells(tmp_path: Path) -> None:
    images, labels = bars(48)
    judge = bars(16, seed=1)
    net = striate.net(NET, **SIZES)
    events: list[Event] = []
    history = net.fit(
        images,
        labels,
        validation=judge,
        epochs=6,
        batch=8,
        rate=0.05,
        folder=tmp_path,
        listen=[events.append],
    )
    assert len(history) == 6
    assert history.reason is StopReason.FINISHED
    assert history.records[-1].validation_accuracy == net.evaluate(*judge).accuracy
    assert net.evaluate(*judge).accuracy > 0.9
    assert sum(isinstance(event, EpochDone) for event in events) == 6
    assert (tmp_path / "best.safetensors").exists()
    np.testing.assert_allclose(net.weights["input"]["mean"], images.mean(), rtol=1e-5)
    np.testing.assert_allclose(net.weights["input"]["std"], images.std(), rtol=1e-5)
    assert net.classes == ("0", "1")


def test_fit_goes_on_from_the_weights_that_are_there(net: striate.Net) -> None:
    images, labels = bars(16)
    net.weights["input"]["mean"][...] = 7
    before = net.weights["conv1"]["w"].copy()
    net.fit(images, labels, steps=1, batch=8, rate=1e-6)
    assert net.weights["input"]["mean"] == 7
    np.testing.assert_allclose(net.weights["conv1"]["w"], before, atol=1e-3)


def test_the_same_seed_gives_the_same_weights() -> None:
    images, labels = bars(32)
    nets = [striate.net(NET, **SIZES) for _ in range(3)]
    for net, seed, threads in zip(nets, (3, 3, 4), (1, 2, 1), strict=True):
        net.fit(images, labels, epochs=2, batch=8, seed=seed, augment="flip", threads=threads)
    first, second, other = (net.weights["conv1"]["w"] for net in nets)
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_fit_refuses_what_it_cannot_use() -> None:
    images, labels = bars(16)
    net = striate.net(NET, **SIZES)
    with pytest.raises(InputError, match=r"^unknown setting of the training 'epoch': did you mean"):
        net.fit(images, labels, epoch=3)
    with pytest.raises(InputError, match=r"^images: an array of images needs labels, \[N\] whole"):
        net.fit(images)
    with pytest.raises(DataError, match=r"^images: label 3 of image 1 is out of range: with 2 cla"):
        net.fit(images, labels + 2)
    with pytest.raises(DataError, match=r"^images: expected images of at least 2 classes, got onl"):
        net.fit(images, labels * 0, batch=8)
    with pytest.raises(DataError, match=r"^images: 16 images do not fill a batch of 64; the batch"):
        net.fit(images, labels)
    assert not net.weights


def test_evaluation_counts_every_image(net: striate.Net) -> None:
    images, labels = bars(10)
    found = net.evaluate(images, labels)
    right = (net.predict(images).argmax(1) == labels).mean()
    assert found.accuracy == right
    assert found.confusion.sum() == 10


def test_a_saved_net_comes_back_whole(net: striate.Net, tmp_path: Path) -> None:
    images, labels = bars(16)
    net.fit(images, labels, steps=2, batch=8)
    net.save(tmp_path / "x.safetensors")
    back = striate.load(tmp_path / "x.safetensors")
    assert back.graph == net.graph
    assert back.classes == net.classes
    np.testing.assert_array_equal(back.predict(images), net.predict(images))


def test_a_run_folder_is_loaded_by_its_best_net(tmp_path: Path, net: striate.Net) -> None:
    net.save(tmp_path / "last.safetensors")
    last = striate.load(tmp_path)
    net.weights["fc1"]["b"][...] = 5
    net.save(tmp_path / "best.safetensors")
    assert (striate.load(tmp_path).weights["fc1"]["b"] == 5).all()
    assert (last.weights["fc1"]["b"] != 5).all()


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        striate.load(tmp_path)
    expected = "holds no trained net: expected best.safetensors in it"
    assert str(caught.value) == f"{tmp_path}: {expected}"
    with pytest.raises(InputError) as refused:
        striate.load(3)  # type: ignore[arg-type]
    assert str(refused.value) == ("expected the path of a .safetensors file or run folder, got 3")


def test_loading_refuses_weights_of_another_shape(net: striate.Net, tmp_path: Path) -> None:
    net.weights["fc1"]["b"] = np.zeros(3, np.float32)
    net.save(tmp_path / "x.safetensors")
    with pytest.raises(FileError, match=r"is of another net:\n  fc1/b: the net has 2, the file ha"):
        striate.load(tmp_path / "x.safetensors")


def test_a_compiled_training_program_steps_and_gives_its_weights_back(net: striate.Net) -> None:
    images, labels = bars(8)
    before = net.predict(images)
    program = net.compile(batch=8, training=True, threads=1, rate=0.01, optimizer="adam")
    losses = [program.step(images, labels) for _ in range(20)]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(net.predict(images), before)
    assert net.take(program) is net
    assert (net.predict(images) != before).any()


def test_a_compiled_inference_program_is_predict(net: striate.Net) -> None:
    images, _ = bars(4)
    np.testing.assert_array_equal(net.compile(batch=4)(images), net.predict(images))


def test_the_plan_is_text_with_every_task(net: striate.Net) -> None:
    plan = net.plan(batch=8, training=True)
    assert plan.startswith("training step, batch 8")
    for node in net.graph.nodes:
        assert node.name in plan


def test_weights_beyond_the_memory_are_refused_before_they_are_made() -> None:
    net = striate.net("INPUT 20000x20000x3 -> CONV3-512 -> FC 1000")
    with pytest.raises(BudgetError, match=r"^running this net with a batch of 1 needs .* TB, but "):
        net.init()
    images = np.zeros((1, 8, 8, 1), np.uint8)
    with pytest.raises(BudgetError, match=r"^training this net with a batch of 64 needs .* TB, bu"):
        net.fit(images, np.zeros(1, np.int64))


def test_exact_leaves_winograd_out() -> None:
    net = striate.net("INPUT 8x8x16 -> CONV3-16 -> FC 2").init()
    for exact in (False, True):
        names = {choice.candidate for choice in net.compile(batch=2, exact=exact).plan.choices}
        assert ("winograd" in names) is not exact
