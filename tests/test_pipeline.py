"""The whole way: a net as text becomes a program that does what its definition says."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from guards import poison
from isas import NATIVE
from numpy_program import NumpyProgram
from striate.check import check
from striate.errors import BudgetError, CompileError, InputError, NetError
from striate.graph import Network, build
from striate.layers import SoftmaxLoss, SvmLoss
from striate.notation import parse
from striate.optimizers import Optimizer, optimizer
from striate.pipeline import compile_net, require_memory
from striate.plan import Training
from striate.run import Program
from striate.train.initialise import initialise

NETS = {
    "list": "INPUT 12x12x3 -> [[CONV3-16 -> RELU]*2 -> POOL2]*2 -> FC 20 -> RELU -> FC 5",
    "residual": "INPUT 8x8x3 -> CONV3-16 bias=no -> BATCHNORM -> RELU -> [SUM{ CONV3-16 bias=no"
    " -> BATCHNORM -> RELU -> CONV3-16 bias=no -> BATCHNORM | SKIP } -> RELU]*2"
    " -> POOL global avg -> FC 5",
    "bottleneck": "INPUT 8x8x3 -> CONV3-16 -> RELU -> [SUM{ CONV1-16 bias=no -> BATCHNORM -> RELU"
    " -> CONV3-16 -> RELU -> CONV1-32 bias=no -> BATCHNORM | CONV1-32 bias=no -> BATCHNORM }"
    " -> RELU -> SUM{ CONV1-16 -> RELU -> CONV1-32 -> BATCHNORM | SKIP } -> RELU]*2 -> FC 5",
    "sums": "INPUT 6x6x3 -> CONV1-8 -> RELU -> SUM{ CONV1-8 -> RELU | CONV3-8 -> RELU | SKIP }"
    " -> SUM{ SKIP | CONV1-8 -> SUM{ SKIP | CONV1-8 -> RELU } } -> RELU -> FC 5",
    "deep sums": "INPUT 4x4x300 -> SUM{ CONV1-300 | SKIP } -> RELU -> SUM{ SKIP | CONV1-300 }"
    " -> SUM{ CONV1-20 S=3 | CONV1-20 S=3 -> BATCHNORM } -> RELU -> FC 5",
    "inception": "INPUT 8x8x4 -> CONCAT{ CONV1-3 -> RELU | CONV3-5 -> RELU | POOL3 S=1 P=1"
    " -> CONV1-2 } -> LRN -> CONV3-8 groups=2 S=2 P=1,0,1,0 -> LEAKY -> FC 5",
    "parts": "INPUT 8x8x16 -> CONCAT{ CONV3-16 -> RELU | POOL3 S=1 P=1"
    " -> CONV1-5 -> RELU | CONV1-7 | CONV5-16 bias=no -> BATCHNORM -> RELU }"
    " -> CONCAT{ SKIP | CONV1-32 -> RELU -> DROPOUT 0.3 | CONV1-40 -> RELU -> CONV3-3 -> RELU }"
    " -> DROPOUT 0.4 -> FC 5",
    "depthwise": "INPUT 9x9x8 -> CONV3-8 groups=8 -> RELU -> CONV1-16 -> BATCHNORM -> RELU"
    " -> CONV3-16 groups=16 S=2 bias=no -> BATCHNORM -> RELU -> CONV1-12 -> RELU -> CONCAT{"
    " CONV3-12 groups=12 dilation=2 P=2 -> RELU | CONV5-24 groups=4 -> RELU } -> FC 5",
    "pooled": "INPUT 16x16x16 -> CONV3-32 -> POOL2 -> RELU -> CONV5-32 -> RELU -> POOL2"
    " -> BATCHNORM -> CONCAT{ CONV3-32 bias=no -> RELU -> POOL2 | CONV3-16 S=2 fit=floor -> RELU }"
    " -> FC 5",
    "odd": "INPUT 9x7x2 -> LOCAL3-4 P=0 -> TANH -> POOL2 avg fit=ceil -> FLATTEN -> DROPOUT 0.3"
    " -> FC 5",
    "nested": "INPUT 6x6x3 -> CONV3-4 -> SUM{ SUM{ CONV3-4 | SKIP } -> GELU | CONV1-4 | SKIP }"
    " -> GROUPNORM groups=2 -> SILU -> POOL2 l2 -> FC 5",
}


def network(text: str) -> Network:
    graph = build(parse(text))
    return Network(graph, initialise(check(graph).parameters, seed=3))


def batch_for(program: Any, kind: str = "float32") -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    shape = program.checked.shapes["input"].array(program.batch)
    if kind == "uint8":
        images: Any = rng.integers(0, 256, shape, dtype=np.uint8)
    else:
        images = rng.standard_normal(shape).astype(np.float32)
    return images, rng.integers(0, program.classes, program.batch)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("rule", [optimizer("sgd", rate=0.05, weight_decay=0.01)])
def test_training_and_inference_follow_the_definition(name: str, rule: Optimizer) -> None:
    net = network(NETS[name])
    ours = compile_net(net, 4, Training(SoftmaxLoss(), rule), threads=2, seed=7)
    exact = NumpyProgram(net.graph, 4, SoftmaxLoss(), rule, seed=7)
    exact.load(net.weights)
    images, labels = batch_for(ours)
    for _ in range(3):
        poison(ours.memory, {"arena", "gradients"})
        assert ours.step(images, labels) == pytest.approx(exact.step(images, labels), 2e-4, 1e-6)
    for node, parameters in exact.weights.items():
        for parameter, values in parameters.items():
            found = ours.weights[node][parameter]
            assert np.abs(found - values).max() <= 3e-4 * max(1, np.abs(values).max()), (
                f"{node}.{parameter}"
            )
    inference = compile_net(Network(net.graph, ours.weights), 4, threads=2)
    poison(inference.memory, {"arena", "kept"})
    assert np.abs(inference(images) - exact(images)).max() < 3e-3


@pytest.mark.parametrize("name", NETS)
def test_no_bit_depends_on_the_number_of_threads(name: str) -> None:
    net = network(NETS[name])

    def trained(threads: int) -> Program:
        parts = Training(SoftmaxLoss(), optimizer("adam"), clip=0.5)
        program = compile_net(net, 5, parts, threads=threads)
        images, labels = batch_for(program)
        for _ in range(3):
            program.step(images, labels)
        return program

    one = trained(1)
    for threads in (2, 3, 5, 16):
        more = trained(threads)
        for node, parameters in one.weights.items():
            for parameter, values in parameters.items():
                np.testing.assert_array_equal(values, more.weights[node][parameter])


@pytest.mark.parametrize("target", ["host", *(isa.name for isa in NATIVE)])
@pytest.mark.parametrize("exact", [False, True])
def test_targets_and_exactness(target: str, exact: bool) -> None:
    net = network(NETS["list"])
    program = compile_net(net, 3, threads=1, target_name=target, exact=exact)
    images, _ = batch_for(program)
    found = {choice.candidate for choice in program.plan.choices}
    assert ("winograd" in found) is not exact
    reference = NumpyProgram(net.graph, 3)
    reference.load(net.weights)
    assert np.abs(program(images) - reference(images)).max() < 1e-4


def test_what_has_no_kernel_runs_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.kernels.candidates.CANDIDATES", {})
    for text in NETS.values():
        net = network(text)
        rule = optimizer("sgd", rate=0.05)
        program = compile_net(net, 4, Training(SvmLoss(), rule, clip=1.0), threads=1)
        assert not any(choice.native for choice in program.plan.choices)
        exact = NumpyProgram(net.graph, 4, SvmLoss(), rule, clip=1.0)
        exact.load(net.weights)
        images, labels = batch_for(program)
        for _ in range(2):
            assert program.step(images, labels) == pytest.approx(
                exact.step(images, labels), rel=1e-4
            )


def test_uint8_images_and_fewer_than_a_batch() -> None:
    program = compile_net(network(NETS["list"]), 4, threads=1)
    images, _ = batch_for(program, "uint8")
    scores = program(images)
    np.testing.assert_array_equal(scores, program(images.astype(np.float32)))
    np.testing.assert_array_equal(scores[:2], program(images[:2]))


def test_changed_weights_are_used_after_loading_them() -> None:
    net = network(NETS["list"])
    program = compile_net(net, 4, threads=1)
    images, _ = batch_for(program)
    before = program(images)
    program.load({n: {p: 2 * w for p, w in own.items()} for n, own in net.weights.items()})
    assert not np.allclose(before, program(images))


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (
            np.zeros((4, 12, 12), np.float32),
            "images: expected [n, 12, 12, 3] of uint8 or float32, got [4, 12, 12] of float32",
        ),
        (
            np.zeros((4, 12, 12, 3), np.int64),
            "images: expected [n, 12, 12, 3] of uint8 or float32, got [4, 12, 12, 3] of int64",
        ),
        (
            np.zeros((5, 12, 12, 3), np.uint8),
            "images: expected 1 to 4, the batch, got 5",
        ),
    ],
)
def test_wrong_images(images: Any, text: str) -> None:
    program = compile_net(network(NETS["list"]), 4, threads=1)
    with pytest.raises(InputError) as caught:
        program(images)
    assert str(caught.value) == text


def test_wrong_labels_and_wrong_programs() -> None:
    net = network(NETS["list"])
    program = compile_net(net, 4, Training(SoftmaxLoss(), optimizer("sgd")), threads=1)
    images, labels = batch_for(program)
    cases = [
        ((images[:2], labels[:2]), "images: expected a whole batch of 4, got 2"),
        ((images, labels[:2]), "labels: expected 4 whole numbers, got [2] of int64"),
        ((images, labels * 0.5), "labels: expected 4 whole numbers, got [4] of float64"),
        (
            (images, np.array([0, 5, 1, 2])),
            "labels: 5 is out of range, the net has 5 scores: expected 0 to 4",
        ),
        (
            (images, np.array([0, -1, 1, 2])),
            "labels: -1 is out of range, the net has 5 scores: expected 0 to 4",
        ),
    ]
    for arguments, text in cases:
        with pytest.raises(InputError) as caught:
            program.step(*arguments)
        assert str(caught.value) == text
    assert program.steps == 0
    with pytest.raises(InputError) as caught:
        compile_net(net, 4, threads=1).step(images, labels)
    assert str(caught.value) == "this program was compiled for inference; compile(training=True)"
    with pytest.raises(InputError) as caught:
        program(images)
    assert str(caught.value) == ("this program was compiled for training: call step, or compile()")


def test_weights_that_are_refused_change_nothing() -> None:
    net = network(NETS["list"])
    program = compile_net(net, 4, threads=1)
    images, _ = batch_for(program)
    before = program(images)
    wrong = {node: {p: 2 * w for p, w in own.items()} for node, own in net.weights.items()}
    wrong["fc2"]["w"] = np.zeros((1, 2), np.float32)
    with pytest.raises(InputError) as caught:
        program.load(wrong)
    assert str(caught.value) == "weights of fc2.w: expected shape [5, 1, 1, 20], got shape [1, 2]"
    np.testing.assert_array_equal(program(images), before)
    with pytest.raises(InputError) as caught:
        program.load({"conv1": {"w": np.zeros((1, 2))}})
    assert str(caught.value) == "weights of input.mean: expected shape [3], got nothing"
    with pytest.raises(ValueError, match="read-only"):
        program.weights["conv1"]["w"][...] = 0


def test_threads_that_share_a_program_take_turns() -> None:
    program = compile_net(network(NETS["list"]), 4, threads=2)
    batches = [batch_for(program)[0] + i for i in range(2)]
    expected = [program(images) for images in batches]
    wrong: list[int] = []

    def work(which: int) -> None:
        for _ in range(50):
            if not np.array_equal(program(batches[which]), expected[which]):
                wrong.append(which)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


INTERRUPTS = """
import signal, threading
import numpy as np
import striate

program = striate.net("INPUT 12x12x3 -> CONV3-16 -> RELU -> FC 5").init().compile(4, threads=3)
images = np.ones((4, 12, 12, 3), np.float32)
expected, seen = program(images), 0
for _ in range(30):
    timer = threading.Timer(0.002, signal.raise_signal, (signal.SIGINT,))
    try:
        timer.start()
        while True:
            program(images)
    except KeyboardInterrupt:
        seen += 1
    np.testing.assert_array_equal(program(images), expected)
print(seen)
"""


def test_an_interrupt_waits_until_the_threads_have_met() -> None:
    command = [sys.executable, "-c", INTERRUPTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 30


def test_a_net_that_gives_no_vector_is_not_trained() -> None:
    net = network("INPUT 8x8x3 -> CONV3-4")
    with pytest.raises(InputError) as caught:
        compile_net(net, 2, Training(SoftmaxLoss(), optimizer("sgd")))
    assert str(caught.value) == (
        "training: conv1, the last layer, gives 8x8x4 values, but a loss takes one vector of "
        "scores: end the net in FC or in POOL global"
    )
    assert compile_net(net, 2)(np.zeros((2, 8, 8, 3), np.float32)).shape == (2, 8, 8, 4)


@pytest.mark.parametrize(
    ("batch", "threads", "text"),
    [
        (0, 1, "batch: expected a whole number of at least 1, got 0"),
        (2, -1, "threads: expected a whole number of at least 1, got -1"),
    ],
)
def test_batch_and_threads_are_at_least_one(batch: int, threads: int, text: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_net(network(NETS["list"]), batch, threads=threads)
    assert str(caught.value) == text


def test_what_cannot_be_compiled_is_refused() -> None:
    net = network(NETS["list"])
    with pytest.raises(CompileError) as caught:
        compile_net(net, 4, target_name="mmx")
    assert str(caught.value) == "unknown target 'mmx': expected host, sse2, avx2, avx512, neon"
    with pytest.raises(NetError):
        compile_net(Network(build(parse("INPUT 9x9x1 -> POOL2 -> FC 2"))), 4)
    program = compile_net(net, 4, threads=1)
    with pytest.raises(BudgetError) as refused:
        require_memory(program.plan, 1000)
    assert str(refused.value).startswith("an inference with a batch of 4 needs ")
    assert str(refused.value).endswith("but 1.000 kB are available; use a smaller input or net")
    require_memory(program.plan, None)
