"""The verbs that train and use a net: train, evaluate, predict, demo."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate as package
from bars import NET, bars, write_bars
from command_line import Answer, look_on, refusal, striate
from striate.app import demo, progress
from striate.train.events import Event, StepDone

SETTINGS = ("--net", NET, "--batch", 8, "--rate", 0.05, "--epochs", 4)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own, with bars.npz in it."""
    monkeypatch.chdir(tmp_path)
    write_bars(tmp_path / "bars.npz")
    return tmp_path


@pytest.fixture
def run() -> Path:
    assert striate("train", "bars.npz", "-q", *SETTINGS).code == 0
    return Path("runs/train/1")


def interrupted_at(
    step: int,
    monkeypatch: pytest.MonkeyPatch,
    *words: object,
    number: signal.Signals = signal.SIGINT,
) -> Answer:
    """A training whose user presses Ctrl-C at a step, or that gets another signal then."""
    plain = progress.Lines.__call__

    def press(self: progress.Lines, event: Event) -> None:
        plain(self, event)
        if isinstance(event, StepDone) and event.step == step:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(progress.Lines, "__call__", press)
        return striate("train", "bars.npz", *SETTINGS, *words)


def test_train_shows_the_net_the_epochs_and_the_end(folder: Path) -> None:
    answer = striate("train", "bars.npz", *SETTINGS)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == (
        "bars.npz  44 images to train on, 4 to judge the epochs, 16 to test; 8x8x1, 2 classes"
    )
    assert "FC 2" in answer.out
    epochs = [line for line in lines if re.match(r"epoch \d/4  loss ", line)]
    assert len(epochs) == 4
    assert re.search(
        r"^test accuracy \d+\.\d%  \(16 images, weights of epoch \d\)$", answer.out, re.M
    )
    assert lines[-3:] == [
        "the run   runs/train/1  (best.safetensors, last.safetensors, results.csv, curves.png)",
        "classify  striate predict runs/train/1 IMAGE...",
        "go on     striate train bars.npz --resume --epochs 8",
    ]
    assert "\x1b" not in answer.out
    config = json.loads((folder / "runs/train/1/config.json").read_text())
    assert config["net"] == str(package.net(NET, input="8x8x1", classes=2))
    assert (config["data"], config["recipe"]["rate"]) == (str(folder / "bars.npz"), 0.05)


def test_a_quiet_training_shows_the_end_only() -> None:
    out = striate("train", "bars.npz", "--quiet", *SETTINGS).out
    assert out.lstrip().startswith("test accuracy")
    assert "epoch 1/4" not in out


def test_in_a_terminal_a_bar_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    look_on(monkeypatch)
    out = striate("train", "bars.npz", *SETTINGS).out
    assert "\x1b[" in out
    assert "━" in out
    assert "images/s" in out


def test_the_net_takes_its_sizes_from_the_data_or_the_data_that_of_the_net() -> None:
    out = striate("train", "bars.npz", "--net", "INPUT 4x6x3 -> FC", "--steps", 2, "--batch", 8).out
    assert "4x6x3, 2 classes" in out
    assert "INPUT 4x6x3" in out
    words = ("--net", NET, "--set", "classes=5", "--steps", 2, "--batch", 8)
    assert "FC 5" in striate("train", "bars.npz", *words).out


def test_training_goes_on_from_the_weights_of_a_file(run: Path) -> None:
    start = package.load(run / "best.safetensors")
    words = ("--net", run / "best.safetensors", "--steps", 1, "--batch", 8, "--rate", 1e-9)
    assert striate("train", "bars.npz", "-q", *words).code == 0
    end = package.load("runs/train/2/last.safetensors")
    np.testing.assert_allclose(
        end.weights["conv1"]["w"], start.weights["conv1"]["w"], atol=1e-6, rtol=0
    )


def test_an_interrupted_run_says_how_to_go_on_and_comes_to_the_same_weights(
    monkeypatch: pytest.MonkeyPatch, run: Path
) -> None:
    answer = interrupted_at(7, monkeypatch)
    assert answer.code == 130
    assert answer.out.splitlines()[-3:] == [
        "interrupted; the run is saved",
        "the run   runs/train/2",
        "go on     striate train bars.npz --resume",
    ]
    assert striate("train", "bars.npz", "--resume").code == 0
    for name in ("best.safetensors", "last.safetensors"):
        meant, found = package.load(run / name), package.load(Path("runs/train/2") / name)
        for node, arrays in meant.weights.items():
            for parameter, array in arrays.items():
                np.testing.assert_array_equal(found.weights[node][parameter], array)


def test_sigterm_saves_the_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = interrupted_at(7, monkeypatch, number=signal.SIGTERM)
    assert answer.code == 130
    assert "interrupted; the run is saved" in answer.out
    assert Path("runs/train/1/last.safetensors").exists()


def test_a_run_that_is_not_the_latest_is_named_in_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted_at(3, monkeypatch)
    interrupted_at(3, monkeypatch)
    answer = striate("train", "bars.npz", "--run", "runs/train/1", "--epochs", 5)
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == (
        "go on     striate train bars.npz --run runs/train/1 --epochs 10"
    )
    elsewhere = interrupted_at(3, monkeypatch, "--runs", "my runs")
    assert elsewhere.out.splitlines()[-1] == (
        "go on     striate train bars.npz --resume --runs 'my runs'"
    )


def test_a_run_from_elsewhere_goes_on_where_there_are_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted_at(3, monkeypatch, "--runs", "mine")
    Path("mine/1").rename("mine/good")
    answer = striate("train", "bars.npz", "--run", "mine/good", "--epochs", 5)
    assert (answer.code, answer.err) == (0, "")
    last = answer.out.splitlines()[-1]
    assert last == "go on     striate train bars.npz --run mine/good --epochs 10"
    assert not Path("runs").exists()


def test_more_epochs_go_on_with_a_run_that_is_done_and_stay_its_setting(run: Path) -> None:
    assert striate("train", "--resume", "--epochs", 6).code == 0
    assert (run / "results.csv").read_text().count("\n") == 7
    assert json.loads((run / "config.json").read_text())["recipe"]["epochs"] == 6


def test_what_may_not_change_when_a_run_goes_on(run: Path) -> None:
    assert refusal("train", "bars.npz", "--resume") == (
        "the run in runs/train/1 is done: step 20 of 20; more --epochs than 4 go on with it"
    )
    assert refusal("train", "bars.npz", "--resume", "--weight-decay", 0.1) == (
        "--weight-decay: the run in runs/train/1 was started with 0.0, and a run goes on as it "
        "began; only --epochs, --steps, --patience, --max-time, --save-every may change"
    )
    assert refusal("train", "bars.npz", "--resume", "--epochs", 9, "--net", "linear") == (
        "--net: the run in runs/train/1 trains another net than linear; without --net its own "
        "goes on"
    )
    (run / "last.safetensors").unlink()
    assert refusal("train", "bars.npz", "--run", run) == (
        "the run in runs/train/1 ended before its first checkpoint: start a new one, or name "
        "another with --run"
    )
    assert refusal("train", "bars.npz", "--run", "elsewhere") == (
        "elsewhere: is no run: expected a folder with config.json in it"
    )


def test_overfitting_looks_at_the_training_accuracy_alone() -> None:
    words = ("--overfit", 1, "--steps", 60, "--net", NET, "--batch", 8, "--rate", 0.05)
    out = striate("train", "bars.npz", "-q", *words).out
    assert re.search(r"^training accuracy \d+\.\d%, loss ", out, re.M)
    assert "test accuracy" not in out


def test_without_validation_the_training_loss_judges() -> None:
    answer = striate("train", "bars.npz", "--validation", 0, *SETTINGS)
    assert answer.code == 0
    assert "48 images to train on, 16 to test" in answer.out
    assert "validation" not in answer.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gone",), "there is no file or folder 'gone'; embedded data sets: fashion"),
        (
            ("empty",),
            "empty: the folder is empty; expected a folder with one folder of images for e",
        ),
        (("broken.npz",), "broken.npz: "),
        (
            ("one.npz",),
            "one.npz, images (80%): expected images of at least 2 classes, got o",
        ),
        (("wide.npz",), "wide.npz, images: label 8 of image 1 is out of range: with 2 classes "),
        (("bars.npz", "--net", "INPUT -> CNOV"), "<net>:1:10: unknown layer CNOV"),
        (
            ("bars.npz", "--net", "INPUT -> CONV4-2 P=0 S=3"),
            "the net does not work: 1 problem\n",
        ),
        (("bars.npz", "--optimizer", "smd"), "unknown optimizer 'smd': did you mean sgd? "),
        (("bars.npz", "--loss", "svm,margin=-1"), "loss svm: margin: expected a number "),
        (("bars.npz", "--augment", "flop"), "augmentation: unknown step 'flop'; did you mean fl"),
        (
            ("bars.npz", "--batch", "500"),
            "bars.npz: 44 images to train on do not fill a batch of 500: --batch 44 is the largest",
        ),
        (("bars.npz", "--validation", "1.5"), "--validation: expected a share from 0 to below 1,"),
        (("bars.npz", "--resume"), "runs/train: has no run to go on with"),
        (
            ("bars.npz", "--net", "INPUT 9000x9000x1 -> CONV3-512 -> FC"),
            "training this net with a batch of 44 needs ",
        ),
    ],
)
def test_what_cannot_be_trained_is_told(folder: Path, words: tuple[str, ...], message: str) -> None:
    images, labels = bars(8)
    (folder / "empty").mkdir()
    (folder / "broken.npz").write_bytes((folder / "bars.npz").read_bytes()[:999])
    np.savez(folder / "one.npz", images=images, labels=labels * 0)
    np.savez(folder / "wide.npz", images=images, labels=labels + 7, classes=np.array(["a", "b"]))
    answer = striate("train", *words, "-q")
    assert answer.code == 1
    assert answer.err.startswith(f"error: {message}")
    assert not Path("runs/train/1").exists()


def test_a_run_whose_time_is_up_at_once_is_no_defect() -> None:
    answer = striate("train", "bars.npz", *SETTINGS, "--max-time", 1e-9)
    assert (answer.code, answer.err) == (0, "")
    assert "0 epochs in 0 s (time is up)" in answer.out


def test_data_are_needed() -> None:
    answer = striate("train")
    assert answer.code == 2
    assert "what to train on is missing, e.g. fashion" in answer.err


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(run: Path) -> None:
    words = ("--rate", 1e30, "--batch", 8, "--net", NET, "-q")
    error = refusal("train", "bars.npz", *words)
    assert re.match(r"the (validation )?loss is (nan|inf) at step \d+ \(epoch 1, ", error)
    assert "try a rate below" in error
    assert (run / "last.safetensors").exists()


def test_files_that_are_no_images_are_named(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / "photos" / name).mkdir(parents=True)
        for number, pixels in enumerate(bars(10)[0]):
            Image.fromarray(pixels[..., 0]).save(folder / "photos" / name / f"{number}.png")
    (folder / "photos" / "a" / "notes.png").write_text("no image")
    answer = striate("train", "photos", "-q", "--net", NET, "--batch", 4, "--steps", 1)
    assert answer.code == 0
    assert answer.err.startswith("left out: photos/a/notes.png: not an image that can be read")
    error = refusal("train", "photos", "--strict", "--net", NET)
    assert error.startswith(
        "photos (80%): 1 problem and strict is on\n  photos/a/notes.png: not an ima"
    )


def test_the_default_batch_is_brought_down_to_the_data(folder: Path) -> None:
    answer = striate("train", "bars.npz", "--net", NET, "--steps", 1)
    assert answer.code == 0
    assert "batch 44," in answer.out
    config = json.loads((folder / "runs/train/1/config.json").read_text())
    assert config["recipe"]["batch"] == 44


def test_a_batch_below_1_is_a_usage_error() -> None:
    for batch in (0, -1):
        answer = striate("train", "bars.npz", "--batch", batch)
        assert (answer.code, answer.out) == (2, "")
        assert f"{batch} is not in the range x>=1" in answer.err


def test_too_many_threads_are_told_and_leave_no_folder() -> None:
    answer = striate("train", "bars.npz", "-q", *SETTINGS, "--threads", 100_000)
    assert answer.err == "error: threads: expected at most 256, got 100000\n"
    assert not Path("runs/train/1").exists()


def test_classes_without_images_are_counted(folder: Path) -> None:
    images, labels = bars(20)
    np.savez(folder / "gaps.npz", images=images, labels=labels * 1000)
    answer = striate("train", "gaps.npz", "-q", "--net", NET, "--batch", 8, "--steps", 1)
    assert answer.code == 0
    assert answer.err == "warning: 999 of the 1,001 classes have no image to train on\n"
    assert not (folder / "runs/train/1/confusion.png").exists()
    error = striate("evaluate", "runs/train/1", "gaps.npz", "--confusion").err
    assert error == "error: confusion matrix: expected at most 1,000 classes, got 1,001\n"


def test_more_scores_than_classes_are_numbered(folder: Path) -> None:
    words = ("--net", NET, "--set", "classes=4", "--steps", 1, "--batch", 8)
    assert striate("train", "bars.npz", "-q", *words).code == 0
    images, _ = bars(1)
    Image.fromarray(images[0, ..., 0]).save(folder / "0.png")
    out = striate("predict", "runs/train/1", "0.png").out
    assert {line.split("  ")[-1].strip() for line in out.splitlines()[1:]} >= {"class 2", "class 3"}
    table = striate("evaluate", "runs/train/1", "bars.npz", "--confusion").out
    assert re.search(r"^class 3 +0 ", table, re.M)


def test_a_run_goes_on_with_the_same_data_only(folder: Path, run: Path) -> None:
    images, labels = bars(64)
    half = labels.copy()
    half[:24] = 1 - half[:24]
    names = np.array(["lying", "upright"])
    np.savez(
        folder / "other.npz", x_train=images[:48], y_train=half[:48], x_test=images[48:],
        y_test=labels[48:], classes=names,
    )  # fmt: skip
    answer = striate("train", "other.npz", "--resume", "--epochs", 9, "-q")
    assert answer.err == (
        "error: runs/train/1/last.safetensors: its run began with other data; other.npz, "
        "x_train (90%) has other labels\n"
    )
    assert (run / "last.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--clip", 0), "clip: expected a number above 0, got 0"),
        (("--label-smoothing", 1), "label_smoothing: expected a number from 0 to below 1, got 1"),
        (
            ("--schedule", "warmup:9"),
            "schedule 'warmup:9+constant': the warm-up of 9 epochs is longer than the run of 4",
        ),
        (
            ("--augment", "crop=8"),
            "augmentation: crop: expected less than 8 for images of 8x8x1, got 8",
        ),
        (
            ("--augment", "cutout=8"),
            "augmentation: cutout: expected less than 8 for images of 8x8x1, got 8",
        ),
        (
            ("--net", "INPUT -> FC 2 -> SOFTMAX"),
            "training: softmax1, the last layer, gives probabilities, but the softmax loss takes "
            "the scores before it: leave out the last SOFTMAX",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(words: tuple[object, ...], message: str) -> None:
    answer = striate("train", "bars.npz", "-q", *SETTINGS, *words)
    assert (answer.code, answer.err) == (1, f"error: {message}\n")
    assert not Path("runs/train/1").exists()


def test_a_run_that_fails_before_its_first_checkpoint_leaves_no_folder() -> None:
    words = ("--net", NET, "--batch", 8, "--rate", 1e30, "--validation", 0)
    assert striate("train", "bars.npz", "-q", "--tensorboard", *words).code == 1
    assert list(Path("runs/train").iterdir()) == []


def test_a_run_of_few_steps_counts_whole_epochs() -> None:
    out = striate("train", "bars.npz", "--net", NET, "--batch", 8, "--steps", 2).out
    assert "epoch 1/1  step 1 of 2  loss" in out
    assert "epoch 0.4/0.4  loss" in out
    assert "0 images/s" not in out.replace("0 images/s  0 s left", "")


def test_evaluate_shows_every_class(run: Path) -> None:
    out = striate("evaluate", run, "bars.npz", "--confusion").out
    assert re.match(r"accuracy \d+\.\d\d%  loss \d\.\d{4}  on 16 images \(test\)\n", out)
    assert re.search(r"^lying +8 ", out, re.M)
    assert re.search(r"^1 upright ", out, re.M)
    train = striate("evaluate", run / "best.safetensors", "bars.npz", "--split", "train").out
    assert "on 48 images (train)" in train


def test_evaluate_refuses_other_classes(run: Path, folder: Path) -> None:
    images, labels = bars(8)
    np.savez(folder / "other.npz", images=images, labels=labels, classes=np.array(["x", "y"]))
    assert refusal("evaluate", run, "other.npz", "--split", "all").endswith(
        ": its classes are x, y; the net knows lying, upright"
    )
    assert refusal("evaluate", folder, "bars.npz") == (
        f"{folder}: holds no trained net: expected best.safetensors in it"
    )


def test_predict_names_the_classes(run: Path, folder: Path) -> None:
    images, labels = bars(2)
    for number, pixels in enumerate(images):
        Image.fromarray(pixels[..., 0]).save(folder / f"{number}.png")
    answer = striate("predict", run, "0.png", "1.png", "--top", 1)
    lines = answer.out.splitlines()
    assert lines[::2] == ["0.png", "1.png"]
    names = ("lying", "upright")
    assert [line.split()[-1] for line in lines[1::2]] == [names[label] for label in labels]
    shares = re.findall(r"(\d+\.\d)%", striate("predict", run, "0.png").out)
    assert sum(map(float, shares)) == pytest.approx(100, abs=0.1)


def test_predict_passes_over_what_is_no_image(run: Path, folder: Path) -> None:
    images, _ = bars(1)
    Image.fromarray(images[0, ..., 0]).save(folder / "0.png")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:60])
    answer = striate("predict", run, "gone.png", "cut.png", "0.png")
    assert answer.code == 1
    assert answer.out.startswith("0.png\n")
    first, second = answer.err.splitlines()
    assert first == "error: gone.png: no such file"
    assert second.startswith("error: cut.png: damaged image")


def test_scores_that_are_no_numbers_are_told(folder: Path, run: Path) -> None:
    net = package.load(run / "best.safetensors")
    net.weights["fc1"]["b"][:] = np.nan
    net.save("damaged.safetensors")
    images, _ = bars(1)
    Image.fromarray(images[0, ..., 0]).save(folder / "0.png")
    told = "the net's scores are not numbers: its weights are damaged, or it was trained to nowhere"
    assert refusal("evaluate", "damaged.safetensors", "bars.npz") == told
    assert striate("predict", "damaged.safetensors", "0.png").err == f"error: {told}\n"


def test_predict_draws_in_a_pipe_too(folder: Path, run: Path) -> None:
    image = np.zeros((8, 8), np.uint8)
    image[:2] = 255
    Image.fromarray(image).save(folder / "0.png")
    lines = striate("predict", run, "0.png", "--show").out.splitlines()
    assert lines[:3] == ["0.png", "@" * 8, ""]


def test_names_with_control_characters_are_escaped(folder: Path, run: Path) -> None:
    net = package.load(run / "best.safetensors")
    meta = dataclasses.replace(net.network.meta, classes=("\x1b[31mred", "two\nlines"))
    package.Net(dataclasses.replace(net.network, meta=meta)).save("odd.safetensors")
    images, _ = bars(1)
    Image.fromarray(images[0, ..., 0]).save(folder / "0\x1b.png")
    out = striate("predict", "odd.safetensors", "0\x1b.png").out
    assert "\x1b" not in out
    assert out.startswith("0\\x1b.png\n")
    assert " \\x1b[31mred\n" in out
    assert " two\\nlines\n" in out
    assert refusal("table", "INPUT 8x8x1 -> \x1b[31m").count("\x1b") == 0


def test_predict_does_not_apply_softmax_twice(folder: Path) -> None:
    net = package.net("INPUT 8x8x1 -> FC 3 -> SOFTMAX").init()
    net.save("soft.safetensors")
    images, _ = bars(1)
    Image.fromarray(images[0, ..., 0]).save(folder / "0.png")
    best = re.findall(r"(\d+\.\d)%", striate("predict", "soft.safetensors", "0.png").out)
    assert float(best[0]) == pytest.approx(100 * net.predict(images).max(), abs=0.06)
    assert "class " in striate("predict", "soft.safetensors", "0.png").out


def test_the_demo_trains_and_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "RECIPE", {**demo.RECIPE, "steps": 60})
    answer = striate("demo")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f'striate train fashion --net "{demo.NET}"\n')
    assert "go on     striate train fashion --resume" in answer.out
    assert "@" in answer.out.partition("go on")[2]


def test_the_demo_draws_in_colour_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    look_on(monkeypatch)
    monkeypatch.setattr(demo, "RECIPE", {**demo.RECIPE, "steps": 1})
    out = striate("demo").out
    assert "▀" in out
    assert re.search(r"\x1b\[3[12]m", out)
