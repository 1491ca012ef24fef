"""All candidates, by the kind of task and the layer, loss or optimizer that it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from striate.kernels.activations import (
    DERIVATIVES,
    FUNCTIONS,
    activation_backward,
    activation_forward,
)
from striate.kernels.batch_norm import (
    lower_batch_norm,
    lower_batch_norm_again,
    lower_batch_norm_backward,
)
from striate.kernels.conv_depthwise import DepthwiseBackward, DepthwiseForward
from striate.kernels.conv_filter_gradient import DirectBackward
from striate.kernels.conv_forward import DirectForward
from striate.kernels.conv_phases import PhasesBackward, PhasesForward
from striate.kernels.conv_product import ProductBackward, ProductForward
from striate.kernels.conv_winograd import WinogradBackward, WinogradForward
from striate.kernels.elementwise import (
    add,
    concat_backward,
    concat_forward,
    dropout_backward,
    dropout_forward,
    flatten_backward,
    flatten_forward,
    input_forward,
    sum_backward,
    sum_forward,
)
from striate.kernels.fc_ways import DotsForward, OuterForward, fc_backward
from striate.kernels.group_norm import lower_group_norm, lower_group_norm_backward
from striate.kernels.isa import Isa
from striate.kernels.local import local_backward, local_forward
from striate.kernels.losses import LOSSES, loss_and_gradient
from striate.kernels.lrn import lower_lrn, lower_lrn_backward
from striate.kernels.only_way import only
from striate.kernels.pool import lower_pool, lower_pool_backward
from striate.kernels.softmax import softmax_backward, softmax_forward
from striate.kernels.spatial_norm import lower_spatial_norm, lower_spatial_norm_backward
from striate.kernels.updates import RULES, clip, update
from striate.layers import (
    BatchNorm,
    CNorm,
    Concat,
    Conv,
    Dropout,
    Fc,
    Flatten,
    GroupNorm,
    Input,
    LayerNorm,
    Local,
    Lrn,
    Pool,
    RNorm,
    Softmax,
    Sum,
)
from striate.plan import Candidate, Task

CANDIDATES: dict[tuple[str, type | None], tuple[Callable[[Isa], Candidate], ...]] = {
    ("forward", Conv): (
        *(DirectForward, ProductForward, WinogradForward, PhasesForward, DepthwiseForward),
    ),
    ("backward", Conv): (
        *(DirectBackward, ProductBackward, WinogradBackward, PhasesBackward, DepthwiseBackward),
    ),
    ("forward", Pool): (only("pooling", lower_pool),),
    ("backward", Pool): (only("pooling", lower_pool_backward),),
    ("forward", BatchNorm): (only("batch norm", lower_batch_norm),),
    ("again", BatchNorm): (only("batch norm", lower_batch_norm_again),),
    ("backward", BatchNorm): (only("batch norm", lower_batch_norm_backward),),
    ("forward", GroupNorm): (only("group norm", lower_group_norm),),
    ("backward", GroupNorm): (only("group norm", lower_group_norm_backward),),
    ("forward", LayerNorm): (only("group norm", lower_group_norm),),
    ("backward", LayerNorm): (only("group norm", lower_group_norm_backward),),
    ("forward", Lrn): (only("response norm", lower_lrn),),
    ("backward", Lrn): (only("response norm", lower_lrn_backward),),
    ("forward", RNorm): (only("response norm", lower_spatial_norm),),
    ("backward", RNorm): (only("response norm", lower_spatial_norm_backward),),
    ("forward", CNorm): (only("response norm", lower_spatial_norm),),
    ("backward", CNorm): (only("response norm", lower_spatial_norm_backward),),
    ("forward", Fc): (OuterForward, DotsForward),
    ("backward", Fc): (only("outer products", fc_backward),),
    ("forward", Local): (only("dot products at each position", local_forward),),
    ("backward", Local): (only("outer products at each position", local_backward),),
    ("forward", Input): (only("elementwise", input_forward),),
    ("forward", Dropout): (only("elementwise", dropout_forward),),
    ("backward", Dropout): (only("elementwise", dropout_backward),),
    ("forward", Sum): (only("elementwise", sum_forward),),
    ("backward", Sum): (only("copies", sum_backward),),
    ("forward", Concat): (only("copies", concat_forward),),
    ("backward", Concat): (only("copies", concat_backward),),
    ("forward", Flatten): (only("copies", flatten_forward),),
    ("backward", Flatten): (only("copies", flatten_backward),),
    ("forward", Softmax): (only("by rows", softmax_forward),),
    ("backward", Softmax): (only("by rows", softmax_backward),),
    ("add", None): (only("elementwise", add),),
    ("clip", None): (only("sums of squares", clip),),
    **{("forward", layer): (only("elementwise", activation_forward),) for layer in FUNCTIONS},
    **{("backward", layer): (only("elementwise", activation_backward),) for layer in DERIVATIVES},
    **{("loss", loss): (only("by rows", loss_and_gradient),) for loss in LOSSES},
    **{("update", rule): (only("one pass", update),) for rule in RULES},
}
"""Constructors that take the instruction set. ``add`` and ``clip`` do not depend on what they are
for: their key is (kind, None)."""


INTO_PARTS = (DirectForward, ProductForward, WinogradForward, PhasesForward, DepthwiseForward)
"""Candidates that can write their output in a range of the channels of a larger volume."""

POOLING = (WinogradForward, WinogradBackward)
"""Candidates that can pool their output before it is written, or read its pooled gradient."""

INEXACT = (WinogradForward, WinogradBackward, PhasesForward, PhasesBackward)
"""Candidates whose rounding error is larger than that of plain sums of products."""


def candidates_for(isa: Isa, exact: bool = False) -> Callable[[Task], Iterable[Candidate]]:
    """The candidates for a task on one instruction set; ``exact`` leaves out Winograd's."""

    def of(task: Task) -> Iterable[Candidate]:
        key = (task.kind, None) if task.kind in ("add", "clip") else (task.kind, type(task.what))
        makers = CANDIDATES.get(key, ())
        if "part" in task.detail:
            makers = tuple(make for make in makers if make in INTO_PARTS)
        if "pool" in task.detail:
            makers = tuple(make for make in makers if make in POOLING)
        return [make(isa) for make in makers if not (exact and make in INEXACT)]

    return of
