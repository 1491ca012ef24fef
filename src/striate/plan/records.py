"""The plan on one page: tasks, the candidates for them, buffers, launches. Records without methods
that touch a machine; planners are pure functions from records to records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from striate.layers import Loss, Shape
from striate.optimizers import Optimizer

ALIGNMENT = 64
"""Every buffer starts at a multiple of this many bytes: one cache line."""

CONTROL_WORDS = 16
"""The control block's words before the random keys: 0 the rate, 1 the scale of the gradients, 2 the
step's number (an integer, from 1), 3 and on the optimizer's coefficients of this step."""

SWITCHES = "saved.pooled"
"""The role of a max POOL's switches: one byte for each window, the number of the winning cell."""


@dataclass(frozen=True)
class Buffer:
    """A piece of memory.

    Attributes:
        name: ``conv1`` (activations), ``d:conv1`` (their gradient), ``conv1.w``, ``d:conv1.w``,
            ``conv1.w.velocity``, or a candidate's own, ``conv1/packed``.
        bytes: its size.
        region: which block it is cut from: ``arena`` shares room over time, the others
            (``weights``, ``gradients``, ``state``, ``kept``, ``batch``, ``control``) do not.
    """

    name: str
    bytes: int
    region: str


@dataclass(frozen=True)
class Training:
    """What turns an inference into a training step.

    Attributes:
        loss: of the scores.
        optimizer: of the weights.
        clip: the norm that all gradients together are scaled down to, or None.
    """

    loss: Loss
    optimizer: Optimizer
    clip: float | None = None


@dataclass(frozen=True)
class Task:
    """One thing to be done in a step, before anybody has decided how.

    Attributes:
        kind: ``forward``, ``again`` (forward a second time, for backward), ``backward``, ``add``
            (of gradients where a volume fans out), ``loss``, ``clip`` or ``update``.
        node: the node that it belongs to.
        what: the Layer, Loss or Optimizer.
        batch: number of images.
        inputs: shapes of the node's inputs.
        output: shape of its output.
        training: whether backward follows.
        roles: buffer by role. forward: ``x0 x1 … y w.NAME key``; backward: ``dy dx0 … x0 … y w.NAME
            dw.NAME key``, of which the ``dx`` are there only where the gradient is wanted, and
            ``x``/``y`` only as far as the layer's ``saves`` says; add: ``x y``; loss: ``x labels
            loss dx``; clip: ``gradients scale``; update: ``w dw s.NAME control``.
        detail: further facts by name: ``behind``, the Layer that the first input comes from; the
            random ``key`` of the node; the ``count`` of an update; where tasks are merged,
            ``joined`` names the nodes that this one has taken in, and ``update`` is the Optimizer
            of a weight that a backward task updates, too; ``part`` says that y is a range of the
            channels of a deeper volume: its depth, and the channels in front; ``placed`` numbers
            the inputs of a CONCAT whose ``x`` is such a part; ``pool`` is the Layer that pools a
            CONV's output before it is written to y, and whose gradient dy is in the backward pass;
            ``note`` is for the reason of the choice.
    """

    kind: str
    node: str
    what: Any
    batch: int
    inputs: tuple[Shape, ...]
    output: Shape
    training: bool
    roles: Mapping[str, str]
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``conv1 backward``, or, merged, ``conv1 + relu1 forward``, ``fc1 backward + update``."""
        nodes = " + ".join((self.node, *self.detail.get("joined", ())))
        return f"{nodes} {self.kind}{' + update' if 'update' in self.detail else ''}"

    def same(self, first: str, second: str) -> bool:
        """Whether two roles share one buffer, i.e. the task may work in place."""
        return self.roles[first] == self.roles[second]


class Kernel(Protocol):
    """Native code for one kind of work. Equal kernels share their code; see `striate.kernels`."""

    @property
    def private(self) -> int:
        """Bytes of scratch memory that each thread needs for itself."""
        ...

    def emit(self, e: Any) -> None:
        """Write the code of one chunk with an emitter of the kernels room."""
        ...


@dataclass(frozen=True)
class At:
    """A buffer by role, some bytes behind its start."""

    role: str
    offset: int = 0


@dataclass(frozen=True)
class Launch:
    """Calls of one kernel, once for every chunk; all are done before the next launch starts.

    Attributes:
        kernel: what to run.
        chunks: number of calls. It does not depend on the number of threads.
        arguments: the kernel's argument slots: a role, a role with an offset, or an integer.
        prepare: the launch depends on weights alone; inference runs it once, not at every call.
        room: bytes of scratch memory that each thread needs for itself, where that depends on the
            arguments; the kernel tells it otherwise.
    """

    kernel: Kernel
    chunks: int
    arguments: tuple[str | At | int, ...]
    prepare: bool = False
    room: int = 0

    @property
    def private(self) -> int:
        """Bytes of scratch memory that each thread needs for itself."""
        return max(self.room, self.kernel.private)


@dataclass(frozen=True)
class Lowering:
    """How a candidate does a task.

    Attributes:
        launches: in order; none if nothing is to be done, e.g. where a view is enough.
        scratch: bytes of buffers by name that live only from the first launch that names them to
            the last; role ``scratch.NAME``.
        saved: bytes of buffers by name that a forward task hands to its backward task; role
            ``saved.NAME`` in both.
    """

    launches: tuple[Launch, ...]
    scratch: Mapping[str, int] = field(default_factory=dict)
    saved: Mapping[str, int] = field(default_factory=dict)


class Candidate(Protocol):
    """One way to do a kind of task."""

    @property
    def name(self) -> str:
        """As the plan prints it: ``direct convolution``."""
        ...

    def refuses(self, task: Task) -> str | None:
        """Why it cannot do this task, or None if it can."""
        ...

    def cost(self, task: Task) -> float:
        """Estimated seconds on one core."""
        ...

    def lower(self, task: Task) -> Lowering:
        """The launches and the memory that the task takes this way."""
        ...


@dataclass(frozen=True)
class Choice:
    """Which candidate does a task, and why.

    Attributes:
        task: what is to be done.
        candidate: the name of the chosen one; ``reference`` runs the layer's NumPy definition.
        reason: why this one, in words.
        lowering: how; without launches if the reference runs.
        native: False where the reference runs.
        seconds: estimated, on one core.
    """

    task: Task
    candidate: str
    reason: str
    lowering: Lowering
    native: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before code is written.

    Attributes:
        choices: the tasks in the order of execution.
        buffers: all memory, by name.
        offsets: where each buffer lies in its region.
        regions: bytes of each region.
        bindings: for each choice, the buffer of every role, scratch and saved ones included.
        batch: number of images in one call.
        training: whether a call is a training step.
        keys: index of each node in the control block's random keys.
    """

    choices: tuple[Choice, ...]
    buffers: Mapping[str, Buffer]
    offsets: Mapping[str, int]
    regions: Mapping[str, int]
    bindings: tuple[Mapping[str, str], ...]
    batch: int
    training: bool
    keys: Mapping[str, int]


__all__ = [
    "ALIGNMENT",
    "At",
    "Buffer",
    "Candidate",
    "Choice",
    "Kernel",
    "Launch",
    "Lowering",
    "Plan",
    "Task",
    "Training",
]
