"""What must arrive, told or not: logged records and the histories of scalars.

Filled from any thread of the calculation, read by the background thread. Each
viewer's share is worked out from what it has, so nothing waits in a queue of its
own. Knows no socket.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..wire.messages import Log, Message, Scalars, Stalled
from .scalars import History

__all__ = ["Chronicle"]

POINTS = 200_000  # calls of ``log`` that may wait for the background thread
RECORDS = 10_000  # log records that may
TAIL = 200  # log records kept for late viewers


class Chronicle:
    """Log records and scalars of one run.

    Parameters
    ----------
    wake : callable
        Called when so much waits that the background thread should look.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._points: deque[tuple[float | None, dict[str, float]]] = deque()
        self._records: deque[Log] = deque()
        self._lost = 0  # points and records that did not fit; approximate
        self._seen = 0
        self._told = 0  # log records numbered so far
        self._histories: dict[str, History] = {}
        self._tail: deque[Log] = deque(maxlen=TAIL)
        self.stalled: Stalled | None = None  # while it lasts

    # -- any thread of the calculation -----------------------------------------

    def add_point(self, step: float | None, values: dict[str, float]) -> None:
        """Note a value of some scalars. Never waits."""
        waiting = len(self._points)
        if waiting >= POINTS:
            self._lost += 1
            return
        self._points.append((step, values))
        if waiting == POINTS // 4:
            self._wake()

    def add_record(self, record: Log) -> None:
        """Note a log record. Never waits."""
        if len(self._records) >= RECORDS:
            self._lost += 1
            return
        self._records.append(record)

    # -- the background thread -------------------------------------------------

    @property
    def points_wait(self) -> bool:
        """Whether `absorb` has something to do."""
        return bool(self._points)

    @property
    def records_wait(self) -> bool:
        """Whether `new_records` has something to give."""
        return bool(self._records or self._lost)

    @property
    def points(self) -> int:
        """Calls of ``log`` so far."""
        return self._seen + len(self._points)

    @property
    def news(self) -> tuple[int, int]:
        """Equal as long as there is nothing new."""
        return self.points, self._told

    def absorb(self) -> None:
        """Enter the points that wait into their histories."""
        columns: dict[str, tuple[list[float], list[float]]] = {}
        for _ in range(len(self._points)):
            step, values = self._points.popleft()
            self._seen += 1
            at = self._seen if step is None else step
            for name, value in values.items():
                column = columns.get(name)
                if column is None:
                    column = columns[name] = [], []
                column[0].append(at)
                column[1].append(value)
        for name, column in columns.items():
            history = self._histories.get(name)
            if history is None:
                history = self._histories[name] = History()
            history.extend(*column)

    def new_records(self) -> Iterator[Log]:
        """Records that wait, numbered, each once; they are kept for late viewers."""
        while self._records:
            yield self._numbered(self._records.popleft())
        if self._lost:
            lost, self._lost = self._lost, 0
            text = f"{lost} log records or points of scalars came too fast and are lost"
            yield self._numbered(Log(time.time(), logging.WARNING, "async_plot", text))

    def _numbered(self, record: Log) -> Log:
        self._told += 1
        record = replace(record, number=self._told)
        self._tail.append(record)
        return record

    def tail(self) -> list[Message]:
        """The newest records, and the stall that lasts, for a viewer that comes now."""
        return [*self._tail, *([self.stalled] if self.stalled else [])]

    def scalars(self, known: dict[str, tuple[int, int]]) -> list[Message]:
        """Points that a viewer lacks.

        Parameters
        ----------
        known : dict
            Generation and number of points that it has of each scalar; brought up
            to date.
        """
        messages: list[Message] = []
        for name, history in self._histories.items():
            generation, count = known.get(name, (-1, 0))
            whole = generation != history.generation
            count = 0 if whole else count
            if whole or count < len(history):
                steps, values = history.since(count)
                messages.append(Scalars(name, whole, [steps.data, values.data]))
                known[name] = history.generation, len(history)
        return messages
