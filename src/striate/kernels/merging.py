"""Which neighbouring tasks one kernel does together: what is elementwise rides on its neighbour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from striate.kernels import candidates
from striate.kernels.conv_product import can_add
from striate.kernels.fc_update import fits
from striate.kernels.pool import wins_only_above_zero
from striate.kernels.product_launch import is_pointwise
from striate.kernels.updates import RULES
from striate.layers import BatchNorm, Concat, Conv, Fc, Pool, Relu, Sum
from striate.plan.records import Task

RELU_RIDES_ON = (Conv, Fc, BatchNorm, Sum)
ADDED = "adds to the gradient that others have left"
NEVER_STORED = "updates each weight as soon as its gradient is summed up, which is never stored"


def merge(task: Task, following: Task, alone: bool) -> Task | None:
    """One task that does both, or None.

    Args:
        task: the earlier one, perhaps merged already.
        following: the one right behind it.
        alone: whether nobody else reads what the earlier one writes.
    """
    if (task.kind, type(task.what)) not in candidates.CANDIDATES:
        return None
    if task.kind == following.kind == "forward":
        if isinstance(following.what, Relu):
            return _relu_forward(task, following)
        if isinstance(following.what, BatchNorm) and alone:
            return _norm_forward(task, following)
        if isinstance(following.what, Sum) and alone:
            return _sum_forward(task, following)
    if (task.kind, following.kind) == ("backward", "add"):
        return _add_in_place(task, following)
    if (task.kind, following.kind) == ("backward", "update"):
        return _update_with_gradient(task, following)
    if task.kind == following.kind == "backward" and isinstance(following.what, Relu):
        return _relu_backward(task, following)
    return None


def _relu_forward(task: Task, relu: Task) -> Task | None:
    """RELU in place on the output of a CONV, FC, BATCHNORM or SUM."""
    rides = isinstance(task.what, RELU_RIDES_ON) and not task.detail.get("relu")
    if not rides or not relu.same("x0", "y") or relu.roles["x0"] != task.roles["y"]:
        return None
    return _joined(task, relu, task.roles["y"], relu=True)


def _norm_forward(task: Task, norm: Task) -> Task | None:
    """BATCHNORM behind a CONV, with the running statistics."""
    plain = isinstance(task.what, Conv) and not task.detail.get("joined")
    if not plain or task.training or norm.roles["x0"] != task.roles["y"]:
        return None
    own = {f"n.{r[2:]}": name for r, name in norm.roles.items() if r.startswith("w.")}
    merged = _joined(task, norm, norm.roles["y"], norm=norm.what)
    return replace(merged, roles={**merged.roles, **own})


def _sum_forward(task: Task, total: Task) -> Task | None:
    """A SUM of two volumes behind the BATCHNORM, or at inference the 1x1 CONV, that makes one of
    them."""
    known = isinstance(task.what, BatchNorm)
    if isinstance(task.what, Conv) and not task.training:
        known = is_pointwise(task.what) and task.what.groups == 1
    terms = [name for role, name in total.roles.items() if role[0] == "x"]
    others = [name for name in terms if name != task.roles["y"]]
    if not known or task.detail.get("relu") or (len(terms), len(others)) != (2, 1):
        return None
    merged = _joined(task, total, total.roles["y"], plus=True)
    return replace(merged, roles={**merged.roles, "x1": others[0]})


def _relu_backward(task: Task, relu: Task) -> Task | None:
    """RELU in place on the gradient by the input of a CONV, FC, POOL or CONCAT."""
    if isinstance(task.what, Pool):
        return _relu_behind_pool(task, relu)
    if isinstance(task.what, Concat):
        return _relu_in_branch(task, relu)
    if (
        not isinstance(task.what, Conv | Fc)
        or "dx0" not in task.roles
        or not relu.same("dx0", "dy")
    ):
        return None
    if relu.roles["dy"] != task.roles["dx0"] or relu.roles["y"] != task.roles.get("x0"):
        return None
    return _joined(task, relu, None, mask=True)


def _add_in_place(task: Task, add: Task) -> Task | None:
    """The gradient by the input of a CONV, added to the others of a volume that fans out."""
    if not isinstance(task.what, Conv) or add.roles["x"] != task.roles.get("dx0"):
        return None
    if not can_add(task.what):
        return None
    roles = {**task.roles, "dx0": add.roles["y"]}
    return replace(task, roles=roles, detail={**task.detail, "adds": True, "note": ADDED})


def _relu_behind_pool(pool: Task, relu: Task) -> Task | None:
    """RELU on the gradient by the input of a max POOL, whose switches leave out what is not
    positive: then nobody needs the RELU's output."""
    if not wins_only_above_zero(pool) or relu.roles["dy"] != pool.roles.get("dx0"):
        return None
    return _joined(pool, relu, None) if relu.same("dx0", "dy") else None


def _relu_in_branch(concat: Task, relu: Task) -> Task | None:
    """RELU on the gradient of one of the volumes that a CONCAT stacks; role ``x`` of that one is
    what the RELU has left."""
    given = (i for i in range(len(concat.inputs)) if f"x{i}" not in concat.roles)
    for i in given:
        if concat.roles.get(f"dx{i}") == relu.roles["dy"] and relu.same("dx0", "dy"):
            merged = _joined(concat, relu, None)
            return replace(merged, roles={**concat.roles, f"x{i}": relu.roles["y"]})
    return None


def _update_with_gradient(task: Task, update: Task) -> Task | None:
    """The update of an FC's weights, while their gradient is summed up."""
    known = isinstance(task.what, Fc) and type(update.what) in RULES
    if not known or update.roles["dw"] != task.roles.get("dw.w") or not fits(task):
        return None
    roles = {role: name for role, name in task.roles.items() if role != "dw.w"}
    roles |= {role: n for role, n in update.roles.items() if role not in ("w", "dw")}
    return replace(
        task, roles=roles, detail={**task.detail, "update": update.what, "note": NEVER_STORED}
    )


def _joined(task: Task, following: Task, y: str | None, **detail: Any) -> Task:
    names = (*task.detail.get("joined", ()), following.node)
    roles = {**task.roles, "y": y} if y else task.roles
    return replace(task, roles=roles, detail={**task.detail, **detail, "joined": names})
