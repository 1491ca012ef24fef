"""ONNX Runtime's side of a job: inference."""

from __future__ import annotations

import onnxruntime

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.form import IMAGES
from striate.peers.onnx_file import onnx_file
from striate.peers.session import Session


def session(case: Case) -> Session:
    """The net with all graph optimizations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = case.job.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    found = onnxruntime.InferenceSession(
        str(onnx_file(case)), options, providers=["CPUExecutionProvider"]
    )
    feed = {IMAGES: case.images_nchw}

    def call() -> Array:
        scores: Array = found.run(None, feed)[0]
        return scores

    return Session(onnxruntime.__version__, call, call)
