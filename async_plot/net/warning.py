"""What the background thread warns of: no handler of a log may end it or hold it up."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time

__all__ = ["Aside", "warn"]

EVERY = 600.0  # seconds at least between two warnings aside

logger = logging.getLogger("async_plot")


def warn(text: str, *args: object) -> None:
    """Log a warning; a handler of the user's that raises ends no watching."""
    with contextlib.suppress(Exception):
        logger.warning(text, *args)


class Aside:
    """Logs warnings in threads of their own, not more often than helps.

    Whatever makes a calculation hang may hold the lock of a log's handler, such as
    one that writes to a pipe which nobody reads.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._at = -math.inf

    def warn(self, text: str, *args: object) -> None:
        """Log a warning, unless the last one was lately or hangs; never waits."""
        now = time.monotonic()
        if now < self._at + EVERY:
            return
        if self._thread is None or not self._thread.is_alive():
            self._at = now
            self._thread = threading.Thread(
                target=warn, args=(text, *args), name="async_plot warning", daemon=True
            )
            with contextlib.suppress(RuntimeError):  # no thread to be had
                self._thread.start()
