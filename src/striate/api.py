"""The public face: a net, and short methods that call the rooms."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.check import Checked, Table, check, estimate, require_room, tabulate
from striate.check.images import require_images
from striate.check.weights import require_weights
from striate.errors import InputError
from striate.graph import Graph, NetWeights, Network, describe
from striate.graph.weights_file import save_network
from striate.layers.shape import Array, Shape
from striate.notation import write
from striate.zoo.find import NetText

# compile_net brings LLVM along, the data sets threads and Pillow: `import striate.api` and a table
# must not wait for them. What needs them is imported in the methods that use it.
if TYPE_CHECKING:
    from striate.run import Program
    from striate.train.data import DataSet
    from striate.train.events import Subscriber
    from striate.train.history import History
    from striate.train.metrics import Evaluation

# Images in one call of `predict`: at most so many, with volumes of at most so many bytes.
MOST_IMAGES, ROOM = 64, 1 << 28


class Net:
    """A net with its weights. ``str()`` is its notation.

    Attributes:
        network: the graph, the weights and what goes along with them.
    """

    def __init__(self, network: Network, written: NetText | None = None) -> None:
        self.network = network
        self._written = written
        self._programs: dict[tuple[int, int | None], Program] = {}

    @property
    def graph(self) -> Graph:
        """The layers."""
        return self.network.graph

    @property
    def weights(self) -> NetWeights:
        """float32 arrays by layer and parameter: ``net.weights["conv1"]["w"]``."""
        return self.network.weights

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of the scores; empty if nobody gave any."""
        return self.network.meta.classes

    @cached_property
    def checked(self) -> Checked:
        """The net with the size of every volume and parameter.

        Raises:
            NetError: its layers do not fit together; the text has all problems.
        """
        return check(self.graph)

    @property
    def _input(self) -> Shape:
        return self.checked.shapes[self.graph.nodes[0].name]

    def __str__(self) -> str:
        return write(describe(self.graph)).strip()

    def __repr__(self) -> str:
        return f"striate.net({' '.join(str(self).split())!r})"

    def table(self, batch: int = 1, training: bool = False, optimizer: str = "sgd") -> Table:
        """Sizes and costs of every layer, and the memory for a batch of images.

        ``training`` counts gradients and the state of the ``optimizer`` too.

        Raises:
            InputError: there is no such optimizer.
            NetError: the layers do not fit together; the text has all problems.
        """
        if not training:
            return tabulate(self.checked, batch)
        from striate.train.recipe import Recipe

        states = len(Recipe(optimizer=optimizer).make_optimizer().state())
        return tabulate(self.checked, batch, True, states)

    def init(self, seed: int = 0, method: str = "he") -> Net:
        """Give the net random weights; ``method`` is ``he`` or ``xavier``. Returns the net.

        Raises:
            InputError: there is no such method.
            BudgetError: there is not enough memory for them.
        """
        from striate.train.initialise import initialise

        require_room(self.checked, 1)
        self.network.weights = initialise(self.checked.parameters, seed, method)
        return self

    def predict(self, images: Array, threads: int | None = None) -> Array:
        """The scores [N, classes] of images [N, H, W, C], uint8 or floats, any N.

        Floats are pixels in the units of the training images, usually 0 to 255. The compiled
        program is kept for the next call; the weights are read at every call.

        Raises:
            InputError: the images are of another shape or kind, or the net has no weights.
        """
        images = require_images(images, self._input)
        self._require_weights()
        program = self._program(len(images), threads)
        starts = range(0, len(images), program.batch)
        parts = [program(images[start : start + program.batch]) for start in starts]
        return np.concatenate(parts) if parts else np.empty((0, program.classes), np.float32)

    def reference(self, images: Array) -> Array:
        """The scores as the layers' definitions give them, in float64 NumPy: what is meant.

        Raises:
            InputError: the images are of another shape or kind, or the net has no weights.
        """
        from striate.run.definition import scores_by_definition

        self._require_weights()
        scores = scores_by_definition(self.network, require_images(images, self._input))
        return scores.reshape(len(scores), -1) if scores.shape[1:3] == (1, 1) else scores

    def fit(
        self,
        images: Array | DataSet,
        labels: Array | None = None,
        validation: tuple[Array, Array] | DataSet | None = None,
        threads: int | None = None,
        folder: str | Path | None = None,
        listen: Subscriber | Iterable[Subscriber] = (),
        **recipe: Any,
    ) -> History:
        """Train the net. Returns one record for each epoch, and why the run ended.

        A net without weights starts from He's, and its bare INPUT and bare last FC take the sizes
        of the data; an INPUT whose mean and standard deviation are still 0 and 1 takes theirs.

        Args:
            images: [N, H, W, C] uint8 or float32 with ``labels`` [N] from 0, or a data set.
            labels: of the images.
            validation: images and labels, or a data set, that each epoch is judged by.
            threads: that work on a step; all processors by default.
            folder: for checkpoints, results.csv and pictures; made if it is not there.
            listen: one or more functions, called with every event of `striate.train.events`.
            recipe: fields of `striate.train.recipe.Recipe`: ``epochs=5, batch=64, rate=0.01,
                loss="softmax", optimizer="sgd", schedule="cosine", augment="flip", seed=0`` …

        Raises:
            StriateError: an argument cannot be used, or the training diverges.
        """
        from striate.fit import Output, fit_network
        from striate.train.recipe import make_recipe

        made = make_recipe(recipe)
        data = self._data(images, labels, "images")
        self.sized_for(data)
        pair = validation if isinstance(validation, tuple) else (validation, None)
        judge = None if pair[0] is None else self._data(pair[0], pair[1], "validation")
        output = Output(None if folder is None else Path(folder))
        told = [listen] if callable(listen) else listen
        return fit_network(self.network, data, made, judge, output, None, threads, told)

    def sized_for(self, data: DataSet) -> Net:
        """Give a bare INPUT and a bare last FC the sizes of a data set. Returns the net.

        Nothing changes where `striate.net` was told ``input=`` or ``classes=``, or where the net
        has weights.
        """
        if self._written is not None and not self.weights:
            self.network.graph = self._written.sized(data.shape, len(data.classes))
            self.__dict__.pop("checked", None)
        return self

    def evaluate(
        self, images: Array | DataSet, labels: Array | None = None, threads: int | None = None
    ) -> Evaluation:
        """Accuracy, top-5 accuracy, softmax loss and confusion matrix on images with labels.

        Raises:
            InputError: the images or labels cannot be used, or the net has no weights.
        """
        from striate.layers import SoftmaxLoss
        from striate.train.evaluate import evaluate

        self._require_weights()
        data = self._data(images, labels, "images")
        return evaluate(self._program(len(data), threads), data, SoftmaxLoss())

    def compile(
        self,
        batch: int = 1,
        training: bool = False,
        threads: int | None = None,
        seed: int = 0,
        exact: bool = False,
        tune: bool = False,
        **recipe: Any,
    ) -> Program:
        """A native program with a copy of the weights.

        ``program(images)`` gives the scores of up to ``batch`` images. With ``training``,
        ``program.step(images, labels)`` trains on a whole batch and gives the loss; `take` brings
        the weights back.

        Args:
            batch: images in one call.
            training: whether it is a training step.
            threads: that work on a call; all processors by default.
            seed: of dropout's random numbers.
            exact: without Winograd's convolution, which rounds a little more.
            tune: measure the kernels once and choose the fastest, instead of by estimates.
            recipe: of a training step: ``loss=, optimizer=, rate=, clip=`` as in `fit`.

        Raises:
            InputError, BudgetError: a setting cannot be used; the memory is not enough.
        """
        from striate.pipeline import compile_net
        from striate.train.recipe import make_recipe

        self._require_weights()
        parts = make_recipe(recipe).make_training() if training else None
        return compile_net(self.network, batch, parts, threads, seed, exact=exact, tune=tune)

    def take(self, program: Program) -> Net:
        """Copy the weights of a program of this net. Returns the net."""
        from striate.fit import copied

        require_weights("program", self.checked.parameters, program.weights)
        self.network.weights = copied(program.weights)
        return self

    def plan(self, batch: int = 1, training: bool = False, **recipe: Any) -> str:
        """What a program would do, by which kernel and why, and its memory, as text to print."""
        from striate.kernels import host
        from striate.pipeline import plan_net
        from striate.plan import show_plan
        from striate.train.recipe import make_recipe

        parts = make_recipe(recipe).make_training() if training else None
        return show_plan(plan_net(self.checked, batch, parts, host()))

    def save(self, path: str | Path) -> None:
        """Write the net, its weights and its classes to a .safetensors file.

        Raises:
            InputError: the net has no weights.
            FileError: it cannot be written; a file that was there is intact.
        """
        self._require_weights()
        save_network(self.network, path)

    def _program(self, images: int, threads: int | None) -> Program:
        """An inference program for so many images or fewer, with the weights of now."""
        from striate.pipeline import compile_net

        each = max(1, estimate(self.checked, 1).activations)
        batch = max(1, min(MOST_IMAGES, images, ROOM // each))
        key = (1 << (batch.bit_length() - 1), threads)
        if key not in self._programs:
            self._programs[key] = compile_net(self.network, key[0], None, threads)
        else:
            self._programs[key].load(self.weights)
        return self._programs[key]

    def _data(self, images: Array | DataSet, labels: Array | None, what: str) -> DataSet:
        from striate.fit import as_data

        return as_data(images, labels, self._class_names(what), what)

    def _class_names(self, what: str) -> tuple[str, ...]:
        """Those that labels may mean; none where the labels of training images decide."""
        open_ = self._written.open if self._written is not None else ()
        if self.classes or (what == "images" and "classes" in open_ and not self.weights):
            return self.classes
        return tuple(map(str, range(self.checked.shapes[self.graph.output].channels)))

    def _require_weights(self) -> None:
        if not self.weights:
            raise InputError(
                "the net has no weights yet: call net.init(), train it with net.fit(), or load "
                "one with striate.load()"
            )
