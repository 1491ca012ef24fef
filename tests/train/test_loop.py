"""The loop: what a run does, how it goes on, and every way in which it ends."""

from __future__ import annotations

import errno
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from runs import NET, copied, network, same_bits, squares, trainer, training_program

from numpy_program import NumpyProgram
from striate.errors import DataError, FileError, InputError, TrainingError
from striate.graph.tensor_file import read_tensors
from striate.graph.weights_file import load_network
from striate.layers import SoftmaxLoss
from striate.optimizers import Adam, Sgd
from striate.train.data import ArrayData
from striate.train.events import (
    CheckpointSaved,
    EpochDone,
    Event,
    RunStarted,
    StepDone,
    Stopped,
)
from striate.train.history import StopReason
from striate.train.loop import Trainer
from striate.train.schedules import schedule
from striate.train.settings import Settings


def interrupt_at(step: int, times: int = 1) -> object:
    """A subscriber's action: SIGINT as that step is told of."""

    def do(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == step:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    return do


def test_events_come_in_order_and_tell_the_run(tmp_path: Path) -> None:
    run, told = trainer(tmp_path, epochs=2)
    history = run.fit()
    names = [type(event).__name__ for event in told.events]
    epoch = ["StepDone"] * 5 + ["CheckpointSaved"] * 2 + ["EpochDone"]
    assert names == ["RunStarted", *epoch, *epoch, "Stopped"]
    assert told.events[0] == RunStarted(0, 10, 5, 8, ())
    steps = told.of(StepDone)
    assert [(s.step, s.epoch, s.in_epoch) for s in steps[3:7]] == [
        (4, 1, 4), (5, 1, 5), (6, 2, 1), (7, 2, 2),
    ]  # fmt: skip
    assert steps[6].mean_loss == pytest.approx((steps[5].loss + steps[6].loss) / 2)
    assert told.events[-1] == Stopped(StopReason.FINISHED, 10, tmp_path / "last.safetensors")
    assert history.reason is StopReason.FINISHED
    assert [record.epoch for record in history] == [1, 2]
    assert history.records[1].loss == steps[9].mean_loss
    assert [done.record for done in told.of(EpochDone)] == list(history)


def test_a_run_learns() -> None:
    run, _ = trainer(net=network(NET.replace("-> DROPOUT 0.2 ", "")), epochs=20, rate=0.03)
    history = run.fit()
    assert history.records[-1].validation_accuracy == 1.0
    assert history.records[-1].loss < 0.5 * history.records[0].loss
    assert history.best is not None
    assert history.best.validation_accuracy == 1.0


def test_validation_counts_every_image() -> None:
    run, told = trainer(epochs=1)
    run.fit()
    evaluation = told.of(EpochDone)[0].evaluation
    assert evaluation.images == 11
    assert evaluation.confusion.sum() == 11


@pytest.mark.parametrize("stop", [1, 5, 7, 10])
@pytest.mark.parametrize("optimizer", [Adam(), Sgd()])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    tmp_path: Path, stop: int, optimizer: Adam | Sgd
) -> None:
    settings = {"epochs": 3, "schedule": schedule("warmup:1+cosine"), "optimizer": optimizer}
    whole, told_whole = trainer(**settings)
    history = whole.fit()

    first, told = trainer(tmp_path, interrupt_at(stop), **settings)
    assert first.fit().reason is StopReason.INTERRUPTED
    path = tmp_path / "last.safetensors"
    assert told.events[-1] == Stopped(StopReason.INTERRUPTED, stop, path)

    second, told = trainer(tmp_path, net=network(seed=3), **settings | {"seed": 99})
    second.resume(path)
    resumed = second.fit()
    assert told.events[0].step == stop
    assert same_bits(copied(second.program), copied(whole.program))
    assert second.program.steps == 15
    assert resumed.records == history.records
    assert told.of(StepDone) == told_whole.of(StepDone)[stop:]


def test_saving_within_an_epoch_lets_a_killed_run_go_on(tmp_path: Path) -> None:
    whole, _ = trainer(epochs=2)
    whole.fit()

    def die(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 9:
            raise RuntimeError("killed")

    first, told = trainer(tmp_path, die, epochs=2, save_every=4)
    with pytest.raises(RuntimeError, match="killed"):
        first.fit()
    assert [saved.step for saved in told.of(CheckpointSaved)] == [4, 5, 5, 8]
    second, _ = trainer(tmp_path, net=network(seed=3), epochs=2)
    second.resume(tmp_path / "last.safetensors")
    second.fit()
    assert same_bits(copied(second.program), copied(whole.program))


def test_a_finished_run_can_be_made_longer(tmp_path: Path) -> None:
    whole, _ = trainer(epochs=3)
    history = whole.fit()
    trainer(tmp_path, epochs=2)[0].fit()
    second, _ = trainer(tmp_path, epochs=3)
    second.resume(tmp_path / "last.safetensors")
    assert second.fit().records == history.records
    assert same_bits(copied(second.program), copied(whole.program))


def test_an_interrupt_during_validation_leaves_it_for_the_resume(tmp_path: Path) -> None:
    whole, _ = trainer(epochs=2)
    history = whole.fit()
    first, told = trainer(tmp_path, epochs=2)
    program = first._validation.program  # type: ignore[union-attr]
    real = program.load

    def load_and_interrupt(weights: object) -> None:
        real(weights)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGINT)

    program.load = load_and_interrupt  # type: ignore[method-assign]
    assert first.fit().reason is StopReason.INTERRUPTED
    assert told.of(EpochDone) == []
    second, told = trainer(tmp_path, epochs=2)
    second.resume(tmp_path / "last.safetensors")
    assert second.fit().records == history.records
    assert told.of(StepDone)[0].step == 6
    assert same_bits(copied(second.program), copied(whole.program))


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    run, told = trainer(tmp_path, interrupt_at(3, times=2))
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    assert not told.of(CheckpointSaved)
    assert signal.getsignal(signal.SIGINT) is before


def test_steps_end_a_run_within_an_epoch() -> None:
    run, told = trainer(steps=7)
    history = run.fit()
    assert history.reason is StopReason.FINISHED
    assert [(record.epoch, record.step) for record in history] == [(1, 5), (1.4, 7)]
    assert told.events[0].steps == 7


def test_time_ends_a_run_with_an_evaluation(tmp_path: Path) -> None:
    seconds = iter(range(1000))
    run, _ = trainer(tmp_path, clock=lambda: float(next(seconds)), max_time=6)
    history = run.fit()
    assert history.reason is StopReason.TIME
    assert len(history) == 1
    assert 0 < history.records[0].epoch < 1
    resumed, told = trainer(tmp_path)
    resumed.resume(tmp_path / "last.safetensors")
    resumed.fit()
    assert told.of(StepDone)[0].seconds == history.records[0].seconds


def test_patience_ends_a_run_without_improvement(tmp_path: Path) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, StepDone) and event.epoch > 2:
            run.program.weights["fc1"]["w"][...] = 0
            run.program.weights["fc1"]["b"][...] = (0, 0, 9)

    run, told = trainer(tmp_path, spoil, epochs=20, patience=3)
    history = run.fit()
    assert history.reason is StopReason.PATIENCE
    assert [done.is_best for done in told.of(EpochDone)] == [True, True, False, False, False]
    best = load_network(tmp_path / "best.safetensors")
    last = load_network(tmp_path / "last.safetensors")
    assert best.weights["fc1"]["b"][2] != 9
    assert last.weights["fc1"]["b"][2] == 9
    assert last.meta.classes == ("top", "upper", "lower")


def test_without_validation_the_training_loss_decides() -> None:
    run, told = trainer(validated=False, epochs=2)
    history = run.fit()
    assert history.records[0].validation_accuracy is None
    assert told.of(EpochDone)[0].evaluation is None
    assert history.best == min(history, key=lambda record: record.loss)


def test_overfit_sees_the_same_batches_over_and_over() -> None:
    run, _ = trainer(epochs=1, overfit=2)
    seen: list[bytes] = []
    real = run.program.step

    def step(images: np.ndarray, labels: np.ndarray, rate: float | None = None) -> float:  # type: ignore[type-arg]
        seen.append(images.tobytes())
        return real(images, labels, rate)

    run.program.step = step  # type: ignore[method-assign]
    run.fit()
    assert len(seen) == 5
    assert seen[0] == seen[2] == seen[4] != seen[1] == seen[3]


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(
    tmp_path: Path,
) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            run.program.step = lambda *_: math.nan  # type: ignore[method-assign]

    run, _ = trainer(tmp_path, spoil)
    with pytest.raises(TrainingError) as error:
        run.fit()
    path = tmp_path / "last.safetensors"
    assert str(error.value) == (
        "the loss is nan at step 8 (epoch 2, batch 3 of 5): the training has diverged; try a rate "
        "below 0.01, a warm-up or gradient clipping; the last good checkpoint is "
        f"{path}, of step 5"
    )
    again, _ = trainer(tmp_path)
    again.resume(path)
    assert again._at.step == 5


def test_a_full_disk_ends_a_run_that_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            monkeypatch.setattr(os, "fsync", full)

    run, _ = trainer(tmp_path, fill, epochs=2, validated=False)
    with pytest.raises(FileError) as error:
        run.fit()
    monkeypatch.undo()
    assert str(error.value) == (
        f"{tmp_path / 'best.safetensors'}: cannot write the checkpoint: No space left on device; "
        "the previous checkpoint of that name is intact; free some space and try again"
    )
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"best.safetensors", "last.safetensors"}
    again, _ = trainer(tmp_path, epochs=2, validated=False)
    again.resume(tmp_path / "last.safetensors")
    again.fit()
    whole, _ = trainer(epochs=2, validated=False)
    whole.fit()
    assert same_bits(copied(again.program), copied(whole.program))


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 5:
            run.program.weights["conv1"]["w"][0, 0, 0, 0] = np.inf

    run, _ = trainer(tmp_path, spoil, validated=False)
    with pytest.raises(TrainingError) as error:
        run.fit()
    assert str(error.value) == (
        "conv1/w has values that are not finite at step 5 (epoch 1, batch 5 of 5): the training "
        "has diverged; try a rate below 0.01, a warm-up or gradient clipping; no checkpoint had "
        "been saved"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_validation_loss_that_is_no_number_stops() -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 5:
            run.program.weights["fc1"]["b"][...] = np.nan

    run, _ = trainer(do=spoil)
    with pytest.raises(TrainingError, match=r"^the validation loss is nan at step 5 \(epoch 1, "):
        run.fit()


def test_a_checkpoint_of_another_net_says_what_differs(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1)[0].fit()
    path = tmp_path / "last.safetensors"
    other = network("INPUT 4x4x1 -> CONV3-5 -> RELU -> POOL2 -> FC 3")
    run, _ = trainer(net=other)
    before = copied(run.program)
    with pytest.raises(FileError) as error:
        run.resume(path)
    assert str(error.value) == (
        f"{path}: is of another net:\n"
        "  conv1/w: the net has 5x3x3x1, the file has 3x3x3x1\n"
        "  conv1/b: the net has 5, the file has 3\n"
        "  fc1/w: the net has 3x2x2x5, the file has 3x2x2x3\n"
        "  batchnorm1/mean: only in the file\n"
        "  batchnorm1/scale: only in the file\n"
        "  batchnorm1/shift: only in the file\n"
        "  batchnorm1/variance: only in the file"
    )
    assert same_bits(copied(run.program), before)


def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1)[0].fit()
    path = tmp_path / "last.safetensors"
    run, _ = trainer(optimizer=Sgd())
    with pytest.raises(FileError) as error:
        run.resume(path)
    names = " and ".join(sorted(Adam().state()))
    assert str(error.value) == (
        f"{path}: is of another optimizer: the run keeps velocity for each parameter, "
        f"the file has {names}"
    )


def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1)[0].fit()
    path = tmp_path / "last.safetensors"
    net = network()
    run = Trainer(net, training_program(net), squares(24), Settings())
    with pytest.raises(FileError) as error:
        run.resume(path)
    assert str(error.value) == (
        f"{path}: its run began with other data; squares has 24 images instead of 44"
    )


def test_a_checkpoint_of_another_batch_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1)[0].fit()
    path = tmp_path / "last.safetensors"
    net = network()
    program = NumpyProgram(net.graph, 4, SoftmaxLoss(), Adam(rate=0.01))
    with pytest.raises(FileError) as error:
        Trainer(net, program, squares(), Settings()).resume(path)
    assert str(error.value) == (
        f"{path}: its epochs have 5 steps of 8 images, these would have 11 of 4; "
        "go on with the same data and batch"
    )


def test_a_warm_up_longer_than_the_run_is_refused() -> None:
    with pytest.raises(InputError) as error:
        trainer(epochs=3, schedule=schedule("warmup:4+cosine"))
    assert str(error.value) == (
        "schedule 'warmup:4+cosine:0': the warm-up of 4 epochs is longer than the run of 3"
    )


def test_data_that_cannot_train_are_refused() -> None:
    net = network()
    program = training_program(net)
    with pytest.raises(DataError) as error:
        Trainer(net, program, squares(7), Settings())
    assert str(error.value) == (
        "squares: 7 images do not fill a batch of 8; the batch may be at most 7"
    )
    images = squares().images
    with pytest.raises(DataError, match="at least 2 classes, got only class '0'"):
        Trainer(net, program, ArrayData(images, np.zeros(44, int)), Settings())
    with pytest.raises(InputError) as wrong:
        Trainer(net, program, ArrayData(images, np.arange(44) % 5, name="five"), Settings())
    assert str(wrong.value) == (
        "five: has 5 classes, but the net gives 3 scores; its last layer should give 5"
    )


def test_a_checkpoint_holds_net_weights_and_state(tmp_path: Path) -> None:
    run, _ = trainer(tmp_path, epochs=1)
    run.fit()
    tensors, metadata = read_tensors(tmp_path / "last.safetensors")
    names = {name for name in tensors if name.startswith("optimizer/fc1/")}
    assert names == {f"optimizer/fc1/{p}/{s}" for p in "wb" for s in Adam().state()}
    assert metadata["net"].split() == NET.split()
    np.testing.assert_array_equal(tensors["fc1/w"], run.program.weights["fc1"]["w"])
