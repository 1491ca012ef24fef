"""From what a user names to a net: a notation, a file, a name of the zoo, or a training run."""

from __future__ import annotations

from pathlib import Path

from striate.api import Net
from striate.check.weights import require_weights
from striate.errors import FileError, InputError
from striate.graph import Network
from striate.graph.weights_file import load_network
from striate.notation import Variable
from striate.zoo.find import find_net


def net(source: str | Path, /, **variables: Variable) -> Net:
    """A net from its notation, from a file, or from the zoo, without weights.

    Args:
        source: the notation, ``INPUT 32x32x3 -> CONV3-16 -> RELU -> FC 10``; the path of a file
            with it; or a name of the zoo, ``vgg16``.
        variables: for the pattern form: ``N=2, M=3, K=1``, ``pool=False``, and ``input="28x28x1"``
            and ``classes=10`` for a bare INPUT and a bare last FC, which `Net.fit` otherwise sizes
            by the images.

    Raises:
        NotationError: the text is not a net.
        FileError: the file cannot be read.
        InputError: there is no such file or net, or the net does not use one of the variables.
    """
    written = find_net(source, **variables)
    return Net(Network(written.graph()), written)


def load(path: str | Path) -> Net:
    """The net with its weights and classes from a file that `Net.save` or a training run wrote.

    Args:
        path: of the file, or of the folder of a run: then its best net.

    Raises:
        InputError: this is no path.
        FileError: the file cannot be read, is damaged, or its weights are not those of its net.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"expected the path of a .safetensors file or run folder, got {path!r}")
    file = _trained(Path(path)) if Path(path).is_dir() else path
    found = Net(load_network(file))
    require_weights(str(file), found.checked.parameters, found.weights)
    return found


def _trained(run: Path) -> Path:
    """The file with the best net of a run, else with its last."""
    from striate.train.checkpoint import BEST, LAST

    for name in (BEST, LAST):
        if (run / name).is_file():
            return run / name
    raise FileError(f"{run}: holds no trained net: expected {BEST} in it")
