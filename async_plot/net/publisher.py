"""The background thread of a calculation: it alone talks to viewers.

One plain daemon thread with a selector: an event loop costs twice as much for each
turn against a busy Python loop, and nothing may be sent from the calculation's
thread, where an interrupt between a system call and its bookkeeping would tear the
stream. The two sides share single attributes and deques, and no lock.
"""

from __future__ import annotations

import contextlib
import logging
import math
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..wire.connection import Phase
from ..wire.framing import printable
from ..wire.messages import (
    Goodbye,
    Mapped,
    Message,
    Opened,
    Pace,
    Ready,
    RunState,
    State,
    Stats,
    Steer,
    Trouble,
)
from .annex import Annex, Nothing
from .budget import Budget
from .chronicle import Chronicle
from .delivery import Delivery
from .feed import Feed
from .held import Held
from .helm import Helm
from .keeper import Keeper
from .peer import TEXT, Peer, Viewer
from .reception import Reception
from .snapshot import Snapshot
from .stall import StallAlarm
from .tape import Tape
from .wakeup import Wakeup
from .warning import Aside, warn

if TYPE_CHECKING:
    from .gate import Gate

__all__ = ["Ending", "Publisher"]

TICK = 0.5  # seconds between looks at deadlines, statistics and the viewer's process
CREDIT = 2  # frames that one viewer may have asked for
SCALARS_EVERY = 0.1  # seconds
LAST_WORDS = 0.15  # seconds that bars of workers may need to tell their end
LAST_PACE = 0.02  # seconds between reports then
FORSAKEN = 5000  # milliseconds after which feeds that are gone are the end
HANDOVER = 10e-6  # seconds that the calculation loses when the GIL goes to and fro

logger = logging.getLogger("async_plot")
debug = logging.getLogger("async_plot.wire")


@dataclass(slots=True)
class Ending:
    """How a run ended, handed to the background thread in one piece.

    Attributes
    ----------
    state : State
        The last word.
    deadline : float
        Instant on the monotonic clock when the calculation goes on at the latest.
    last : list of Snapshot
        The final frame of each feed, then those that may be mid-step.
    remains : list of Feed
        What is left of the feeds, in their order, if they are gone themselves.
    """

    state: State
    deadline: float
    last: list[Snapshot] = field(default_factory=list)
    remains: list[Feed] = field(default_factory=list)


class Publisher(threading.Thread):
    """Serves the newest snapshots of some feeds to every viewer.

    Parameters
    ----------
    listener : socket
        Listening, non-blocking.
    key : bytes
        The run's key.
    feeds : list of Feed
        The first one's statistics stand for the run.
    introduction : list of Message
        What every viewer is told first.
    budget : Budget
        What watching may cost, on the monotonic clock.
    keeper : Keeper
        Keeps what a late viewer would be told, and notes how the run ended.
    tape : Tape, optional
        Records the run.
    stalled_after : float, optional
        Seconds without a sign of life after which the stall alarm is raised.
    gate : Gate, optional
        Open; through it viewers come from other machines.
    annex : Annex, optional
        What there is beside frames, and who hears the workers.
    helm : Helm, optional
        Who obeys the commands of viewers.
    """

    def __init__(
        self,
        listener: socket.socket,
        key: bytes,
        feeds: list[Feed],
        introduction: list[Message],
        budget: Budget,
        keeper: Keeper,
        tape: Tape | None = None,
        stalled_after: float | None = None,
        gate: Gate | None = None,
        annex: Annex | None = None,
        helm: Helm | None = None,
    ) -> None:
        super().__init__(name="async_plot", daemon=True)
        self.bell: Wakeup  # rung by the calculation; made by `run`
        self.notice: Wakeup  # rung by this thread: something that is waited for
        self.opened = False  # a viewer has its figure open
        self.done = False
        self.abandoned = False  # nobody waits for the end any more
        self.discarded = False  # the start was broken off: there is nothing to tell
        self.annex = annex or Nothing()
        self.helm = helm or Helm()
        self.chronicle = Chronicle(self._wake)
        self._started_at = time.monotonic()
        self._tape = tape or Tape(None, keeper.disk)
        self._delivery = Delivery(
            feeds, budget, self._tape, self.chronicle, self._started_at
        )
        self._held = self._delivery.held
        self.reception = self._delivery.reception = Reception(
            *(listener, key, self._introduce, self._hear, self._delivery.free),
            *(self.annex.leave, gate),
        )
        self._gate = gate
        self._signs = 0, 0
        self.watch_process: Callable[[], str] = str  # says why it ended, or nothing
        self.process_ended = ""
        self.glance: Callable[[], object] = lambda: None  # called with each tick
        self.view_cost: Callable[[], float] = float  # seconds that showing has cost
        self.awaited = False  # somebody waits for the viewer, and says if it ends
        self._ready = False  # the sockets are open, or could not be opened
        self._failure: Exception | None = None
        self._ending: Ending | None = None
        self._introduction = introduction
        self._budget = budget
        self._beside = 0.0  # seconds of this turn that were not for frames
        self.keeper = keeper
        self._disk = keeper.disk
        self._scalars_at = 0.0
        self._behind = False  # some viewer was too busy for its scalars
        self._next_tick = 0.0
        # Whatever else is a sign of life calls its `alive`.
        self.alarm = StallAlarm(stalled_after, self._started_at)
        self._aside = Aside()
        self._view_charged = 0.0
        self._kernel_seen = 0.0
        self._gone = 0  # waits since the feeds were collected

    # -- the calculation's thread ----------------------------------------------

    def start(self) -> None:
        """Start the thread, and wait the moment that it needs to open its sockets.

        It opens them itself: an interrupt comes to the main thread alone, and in
        `socket.socketpair` would leave a descriptor that nobody knows.

        Raises
        ------
        OSError, RuntimeError
            If the system has no descriptor or thread left.
        """
        super().start()
        while not self._ready:
            time.sleep(0.0002)
        if self._failure is not None:
            raise self._failure

    def finish(self, ending: Ending) -> None:
        """Tell the thread to deliver the last frames and end."""
        self._ending = ending
        self._wake()

    def wait(self, timeout: float) -> None:
        """Wait until the thread has something to tell, at most `timeout` seconds."""
        if hasattr(self, "notice"):
            self.notice.wait(timeout)
            self.notice.clear()
        else:  # another thread is starting it, while the interpreter ends
            time.sleep(min(timeout, 0.001))

    def _wake(self) -> None:
        if hasattr(self, "bell"):  # else it looks anyway, before it waits
            self.bell.ring()

    @property
    def ending(self) -> bool:
        """Whether it was told to finish."""
        return self._ending is not None

    def viewers(self) -> list[Viewer]:
        """Viewers that are connected and proven."""
        return [peer.viewer for peer in self.reception.proven()]

    @property
    def overhead(self) -> float:
        """Share of the time since the start that watching cost."""
        elapsed = self.elapsed
        return self._budget.spent / elapsed if elapsed > 0 else 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    @property
    def snapshots(self) -> int:
        """Copies taken of all feeds."""
        return self._delivery.snapshots

    def forked(self) -> None:
        """Drop the descriptors that a forked child inherited."""
        self.helm.forked()
        self.keeper.forked()
        self._tape.forked()
        self.reception.forked()
        self._delivery.close()
        for bell in ("bell", "notice"):
            if hasattr(self, bell):
                getattr(self, bell).close()

    # -- the thread ------------------------------------------------------------

    def run(self) -> None:
        """Serve until the run ends; an error of ours ends only the watching."""
        try:
            self.bell = Wakeup()
            self.notice = Wakeup()
            self.reception.open(self.bell)
        except Exception as error:  # told by `start`, which waits for it
            self._failure = error
            self.forked()
            self.done = self._ready = True
            return
        self._disk.begin()
        self._tape.begin(self._introduction)
        self.annex.begin(self._wake, self.chronicle)
        self.helm.begin(self._wake, self.chronicle.add_record)
        for held in self._held:
            held.feed.attach(self.bell.ring)
        self._ready = True
        try:
            while self._ending is None:
                self._turn()
            if not self.discarded:
                self._end(self._ending)
        except Exception:
            # A defect here must not take the calculation along, nor stay unseen.
            with contextlib.suppress(Exception):
                logger.exception("watching ended by an internal error")
            self.keeper.retire(RunState.LOST.value)
        finally:
            self._shut()

    def _turn(self) -> None:
        now = time.monotonic()
        ready = self._wait(self._plan(now))
        if ready is None:
            return
        cpu = time.thread_time()
        now = time.monotonic()
        rung = self.reception.attend(ready, now)
        self._delivery.deliver(now)
        if rung:  # after that: each system call may cost a wait for the GIL
            self.bell.clear()
            if self._delivery.news:
                self._delivery.deliver(now)
        if now >= self._next_tick:
            self._tick(now)
        if now >= self._annex_at():
            self._share_news(now)
        if self.chronicle.points_wait and now >= self._scalars_at:
            self._share_scalars(now)
        if self.helm.fresh:
            self._tell(self.helm.news(), now)
        if self.chronicle.records_wait:
            self._share_logs(now)
        self._keep(now)
        # Before this turn is charged: else the turns that only look whether there
        # is budget again would use it up.
        self._ask(now)
        self._charge(cpu, now)

    def _wait(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]] | None:
        """Wait for something to do; None if the feeds are gone.

        Meanwhile they are not held: a server that nobody refers to any more must be
        collected, and ended by that.
        """
        for held in self._held:
            held.let_go()
        try:
            ready = self.reception.select(timeout)
        finally:
            there = [held.take_back() for held in self._held]
        if all(there):
            return ready
        # What collects them tells the end right after, if no Ctrl-C came just then.
        self._gone += 1
        if self._gone >= FORSAKEN and self._ending is None:
            self.abandoned = True
            state = State(RunState.FINISHED.value, "", time.time())
            self._ending = Ending(state, time.monotonic() + TICK)
        time.sleep(0.001)
        return None

    def _ask(self, now: float) -> float:
        return self._delivery.ask(now, self._next_tick, watched=self._watched)

    @property
    def _watched(self) -> bool:
        return any(p.connection.phase is Phase.OPEN for p in self.reception.peers)

    def _plan(self, now: float) -> float:
        """Say how long there is nothing to do."""
        until = min(self._ask(now), self._annex_at())
        if self.chronicle.points_wait:
            until = min(until, self._scalars_at)
        return max(0.0, until - now)

    # -- connections -----------------------------------------------------------

    def _introduce(self, peer: Peer) -> None:
        if peer.number:
            for message in self.annex.join(peer.number):
                self.reception.put(peer, message)
            return
        for message in [*self._introduction, *self._tail()]:
            self.reception.put(peer, message)
        self._delivery.announce_all(peer)
        for held in self._held:
            self.reception.put(peer, self._stats(held, time.monotonic()))
        self._queue_scalars(peer)

    def _hear(self, peer: Peer, message: Message, now: float) -> None:
        if isinstance(message, Goodbye):
            self.reception.drop(peer, f"it left: {message.reason[:80]!r}")
        elif peer.number:
            self.annex.hear(peer.number, message, now)
        elif isinstance(message, Ready):
            if message.plotter not in self._delivery.by_name:
                self.reception.drop(peer, f"no plotter {message.plotter!r}")
                return
            asked = peer.credit.get(message.plotter, 0)
            peer.credit[message.plotter] = min(asked + 1, CREDIT)
            peer.ready[message.plotter] = now
            peer.shown = message.shown
        elif isinstance(message, Mapped):
            peer.has_mapped(message.slots, now)
        elif isinstance(message, Opened):
            peer.view = printable(message.view[:40])
            self.opened = True
            self.notice.ring()
        elif isinstance(message, Steer):
            self.helm.hear(message, peer.asker, now)
        elif isinstance(message, Trouble):
            text = peer.trouble(message)
            if text:
                warn("viewer at %s, %s", peer.address, text)

    # -- the rest of what is told ----------------------------------------------

    def _tick(self, now: float) -> None:
        self._next_tick = now + TICK
        self.reception.tidy(now)
        for peer in self.reception.proven():
            if now >= peer.offer_at:
                peer.offer_at, peer.near = math.inf, True
                self._delivery.announce_all(peer)
        if self._behind:
            self._share_scalars(now)
        for held in self._held:
            if held.has_news(now):
                self._tell([self._stats(held, now)], now)
        self.helm.tick(now)
        self._watch(now)
        self.glance()
        if not self.process_ended:
            self.process_ended = self.watch_process()
            if self.process_ended:
                self.notice.ring()
                if not (self.opened or self.awaited):
                    warn("going on without a viewer: %s", self.process_ended)
        if self._gate is not None and (why := self._gate.ended()):
            self._gate = None
            warn("no viewers from other machines any more: TLS ended with %s", why)

        if self._tape.idle:  # else every point would be copied, maybe for nobody
            for message in self.chronicle.scalars(self._tape.known):
                self._tape.add(message)
            self._tape.flush()

    def _tell(self, messages: Sequence[Message], now: float) -> None:
        self.reception.tell(messages, now)
        for message in messages:
            self._tape.add(message)

    def _watch(self, now: float) -> None:
        """Look whether the calculation has stalled, or goes on."""
        updates = sum(held.feed.updates for held in self._held)
        callers = {held.feed.caller for held in self._held}
        spent = self.alarm.spent
        signs, self._signs = self._signs, (self.annex.signs, self.helm.passed)
        if signs != self._signs or self.helm.waits:
            self.alarm.alive()
        told = self.alarm.look(updates + self.chronicle.points, callers, now)
        self._budget.spend(self.alarm.spent - spent, now)
        self.chronicle.stalled = self.alarm.current
        if told is None:
            return
        self._tell([told], now)
        if told.text:
            text = "no sign of life for %.0f s: the calculation is %s"
            self._aside.warn(text, told.seconds, told.text[:TEXT].rstrip())

    def _stats(self, held: Held, now: float) -> Stats:
        elapsed = now - self._started_at
        return held.stats(self.overhead, elapsed, len(self.viewers()))

    def _annex_at(self) -> float:
        at = self.annex.next_at(watched=self._watched)
        return at

    def _share_news(self, now: float) -> None:
        """Hear the workers, and tell what is new beside frames."""
        traffic = self.reception.traffic
        began = time.thread_time() - traffic.kernel_time
        self.reception.attend_workers(now)
        self._tell(self.annex.news(now), now)
        orders = self.annex.orders()
        if orders:
            for peer in list(self.reception.workers):
                if peer.number in orders:
                    self.reception.put(peer, orders[peer.number])
                    self.reception.flush(peer, now)
        self._beside += max(0.0, time.thread_time() - traffic.kernel_time - began)

    def _share_logs(self, now: float) -> None:
        self._tell(list(self.chronicle.new_records()), now)

    def _share_scalars(self, now: float) -> None:
        self._scalars_at = now + SCALARS_EVERY
        self.chronicle.absorb()
        self._behind = False
        for peer in self.reception.proven():
            if peer.connection.mid_send:
                self._behind = True
                continue
            self._queue_scalars(peer)
            self.reception.flush(peer, now)

    def _queue_scalars(self, peer: Peer) -> None:
        for message in self.chronicle.scalars(peer.scalars):
            self.reception.put(peer, message)

    def _charge(self, cpu: float, now: float) -> None:
        """Charge the turn: our processor time with the GIL, and the callers'."""
        kernel, self._kernel_seen = (
            self.reception.traffic.kernel_time - self._kernel_seen,
            self.reception.traffic.kernel_time,
        )
        cost = max(0.0, time.thread_time() - cpu - kernel) + HANDOVER
        cost += self._disk.settle(self._delivery.free)
        shown = self.view_cost()
        cost += shown - self._view_charged
        self._view_charged = shown
        for held in self._held:
            cost += held.cost()
        beside, self._beside = min(self._beside, cost), 0.0
        self._budget.spend(cost - beside, now)
        if beside:
            self._budget.spend_beside(beside, now)

    # -- the end ---------------------------------------------------------------

    def _end(self, ending: Ending) -> None:
        """Deliver the last frames and the last word, keep them, and hang up."""
        for held, remains in zip(self._held, ending.remains):
            held.feed = remains
        for held in self._held:
            self._delivery.collect(held)
        final: dict[str, Snapshot] = {}
        for held in self._held:
            if held.newest is not None:
                final[held.name] = held.newest
        for snapshot in ending.last:
            if not snapshot.mid_step:
                final[snapshot.plotter] = snapshot
                self._delivery.by_name[snapshot.plotter].newest = snapshot
        self._hear_workers(ending)
        now = time.monotonic()
        self._tell(self.annex.end(RunState(ending.state.state), now), now)
        self._tell(self.helm.news(), now)
        self._scalars_at = 0.0
        self._share_scalars(now)
        self._share_logs(now)
        closing: list[Message] = [
            *(self._stats(held, now) for held in self._held),
            ending.state,
        ]
        # How it ended is on disk before anything that may take long: the calculation
        # waits for a while only, and takes this thread along when it leaves.
        self.keeper.end(self._remembered(), closing)
        for peer in list(self.reception.peers):
            if peer.connection.phase is not Phase.OPEN:
                self.reception.drop(peer, "the run has ended")
                continue
            peer.slow = True  # for the same reason, no sending waits for room
            for name, snapshot in final.items():
                if snapshot.number > peer.sent.get(name, 0):
                    self.reception.send_frame(peer, snapshot, now)
            self._queue_scalars(peer)
            for message in closing:
                self.reception.put(peer, message)
            self.reception.flush(peer, now)
        frames = [*final.values(), *(each for each in ending.last if each.mid_step)]
        self.keeper.keep(self._remembered(), frames, closing)
        self.keeper.retire(ending.state.state)
        if self._tape.records:
            scalars = self.chronicle.scalars(self._tape.known)
            self._tape.end(frames, [*scalars, *closing])
        self.reception.drain(ending.deadline)
        if not self._disk.wait(ending.deadline):
            warn("the disk is slow: the run's record may be incomplete")
        self._disk.settle(self._delivery.free)

    def _hear_workers(self, ending: Ending) -> None:
        """Hear what workers have said last, and how bars ended whose tasks are done."""
        now = time.monotonic()
        self.reception.attend_workers(now)
        if ending.state.state != RunState.FINISHED.value or not self.annex.awaits:
            return
        for peer in list(self.reception.workers):
            self.reception.put(peer, Pace(LAST_PACE))
            self.reception.flush(peer, now)
        until = min(now + LAST_WORDS, ending.deadline)
        while self.annex.awaits and (left := until - time.monotonic()) > 0:
            self.reception.attend_workers(time.monotonic(), left)

    def _remembered(self) -> list[Message]:
        """What every late viewer is told before it gets a frame."""
        return [
            *self._introduction,
            *self._tail(),
            *self.chronicle.scalars({}),
        ]

    def _tail(self) -> list[Message]:
        return [*self.chronicle.tail(), *self.annex.tail(), *self.helm.tail()]

    def _keep(self, now: float) -> None:
        """Have the record written, if there is anything new."""
        frames = [held.newest for held in self._held if held.newest is not None]
        news = (
            *(frame.number for frame in frames),
            *self.chronicle.news,
            self.annex.changes,
            self.helm.changes,
        )
        if self.keeper.due(now, len(frames), news):
            stats = [self._stats(held, now) for held in self._held]
            self.keeper.keep(self._remembered(), frames, stats)

    def _shut(self) -> None:
        if not self.discarded:
            for held in self._held:
                held.feed.silence()
        self.helm.end()
        self.reception.close()
        self.annex.close()
        self._delivery.close()
        self.bell.close()
        self.keeper.close()
        self._tape.close()
        ending = self._ending
        self._disk.stop(ending.deadline if ending is not None else 0.0)
        if ending is not None:
            ending.last.clear()  # whoever refers to the server keeps no arrays by that
        self.done = True
        self.notice.ring()
        if self.abandoned:
            self.notice.close()
