"""TensorBoard files: what is written, and the word for a package that is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from runs import trainer

from striate.errors import InputError
from striate.train.tensorboard import TensorBoard


class Writer:
    """Stands in for tensorboardX's."""

    def __init__(self, folder: str) -> None:
        self.folder, self.closed = folder, False
        self.scalars: list[tuple[str, float, int]] = []

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed = True


def test_steps_and_epochs_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("tensorboardX")
    package.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboardX", package)
    board = TensorBoard(tmp_path)
    run, _ = trainer(do=board, epochs=1)
    history = run.fit()
    writer = board._writer
    assert writer.folder == str(tmp_path)
    assert writer.closed
    names = [name for name, _, _ in writer.scalars]
    assert names[:10] == ["step/loss", "step/rate"] * 5
    assert set(names[10:]) == {
        f"epoch/{name}" for name in history.records[0].values() if name not in ("epoch", "step")
    }
    assert ("epoch/loss", history.records[0].loss, 5) in writer.scalars


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError) as error:
        TensorBoard(tmp_path)
    assert str(error.value) == (
        "TensorBoard files need the package tensorboardX, which is not installed: "
        "pip install 'striate[tensorboard]'"
    )


def test_the_real_package_writes_a_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    run, _ = trainer(do=TensorBoard(tmp_path), epochs=1)
    run.fit()
    (file,) = tmp_path.glob("events.out.tfevents.*")
    assert b"epoch/loss" in file.read_bytes()
