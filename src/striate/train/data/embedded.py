"""The data sets that come with the package.

``fashion`` is a part of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017; MIT licence, in
``embedded/LICENSE-fashion-mnist.txt``): grey images 28x28 of clothes in ten classes. Of each class
it holds the first 800 of the training and the first 200 of the test images, in the order of the
original files, which makes 8,000 and 2,000. ``tools/make_embedded_fashion.py`` wrote it.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "embedded"
EMBEDDED = {"fashion": FOLDER / "fashion"}
