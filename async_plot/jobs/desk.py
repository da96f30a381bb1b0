"""The desk of a process: its bars, jobs and workers, for whoever tells of them.

What happens is counted where it happens, without lock, clock or call; a reader, in a
thread of its own, polls the counts. In a calculation the background thread reads, in a
worker the reporter, where neither is there the one that writes lines. Knows no socket.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..wire.messages import Job, Lane, Message, Points, Progress, Worker

if TYPE_CHECKING:
    from .reporter import Reporter

__all__ = ["Desk", "Entry", "Reader", "Seat", "Source", "desk"]

KEPT = 10_000  # messages that wait for a reader
OPEN = 10_000  # sources that go on; more are not told of

debug = logging.getLogger("async_plot.wire")


class Source(Protocol):
    """Something that goes on, and is looked at from outside.

    Attributes
    ----------
    key : str
        Its identifier, made by `Desk.new_key`.
    ended : bool
        It will not change any more: once told, it is forgotten.
    """

    key: str

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""

    def look(self, now: float) -> Message:
        """Tell how it stands, at this instant of the monotonic clock."""


class Seat(threading.local):
    """For whom a thread works: what is begun there belongs to that worker and job.

    Attributes
    ----------
    worker, job, run : str
        Identifiers; empty for none.
    """

    worker = ""
    job = ""
    run = ""


class Entry(NamedTuple):
    """A source, and where it was begun.

    Attributes
    ----------
    source : Source
    worker, job, run : str
        As the seat of the thread said.
    """

    source: Source
    worker: str = ""
    job: str = ""
    run: str = ""


class Reader:
    """What one reader of a desk has been told.

    Parameters
    ----------
    wake : callable
        Called, from any thread, when there is something to look at; not again before
        that was done.
    reporter : callable, default: no reporter
        ``reporter()`` gives what a worker reports by to the same place, or None.
    run : str
        Identifier of the run that is told: what belongs to another one is not.
    worker : str
        Whose it is what is begun by no worker in particular.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        reporter: Callable[[], Reporter | None] = lambda: None,
        run: str = "",
        worker: str = "",
    ) -> None:
        self.reporter = reporter
        self.run = run
        self._worker = worker
        self._wake = wake
        self._woken = False
        self._said: deque[Message] = deque()
        self._lost = 0
        self._marks: dict[str, Hashable] = {}
        self._sources: dict[str, Entry] = {}

    # -- any thread ------------------------------------------------------------

    def wake(self) -> None:
        """Say that there is something to look at."""
        try:
            if not self._woken:
                self._woken = True
                self._wake()
        except BaseException:  # Ctrl-C: nobody would be woken any more
            self._woken = False
            raise

    def add(self, entry: Entry) -> None:
        """Poll this from now on; it belongs to that worker and job, if it has none."""
        if self._is_of_another(entry.run):
            return
        if len(self._sources) >= OPEN:  # nobody has looked for long
            for key, known in list(self._sources.items()):
                if known.source.ended:
                    self._sources.pop(key, None)
        self._sources[entry.source.key] = entry
        self.wake()

    def say(self, message: Message, run: str = "") -> None:
        """Take over a message that must arrive."""
        if self._is_of_another(run):
            return
        if len(self._said) >= KEPT:
            self._lost += 1
            return
        self._said.append(message)
        self.wake()

    # -- the reader's thread ---------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether anything goes on, or waits to be told."""
        return bool(self._said or self._sources or self._lost)

    @property
    def eager(self) -> bool:
        """Whether something began, ended or was said since the last time."""
        return self._woken

    def lost(self) -> int:
        """How many messages did not fit since the last time."""
        lost, self._lost = self._lost, 0
        return lost

    def miss(self, count: int) -> None:
        """Count messages that were taken from here, and may not have arrived."""
        self._lost += count

    def news(self, now: float) -> list[Message]:
        """Everything that is new, each source's state once.

        What comes and goes meanwhile, and need not stay in sight, is not told at all.
        """
        self._woken = False  # first: what comes from now on may be missed below
        messages: list[Message] = []
        entries = list(self._sources.values())
        # Before they are looked at: what is told of them is then their end.
        ended = [entry.source for entry in entries if entry.source.ended]
        while self._said:
            messages.append(self._said.popleft())
        for entry in entries:
            try:
                messages += self._new_of(entry, now, ended)
            except Exception:  # of a subclass of the user's, say: it is told no more
                debug.debug("a source cannot be looked at", exc_info=True)
                ended.append(entry.source)
        for source in ended:
            self._sources.pop(source.key, None)
            self._marks.pop(source.key, None)
        return messages

    def repeat(self) -> None:
        """Tell the state of everything again: what was told may not have arrived."""
        self._marks.clear()

    # -- private ---------------------------------------------------------------

    def _new_of(
        self, entry: Entry, now: float, ended: Sequence[Source]
    ) -> list[Message]:
        """State of one source, if it is new."""
        source, worker, job, _ = entry
        mark, told = source.mark(), self._marks.get(source.key, self)
        if told == mark:
            return []
        self._marks[source.key] = mark
        message = source.look(now)
        if told is self and source in ended and _is_fleeting(message):
            return []
        return [_seated(message, worker or self._worker, job)]

    def _is_of_another(self, run: str) -> bool:
        return bool(run and self.run and run != self.run)


def _is_fleeting(message: Message) -> bool:
    return isinstance(message, Progress) and not (message.leave or message.failed)


def _seated(message: Any, worker: str, job: str) -> Message:
    """Give a message to the worker and job that it came from, if it says no other."""
    if worker and isinstance(message, (Job, Points, Progress)) and not message.worker:
        message = replace(message, worker=worker)
    if job and isinstance(message, Progress) and not message.job:
        message = replace(message, job=job)
    return message  # type: ignore[no-any-return]


class Desk:
    """Everything of this process that is worth telling.

    Attributes
    ----------
    identity : str
        Random, so that identifiers of processes on many machines differ.
    readers : list of Reader
        Who tells of it.
    seat : Seat
        For whom the present thread works.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.readers: list[Reader] = []
        self.seat = Seat()
        self.identity = secrets.token_hex(4)
        self._numbers = count(1)
        self._open: dict[str, Entry] = {}
        self._jobs: dict[str, Callable[[Worker], object]] = {}

    def new_key(self) -> str:
        """Make an identifier."""
        return f"{self.identity}.{next(self._numbers)}"

    # -- what goes on ----------------------------------------------------------

    def add(self, source: Source) -> None:
        """Begin to tell of something; it is forgotten after its end.

        What is begun in a thread that has a seat belongs to that worker and job.
        """
        if len(self._open) >= OPEN:
            return
        seat = self.seat
        entry = Entry(source, seat.worker, seat.job, seat.run)
        self._open[source.key] = entry
        for reader in list(self.readers):
            reader.add(entry)

    def remove(self, source: Source) -> None:
        """Hold something no longer; readers that have not told its end still will."""
        self._open.pop(source.key, None)
        for reader in list(self.readers):
            reader.wake()

    def say(self, message: Message) -> None:
        """Have a message told that must arrive; lost if nobody reads."""
        assert message.lane is Lane.KEPT
        seat = self.seat
        message = _seated(message, seat.worker, seat.job)
        for reader in list(self.readers):  # one may leave meanwhile
            reader.say(message, seat.run)

    # -- who tells of it -------------------------------------------------------

    def reader(
        self,
        wake: Callable[[], None],
        reporter: Callable[[], Reporter | None] = lambda: None,
        run: str = "",
    ) -> Reader:
        """Add a reader, who is told of everything that goes on; see `Reader`."""
        reader = Reader(wake, reporter, run)
        self.admit(reader)
        return reader

    def admit(self, reader: Reader) -> None:
        """Tell a reader everything that goes on, from now on."""
        self.readers.append(reader)  # first: else what begins now might be missed
        for entry in list(self._open.values()):
            reader.add(entry)

    def leave(self, reader: Reader) -> None:
        """Tell this reader nothing any more."""
        with contextlib.suppress(ValueError):  # it has left
            self.readers.remove(reader)

    # -- workers ---------------------------------------------------------------

    def reporter(self) -> Reporter | None:
        """What this process's workers report by; None if nobody listens.

        In a worker, it is what reports to the run that the thread works for.
        """
        found = None
        for reader in list(self.readers):
            reporter = reader.reporter()
            if reporter is not None:
                found = reporter
                if reader.run == self.seat.run:
                    break
        return found

    def follow(self, job: str, hear: Callable[[Worker], object]) -> None:
        """Have ``hear(message)`` called with what workers of a job report.

        Parameters
        ----------
        job : str
            A job of this process.
        hear : callable
            Called by the thread of a reader; it is quick, and raises nothing. What it
            hears may be a lie.
        """
        self._jobs[job] = hear

    def unfollow(self, job: str) -> None:
        """Let a job, which has ended, hear nothing any more."""
        self._jobs.pop(job, None)

    def hear(self, message: Worker) -> bool:
        """Hand a worker's report to its job; say whether that is of this process."""
        hear = self._jobs.get(message.job)
        if hear is not None:
            hear(message)
        return hear is not None or self.made(message.job)

    def made(self, key: str) -> bool:
        """Whether an identifier was made by this process."""
        return key.partition(".")[0] == self.identity

    def forked(self) -> None:
        """Forget the parent's: this is a forked child."""
        self._begin()


desk = Desk()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=desk.forked)
