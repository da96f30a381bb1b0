"""What a viewer was told before, and what it makes of the rest. Knows no socket.

A run repeats to a viewer that connects again whatever it tells to one that comes late;
what must arrive came then already, and is not given twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import replace

from ..wire.messages import (
    Failure,
    Job,
    Log,
    Message,
    Progress,
    RunState,
    State,
    Welcome,
)

__all__ = ["Told", "failures", "logs", "progress"]

KNOWN = 20_000  # jobs and failures that are remembered
RUNNING = "running"


class Told:
    """What must arrive, and has arrived."""

    def __init__(self) -> None:
        self._log = 0  # number of the newest record
        self._known: dict[tuple[str, int], None] = {}

    def repeats(self, message: Message) -> bool:
        """Whether that was told before a cut; else it counts as told now."""
        if isinstance(message, Log) and message.number:
            known = message.number <= self._log
            self._log = max(self._log, message.number)
            return known
        if isinstance(message, Failure):
            return self._was_known((message.job, message.task))
        if isinstance(message, Job):
            return self._was_known((message.job, -2))  # no task's index
        return False

    def _was_known(self, what: tuple[str, int]) -> bool:
        known = what in self._known
        self._known[what] = None
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
        return known


def progress(messages: Generator[Message, None, None]) -> Iterator[Progress]:
    """How bars stand, as it is told; those of a run that is lost are lost with it."""
    running: dict[str, Progress] = {}
    lost = False
    with contextlib.closing(messages):
        for message in messages:
            if isinstance(message, Progress):
                if message.state == RUNNING:
                    running[message.bar] = message
                else:
                    running.pop(message.bar, None)
                yield message
            elif isinstance(message, State):
                lost = message.state == RunState.LOST.value
            elif isinstance(message, Welcome):
                lost = False
    if lost:
        for bar in running.values():
            yield replace(bar, state=RunState.LOST.value)


def failures(messages: Generator[Message, None, None]) -> Iterator[Failure]:
    """Tasks that failed, as it is told."""
    with contextlib.closing(messages):
        for message in messages:
            if isinstance(message, Failure):
                yield message


def logs(messages: Generator[Message, None, None]) -> Iterator[Log]:
    """Records that were logged, as it is told."""
    with contextlib.closing(messages):
        for message in messages:
            if isinstance(message, Log):
                yield message
