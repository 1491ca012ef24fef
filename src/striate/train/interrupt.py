"""Ctrl-C or SIGTERM while a run is on: the first asks it to end at the next step.

A second one ends it at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Whether SIGINT or SIGTERM has come."""

    def __init__(self) -> None:
        self.requested = False

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """The signal handler: remember the first signal, raise KeyboardInterrupt at the second."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Catch SIGINT and SIGTERM inside the ``with``, and put the handlers from before back.

    Python lets only the main thread handle signals; in others nothing is changed, and a signal
    that the process was started to ignore stays ignored.
    """
    interrupt = Interrupt()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    in_main = threading.current_thread() is threading.main_thread()
    caught = {
        number: handler
        for number, handler in before.items()
        if in_main and handler is not None and handler is not signal.SIG_IGN
    }
    for number in caught:
        signal.signal(number, interrupt.handle)
    try:
        yield interrupt
    finally:
        for number, handler in caught.items():
            signal.signal(number, handler)
