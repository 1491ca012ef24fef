"""ncnn's side of a job: inference, of a model in ncnn's own form.

ncnn takes one image at a time: a batch is its images one after the other.
"""

from __future__ import annotations

import ncnn
import numpy as np

from striate.layers.shape import Array
from striate.peers.case import Case
from striate.peers.form import IMAGES, steps_of
from striate.peers.ncnn_file import fused, ncnn_files
from striate.peers.session import Session

REDUCED = ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "int8_inference")


def session(case: Case) -> Session:
    """The net in float32, each RELU done by the CONV or FC in front of it."""
    steps = fused(steps_of(case.net))
    parameters, weights = ncnn_files(steps, case)
    net = ncnn.Net()
    for name in REDUCED:
        setattr(net.opt, f"use_{name}", False)
    net.opt.num_threads = case.job.threads
    net.load_param(str(parameters))
    net.load_model(str(weights))
    images = [ncnn.Mat(image) for image in case.images_nchw]
    output = steps[-1].step.name

    def call() -> Array:
        found = []
        for image in images:
            extractor = net.create_extractor()
            extractor.input(IMAGES, image)
            found.append(np.array(extractor.extract(output)[1]).reshape(-1))
        return np.stack(found)

    return Session(ncnn.__version__, call, call)
