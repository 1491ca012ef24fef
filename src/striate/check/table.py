"""The cost table: what the notes' listing of VGG-16 shows, for any net."""

from __future__ import annotations

from dataclasses import dataclass

from striate.check import render
from striate.check.check import Checked
from striate.check.memory import BYTES, Memory, estimate, own_volumes
from striate.check.numbers import in_bytes, in_short
from striate.check.receptive import Receptive, receptive_fields
from striate.graph.graph import Node
from striate.layers.fitting import arithmetic
from striate.layers.shape import Shape
from striate.notation.layer_text import write_layer


@dataclass(frozen=True)
class Row:
    """What one layer costs for one image.

    Attributes:
        name: of the layer in the graph.
        notation: of the layer.
        shape: of its volume.
        values: in its volume; 0 if the layer works in place, in the volume of its input.
        formula: of the number of weights, as the notes write it; may be empty.
        weights: their number, without biases.
        parameters: all that are trained, with biases; running statistics are not trained.
        macs: multiply-adds of a forward pass; one MAC is 2 FLOP.
        receptive: the part of the image that one activation sees.
        fit: where ``fit=floor`` or ``fit=ceil`` accepts a window that does not fit, the arithmetic.
    """

    name: str
    notation: str
    shape: Shape
    values: int
    formula: str
    weights: int
    parameters: int
    macs: int
    receptive: Receptive
    fit: str

    @property
    def bytes(self) -> int:
        """Of the volume."""
        return self.values * BYTES


@dataclass(frozen=True)
class Table:
    """The rows of all layers, and the memory for a batch.

    ``str()`` is `to_text`.
    """

    rows: tuple[Row, ...]
    memory: Memory

    @property
    def values(self) -> int:
        """Of all volumes of one image."""
        return sum(row.values for row in self.rows)

    @property
    def parameters(self) -> int:
        """Trained parameters of all layers, with biases."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-adds of a forward pass over one image."""
        return sum(row.macs for row in self.rows)

    def to_text(self) -> str:
        """Aligned columns, totals, and the memory for the batch."""
        notes = [f"{row.name}: {row.fit}" for row in self.rows if row.fit]
        return render.text(HEADER, self._cells(), [LEGEND, *notes, "", *_memory_lines(self)])

    def to_markdown(self) -> str:
        """The same columns as a Markdown table."""
        return render.markdown(HEADER, self._cells())

    def to_latex(self) -> str:
        """The same columns as a LaTeX ``tabular``."""
        return render.latex(HEADER, self._cells())

    def to_csv(self) -> str:
        """The records with exact numbers, comma-separated."""
        return render.csv(self.records())

    def records(self) -> list[dict[str, str | int | float]]:
        """One flat record for each layer, with exact numbers, for use in other programs."""
        return [_record(row) for row in self.rows]

    def __str__(self) -> str:
        return self.to_text()

    def _cells(self) -> list[tuple[str, ...]]:
        total = (
            "total",
            "",
            "",
            f"{self.values:,}",
            in_bytes(self.values * BYTES),
            f"{sum(row.weights for row in self.rows):,}",
            f"{self.parameters:,}",
            in_short(self.macs),
            "",
        )
        return [*map(_cells, self.rows), total]


HEADER = (
    "layer",
    "notation",
    "volume",
    "values",
    "memory",
    "weights",
    "parameters",
    "MACs",
    "view",
)
LEGEND = "view: size/stride @centre of what the first activation sees, in pixels of the image"


def tabulate(checked: Checked, batch: int = 1, training: bool = False, states: int = 0) -> Table:
    """The cost table of a net.

    Args:
        checked: the net.
        batch: number of images at once, for the memory; the rows are for one image.
        training: whether gradients and optimizer state are counted too.
        states: how many arrays the optimizer keeps for each parameter.
    """
    receptive = receptive_fields(checked)
    volumes = own_volumes(checked, training)
    rows = tuple(
        _row(checked, node, volumes.get(node.name, 0), receptive[node.name])
        for node in checked.graph.nodes
    )
    return Table(rows, estimate(checked, batch, training, states))


def _row(checked: Checked, node: Node, values: int, receptive: Receptive) -> Row:
    inputs = checked.inputs(node.name)
    parameters = checked.parameters[node.name].values()
    return Row(
        node.name,
        write_layer(node.layer),
        checked.shapes[node.name],
        values,
        node.layer.weight_formula(*inputs),
        sum(p.size for p in parameters if p.start == "weights"),
        sum(p.size for p in parameters if p.trainable),
        node.layer.macs(*inputs),
        receptive,
        _accepted(node, inputs),
    )


def _accepted(node: Node, inputs: tuple[Shape, ...]) -> str:
    """``fit=floor takes (224 - 7 + 2*3)/2 + 1 = 112.5 as 112``, or nothing if the window fits."""
    if not inputs:
        return ""
    window = node.layer.view(*inputs)
    found = [
        f"{arithmetic(window, inputs[0], axis)} as {window.extent(inputs[0], axis).steps}"
        for axis in (1, 0)
        if window.positions(inputs[0], axis).denominator > 1
    ]
    return f"fit={window.fit} takes {' and '.join(dict.fromkeys(found))}" if found else ""


def _cells(row: Row) -> tuple[str, ...]:
    volume = str(row.shape)
    return (
        row.name,
        row.notation.removesuffix(f" {volume}"),  # INPUT's stands in the next column
        volume,
        f"{row.values:,}" if row.values else "in place",
        in_bytes(row.bytes) if row.values else "",
        f"{row.formula} = {row.weights:,}" if row.formula else "",
        f"{row.parameters:,}" if row.parameters else "",
        in_short(row.macs) if row.macs else "",
        _view(row.receptive),
    )


def _view(seen: Receptive) -> str:
    size = _pair(*seen.size)
    return f"{size}/{_pair(*seen.stride)} @{_pair(*seen.centre)}"


def _pair(rows: float, columns: float) -> str:
    return f"{rows:g}" if rows == columns else f"{columns:g}x{rows:g}"


def _record(row: Row) -> dict[str, str | int | float]:
    return {
        "layer": row.name,
        "notation": row.notation,
        "width": row.shape.width,
        "height": row.shape.height,
        "depth": row.shape.channels,
        "values": row.values,
        "bytes": row.bytes,
        "formula": row.formula,
        "weights": row.weights,
        "parameters": row.parameters,
        "macs": row.macs,
        "view_width": row.receptive.size[1],
        "view_height": row.receptive.size[0],
        "stride_x": row.receptive.stride[1],
        "stride_y": row.receptive.stride[0],
        "centre_x": row.receptive.centre[1],
        "centre_y": row.receptive.centre[0],
        "fit": row.fit,
    }


def _memory_lines(table: Table) -> list[str]:
    memory = table.memory
    images = "1 image" if memory.batch == 1 else f"{memory.batch:,} images"
    if memory.training:
        activations = f"activations {in_bytes(memory.activations)}, their gradients as much"
        parameters = (
            f"parameters {in_bytes(memory.parameters)}, gradients "
            f"{in_bytes(memory.parameter_gradients)}, optimizer state "
            f"{in_bytes(memory.optimizer_state)}"
        )
    else:
        activations = "activations that are needed at the same time"
        parameters = "parameters"
    lines = [
        (activations, memory.activations + memory.activation_gradients),
        (
            parameters,
            memory.parameters + memory.parameter_gradients + memory.optimizer_state,
        ),
        ("images of the batch", memory.images),
        ("total", memory.total),
    ]
    mode = "training" if memory.training else "inference"
    width = max(len(what) for what, _ in lines)
    return [
        f"memory for {images}, {mode}",
        *(f"  {what:<{width}}  {in_bytes(size):>9}" for what, size in lines),
    ]
