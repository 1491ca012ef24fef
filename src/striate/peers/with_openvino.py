"""OpenVINO's side of a job: inference."""

from __future__ import annotations

import openvino

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.onnx_file import onnx_file
from striate.peers.session import Session


def session(case: Case) -> Session:
    """The net compiled for the CPU in float32, one stream with all threads."""
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": case.job.threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(str(onnx_file(case)), "CPU", settings)
    request = compiled.create_infer_request()
    images = openvino.Tensor(case.images_nchw)
    request.set_input_tensor(images)

    def call() -> Array:
        request.infer()
        scores: Array = request.get_output_tensor().data
        return scores

    return Session(openvino.__version__.split("-")[0], call, call)
