"""What a layer is: typed fields, rules, shape, parameters, MACs, forward and backward.

Every layer is one file of this room. It is a frozen dataclass whose fields are its
hyper-parameters; from them follow its notation, its explanation and its error hints. The NumPy
forward and backward *define* the layer; a native kernel may only be faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from striate.errors import InputError
from striate.layers.options import Option, check_values, options_of
from striate.layers.rules import Rule
from striate.layers.shape import Array, Shape
from striate.layers.window import Window

Gradients = tuple[tuple[Array, ...], dict[str, Array]]
"""By every input, in order, and by every trainable parameter, by name."""


@dataclass(frozen=True)
class Parameter:
    """One array of a layer's parameters.

    Attributes:
        shape: of the array.
        start: the initial value: ``weights`` (random, scaled by ``fan_in`` and ``fan_out``),
            ``zeros`` or ``ones``.
        fan_in: number of inputs of one neuron.
        fan_out: number of neurons that one input feeds.
        decays: whether weight decay applies: to weights, but not to biases and norms.
        trainable: False for what the data sets and gradient descent does not touch, e.g. the
            running mean of a batch norm.
    """

    shape: tuple[int, ...]
    start: str = "weights"
    fan_in: int = 1
    fan_out: int = 1
    decays: bool = True
    trainable: bool = True

    @property
    def size(self) -> int:
        """Number of values."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclass(frozen=True)
class Mode:
    """How a forward pass is run.

    Attributes:
        training: whether dropout drops and batch norm uses the statistics of the batch.
        key: 32 random bits for this layer and this step; a layer that needs random numbers
            derives them from it (`striate.layers.random`), so that any order of execution and any
            number of threads draws the same ones.
    """

    training: bool = False
    key: int = 0


@dataclass(frozen=True)
class Layer:
    """The base of every layer; see `striate.layers.conv.Conv` for one in full.

    Class attributes:
        keyword: its name in the notation.
        examples: notation of instances that every test of layers and kernels runs.
        compact: keys of the numbers written right behind the keyword: CONV3-64 is ("F", "K").
        positional: key of a value written alone: FC 4096 is "K".
        saves: whose values backward reads besides the gradient: "inputs", "output", or both.
        in_place: whether forward may overwrite its input and backward its gradient.
        arity: how many inputs it takes: 1, 0 for INPUT, or -1 for any number of at least two.

    Raises:
        InputError: a hyper-parameter is of the wrong kind or range.
    """

    keyword: ClassVar[str] = ""
    examples: ClassVar[tuple[str, ...]] = ()
    compact: ClassVar[tuple[str, ...]] = ()
    positional: ClassVar[str | None] = None
    saves: ClassVar[frozenset[str]] = frozenset()
    in_place: ClassVar[bool] = False
    arity: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_values(self)

    def rules(self, *inputs: Shape) -> Iterable[Rule]:
        """The conditions on the input shapes, each with the words of its error."""
        return ()

    def shape(self, *inputs: Shape) -> Shape:
        """The output shape; by default that of the (first) input."""
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """The parameters by name; none by default."""
        return {}

    def macs(self, *inputs: Shape) -> int:
        """Multiply-adds between weights and activations in one forward pass over one image.

        As the field counts them: 0 for layers that multiply by no weights, and for norms.
        """
        return 0

    def weight_formula(self, *inputs: Shape) -> str:
        """The number of weights as the notes' VGG listing writes it: ``(3*3*64)*128``, or empty."""
        return ""

    def view(self, *inputs: Shape) -> Window:
        """The window through which one output sees the input, for receptive fields."""
        return Window((1, 1), pad=(0, 0, 0, 0))

    def forward(self, inputs: tuple[Array, ...], weights: Mapping[str, Array], mode: Mode) -> Array:
        """The output [N, H', W', C'] of float64 inputs [N, H, W, C]."""
        raise NotImplementedError

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        output: Array,
        weights: Mapping[str, Array],
        mode: Mode,
    ) -> Gradients:
        """Gradients of the loss by every input and every trainable parameter.

        Args:
            gradient: of the loss by the output, shaped like it.
            inputs: as given to `forward`; only their shapes, unless "inputs" is in ``saves``.
            output: as returned by `forward`; only its shape, unless "output" is in ``saves``.
            weights: the parameters by name.
            mode: as given to `forward`.
        """
        raise NotImplementedError

    def statistics(
        self, inputs: tuple[Array, ...], weights: Mapping[str, Array]
    ) -> dict[str, Array]:
        """New values of the parameters that are not trained, after a training forward pass."""
        return {}


LAYERS: dict[str, type[Layer]] = {}
LayerClass = TypeVar("LayerClass", bound=type[Layer])


def layer(keyword: str, examples: Iterable[str]) -> Callable[[LayerClass], LayerClass]:
    """Register a layer under its notation keyword, with examples that the tests run.

    An example is the notation of the layer behind an input: ``16x16x4 -> CONV3-8``; several
    inputs are separated by ``|``.
    """

    def register(cls: LayerClass) -> LayerClass:
        cls.keyword = keyword
        cls.examples = tuple(examples)
        LAYERS[keyword] = cls
        return cls

    return register


def grammar(keyword: str) -> dict[str, Option]:
    """The options that a layer's notation knows, by key."""
    return options_of(LAYERS[keyword])


def require(holds: bool, message: str) -> None:
    """Raise InputError with the message unless the condition holds (for constructors)."""
    if not holds:
        raise InputError(message)
