"""The workers of a job: who they are, where their time goes, what took longest.

Fed by the parcels that chunks come back as, which are exact, and between them by what
the workers report. Knows no pool.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from ..net import files
from ..wire.messages import Slowest, Worker
from .desk import desk
from .parcels import Parcel
from .work import SLOWEST, Seat

__all__ = ["Crew", "Insights", "Member", "Record"]


@dataclass(frozen=True, slots=True)
class Insights:
    """Where the time of a job went.

    Attributes
    ----------
    workers : tuple of Worker
        Each worker, see `async_plot.wire.messages.Worker`.
    slowest : tuple of (float, int, str, int)
        The tasks that took longest, longest first: seconds, index, argument, and the
        worker's number.
    done, failed : int
        Tasks, of all workers.
    startup, init, waiting, working, ending : float
        Seconds, of all workers together; as in
        `async_plot.wire.messages.Worker`.
    """

    workers: tuple[Worker, ...]
    slowest: tuple[tuple[float, int, str, int], ...]
    done: int
    failed: int
    startup: float
    init: float
    waiting: float
    working: float
    ending: float


class Member:
    """One worker of a job: a source of `Worker`.

    Its key is that of its seat: what it begins there says so.
    """

    def __init__(self, key: str, job: str, number: int, started: float) -> None:
        self.key = key
        self.number = number
        self.started = started  # of the job, by our monotonic clock
        self.near: Seat | None = None  # where it is a thread of this process
        self.host = ""
        self.pid = 0
        self.thread = ""
        self.since = 0.0
        self.said: Worker | None = None  # its newest report
        self.done = self.failed = 0
        self.startup = self.init = self.waiting = self.working = self.ending = 0.0
        self.cpu = self.memory = -1.0
        # When its newest chunk ended, by its own clock, and when that was told, by
        # ours: neither can be compared with the other, nor jumps as the time of day.
        self.left: float | None = None
        self.back = 0.0
        self.state = "waiting"
        self.text = ""
        self.over = False
        self._job = job
        self._changes = 0

    @property
    def name(self) -> str:
        """What people call it."""
        name = f"worker {self.number}"
        where = [f"pid {self.pid}"] if self.pid else []
        if self.thread:
            where = [self.thread]
        if self.host and self.host != files.hostname():
            where.append(f"on {self.host}")
        return f"{name} ({' '.join(where)})" if where else name

    def hear(self, said: Worker) -> None:
        """Take over what it reports of the chunk in hand."""
        self._changes += 1
        self.said = said
        self.host, self.pid, self.thread = said.host, said.pid, said.thread
        if said.cpu >= 0:
            self.cpu = said.cpu
        if said.memory >= 0:
            self.memory = said.memory

    def take(self, parcel: Parcel, now: float) -> None:
        """Take over what a chunk has told at its end."""
        self._changes += 1
        self.host, self.pid, self.thread = parcel.host, parcel.pid, parcel.thread
        if self.left is not None:
            self.waiting += max(0.0, parcel.began - self.left)
        else:
            took = parcel.ended - parcel.began
            self.startup = max(0.0, now - self.started - took)
        self.left, self.back = parcel.ended, now
        self.init += parcel.init
        self.working += parcel.worked
        self.done += parcel.performed
        self.failed += len(parcel.faults)
        if parcel.cpu >= 0:
            self.cpu = parcel.cpu
        if parcel.memory >= 0:
            self.memory = parcel.memory
        self.said = None

    def end(self, state: str, text: str = "", now: float | None = None) -> None:
        """It works for this job no more."""
        if self.over:
            return
        self.over = True
        self.state, self.text = state, text
        if self.left is not None:
            now = time.monotonic() if now is None else now
            self.ending = max(0.0, now - self.back)

    # -- the reader's thread ---------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether it works for this job no more."""
        return self.over

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""
        near = self.near
        return self._changes, self.over, None if near is None else near.mark()

    def look(self, now: float) -> Worker:
        """Tell how it stands."""
        said, near = self.said, self.near
        if near is not None:
            said = near.look(now)
        busy = said is not None and said.state == "working" and not self.over
        return Worker(
            worker=self.key,
            number=self.number,
            job=self._job,
            pid=self.pid,
            host=self.host,
            thread=self.thread,
            state=self.state if self.over else "working" if busy else "waiting",
            chunk=said.chunk if busy and said else 0,
            counted=said.counted if busy and said else 0,
            task=said.task if busy and said else -1,
            argument=said.argument if busy and said else "",
            since=said.since if busy and said else self.since,
            done=self.done + (said.counted if busy and said else 0),
            failed=self.failed,
            cpu=self.cpu,
            memory=self.memory,
            startup=self.startup,
            init=self.init,
            waiting=self.waiting,
            working=self.working,
            ending=self.ending,
            text=self.text,
        )


class Record:
    """The slowest tasks of a job: a source of `Slowest`."""

    def __init__(self, job: str) -> None:
        self.key = desk.new_key()
        self.tasks: list[tuple[float, int, str, int]] = []
        self.over = False
        self._job = job

    def add(self, told: Iterable[tuple[float, int, str]], number: int) -> None:
        """Take over what a chunk has told."""
        new = [(took, index, argument, number) for took, index, argument in told]
        if new:
            self.tasks = sorted([*self.tasks, *new], reverse=True)[:SLOWEST]

    @property
    def least(self) -> float:
        """Seconds below which a task is none of them."""
        return self.tasks[-1][0] if len(self.tasks) == SLOWEST else 0.0

    @property
    def ended(self) -> bool:
        """Whether the job is over."""
        return self.over

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""
        return tuple(task[:2] for task in self.tasks)

    def look(self, now: float) -> Slowest:
        """Tell them."""
        tasks = self.tasks
        return Slowest(
            job=self._job,
            tasks=[task[1] for task in tasks],
            seconds=[task[0] for task in tasks],
            arguments=[task[2] for task in tasks],
            numbers=[task[3] for task in tasks],
        )


class Crew:
    """All workers of a job. Any thread may tell it; it is guarded by its owner's lock.

    Parameters
    ----------
    job : str
        Identifier of the job.
    started : float
        Seconds on the monotonic clock.
    """

    def __init__(self, job: str, started: float) -> None:
        self.record = Record(job)
        self.members: dict[str, Member] = {}  # by the key of their seats
        self._job = job
        self._started = started
        desk.add(self.record)

    def member(self, seat: str) -> Member:
        """The worker that sits there; a new one gets the next number."""
        member = self.members.get(seat)
        if member is None:
            number = len(self.members) + 1
            member = self.members[seat] = Member(seat, self._job, number, self._started)
            desk.add(member)
        return member

    def find(self, pid: int) -> Member | None:
        """The worker that is this process."""
        for member in self.members.values():
            if member.pid == pid and not member.over:
                return member
        return None

    def take(self, parcel: Parcel, now: float) -> Member:
        """Take over what a chunk has told at its end, at this instant."""
        member = self.member(parcel.seat)
        member.take(parcel, now)
        self.record.add(parcel.slowest, member.number)
        return member

    def end(self, now: float) -> None:
        """The job is over."""
        for member in self.members.values():
            member.end("ended", now=now)
            desk.remove(member)
        self.record.over = True
        desk.remove(self.record)

    def insights(self) -> Insights:
        """Where the time went."""
        now = time.monotonic()
        workers = tuple(each.look(now) for each in list(self.members.values()))

        def total(name: str) -> Any:
            return sum(getattr(worker, name) for worker in workers)

        return Insights(
            workers=workers,
            slowest=tuple(self.record.tasks),
            done=total("done"),
            failed=total("failed"),
            startup=total("startup"),
            init=total("init"),
            waiting=total("waiting"),
            working=total("working"),
            ending=total("ending"),
        )
