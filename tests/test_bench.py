"""The tables of the benchmark follow from its records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import striate

BENCH = Path(__file__).parent.parent / "bench"
RUNS = {
    "striate": [{"milliseconds": t, "version": "1"} for t in (9.0, 10.0, 12.0)],
    "torch": [{"milliseconds": t, "version": "2"} for t in (25.0, 20.0, 30.0)],
    "jax": [{"milliseconds": 90.0, "version": "3"}],
}
SPEED = {"flops": 2e11, "bytes": 1e10}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which lies outside of the package."""
    monkeypatch.syspath_prepend(BENCH)
    import tables

    return tables


def lines_of(tables: ModuleType, *jobs: dict[str, object]) -> list[str]:
    found = {"machine": "A machine", "threads": 2, "rounds": 3}
    text: str = tables.markdown(found | {"jobs": {str(i): job for i, job in enumerate(jobs)}})
    return text.splitlines()


def test_a_net_against_its_peers_and_its_floor(tables: ModuleType) -> None:
    job = {"kind": "inference", "net": "vgg16", "batch": 1, "speed": SPEED, "runs": RUNS}
    job |= {"floor": {"flops": 8e8, "bytes": 5e7}, "failed": {"mnn": "no such layer"}}
    job |= {"missing": ["ncnn: not installed; pip install ncnn"]}
    assert lines_of(tables, job) == [
        "A machine; 2 threads; at most 3 rounds.",
        "Versions: jax 3, striate 1, torch 2.",
        "Measured at the start of every job with all threads: 200 to 200 GFLOP/s (multiply-adds in "
        "registers), reading 10.0 to 10.0 GB/s. Floors are for the fastest.",
        "",
        "## Inference",
        "",
        "| net | batch | Striate ms | best peer | its ms | ratio | floor ms | reached |",
        "|---|---|---|---|---|---|---|---|",
        "| vgg16 | 1 | 10.00 | torch | 25.00 | 2.50 | 5.00 (bytes) | 50% |",
        "",
        "| net | batch | library | median ms | spread | times Striate's | rounds |",
        "|---|---|---|---|---|---|---|",
        "| vgg16 | 1 | striate | 10.00 | 9.00 to 12.00 | 1.00 | 3 |",
        "| vgg16 | 1 | torch | 25.00 | 20.00 to 30.00 | 2.50 | 3 |",
        "| vgg16 | 1 | jax | 90.00 | 90.00 to 90.00 | 9.00 | 1 |",
        "",
        "## Left out",
        "",
        "- ncnn: not installed; pip install ncnn",
        "- inference vgg16 1: mnn: no such layer",
    ]


def test_layers(tables: ModuleType) -> None:
    passes = {"forward": 10.0, "gradInput": 20.0, "gradWeights": 40.0, "milliseconds": 70.0}
    job = {"kind": "layer", "net": "L1", "batch": 16, "speed": SPEED, "flops": 1e9, "failed": {}}
    job["runs"] = {"striate": [passes], "torch": [{n: 2 * t for n, t in passes.items()}]}
    lines = lines_of(tables, job)
    assert lines[-2:] == [
        "| L1 | 16 | striate | 10.0 (100) | 20.0 (50) | 40.0 (25) | 1.00 |",
        "| L1 | 16 | torch | 20.0 (50) | 40.0 (25) | 80.0 (12) | 2.00 |",
    ]


def test_memory_compile_and_import(tables: ModuleType) -> None:
    run = {"peak_mb": 130.0, "before_mb": 30.0, "stepping_mb": 80.0}
    memory = {"kind": "memory", "net": "n", "batch": 8, "failed": {}, "missing": []}
    memory["runs"] = {"striate": [run], "torch": [run | {"stepping_mb": 180.0}]}
    runs = [{"first": 3.0, "cached": 0.25, "bare": 0.125}]
    compiled = {"kind": "compile", "net": "n", "batch": 8, "runs": runs}
    lines = lines_of(tables, memory, compiled, {"kind": "import", "runs": {"striate": [0.1]}})
    assert "| n | 8 | striate | 130 | 100 | 50 | 1.00 |" in lines
    assert "| n | 8 | torch | 130 | 100 | 150 | 3.00 |" in lines
    assert "| n | 8 | 3.00 | 0.25 | 0.12 |" in lines
    assert lines[-1] == "| striate | 0.10 |"


def test_the_command_keeps_what_it_measures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import jobs

    import run

    monkeypatch.setitem(jobs.JOBS, "import", lambda settings: {"kind": "import", "runs": {}})  # noqa: ARG005
    file, text = tmp_path / "runs.json", tmp_path / "tables.md"
    words = ["run.py", "import", "--json", str(file), "--markdown", str(text)]
    monkeypatch.setattr(sys, "argv", words)
    run.main()
    assert list(json.loads(file.read_text())["jobs"]) == ["import"]
    assert capsys.readouterr().out == text.read_text()
    assert run.chosen_jobs(["layer", "training-vgg16"])[0] == "training-vgg16"
    with pytest.raises(SystemExit, match="no job trainig"):
        run.chosen_jobs(["trainig"])


def test_dropout_is_switched_off_where_losses_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import jobs

    net = striate.net("INPUT 4x4x1 -> FC 3 -> DROPOUT 0.4 -> FC 2").init(0)
    assert jobs._drops(net.graph)
    assert str(jobs._without_dropout(net)).replace("\n", " ").endswith("DROPOUT 0 -> FC 2")
