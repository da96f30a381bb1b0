"""In a worker: ends it when the process that started it is gone.

A calculation that is killed cannot end its pool, and pools wait for ever for tasks that
nobody can send: each holds the pipe open that would tell the other.
"""

from __future__ import annotations

import os
import signal
import threading
import time

__all__ = ["watch"]

_LOOK = 1.0  # seconds between two looks
_POLITE = 2.0  # seconds that a worker may take to end on SIGTERM

_watched = 0  # the process that has the thread: a forked child has none


def watch() -> None:
    """End this process soon after the one that started it; may be said often."""
    global _watched
    if _watched == os.getpid() or os.name != "posix":
        return
    _watched = os.getpid()
    threading.Thread(
        target=_outlive_nobody,
        args=(os.getppid(),),
        name="async_plot end of an orphan",
        daemon=True,
    ).start()


# -- private -----------------------------------------------------------------------


def _outlive_nobody(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_POLITE)
    os._exit(1)
