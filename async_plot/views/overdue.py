"""Drawings that take long: noticed from inside and from beside. Draws nothing."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from .strip import HANGING, StripState

__all__ = ["Alarm", "Watchdog"]

HUNG = 10.0  # seconds of one drawing after which it is told once


class Alarm:
    """Calls back while a drawing goes on for long, inside of it.

    A signal is the one thing that reaches the thread that draws. It is used where
    the system has it and the user's own code does not.

    Parameters
    ----------
    callback : callable
        Called after `HANGING` seconds of drawing, and each second from then on.
    """

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._usable = (
            sys.platform != "win32"
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
        )
        if self._usable and sys.platform != "win32":
            signal.signal(signal.SIGALRM, self._ring)

    def start(self) -> None:
        """Begin to count: a drawing starts."""
        if self._usable and sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, HANGING, 1.0)

    def stop(self) -> None:
        """End counting: the drawing has returned."""
        if self._usable and sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 0)

    def close(self) -> None:
        """Give the signal back."""
        self.stop()
        if self._usable and sys.platform != "win32":
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            self._usable = False

    def _ring(self, number: int, stack: Any) -> None:
        with contextlib.suppress(Exception):  # it would be raised in the user's draw
            self._callback()


class Watchdog(threading.Thread):
    """Tells once of each drawing that does not return, and where it is.

    It also keeps a pause that this view has asked for, however long a figure draws.

    Parameters
    ----------
    state : StripState
        Says what is being drawn, and since when.
    callback : callable
        ``callback(number, seconds, stack)``: frame, since when, the stack as text;
        called in this thread, for the one that draws may never come back.
    """

    def __init__(
        self, state: StripState, callback: Callable[[int, float, str], None]
    ) -> None:
        super().__init__(name="async_plot watchdog", daemon=True)
        self._state = state
        self._callback = callback
        self._drawer = threading.get_ident()
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look once a second until it is stopped."""
        told = 0.0
        while not self._stopped.wait(1.0):
            self._state.controls.keep(time.monotonic())
            number, since = self._state.drawing, self._state.drawing_since
            seconds = time.monotonic() - since
            if number and since != told and seconds >= HUNG:
                told = since
                frame = _interrupted(sys._current_frames().get(self._drawer))
                stack = "".join(traceback.format_stack(frame)[-8:])
                self._callback(number, seconds, stack)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self.is_alive():
            self.join()


def _interrupted(frame: FrameType | None) -> FrameType | None:
    """Where the drawing is, if the thread is just now in the alarm's callback."""
    found, each = frame, frame
    while each is not None:
        if each.f_code is Alarm._ring.__code__:
            found = each.f_back
        each = each.f_back
    return found
