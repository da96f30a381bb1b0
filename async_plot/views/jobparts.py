"""A bar, a worker, the failures of a job, as a view has heard of them.

Knows no clock, and of other bars nothing: see `async_plot.views.jobs`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..wire.messages import Failure, Job, Progress, Slowest, Worker

__all__ = ["Bar", "Crew", "Failures", "Seat", "Shown", "sum_up"]

KEPT = 100  # failures of a job, of the first and of the newest ones


@dataclass(slots=True)
class Bar:
    """A bar, and when it was heard of.

    Attributes
    ----------
    told : Progress
        The newest message.
    at : float
        When that came.
    turns : int
        How many came: a bar without a total moves on by it.
    order : int
        It is the so-manieth that was heard of.
    ended_at : float
        When it was first known to have ended, 0 if it goes on.
    """

    told: Progress
    at: float
    turns: int = 1
    order: int = 0
    ended_at: float = 0.0

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None if nobody knows its total."""
        total, done = self.told.total, self.told.done
        if not total >= 0 or done != done:
            return None
        return min(1.0, max(0.0, done / total)) if total else 1.0

    def elapsed(self, now: float) -> float:
        """Seconds since it began, until it ended."""
        going = self.told.state == "running"
        return self.told.elapsed + (max(0.0, now - self.at) if going else 0.0)

    def remaining(self, now: float) -> float:
        """Seconds left: what was told, less what has passed since."""
        return max(0.0, self.told.remaining - max(0.0, now - self.at))


@dataclass(slots=True)
class Seat:
    """A worker, and since when it has its task, on the view's own clock.

    Attributes
    ----------
    told : Worker
        The newest message.
    at : float
        When that came.
    since : float
        When it took the task in hand.
    """

    told: Worker
    at: float
    since: float


@dataclass(slots=True)
class Failures:
    """Those of one job: the first and the newest, and how many there were.

    Attributes
    ----------
    first, newest : list and deque of Failure
        What is kept of them.
    heard : int
        How many came.
    """

    first: list[Failure] = field(default_factory=list)
    newest: deque[Failure] = field(default_factory=lambda: deque(maxlen=KEPT))
    heard: int = 0

    def add(self, failure: Failure) -> None:
        """Take one; a repeated one is known by its task."""
        if any(each.task == failure.task for each in (*self.first, *self.newest)):
            return
        self.heard += 1
        if len(self.first) < KEPT:
            self.first.append(failure)
        else:
            self.newest.append(failure)

    @property
    def kept(self) -> list[Failure]:
        """All that are kept, the oldest first."""
        return [*self.first, *self.newest]

    @property
    def groups(self) -> list[list[Failure]]:
        """Those of one place together, newest first; the newest group first."""
        groups: dict[str, list[Failure]] = {}
        for failure in reversed(self.kept):
            # The line numbers tell one failure from another, what it says does not.
            place = failure.trace.rpartition("\n  ")[0]
            groups.setdefault(f"{failure.kind} {place}", []).append(failure)
        return list(groups.values())


@dataclass(slots=True)
class Crew:
    """The workers of a job, summed up.

    Attributes
    ----------
    seats : list of Seat
        By number.
    states : dict of {str: int}
        How many are in each state.
    cores, memory : float
        Cores that they keep busy, bytes that they hold; -1 if that is not known.
    longest : Seat or None
        Who has had the task in hand for longest, of those that have one.
    times : dict of {str: float}
        Where their time went, in seconds, all together.
    """

    seats: list[Seat]
    states: dict[str, int]
    cores: float
    memory: float
    longest: Seat | None
    times: dict[str, float]


@dataclass(slots=True)
class Shown:
    """A bar that is worth showing, with all that belongs to it.

    Attributes
    ----------
    key : str
        Identifier of the bar.
    title : str
        What people call it.
    bar : Bar or None
        How it stands; None before the first word.
    state : str
        As in `Progress`, or how the run ended if it ended meanwhile.
    job : Job or None
        Whose tasks it counts, if any.
    inner : list of (int, str, Bar)
        Bars inside of it: how deep, the worker's label or empty, the bar.
    crew : Crew
        Its workers.
    failures : Failures
        Of its tasks.
    failed : int
        How many failed.
    slowest : Slowest or None
        Its slowest tasks.
    """

    key: str
    title: str
    bar: Bar | None
    state: str
    job: Job | None
    inner: list[tuple[int, str, Bar]]
    crew: Crew
    failures: Failures
    failed: int
    slowest: Slowest | None

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.state == "running"


def sum_up(seats: list[Seat]) -> Crew:
    """Sum up the workers of a job, without those that others have replaced."""
    times = dict.fromkeys(("startup", "init", "waiting", "working", "ending"), 0.0)
    for seat in seats:
        for name in times:
            seconds = getattr(seat.told, name)
            times[name] += seconds if 0 <= seconds < 1e12 else 0.0
    if any(seat.told.state != "ended" for seat in seats):
        seats = [seat for seat in seats if seat.told.state != "ended"]
    seats = sorted(seats, key=lambda seat: (seat.told.number, seat.told.worker))
    states: dict[str, int] = {}
    cores = memory = 0.0
    longest: Seat | None = None
    processes: dict[tuple[str, int], Worker] = {}
    for seat in seats:
        told = seat.told
        states[told.state] = states.get(told.state, 0) + 1
        if told.state not in ("ended", "died"):
            # Threads of one process share what it uses.
            processes[told.host, told.pid] = told
        if told.state == "working" and told.task >= 0:
            if longest is None or seat.since < longest.since:
                longest = seat
    known = [w for w in processes.values() if w.memory >= 0 or w.cpu >= 0]
    if known:
        cores = sum(max(0.0, w.cpu) for w in known)
        memory = sum(max(0.0, w.memory) for w in known)
    return Crew(
        seats,
        states,
        cores if known else -1.0,
        memory if known else -1.0,
        longest,
        times,
    )
