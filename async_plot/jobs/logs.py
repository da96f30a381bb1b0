"""What is logged: scalars and records, from wherever it happens to whoever looks.

Knows only the desk of its process: in a calculation and in each of its workers the same
calls do the same.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import SupportsFloat

from ..net.points import point
from ..wire.messages import Log, Points
from .desk import desk

__all__ = ["Handler", "handler", "log"]

TEXT = 16384  # characters of a record


def log(step: float | None = None, **scalars: SupportsFloat) -> None:
    """Add a point to the history of each scalar, from a calculation or its worker.

    What a worker logs is a history of its own, named by the scalar and the worker.
    Where nobody looks it does nothing.

    Parameters
    ----------
    step : float, optional
        Abscissa; without it the number of the call.
    **scalars : float
        Values by name.

    Raises
    ------
    UnsupportedValueError
        If a value is no real number.

    Examples
    --------
    >>> import async_plot
    >>> def train(rate):
    ...     for epoch in range(10):
    ...         async_plot.log(epoch, loss=rate / (epoch + 1))
    >>> train(0.1)
    """
    at, values = point(step, scalars)
    abscissa = math.nan if at is None else at
    desk.say(Points("", abscissa, list(values), list(values.values())))


def handler(level: int = logging.NOTSET) -> logging.Handler:
    """Make a `logging.Handler` that shows records in the views.

    In a worker they carry its number.

    Parameters
    ----------
    level : int, default: logging.NOTSET
        Lowest level that is shown.

    Returns
    -------
    logging.Handler
        To be added to a logger; it never waits.
    """
    made = Handler(desk.say)
    made.setLevel(level)
    return made


class Handler(logging.Handler):
    """Hands log records on.

    Parameters
    ----------
    say : callable
        ``say(record)``; called in the thread that logs, it never waits.
    """

    def __init__(self, say: Callable[[Log], object]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on a record, but none of this package's own."""
        name = record.name or ""  # made by hand, it may have none
        if name.startswith("async_plot"):
            return
        try:
            text = self.format(record)[:TEXT]
            level = max(0, record.levelno or 0)
        except Exception:  # a wrong format string must not stop a calculation
            self.handleError(record)
            return
        self._say(Log(record.created, level, name, text))
