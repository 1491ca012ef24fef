"""``python -m striate``, and the entry point of the command."""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command; Ctrl-C while it is being imported ends it without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from striate.app import cli

    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    # Nothing has been written that would have to be flushed.
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
