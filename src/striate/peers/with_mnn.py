"""MNN's side of a job: inference, of a model that its converter makes of the ONNX one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import MNN
import numpy as np

from striate.errors import InputError
from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.onnx_file import SCORES, onnx_file
from striate.peers.session import Session

CONVERT = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"
"""MNN's own command does the same, then installs a package and reports the model to a server."""


def session(case: Case) -> Session:
    """The net in float32 (precision high)."""
    interpreter = MNN.Interpreter(str(_model(case)))
    config = {"backend": "CPU", "precision": "high", "numThread": case.job.threads}
    found = interpreter.createSession(config)
    images = case.images_nchw
    inside = interpreter.getSessionInput(found)
    given = MNN.Tensor(images.shape, MNN.Halide_Type_Float, images, MNN.Tensor_DimensionType_Caffe)
    scores = np.zeros(case.scores.shape, np.float32)
    outside = interpreter.getSessionOutput(found, SCORES)
    taken = MNN.Tensor(scores.shape, MNN.Halide_Type_Float, scores, MNN.Tensor_DimensionType_Caffe)

    def call() -> Array:
        inside.copyFrom(given)
        interpreter.runSession(found)
        outside.copyToHostTensor(taken)
        return np.array(taken.getNumpyData(), np.float32)

    return Session(MNN.version(), call, call)


def _model(case: Case) -> Path:
    path = case.folder / f"net-{len(case.images)}.mnn"
    if not path.exists():
        words = ["-f", "ONNX", "--modelFile", str(onnx_file(case)), "--MNNModel", str(path)]
        done = subprocess.run(
            [sys.executable, "-c", CONVERT, *words, "--bizCode", "MNN"],
            capture_output=True,
            text=True,
        )
        if not path.exists():
            raise InputError(f"MNN's converter failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return path
