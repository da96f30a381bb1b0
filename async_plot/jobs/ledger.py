"""A calculation's reader: what its own desk and its workers tell, for every viewer.

The background thread alone calls it, ten times a second while anything goes on. What a
worker says is bounded, belongs to that worker, and is never unpickled.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace

from ..net import files, runs
from ..net.annex import Way
from ..net.chronicle import Chronicle
from ..wire.framing import printable
from ..wire.messages import (
    Failure,
    Job,
    Lane,
    Log,
    Message,
    Pace,
    Points,
    Progress,
    RunState,
    Slowest,
    Worker,
)
from .desk import Desk, Reader
from .desk import desk as the_desk
from .hearsay import bound
from .reporter import PACE, Reporter, come_of_age
from .standing import GONE, RUNNING, Standing

__all__ = ["Ledger"]

EVERY = 0.1  # seconds between two looks, while somebody watches
UNWATCHED = 0.5  # the same while nobody does, and no worker reports
RATE = 180  # reports a second of all workers together, as long as they are few
MANY = 800  # workers of which each reports only half as often as that says
BARS = 100  # bars of one worker that run at the same time
GRACE = 5.0  # seconds in which a worker that was cut off comes back
HELD = 200  # records and points of a worker that wait until it has a number
NAMES = 1000  # scalars of all workers together
FLOOD = 100  # failures of a job that are told at once; then only so many
TRICKLE = 2  # at each look
CLASHES = 100  # places that two bars want which are told of
COUNTED = 1000  # jobs whose failures are

# How bars that still run have ended, by how the run has.
_STATES = {
    RunState.FINISHED: "stopped",
    RunState.STOPPED: "stopped",
    RunState.INTERRUPTED: "interrupted",
    RunState.FAILED: "failed",
}

logger = logging.getLogger("async_plot")


class _Peer:
    """A connected worker process, and what it has said."""

    def __init__(self) -> None:
        self.identity = ""  # of its desk: what its identifiers begin with
        self.pace = 0.0
        self.workers: list[str] = []  # as jobs know it
        self.bars: set[str] = set()  # that run
        self.held: list[Log | Points] = []
        self.refused = False
        self.since = math.inf  # when it said something that is held


class Ledger:
    """The annex of a run: its jobs.

    Parameters
    ----------
    desk : Desk
        That of this process.
    clock : callable, default: time.monotonic
        Seconds.
    """

    def __init__(
        self, desk: Desk = the_desk, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.signs = 0
        self._clock = clock
        self._desk = desk
        self._way: Way | None = None
        self._reader: Reader | None = None
        self._chronicle: Chronicle
        self._standing = Standing()
        self._kept: list[Message] = []
        self._newest: dict[tuple[int, str], Message] = {}
        self._looked = -math.inf
        self._peers: dict[int, _Peer] = {}
        self._identities: set[str] = set()
        self._paced = 0  # how many workers there were when they were told their pace
        self._cut: dict[str, float] = {}  # bars of workers that left, and when
        self._lost: dict[str, float] = {}  # workers of no job that left, and when
        self._names: set[str] = set()
        self._clashes: set[tuple[int, int]] = set()  # places that were told of
        self._told: dict[str, int] = {}  # failures of each job
        self._trickle: dict[str, Failure] = {}

    # -- any thread ------------------------------------------------------------

    def reporter(self) -> Reporter | None:
        """Make what a worker needs to report here; None before the run has begun."""
        if self._way is None or self._reader is None:
            return None
        return Reporter(self._way, self._desk.identity)

    def open(self, way: Way) -> None:
        """Take note how workers get there."""
        self._way = way

    # -- the background thread -------------------------------------------------

    def begin(self, wake: Callable[[], None], chronicle: Chronicle) -> None:
        """Begin to read the desk."""
        self._chronicle = chronicle
        run = self._way.run if self._way is not None else ""
        self._reader = self._desk.reader(wake, self.reporter, run)
        come_of_age()

    def close(self) -> None:
        """Read it no more."""
        reader, self._reader = self._reader, None
        if reader is not None:
            self._desk.leave(reader)

    def next_at(self, *, watched: bool) -> float:
        """When `news` should be called next; infinity if nothing goes on."""
        reader = self._reader
        if reader is None:
            return math.inf
        if self._peers or reader.eager or (reader.busy and watched):
            return self._looked + EVERY
        if reader.busy or self._cut or self._lost or self._trickle:
            return self._looked + UNWATCHED
        return math.inf

    def news(self, now: float) -> list[Message]:
        """What is new since the last time, the newest state of each thing once."""
        self._looked = now
        reader = self._reader
        if reader is None:
            return []
        for message in reader.news(now):
            self._take_own(bound(message))
        lost = reader.lost()
        if lost:
            self._say(f"{lost} messages of jobs came too fast and are lost")
        for peer in self._peers.values():
            if peer.held and (peer.workers or now - peer.since > 1.0):
                self._release(peer)
        self._end_cut(now)
        for _ in range(min(TRICKLE, len(self._trickle))):
            self._kept.append(self._trickle.pop(next(iter(self._trickle))))
        messages = [*self._kept, *self._newest.values()]
        self._kept.clear()
        self._newest.clear()
        return messages

    @property
    def changes(self) -> int:
        """Changes whenever `tail` does."""
        return self._standing.changes

    def tail(self) -> list[Message]:
        """How everything stands, for a viewer that comes now."""
        return self._standing.tell(self._clock())

    @property
    def settled(self) -> bool:
        """Whether that holds all which has been begun, ended or said here."""
        reader = self._reader
        return reader is None or not reader.eager

    @property
    def awaits(self) -> bool:
        """Whether a worker that is connected has not told the end of a bar."""
        return any(peer.bars for peer in self._peers.values())

    def end(self, state: RunState, now: float) -> list[Message]:
        """The last news; what still goes on ends as the run does."""
        messages = self.news(now)
        messages += self._trickle.values()
        messages += self._standing.end(_STATES.get(state, "stopped"), self._clock())
        return messages

    # -- workers ---------------------------------------------------------------

    def join(self, worker: int) -> list[Message]:
        """A worker has connected: how often it is to report."""
        peer = self._peers[worker] = _Peer()
        return self._pace(peer)

    def hear(self, worker: int, message: Message, now: float) -> None:
        """Take note of what a worker says."""
        peer = self._peers.get(worker)
        if peer is None:
            return
        message = bound(message)
        if isinstance(message, (Log, Points)):
            self.signs += 1
            if not peer.held:
                peer.since = now
            if len(peer.held) < HELD:
                peer.held.append(message)
            else:
                self._refuse(peer, "more than can be shown")
        elif not self._is_its_own(peer, message):
            self._refuse(peer, "what is not its own")
        elif isinstance(message, Worker):
            if message.worker not in peer.workers and len(peer.workers) < BARS:
                peer.workers.append(message.worker)
            self._lost.pop(message.worker, None)
            if not self._desk.hear(message):
                self._take(message)
                if message.state in GONE and not message.job:
                    self._end_bars(message.worker)
        elif isinstance(message, Progress):
            self._take_bar(peer, message)
        else:
            self._take(message)

    def orders(self) -> dict[int, Message]:
        """How often workers are to report, where there are many more than before."""
        if len(self._peers) == self._paced:
            return {}
        self._paced = len(self._peers)
        told = {number: self._pace(peer) for number, peer in self._peers.items()}
        return {number: pace[0] for number, pace in told.items() if pace}

    def leave(self, worker: int) -> None:
        """A worker's connection has ended; it may come back."""
        peer = self._peers.pop(worker, None)
        if peer is not None:
            self._identities.discard(peer.identity)
            self._release(peer)
            now = self._clock()
            self._cut.update((bar, now) for bar in peer.bars)
            self._lost.update((worker, now) for worker in peer.workers)

    # -- private ---------------------------------------------------------------

    def _take_own(self, message: Message) -> None:
        """Take what this process says of its own."""
        if isinstance(message, Points):
            self.signs += 1
            self._add_point(message, f"worker {self._standing.number(message.worker)}")
        elif isinstance(message, Log):
            self.signs += 1
            self._chronicle.add_record(message)
        else:
            self._take(message)

    def _look_for_clash(self, told: Progress) -> None:
        """Say that two bars want one place: the second is shown at another one."""
        if len(told.place) != 2 or told.state != RUNNING:
            return
        if self._standing.bar_runs(told.bar):
            return
        column, row = told.place
        if (column, row) in self._clashes or len(self._clashes) >= CLASHES:
            return
        if any(bar.place == told.place for bar in self._standing.running()):
            self._clashes.add((column, row))
            self._say(
                f"two bars are wanted at column {column} and row {row}; the second is "
                "shown in another row"
            )

    def _take(self, message: Message) -> None:
        """Keep what is said of jobs, and have it told."""
        if isinstance(message, Progress) and message.place:
            self._look_for_clash(message)
        self.signs += self._standing.advances(message)
        self._standing.take(message, self._clock())
        if isinstance(message, Failure):
            told = self._told[message.job] = self._told.pop(message.job, 0) + 1
            if len(self._told) > COUNTED:
                self._told.pop(next(iter(self._told)))
            if told > FLOOD:  # the newest one of each job
                self._trickle[message.job] = message
                return
        if isinstance(message, (Progress, Worker, Slowest)):
            key = message.code, getattr(message, message.key)
            self._newest.pop(key, None)
            self._newest[key] = message
        elif message.lane is Lane.KEPT:
            self._kept.append(message)

    def _take_bar(self, peer: _Peer, message: Progress) -> None:
        if message.state == "running":
            if message.bar not in peer.bars and len(peer.bars) >= BARS:
                self._refuse(peer, f"more than {BARS} bars at a time")
                return
            peer.bars.add(message.bar)
            self._cut.pop(message.bar, None)
        else:
            peer.bars.discard(message.bar)
        self._take(message)

    def _is_its_own(self, peer: _Peer, message: Message) -> bool:
        """Whether a message is of what that worker has begun itself.

        Its identifiers all begin alike, unlike those of anybody else.
        """
        if isinstance(message, Progress):
            key = message.bar
        elif isinstance(message, Worker):
            key = message.worker
        elif isinstance(message, (Job, Failure, Slowest)):
            key = message.job
        else:
            return False
        identity = key.partition(".")[0]
        if not peer.identity:
            known = self._identities
            if not identity or identity in known or self._desk.made(key):
                return False
            peer.identity = identity
            known.add(identity)
        return identity == peer.identity

    def _refuse(self, peer: _Peer, why: str) -> None:
        if not peer.refused:
            peer.refused = True
            self._say(f"{self._name(peer)} says {why}; that is not shown")

    def _name(self, peer: _Peer) -> str:
        """What people call a worker."""
        numbers = {self._standing.number(worker) for worker in peer.workers} - {0}
        if len(numbers) == 1:
            return f"worker {numbers.pop()}"
        known = self._standing.worker(peer.workers[0]) if peer.workers else None
        if known is not None and not known.job:
            return f"process {known.pid}"
        return f"worker {peer.identity}".rstrip()

    def _release(self, peer: _Peer) -> None:
        """Show what a worker has logged, now that it may have a number."""
        held, peer.held = peer.held, []
        name = self._name(peer)
        for message in held:
            if isinstance(message, Points):
                self._add_point(message, name)
            else:
                logged = printable(f"{message.name} ({name})".lstrip())
                self._chronicle.add_record(
                    replace(message, name=logged, level=max(0, message.level), number=0)
                )

    def _add_point(self, message: Points, worker: str) -> None:
        suffix = f" ({worker})" if message.worker else ""
        values = {}
        for name, value in zip(message.names, message.values):
            name = printable(name) + suffix
            if name in self._names or len(self._names) < NAMES:
                self._names.add(name)
                values[name] = value
        step = None if math.isnan(message.step) else message.step
        self._chronicle.add_point(step, values)

    def _say(self, text: str) -> None:
        self._chronicle.add_record(
            Log(time.time(), logging.WARNING, "async_plot", text)
        )

    def _pace(self, peer: _Peer) -> list[Message]:
        """How often a worker is to report, if it has not been told so."""
        count = len(self._peers)
        pace = max(PACE, count / RATE * (1 + count / MANY))
        if abs(pace - peer.pace) <= 0.2 * peer.pace:
            return []
        peer.pace = pace
        return [Pace(pace)]

    def _end_cut(self, now: float) -> None:
        """End the bars of workers that did not come back, or cannot."""
        for key, since in list(self._lost.items()):
            worker = self._standing.worker(key)
            if worker is None or worker.job or worker.state in GONE:
                del self._lost[key]  # its job sees to it
            elif now - since > GRACE or (
                worker.host == files.hostname() and runs.has_ended(worker.pid)
            ):
                del self._lost[key]
                self._take(replace(worker, state="ended"))
                self._end_bars(key)
        if not self._cut:
            return
        late = {bar for bar, since in self._cut.items() if now - since > GRACE}
        for bar in self._standing.running():
            if bar.bar in late:
                self._take(replace(bar, state="stopped"))
        for key in late:
            del self._cut[key]

    def _end_bars(self, worker: str) -> None:
        """End the bars of a worker that has ended, and is of no job."""
        for bar in self._standing.running():
            if bar.worker == worker:
                self._cut.pop(bar.bar, None)
                self._take(replace(bar, state="stopped"))
