"""Run folders: numbers, the config that comes back, and what is no run."""

from __future__ import annotations

import json
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from striate.errors import FileError
from striate.train.run_folder import create_run, latest_run, open_run


def test_runs_are_numbered_on_from_the_highest(tmp_path: Path) -> None:
    root = tmp_path / "runs" / "train"
    assert create_run({}, root).path == root / "1"
    assert create_run({}, root).path == root / "2"
    (root / "10").mkdir()
    (root / "notes").mkdir()
    assert create_run({}, root).path == root / "11"
    assert latest_run(root).path == root / "11"


def test_runs_made_at_once_get_different_folders(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda number: create_run({"number": number}, tmp_path), range(24)))
    assert sorted(int(run.path.name) for run in runs) == list(range(1, 25))
    assert sorted(run.config()["number"] for run in runs) == list(range(24))


def test_the_config_comes_back_with_the_versions(tmp_path: Path) -> None:
    config = {"net": "INPUT 4x4x1 → FC 3", "options": {"epochs": 3, "rate": 0.1, "clip": None}}
    found = open_run(create_run(config, tmp_path).path).config()
    versions = found.pop("versions")
    assert found == config
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == np.__version__


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError) as error:
        open_run(tmp_path)
    assert str(error.value) == (f"{tmp_path}: is no run: expected a folder with config.json in it")
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileError) as error:
            latest_run(root)
        assert str(error.value) == f"{root}: has no run to go on with"


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is damaged: expected JSON"), ("[]", "is damaged: expected a table of settings")],
)
def test_a_damaged_config_is_named(tmp_path: Path, text: str, words: str) -> None:
    run = create_run({}, tmp_path)
    (run.path / "config.json").write_text(text)
    with pytest.raises(FileError) as error:
        run.config()
    assert str(error.value) == f"{run.path / 'config.json'}: {words}"


def test_a_config_that_is_gone_is_named(tmp_path: Path) -> None:
    run = create_run({}, tmp_path)
    (run.path / "config.json").unlink()
    with pytest.raises(FileError) as error:
        run.config()
    path = run.path / "config.json"
    assert str(error.value) == f"{path}: cannot be read: No such file or directory"


def test_a_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.write_text("")
    with pytest.raises(FileError) as error:
        create_run({}, root)
    assert str(error.value) == f"{root}: a run folder cannot be made: File exists"


def test_a_config_is_json_for_people(tmp_path: Path) -> None:
    run = create_run({"net": "→"}, tmp_path)
    text = (run.path / "config.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "net": "→",\n')
    assert json.loads(text) == run.config()
