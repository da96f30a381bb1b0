"""What a view has heard of a run's jobs: bars, workers, failures, insights.

Takes messages, in any order and again after a cut, keeps a bounded part of them, and
says what is worth showing. Draws nothing; knows no window, network or clock.
"""

from __future__ import annotations

from typing import TypeVar

from ..wire.messages import (
    Failure,
    Job,
    Message,
    Progress,
    RunState,
    Slowest,
    Welcome,
    Worker,
)
from .jobparts import Bar, Failures, Seat, Shown, sum_up

__all__ = ["HEARD", "Jobs"]

HEARD = (Job, Progress, Worker, Failure, Slowest)  # the messages that it takes

JOBS = 200  # that are known at once
BARS = 4000
ENDED = 250  # bars that have ended and stay in sight, jobs among them
WORKERS = 4096
DEPTH = 32  # of bars inside of bars that are followed
LINGER = 2.0  # seconds that the end of a bar is seen while others go on
AGAIN = 3.0  # seconds after a cut in which all that goes on has been told again

_ENDS = {state.value for state in RunState} - {RunState.RUNNING.value}

T = TypeVar("T")


class Jobs:
    """Everything that a view knows of a run's jobs.

    Attributes
    ----------
    revision : int
        Changes with everything that is heard.
    ended : str
        How the run ended, empty while it goes on.
    live : bool
        Whether what is heard happens now; false of a replay, whose tasks in hand
        have been in no hand for long.
    folds : dict of {str: bool}
        What somebody has unfolded, or folded up, by title.
    """

    def __init__(self, *, live: bool = True) -> None:
        self.live = live
        self.ended = ""
        self.revision = 0
        self.folds: dict[str, bool] = {}
        self._known: dict[str, Job] = {}
        self._bars: dict[str, Bar] = {}
        self._over: dict[str, None] = {}  # those bars that have ended, in order
        self._seats: dict[str, Seat] = {}
        self._failures: dict[str, Failures] = {}
        self._slowest: dict[str, Slowest] = {}
        self._order = 0
        self._stale: set[tuple[str, str]] = set()  # not told again since the cut
        self._stale_at = 0.0
        self._memo: tuple[int, float, list[Shown]] = (-1, 0.0, [])

    def __bool__(self) -> bool:
        return bool(self._bars or self._known or self._failures)

    # -- what is heard ---------------------------------------------------------

    def hear(self, message: Message, now: float, wall: float) -> None:
        """Take a message.

        Parameters
        ----------
        message : Message
            One of `HEARD`, or a `Welcome`: the run is there again after a cut, and
            tells anew what goes on; what it does not tell has ended meanwhile.
        now : float
            Seconds, on the view's clock.
        wall : float
            Seconds since the epoch.
        """
        if isinstance(message, Progress):
            self._take_bar(message, now)
        elif isinstance(message, Worker):
            self._take_worker(message, now, wall)
        elif isinstance(message, Job):
            self._known[message.job] = message
            self._shed_jobs()
        elif isinstance(message, Failure):
            self._failures.setdefault(message.job, Failures()).add(message)
            _shed(self._failures, 2 * JOBS)
        elif isinstance(message, Slowest):
            self._slowest[message.job] = message
            _shed(self._slowest, 2 * JOBS)
        elif isinstance(message, Welcome):
            self._stale = {("bar", key) for key in self._bars}
            self._stale |= {("worker", key) for key in self._seats}
            self._stale_at = now + AGAIN
        else:
            return
        self.revision += 1

    def end(self, state: str) -> None:
        """How the run stands: one of `RunState`'s values, or another while it runs."""
        ended = state if state in _ENDS else ""
        self.revision += ended != self.ended
        self.ended = ended

    def forget(self) -> None:
        """Know nothing any more but what is folded up: a replay went back."""
        folds, revision = self.folds, self.revision
        self.__init__(live=self.live)  # type: ignore[misc]
        self.folds, self.revision = folds, revision + 1

    def fold(self, title: str, folded: bool) -> None:
        """Remember that somebody has folded this up, or unfolded it."""
        self.folds.pop(title, None)
        self.folds[title] = not folded
        _shed(self.folds, JOBS)
        self.revision += 1

    def _take_bar(self, message: Progress, now: float) -> None:
        known = self._bars.get(message.bar)
        if ("bar", message.bar) in self._stale:
            self._stale.discard(("bar", message.bar))
            # Of a run that was killed its record is told, which may be older.
            if known is not None and message.elapsed < known.told.elapsed:
                return
        seen = known is not None  # else it ended before this view came
        if known is None:
            self._order += 1
            known = Bar(message, now, order=self._order)
            self._bars[message.bar] = known
        known.turns += known.told is not message
        known.told, known.at = message, now
        if message.state == "running":
            known.ended_at = 0.0
            self._over.pop(message.bar, None)
        elif not known.ended_at:
            known.ended_at = now if seen else now - LINGER
            # Those inside of others are gone when they are done.
            own = message.leave and not (self._works(message.worker) or message.parent)
            if own or self._is_job(message):
                self._over[message.bar] = None
            else:
                self._drop_bar(message.bar)
            if len(self._over) > ENDED:
                self._drop_job(next(iter(self._over)))
        if len(self._bars) > BARS:
            self._drop_bar(next(iter(self._over or self._bars)))

    def _drop_bar(self, bar: str) -> None:
        self._bars.pop(bar, None)
        self._over.pop(bar, None)

    def _works(self, worker: str) -> bool:
        """Whether it is a worker of a job, and not a process with bars of its own."""
        seat = self._seats.get(worker)
        return bool(worker) and (seat is None or bool(seat.told.job))

    def _is_job(self, bar: Progress) -> bool:
        return bar.bar == bar.job or bar.bar in self._known

    def _take_worker(self, message: Worker, now: float, wall: float) -> None:
        known = self._seats.get(message.worker)
        if ("worker", message.worker) in self._stale:
            self._stale.discard(("worker", message.worker))
            now_done = message.done, message.since
            if known is not None and now_done < (known.told.done, known.told.since):
                return
        since = now - max(0.0, wall - message.since) if message.since else now
        if known is not None:
            before = known.told
            if (before.task, before.since) == (message.task, message.since):
                since = known.since
            else:
                # Clocks of two machines differ; what it had not begun when it was
                # heard of last, it has begun since.
                since = max(since, known.at - 1.0)
        self._seats[message.worker] = Seat(message, now, since)
        if message.state in ("ended", "died"):
            for key in [k for k, b in self._bars.items() if b.told.worker]:
                if self._bars[key].told.worker == message.worker:
                    if key not in self._over:
                        del self._bars[key]
        if len(self._seats) > WORKERS:
            gone = (
                key
                for key, seat in self._seats.items()
                if seat.told.state in ("ended", "died")
            )
            self._seats.pop(next(gone, next(iter(self._seats))))

    def _shed_jobs(self) -> None:
        """Forget the oldest job that has ended, if there are too many."""
        if len(self._known) <= JOBS:
            return
        ended = (
            key
            for key in self._known
            if key in self._bars and self._bars[key].told.state != "running"
        )
        self._drop_job(next(ended, next(iter(self._known))))

    def _drop_job(self, key: str) -> None:
        self._drop_bar(key)
        for each in (self._known, self._failures, self._slowest):
            each.pop(key, None)
        for worker in [k for k, s in self._seats.items() if s.told.job == key]:
            del self._seats[worker]

    def _drop_stale(self, now: float) -> None:
        if self.ended:  # nobody is there to tell anything again
            self._stale = set()
        if self._stale and now >= self._stale_at:
            for kind, key in self._stale:
                if kind == "worker":
                    self._seats.pop(key, None)
                elif key not in self._over:
                    self._drop_bar(key)
            self._stale = set()
            self.revision += 1

    # -- what is worth showing -------------------------------------------------

    def shown(self, now: float) -> list[Shown]:
        """Bars of the calculation that are worth showing, in order of their begin.

        Those that go on, those that have just ended and, if nothing goes on, the
        one that ended last; each with the bars inside of it.
        """
        self._drop_stale(now)
        if self._memo[:2] != (self.revision, now):
            self._memo = self.revision, now, self._choose(now)
        return self._memo[2]

    def _choose(self, now: float) -> list[Shown]:
        inside: dict[str, list[Bar]] = {}
        roots: list[Bar] = []
        for bar in self._bars.values():
            above = self._above(bar.told)
            if above:
                inside.setdefault(above, []).append(bar)
            else:
                roots.append(bar)
        going = [b for b in roots if b.told.state == "running"]
        chosen = list(going)
        ended = [b for b in roots if b.ended_at and b.told.leave]
        newest = max(ended, key=_ended, default=None)
        if newest is not None and now - newest.ended_at < LINGER:
            chosen.append(newest)
        if not going:
            # The last of all, and the last job: its failures are to be read.
            jobs = [b for b in ended if b.told.bar in self._known]
            last_job = max(jobs, key=_ended, default=None)
            chosen += [b for b in (last_job, newest) if b is not None]
        chosen = sorted({b.told.bar: b for b in chosen}.values(), key=_order)
        seats: dict[str, list[Seat]] = {}
        for seat in self._seats.values():
            seats.setdefault(seat.told.job, []).append(seat)
        found = [self._describe(bar, inside, seats) for bar in chosen]
        # A job may be heard of before its bar.
        heard = {each.key for each in found}
        for key, job in self._known.items():
            unheard = key not in self._bars and not job.worker and not self.ended
            if unheard and key in seats and key not in heard:
                found.append(self._describe_job(key, None, [], seats.get(key, [])))
        return found

    def standing(self, now: float) -> list[Shown]:
        """Each bar that runs, or stays in sight, those inside of others too.

        For a view where each has a place of its own, in order of their begin.
        """
        self._drop_stale(now)
        kept = [
            bar
            for bar in self._bars.values()
            if bar.told.state == "running" or bar.told.leave
        ]
        return [self._describe(bar, {}, {}) for bar in sorted(kept, key=_order)]

    def moves(self, now: float) -> bool:
        """Whether something that is shown goes on, so that time alone changes it."""
        return not self.ended and any(
            bar.told.state == "running" or now - bar.ended_at < 2 * LINGER
            for bar in self._bars.values()
        )

    def find(self, key: str, now: float) -> Shown | None:
        """One of those that are shown, by its key."""
        return next((each for each in self.shown(now) if each.key == key), None)

    def seat(self, worker: str) -> Seat | None:
        """A worker, by its identifier."""
        return self._seats.get(worker)

    def _above(self, bar: Progress) -> str:
        """Identifier of the bar or job inside of which it is; empty if of none."""
        if not bar.worker and self._is_job(bar):
            return ""  # with workers of its own
        if bar.parent and bar.parent in self._bars and bar.parent != bar.bar:
            return bar.parent
        if bar.job in self._bars and bar.job != bar.bar:
            return bar.job
        if bar.worker:
            seat = self._seats.get(bar.worker)
            return seat.told.job if seat else ""
        return ""

    def _state(self, bar: Bar) -> str:
        if bar.told.state == "running" and self.ended:
            return "stopped" if self.ended == "finished" else self.ended
        return bar.told.state

    def _describe(
        self,
        bar: Bar,
        inside: dict[str, list[Bar]],
        seats: dict[str, list[Seat]],
    ) -> Shown:
        inner: list[tuple[int, str, Bar]] = []
        self._collect(bar.told.bar, inside, 1, inner, {bar.told.bar})
        return self._describe_job(bar.told.bar, bar, inner, seats.get(bar.told.bar, []))

    def _describe_job(
        self,
        key: str,
        bar: Bar | None,
        inner: list[tuple[int, str, Bar]],
        seats: list[Seat],
    ) -> Shown:
        job = self._known.get(key)
        failures = self._failures.get(key, Failures())
        failed = max(bar.told.failed if bar else 0, failures.heard)
        title = (bar.told.desc if bar else "") or (job.desc if job else "")
        title = title or (job.function if job else "")
        seat = self._seats.get(bar.told.worker) if bar else None
        if seat is not None and not seat.told.job and title:  # whose process it is
            title = f"{title} ({seat.told.pid})"
        state = self._state(bar) if bar else "running"
        return Shown(
            key,
            title,
            bar,
            state,
            job,
            inner,
            sum_up(seats),
            failures,
            failed,
            self._slowest.get(key),
        )

    def _collect(
        self,
        key: str,
        inside: dict[str, list[Bar]],
        depth: int,
        found: list[tuple[int, str, Bar]],
        seen: set[str],
    ) -> None:
        """Go through bars inside of bars; what lies about itself ends somewhere."""
        if depth > DEPTH:
            return
        below = [b for b in inside.get(key, ()) if b.told.bar not in seen]
        below.sort(key=lambda bar: (self._number(bar), bar.told.place, bar.order))
        for bar in below:
            seen.add(bar.told.bar)
            if bar.told.state == "running":
                found.append((depth, self._label(bar), bar))
            self._collect(bar.told.bar, inside, depth + 1, found, seen)

    def _number(self, bar: Bar) -> int:
        seat = self._seats.get(bar.told.worker)
        return seat.told.number if seat else 0

    def _label(self, bar: Bar) -> str:
        return str(self._number(bar) or "") if bar.told.worker else ""


def _ended(bar: Bar) -> tuple[float, int]:
    return bar.ended_at or bar.at, bar.order


def _order(bar: Bar) -> int:
    return bar.order


def _shed(known: dict[str, T], most: int) -> None:
    """Forget the oldest, if there are too many."""
    while len(known) > most:
        known.pop(next(iter(known)))
