"""Which tasks a net becomes, which gradients are wanted, what works in place."""

from __future__ import annotations

import pytest
from nets import plan_of

from striate.optimizers import optimizer
from striate.plan import Plan, Task


def task(plan: Plan, name: str) -> Task:
    return next(choice.task for choice in plan.choices if choice.task.name == name)


def names(plan: Plan) -> list[str]:
    return [choice.task.name for choice in plan.choices]


def test_a_chain_goes_forward_then_back_then_updates() -> None:
    plan = plan_of("INPUT 8x8x1 -> CONV3-2 -> RELU -> FC 3")
    assert names(plan) == [
        "input forward",
        "conv1 forward",
        "relu1 forward",
        "fc1 forward",
        "loss loss",
        "fc1 backward",
        "relu1 backward",
        "conv1 backward",
        "decaying update",
        "plain update",
    ]


def test_the_images_get_no_gradient() -> None:
    plan = plan_of("INPUT 8x8x1 -> CONV3-2 -> FC 3")
    assert "dx0" not in task(plan, "conv1 backward").roles
    assert "dx0" in task(plan, "fc1 backward").roles


def test_layers_in_front_of_all_parameters_have_no_backward() -> None:
    plan = plan_of("INPUT 8x8x1 -> POOL2 -> RELU -> FC 3")
    assert [n for n in names(plan) if n.endswith("backward")] == ["fc1 backward"]


def test_relu_behind_conv_works_in_place_both_ways() -> None:
    plan = plan_of("INPUT 8x8x1 -> CONV3-2 -> RELU -> FC 3")
    assert task(plan, "relu1 forward").same("x0", "y")
    assert task(plan, "relu1 backward").same("dx0", "dy")


def test_a_training_step_centres_the_images_where_they_lie() -> None:
    text = "INPUT 8x8x1 -> CONV3-2 -> FC 3"
    assert task(plan_of(text), "input forward").same("x0", "y")
    # An inference may be given fewer images than a batch: the rest would be centred again.
    assert not task(plan_of(text, training=False), "input forward").same("x0", "y")


def test_relu_behind_a_layer_that_saves_its_output_keeps_it() -> None:
    plan = plan_of("INPUT 8x8x1 -> CONV3-2 -> SIGMOID -> RELU -> FC 3")
    assert not task(plan, "relu1 forward").same("x0", "y")
    inference = plan_of("INPUT 8x8x1 -> CONV3-2 -> SIGMOID -> RELU -> FC 3", training=False)
    assert task(inference, "relu1 forward").same("x0", "y")


def test_relu_on_a_volume_that_another_layer_reads_is_not_in_place() -> None:
    text = "INPUT 8x8x2 -> CONV3-2 -> SUM{ RELU -> CONV3-2 | SKIP } -> FC 3"
    for training in (True, False):
        plan = plan_of(text, training)
        assert not task(plan, "relu1 forward").same("x0", "y")


def test_what_flatten_passes_on_is_guarded_too() -> None:
    text = "INPUT 8x8x1 -> CONV3-2 -> SIGMOID -> FLATTEN -> RELU -> FC 3"
    plan = plan_of(text)
    saved = task(plan, "sigmoid1 backward").roles["y"]
    assert task(plan, "relu1 forward").roles["y"] != saved


def test_gradients_of_a_fanned_out_volume_are_added() -> None:
    plan = plan_of("INPUT 8x8x2 -> CONV3-2 -> SUM{ CONV3-2 | CONV1-2 | SKIP } -> FC 3")
    listed = names(plan)
    adds = [n for n in listed if n.endswith(" add")]
    assert len(adds) == 2
    last = max(i for i, name in enumerate(listed) if name.endswith(" add"))
    assert last < listed.index("conv1 backward")
    for choice in plan.choices:
        if choice.task.kind == "add":
            assert choice.task.detail["count"] == 2 * 8 * 8 * 2
            assert choice.task.roles["x"] != choice.task.roles["y"]


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("SUM{ CONV3-2 -> BATCHNORM | SKIP }", True),
        ("SUM{ CONV3-2 | CONV1-2 }", True),
        ("SUM{ CONV3-2 -> RELU | CONV1-2 }", True),
        ("SUM{ CONV3-2 -> RELU | CONV1-2 -> RELU }", False),
        ("SUM{ CONV3-2 | CONV1-2 -> RELU }", False),
        ("SUM{ SKIP | SKIP }", False),
    ],
)
def test_inputs_of_a_sum_share_a_gradient_that_nobody_changes_too_early(
    text: str, shared: bool
) -> None:
    plan = plan_of(f"INPUT 8x8x2 -> CONV3-2 -> {text} -> FC 3")
    backward = task(plan, "sum1 backward")
    assert backward.same("dx0", "dy")
    assert backward.same("dx1", "dy") == shared


def test_inference_has_forward_tasks_only_and_keeps_only_live_volumes() -> None:
    text = "INPUT 16x16x4 -> [CONV3-4]*8 -> FC 3"
    plan = plan_of(text, training=False)
    assert all(choice.task.kind == "forward" for choice in plan.choices)
    volume = 2 * 16 * 16 * 4 * 4
    assert plan.regions["arena"] == 2 * volume
    assert plan_of(text).regions["arena"] >= 9 * volume


def test_clipping_comes_between_backward_and_update() -> None:
    plan = plan_of("INPUT 8x8x1 -> CONV3-2 -> FC 3", clip=1.0)
    assert names(plan)[-3:] == ["gradients clip", "decaying update", "plain update"]
    clip = task(plan, "gradients clip")
    assert clip.detail["clip"] == 1.0
    sizes = [plan.buffers[clip.roles[f"dw{i}"]].bytes // 4 for i in (0, 1)]
    assert list(clip.detail["sizes"]) == sizes


def test_parameters_lie_alike_in_weights_gradients_and_state() -> None:
    plan = plan_of("INPUT 8x8x1 -> CONV3-2 -> BATCHNORM -> RELU -> FC 3")
    for name in ("conv1.w", "conv1.b", "batchnorm1.scale", "fc1.w"):
        same = {plan.offsets[n] for n in (name, f"d:{name}", f"{name}.velocity")}
        assert len(same) == 1
    decaying, plain = plan.buffers["block.decaying"], plan.buffers["block.plain"]
    assert plan.offsets["block.plain"] == decaying.bytes
    for name in ("conv1.b", "batchnorm1.scale", "fc1.b"):
        inside = plan.offsets[name] - plan.offsets["block.plain"]
        assert 0 <= inside < plain.bytes
    assert "d:batchnorm1.mean" not in plan.buffers


def test_biases_are_updated_without_decay() -> None:
    plan = plan_of("INPUT 8x8x1 -> FC 3", rule=optimizer("sgd", weight_decay=0.1))
    assert task(plan, "decaying update").what.weight_decay == 0.1
    assert task(plan, "plain update").what.weight_decay == 0.0


LARGE = "INPUT 16x16x8 -> CONV3-64 -> RELU -> FC 16 -> RELU -> FC 3"


def test_a_large_parameter_is_updated_right_behind_its_gradient() -> None:
    plan = plan_of(LARGE, rule=optimizer("sgd", weight_decay=0.1))
    listed = names(plan)
    assert listed[listed.index("fc1 backward") + 1] == "fc1 update"
    assert listed[-2:] == ["decaying update", "plain update"]
    update = task(plan, "fc1 update")
    assert update.roles == {
        "w": "fc1.w",
        "dw": "d:fc1.w",
        "control": "control",
        "s.velocity": "fc1.w.velocity",
    }
    assert (update.detail["count"], update.what.weight_decay) == (16 * 16 * 64 * 16, 0.1)
    assert plan.buffers["d:fc1.w"].region == "arena"
    decaying = plan.buffers["block.decaying"]
    assert plan.offsets["fc1.w"] == plan.offsets["fc1.w.velocity"] >= decaying.bytes
    assert plan.regions["gradients"] < plan.buffers["d:fc1.w"].bytes // 4
    reason = next(c.reason for c in plan.choices if c.task is update)
    assert reason.endswith("; its gradient is needed no longer than until here")


def test_clipping_keeps_all_gradients_to_the_end() -> None:
    plan = plan_of(LARGE, clip=1.0)
    assert [n for n in names(plan) if n.endswith("update")] == ["decaying update", "plain update"]
    assert plan.buffers["d:fc1.w"].region == "gradients"
    assert plan.choices[-1].reason.endswith("; behind the norm of all gradients")
