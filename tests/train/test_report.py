"""The files of a run: the table, the pictures, and when they are made."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runs import network, trainer

from striate.errors import FileError
from striate.train.events import EpochDone, RunStarted, Stopped
from striate.train.history import EpochRecord, StopReason
from striate.train.loop import Trainer
from striate.train.metrics import Evaluation
from striate.train.report import Report

CLASSES = ("top", "upper", "lower")


def reported(folder: Path, **settings: object) -> Trainer:
    """A run that reports into the folder."""
    run, _ = trainer(folder, **settings)  # type: ignore[arg-type]
    run._subscribers = (Report(folder, run.program.weights, CLASSES),)
    return run


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_its_files(tmp_path: Path) -> None:
    history = reported(tmp_path, epochs=2).fit()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "results.csv", "curves.png", "filters.png", "confusion.png", "confusion.csv",
        "last.safetensors", "best.safetensors",
    }  # fmt: skip
    rows = table(tmp_path)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for row, record in zip(rows, history, strict=True):
        assert row.keys() == record.values().keys()
        assert float(row["loss"]) == pytest.approx(record.loss, rel=1e-9)
        assert float(row["validation_accuracy"]) == pytest.approx(record.validation_accuracy)
    for name in ("curves", "filters", "confusion"):
        with Image.open(tmp_path / f"{name}.png") as image:
            image.load()
            assert len(np.unique(np.asarray(image))) > 2


def test_the_confusion_table_has_the_names_of_the_classes(tmp_path: Path) -> None:
    reported(tmp_path, epochs=1).fit()
    lines = (tmp_path / "confusion.csv").read_text().splitlines()
    assert lines[0] == "validation images: label \\ predicted,top,upper,lower"
    assert [line.split(",")[0] for line in lines[1:]] == list(CLASSES)
    assert sum(int(n) for line in lines[1:] for n in line.split(",")[1:]) == 11


def test_a_resumed_run_goes_on_in_the_table(tmp_path: Path) -> None:
    reported(tmp_path, epochs=2).fit()
    with (tmp_path / "results.csv").open("a") as file:
        file.write("3,15,left by a run that was killed\n")
    run = reported(tmp_path, epochs=3)
    run.resume(tmp_path / "last.safetensors")
    run.fit()
    assert [row["step"] for row in table(tmp_path)] == ["5", "10", "15"]


def test_without_validation_there_is_no_confusion(tmp_path: Path) -> None:
    reported(tmp_path, epochs=1, validated=False).fit()
    assert not (tmp_path / "confusion.png").exists()
    assert table(tmp_path)[0]["validation_loss"] == ""


def test_curves_are_not_drawn_at_every_epoch(tmp_path: Path) -> None:
    now = [0.0]
    report = Report(tmp_path, network().weights, CLASSES, lambda: now[0])
    report(RunStarted(0, 5, 5, 8, ()))
    curves = tmp_path / "curves.png"
    drawn = []
    for epoch in range(1, 5):
        now[0] = 6.0 * epoch
        report(EpochDone(EpochRecord(epoch, 5 * epoch, 1.0, 0.5, 0.1, 1.0), None, True))
        drawn.append(curves.exists())
        curves.unlink(missing_ok=True)
    assert drawn == [True, False, True, False]


@pytest.mark.parametrize(
    ("classes", "files"),
    [(200, {"confusion.png", "confusion.csv"}), (1000, {"confusion.csv"}), (1001, set())],
)
def test_a_large_confusion_matrix_is_a_table_or_nothing(
    tmp_path: Path, classes: int, files: set[str]
) -> None:
    labels = np.array([0, classes - 1])
    found = Evaluation(2, 1.0, 0.5, 0.5, classes, labels, labels)
    report = Report(tmp_path, {}, CLASSES)
    report(EpochDone(EpochRecord(1.0, 5, 1.0, 0.5, 0.1, 1.0), found, True))
    report(Stopped(StopReason.FINISHED, 5, None))
    assert {path.name for path in tmp_path.glob("confusion.*")} == files
    if files:
        last = (tmp_path / "confusion.csv").read_text().splitlines()[-1]
        assert last.startswith(f"class {classes - 1},0,")


def test_a_table_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    report = Report(tmp_path, {}, CLASSES)
    (tmp_path / "results.csv").mkdir()
    with pytest.raises(FileError) as error:
        report(EpochDone(EpochRecord(1.0, 5, 1.0, 0.5, 0.1, 1.0), None, True))
    path = tmp_path / "results.csv"
    assert str(error.value) == f"{path}: cannot write the file: Is a directory"


def test_rows_are_on_the_disk_as_soon_as_the_epoch_is_done(tmp_path: Path) -> None:
    report = Report(tmp_path, {"fc1": {"w": np.zeros((3, 1, 1, 4))}}, CLASSES)
    report(RunStarted(0, 5, 5, 8, ()))
    assert table(tmp_path) == []
    report(EpochDone(EpochRecord(1.0, 5, 1.0, 0.5, 0.1, 1.0), None, True))
    assert len(table(tmp_path)) == 1
