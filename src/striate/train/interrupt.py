"""Ctrl-C while a run is on: the first asks it to end at the next step, a second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether SIGINT has come."""

    def __init__(self) -> None:
        self.requested = False

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """The signal handler: remember the first signal, raise KeyboardInterrupt at the second."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Catch SIGINT inside the ``with``; the handler from before is put back at its end.

    Python lets only the main thread handle signals; in others, and where the process was started
    to ignore SIGINT, nothing is changed and the interrupt is never requested.
    """
    interrupt = Interrupt()
    before = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or before is None or before is signal.SIG_IGN:
        yield interrupt
        return
    signal.signal(signal.SIGINT, interrupt.handle)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
