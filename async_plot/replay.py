"""`Replay`: a recording or record, played to a view as if it were a run.

A view that is given one finds in it what it knows of a `Client`: messages, and
credit for frames. What it says of the past is what a live view would have been told
by then. Frames are read when they are wanted; knows no canvas and draws nothing.
"""

from __future__ import annotations

import bisect
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import AsyncPlotError
from .net import files, runs
from .net.histories import Histories
from .net.moments import Moments
from .net.records import Entry, Records
from .net.stands import KINDS, Stands
from .wire.messages import (
    Frame,
    Log,
    Message,
    PlotterCode,
    Ready,
    RunState,
    Scalars,
    State,
    Stats,
    Welcome,
)

__all__ = ["FASTEST", "SPEEDS", "Jumped", "Place", "Replay"]

FASTEST = math.inf  # every frame, each as soon as the one before has been drawn
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, FASTEST)
LOOK_EVERY = 0.5  # seconds between looks at a file that may grow
TAIL = 200  # log records that are told again after a jump
_FEW = 20  # messages of scalars that are passed on one by one
_SOME = 200  # messages of jobs that are
MARKED = 120  # frames up to which a view marks each
NOT_TRUSTED = (
    "another user's file: drawn by ready-made plotters; --trust runs its own code"
)
_FRESH = 30.0  # seconds after its last change that a file may still be written to


@dataclass(frozen=True, slots=True)
class Jumped:
    """What was told before is void: the replay went back. On no wire, in no file.

    Attributes
    ----------
    generation : int
        To be handed to `Replay.follow` once the view has forgotten it.
    """

    generation: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a replay stands.

    Attributes
    ----------
    position, duration : float
        Seconds since the first frame, now and at the last one.
    index, count : int
        Which frame of how many, from 0.
    whole : int
        How many of them are whole; those behind may have been taken mid-step.
    playing : bool
        Whether it goes on by itself.
    speed : float
        Seconds of the run in one second; `FASTEST` is as fast as it is drawn.
    growing : bool
        Whether the file may still be written to.
    live : bool
        Whether the newest frame of a growing file is followed.
    """

    position: float = 0.0
    duration: float = 0.0
    index: int = 0
    count: int = 0
    whole: int = 0
    playing: bool = False
    speed: float = 1.0
    growing: bool = False
    live: bool = False


class Replay:
    """A recording that is played, forwards, backwards and step by step.

    Parameters
    ----------
    path : path
        A recording, a run's record, or what ``post-mortem --save`` wrote.
    trust : bool, default: False
        Whether its code may run although this user did not write it here.
    private : bool, default: False
        It is a record among the run files, and trusted like these.
    at_end : bool, default: False
        Begin at the last whole frame instead of playing from the first.
    once : bool, default: False
        `messages` tells how things stood at the last whole frame, and ends.
    ending : State, optional
        How the run ended, where the file does not say.
    clock : callable, default: time.monotonic
        Seconds.

    Attributes
    ----------
    own : bool
        Whether its code may run; else ready-made plotters draw.
    welcome : Welcome or None
        Of the run.
    heard_at : float
        When something came last, as of a `Client`; a file is never silent.

    Raises
    ------
    OSError, ProtocolError
        If there is no such file, or it is none of ours.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        trust: bool = False,
        private: bool = False,
        at_end: bool = False,
        once: bool = False,
        ending: State | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(path)
        self._open = functools.partial(
            Records, path, trust=trust or private, private=private
        )
        self.records = self._open()
        self._inode = self._identity()
        self._once = once
        self._ending = ending
        self._clock = clock
        # Guards what follows: views steer from their own thread.
        self._condition = threading.Condition()
        self._closed = False
        self._read_from = False  # then whoever reads closes the file
        self._entries = 0  # of the file's, that have been looked at
        self._moments = Moments()
        self._histories = Histories(self.records)
        self._stands = Stands(self.records)
        self._last_state = -1  # index of the newest entry that says an end
        self._extend()
        self.welcome: Welcome | None = self.records.welcome
        self.own: bool = self.records.own
        self.heard_at = math.inf
        self.is_far = False
        self._position = 0.0  # at `_since`, when playing
        self._since = clock()
        self._playing = not at_end
        self._speed = 1.0
        self._growing = self._may_grow()
        self._look_at = clock() + LOOK_EVERY
        self._live = False
        self._credits: set[str] = set()
        self._generation = 0
        self._awaited = False  # the view has not yet forgotten what is void
        self._told = -1  # newest frame up to which all has been told
        self._through = 0  # entries told
        self._given: dict[str, int] = {}
        self._end_told = False
        if at_end:
            self._position = self._moments.end
            self._live = self._growing

    # -- as of a Client --------------------------------------------------------

    def messages(self) -> Generator[Message | Jumped, None, None]:
        """What the run said up to where the replay stands, and goes on to say.

        Frames come only after `ready` has asked for them. Ends when it is closed.
        """
        with self._condition:
            if self._closed:
                return
            self._read_from = True
        try:
            if self.welcome is None:
                raise AsyncPlotError(f"{self.path} does not say what run it is of")
            yield self.welcome
            for name in self.welcome.plotters:
                yield self.code(name)
            if self._once:
                yield from self._all()
                return
            while True:
                with self._condition:
                    orders = self._orders()
                    while not orders and not self._closed:
                        self._condition.wait(self._pause())
                        orders = self._orders()
                    if self._closed:
                        return
                for order in orders:
                    yield from self._read(order)
        finally:
            self.records.close()

    def ready(self, plotter: str = "", shown: int = 0) -> None:
        """Ask for one more frame of a plotter."""
        with self._condition:
            self._credits.add(plotter)
            self._condition.notify()

    def say(self, message: Message) -> None:
        """Take what a view says to a run; of it only `Ready` is heard."""
        if isinstance(message, Ready):
            self.ready(message.plotter, message.shown)

    def close(self, reason: str = "") -> None:
        """End `messages`."""
        with self._condition:
            self._closed = True
            self._condition.notify()
            if not self._read_from:
                self.records.close()

    # -- steering --------------------------------------------------------------

    @property
    def can_move(self) -> bool:
        """Whether there is more than one frame to look at."""
        return self._growing or any(len(own) > 1 for own in self._moments.of.values())

    @property
    def times(self) -> list[float]:
        """Moments of the frames, if they are few enough to be told apart."""
        with self._condition:
            times = self._moments.times
            return list(times) if len(times) <= MARKED else []

    @property
    def plotters(self) -> list[str]:
        """Names of those that have whole frames."""
        return list(self._moments.whole_of)

    def times_of(self, plotter: str) -> list[float]:
        """Moments of a plotter's whole frames, seconds since the first of all."""
        return [at for at, _ in self._moments.whole_of.get(plotter, [])]

    def frame(self, plotter: str, number: int) -> Frame:
        """Read one of a plotter's whole frames, counted from 0.

        Raises
        ------
        ForeignError
            If only code of an untrusted file could unpack it.
        ProtocolError, OSError
            If it cannot be read any more.
        """
        _, index = self._moments.whole_of[plotter][number]
        frame = self.records.read(self.records.entries[index])
        assert isinstance(frame, Frame)
        return frame

    def code(self, plotter: str) -> PlotterCode:
        """Code of a plotter; that of the ready-made one where it must not run."""
        code: PlotterCode | None = self.records.codes.get(plotter)
        if code is None or not self.own:
            return PlotterCode(plotter, "", [])
        return code

    @property
    def note(self) -> str:
        """What its looker has to know; empty if all is as usual."""
        return "" if self.own else NOT_TRUSTED

    def follow(self, generation: int) -> None:
        """Go on after a `Jumped`: the view has forgotten what was void."""
        with self._condition:
            if generation == self._generation:
                self._awaited = False
                self._condition.notify()

    @property
    def place(self) -> Place:
        """Where it stands."""
        with self._condition:
            now = self._now()
            return Place(
                position=now,
                duration=self._moments.duration,
                index=max(0, self._moments.at(now)),
                count=len(self._moments.times),
                whole=self._moments.whole,
                playing=self._playing,
                speed=self._speed,
                growing=self._growing,
                live=self._live,
            )

    def play(self, playing: bool | None = None) -> None:
        """Play, or pause; without an argument the other of the two.

        At the end, playing begins anew.
        """
        with self._condition:
            now = self._now()
            self._playing = not self._playing if playing is None else playing
            self._live = False
            if self._playing and self._moments.at(now) >= self._moments.whole - 1:
                self._live = self._growing
                now = now if self._live else 0.0
            self._stand(now)

    def seek(self, position: float) -> None:
        """Go to a moment, seconds since the first frame; plays on if it played."""
        with self._condition:
            self._live = False
            self._stand(min(max(0.0, position), self._moments.duration))

    def step(self, frames: int) -> None:
        """Pause, and go on by so many frames, back if it is negative."""
        with self._condition:
            at = self._moments.at(self._now()) + frames
            self._playing = self._live = False
            times = self._moments.times
            if times:
                self._stand(times[min(max(0, at), len(times) - 1)])

    def go_to_end(self) -> None:
        """Go to the last whole frame; of a file that grows, follow the newest."""
        with self._condition:
            self._live = self._growing
            self._playing = self._playing and self._live
            self._stand(self._moments.end)

    def set_speed(self, speed: float) -> None:
        """Set how many seconds of the run pass in one.

        Raises
        ------
        ValueError
            If `speed` is not positive.
        """
        if not speed > 0:
            raise ValueError(f"speed must be positive, not {speed!r}")
        with self._condition:
            now = self._now()
            self._speed = speed
            self._stand(now)

    def faster(self, steps: int = 1) -> None:
        """Take the next of `SPEEDS`, or a slower one for negative `steps`."""
        at = bisect.bisect_left(SPEEDS, self._speed) + steps
        self.set_speed(SPEEDS[min(max(0, at), len(SPEEDS) - 1)])

    # -- where it stands; under the lock ---------------------------------------

    def _now(self) -> float:
        """Position, after letting time pass."""
        if self._live and self._moments.whole:
            return self._moments.end
        if not self._playing or math.isinf(self._speed):
            return self._position
        now = self._position + (self._clock() - self._since) * self._speed
        # Playing ends at the last whole frame: what is behind it is looked at on
        # purpose only.
        end = self._moments.end
        if now >= end and self._position <= end:
            self._playing = self._live = self._growing
            self._position = end
            return end
        return min(now, self._moments.duration)

    def _stand(self, position: float) -> None:
        self._position, self._since = position, self._clock()
        self._condition.notify()

    def _orders(self) -> list[Any]:
        """What is to be told next: entries to read, and ready messages."""
        if self._awaited or self._closed:
            return []
        self._grow()
        if not self._given:
            self._since = self._clock()  # time stands still until a view is there
        target = self._target()
        if target < self._told:
            self._generation += 1
            self._awaited = True
            self._told, self._through, self._given = -1, 0, {}
            self._end_told = False
            self._credits.clear()
            return [Jumped(self._generation)]
        orders: list[Any] = []
        self._told = target
        last = target >= self._moments.whole - 1
        upto = self._entries if last else self._moments.entries[target + 1]
        if upto > self._through:
            orders += self._between(self._through, upto)
            self._through = upto
        if last and self._last_state < 0 and not self._growing and not self._end_told:
            self._end_told = True
            orders.append(self._ending or _cut(self.records.damage))
        for plotter in list(self._credits):
            index = self._moments.newest(plotter, target)
            if index is not None and index != self._given.get(plotter):
                self._given[plotter] = index
                self._credits.discard(plotter)
                orders.append(self.records.entries[index])
        return orders

    def _target(self) -> int:
        """Frame up to which all is to be told now."""
        target = self._moments.at(self._now())
        if self._playing and math.isinf(self._speed) and not self._live:
            following = self._told + 1
            if 0 < following < self._moments.whole:
                entries, frames = self.records.entries, self._moments.entries
                shown = entries[frames[self._told]].plotter
                given = self._given.get(shown) == frames[self._told]
                if given and entries[frames[following]].plotter in self._credits:
                    self._position = self._moments.times[following]
                    return following
            elif following >= self._moments.whole:
                self._playing = self._live = self._growing
        return target

    def _pause(self) -> float | None:
        """How long nothing is to be told unless somebody steers."""
        until = []
        if self._growing:
            until.append(max(0.01, self._look_at - self._clock()))
        following = self._told + 1
        if (
            self._playing
            and not self._awaited
            and not math.isinf(self._speed)
            and 0 < following < len(self._moments.times)
        ):
            wait = (self._moments.times[following] - self._now()) / self._speed
            until.append(max(0.001, wait))
        return min(until) if until else None

    # -- the file --------------------------------------------------------------

    def _grow(self) -> None:
        """Look whether a file that may grow has grown."""
        if self._growing and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY
            if self._identity() != self._inode:
                self._open_again()
            else:
                self.records.refresh()
                self._extend()
            self._growing = self._may_grow()
            if not self._growing and self._live:
                self._stand(self._now())
                self._playing = self._live = False

    def _identity(self) -> int:
        try:
            return self.path.stat().st_ino
        except OSError:  # removed meanwhile: what is open can still be read
            return getattr(self, "_inode", 0)

    def _open_again(self) -> None:
        """Read the file anew: its writer has put a thinned one in its place."""
        now = self._now()
        self.records.close()
        self.records, self._inode = self._open(), self._identity()
        self._entries, self._last_state = 0, -1
        self._moments = Moments()
        self._histories = Histories(self.records)
        self._stands = Stands(self.records)
        self._extend()
        self._stand(now)
        self._told = len(self._moments.times)  # all is told once more

    def _extend(self) -> None:
        """Take note of entries that have come."""
        entries = self.records.entries
        for index in range(self._entries, len(entries)):
            entry = entries[index]
            if entry.kind is Frame:
                self._moments.add(index, entry)
            elif entry.kind is State:
                self._last_state = index
        self._entries = len(entries)

    def _may_grow(self) -> bool:
        if self._once or self._ending is not None or self._last_state >= 0:
            return False
        welcome = self.records.welcome
        if welcome is not None and welcome.host == files.hostname():
            if not runs.process_exists(welcome.pid, None):
                return False
        try:
            return time.time() - self.path.stat().st_mtime < _FRESH
        except OSError:
            return False

    def _between(self, start: int, end: int) -> list[Any]:
        """All but frames from one entry up to another, as a live view has it.

        From the beginning, older log records and figures are left out, and
        histories told whole.
        """
        entries = self.records.entries
        others, logs, scalars = [], [], 0
        stats: dict[str, Entry] = {}
        jobs: list[Entry] = []
        for index in range(start, end):
            kind = entries[index].kind
            if kind is Log:
                logs.append(entries[index])
            elif kind is Scalars:
                scalars += 1
            elif kind is Stats:
                stats[entries[index].plotter] = entries[index]
            elif kind in KINDS:
                jobs.append(entries[index])
            elif kind is State or kind not in (Frame, Welcome, PlotterCode):
                others.append(entries[index])
        found: list[Any] = [*logs[-TAIL:], *stats.values()]
        if scalars:
            if start and scalars <= _FEW:
                found += [e for e in entries[start:end] if e.kind is Scalars]
            else:
                found.append(_Histories(end))
        found += jobs if len(jobs) <= _SOME else [_Jobs(start, end)]
        return [*found, *others]

    def _read(self, order: Any) -> Iterator[Message | Jumped]:
        if isinstance(order, _Histories):
            yield from self._histories.at(order.end)
            return
        if isinstance(order, _Jobs):
            yield from self._stands.at(order.end, order.start)
            return
        if not isinstance(order, Entry):
            yield order
            return
        try:
            yield self.records.read(order)
        except (AsyncPlotError, OSError) as error:
            yield Log(time.time(), 40, "async_plot", str(error))
            if order.kind is Frame:  # the next one may be asked for as well
                self.ready(order.plotter)

    def _all(self) -> Iterator[Message]:
        """How things stood at the last whole frame."""
        for order in self._between(0, self._entries):
            for message in self._read(order):
                assert not isinstance(message, Jumped)
                yield message
        for name in self._moments.of:
            index = self._moments.newest(name, self._moments.whole - 1)
            if index is not None:
                for message in self._read(self.records.entries[index]):
                    assert not isinstance(message, Jumped)
                    yield message
        if self._last_state < 0:
            yield self._ending or _cut(self.records.damage)


@dataclass(frozen=True, slots=True)
class _Histories:
    """An order to tell all histories as they were before an entry."""

    end: int


@dataclass(frozen=True, slots=True)
class _Jobs:
    """An order to tell how all jobs stood before an entry; told is all to another."""

    start: int
    end: int


def _cut(damage: str) -> State:
    text = damage or "the file ends without the end of the run"
    return State(RunState.LOST.value, text, time.time())
