"""The files of a run, made from its events: results.csv, curves, filters, confusion matrix."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from striate.errors import FileError
from striate.graph.atomic_file import describe_os_error, write_atomically
from striate.layers.shape import Array
from striate.train.events import EpochDone, Event, RunStarted, Stopped
from striate.train.history import FIGURES, EpochRecord
from striate.train.metrics import MOST_CONFUSED, Evaluation, named
from striate.train.pictures import MOST_DRAWN, draw_confusion, draw_filters, first_filters
from striate.train.plot import Line, Panel, draw_panels

REDRAWN_AFTER_SECONDS = 10.0


class Report:
    """A subscriber that keeps the files of a run folder up to date.

    ``results.csv`` has a row for each epoch as soon as it is done. ``curves.png`` is drawn again
    at most every `REDRAWN_AFTER_SECONDS` and at the end, when ``filters.png``, ``confusion.png``
    and ``confusion.csv`` are made too: the picture of up to `MOST_DRAWN` classes, the table of up
    to `MOST_CONFUSED`.
    """

    def __init__(
        self,
        folder: Path,
        weights: Mapping[str, Mapping[str, Array]],
        classes: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Report into a folder.

        Args:
            folder: of the run.
            weights: of the program, its own memory.
            classes: names of the classes, in the order of the scores.
            clock: seconds.
        """
        self._folder, self._weights, self._classes = folder, weights, classes
        self._clock, self._drawn = clock, -REDRAWN_AFTER_SECONDS
        self._records: list[EpochRecord] = []
        self._evaluation: Evaluation | None = None

    def __call__(self, event: Event) -> None:
        """Write what the event adds.

        Raises:
            FileError: a file cannot be written.
        """
        if isinstance(event, RunStarted):
            self._records = list(event.records)
            write_atomically(self._folder / "results.csv", _csv([FIGURES, *_rows(self._records)]))
        elif isinstance(event, EpochDone):
            self._records.append(event.record)
            self._evaluation = event.evaluation
            self._append(event.record)
            if self._clock() - self._drawn >= REDRAWN_AFTER_SECONDS:
                self._drawn = self._clock()
                self._draw_curves()
        elif isinstance(event, Stopped):
            self._draw_all()

    def _append(self, record: EpochRecord) -> None:
        path = self._folder / "results.csv"
        try:
            with path.open("ab") as file:
                file.write(_csv(_rows([record])))
        except OSError as error:
            raise FileError(f"{path}: cannot write the file: {describe_os_error(error)}") from error

    def _draw_curves(self) -> None:
        _save(self._folder / "curves.png", draw_curves(self._records))

    def _draw_all(self) -> None:
        if self._records:
            self._draw_curves()
        filters = first_filters(self._weights)
        if filters is not None:
            _save(self._folder / "filters.png", draw_filters(filters))
        if self._evaluation is not None:
            self._show_confusion(self._evaluation)

    def _show_confusion(self, evaluation: Evaluation) -> None:
        if evaluation.classes > MOST_CONFUSED:
            return
        confusion, names = evaluation.confusion, named(self._classes, evaluation.classes)
        if evaluation.classes <= MOST_DRAWN:
            _save(self._folder / "confusion.png", draw_confusion(confusion, names))
        rows = [[name, *row] for name, row in zip(names, confusion.tolist(), strict=True)]
        table = _csv([["validation images: label \\ predicted", *names], *rows])
        write_atomically(self._folder / "confusion.csv", table)


def draw_curves(records: Sequence[EpochRecord]) -> Image.Image:
    """Loss and accuracy over the epochs, in training and on the validation images."""
    return draw_panels(
        [
            Panel("Loss", "epoch", _lines(records, "loss")),
            Panel("Accuracy", "epoch", _lines(records, "accuracy"), percent=True),
        ]
    )


def _lines(records: Sequence[EpochRecord], figure: str) -> tuple[Line, ...]:
    found = []
    for name, key in (("training", figure), ("validation", f"validation_{figure}")):
        pairs = [(record.epoch, getattr(record, key)) for record in records]
        points = tuple((epoch, value) for epoch, value in pairs if value is not None)
        if points:
            found.append(Line(name, points))
    return tuple(found)


def _rows(records: Sequence[EpochRecord]) -> list[list[Any]]:
    return [
        ["" if value is None else f"{value:.10g}" for value in record.values().values()]
        for record in records
    ]


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _save(path: Path, image: Image.Image) -> None:
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    write_atomically(path, content.getvalue(), "picture")
