"""How jobs and steering stood at any place of a run's record or recording.

A file tells each change of each bar; whoever goes to a place in it wants the newest one
alone. Reads forwards once, and keeps marks to go back to. Draws nothing.
"""

from __future__ import annotations

import bisect

from ..errors import AsyncPlotError
from ..wire.messages import (
    Failure,
    Job,
    Message,
    Parameter,
    Progress,
    Slowest,
    Steering,
    Worker,
)
from .records import Records

__all__ = ["KINDS", "Stands"]

KINDS = (Job, Progress, Worker, Failure, Slowest, Steering, Parameter)
EVERY = 2000  # messages between two marks
MOST = 20_000  # bars, workers, jobs and failures that are known at one place

_Known = dict[tuple[str, ...], Message]  # the newest, by what it is about


class Stands:
    """The jobs of one file.

    Parameters
    ----------
    records : Records
        The file; others may read it, too.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._marks: list[tuple[int, _Known]] = [(0, {})]

    def at(self, end: int, start: int = 0) -> list[Message]:
        """What is to be told of all jobs, as they stood before an entry.

        Parameters
        ----------
        end : int
            That entry.
        start : int, default: 0
            Up to where all has been told: bars that ended since are told, too.
        """
        upto = start or end
        place = bisect.bisect_right(self._marks, upto, key=lambda mark: mark[0]) - 1
        begin, known = self._marks[place]
        known, gone = dict(known), _Known()
        entries, read = self._records.entries, 0
        for index in range(begin, end):
            if entries[index].kind not in KINDS:
                continue
            try:
                message = self._records.read(entries[index])
            except (AsyncPlotError, OSError):  # of one that is damaged
                continue
            over = _take(known, message)
            if over is not None and 0 < start <= index:
                gone[over] = message
            read += 1
            if read % EVERY == 0 and index + 1 > self._marks[-1][0]:
                self._marks.append((index + 1, dict(known)))
        return [*known.values(), *gone.values()]


def _take(known: _Known, message: Message) -> tuple[str, ...] | None:
    """Put the newest in the place of the one before; the key of what is gone."""
    if isinstance(message, Progress):
        key: tuple[str, ...] = ("bar", message.bar)
        known.pop(key, None)
        inside = message.parent or message.worker or not message.leave
        if message.state != "running" and inside and message.bar != message.job:
            return key
    elif isinstance(message, Worker):
        key = ("worker", message.worker)
    elif isinstance(message, Slowest):
        key = ("slowest", message.job)
    elif isinstance(message, Failure):
        key = ("failure", message.job, str(message.task))
    elif isinstance(message, Job):
        key = ("job", message.job)
    elif isinstance(message, Parameter):
        key = ("parameter", message.name)
    elif isinstance(message, Steering):
        key = ("steering",)
    else:
        return None
    known[key] = message
    if len(known) > MOST:
        known.pop(next(iter(known)))
    return None
