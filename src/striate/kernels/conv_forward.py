"""CONV forward by direct convolution, with vectors over the filters or over their cells."""

from __future__ import annotations

from msgspec import Struct

from striate.kernels.conv_direct import convolution
from striate.kernels.conv_dots import dot_seconds, dots, forward_source
from striate.kernels.conv_norm import pass_seconds, with_norm
from striate.kernels.conv_pack import pack_forward
from striate.kernels.conv_sizes import forward_sizes
from striate.kernels.estimates import direct_seconds
from striate.kernels.isa import Isa
from striate.kernels.outputs import output_of
from striate.plan.records import Lowering, Task


class DirectForward(Struct, frozen=True):
    """CONV forward by direct convolution."""

    isa: Isa
    name: str = "direct convolution"

    def refuses(self, task: Task) -> str | None:
        return "the output is added to another volume" if task.detail.get("plus") else None

    def cost(self, task: Task) -> float:
        return min(self._seconds(task), self._dot_seconds(task)) + pass_seconds(task)

    def _seconds(self, task: Task) -> float:
        """Time with vectors over the filters."""
        conv, (x,) = task.what, task.inputs
        panel = forward_sizes(conv, x).shared(task.batch).panel
        return direct_seconds(self.isa, conv, x, task.batch, panel.rows * panel.columns)

    def _dot_seconds(self, task: Task) -> float:
        """Time with vectors over the cells."""
        conv, (x,) = task.what, task.inputs
        return dot_seconds(self.isa, forward_sizes(conv, x), task.batch * conv.macs(x))

    def lower(self, task: Task) -> Lowering:
        return with_norm(self.isa, task, self._lower)

    def _lower(self, task: Task) -> Lowering:
        if self._dot_seconds(task) < self._seconds(task):
            return dots_forward(self.isa, task)
        conv, (x,) = task.what, task.inputs
        pack, size = pack_forward(conv, x, self.isa.tile_columns)
        y, pixel = output_of(task)
        roles = ("x0", "scratch.packed", "w.b" if conv.bias else 0, y, 0)
        relu, sizes = task.detail.get("relu", False), forward_sizes(conv, x)
        full = (task.output.height, task.output.width, pixel)
        main = convolution(self.isa, task.batch, sizes, roles, relu, full=full)
        return Lowering((pack, main), scratch={"packed": size})


def dots_forward(isa: Isa, task: Task) -> Lowering:
    """The launches with vectors over the cells of filters, for a CONV without groups."""
    conv, (x,) = task.what, task.inputs
    y, pixel = output_of(task)
    roles = ("x0", "scratch.packed", "w.b" if conv.bias else 0, y, 0)
    relu, sizes = task.detail.get("relu", False), forward_sizes(conv, x)
    source = forward_source(sizes)
    launches, size = dots(isa, task.batch, sizes, source, roles, relu, pixel, prepare=True)
    return Lowering(launches, scratch={"packed": size})
