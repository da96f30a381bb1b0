"""What the background thread holds of one feed: its newest snapshot, and its slots."""

from __future__ import annotations

import time
import weakref

from ..wire.messages import Stats
from . import slots
from .budget import Budget, due_at
from .feed import Feed
from .snapshot import Snapshot

__all__ = ["GRACE", "Held"]

GRACE = 0.005  # seconds that a viewer waits for something fresher than what is held
STATS_EVERY = 3.0  # seconds between statistics at the latest, as a sign of life


class Held:
    """The newest snapshot of one feed, and when the next one was asked for.

    Parameters
    ----------
    feed : Feed
        Not held while the thread waits: see `let_go`.
    now : float
        The present, on the monotonic clock.

    Attributes
    ----------
    newest : Snapshot or None
    snapshots : int
        How many there were.
    slots : list of Shared
        Where the next ones are taken, if viewers are near.
    """

    def __init__(self, feed: Feed, now: float) -> None:
        self.feed = feed
        self.name = feed.feed_name
        self.newest: Snapshot | None = None
        self.snapshots = 0
        self.slots: list[slots.Shared] = []
        self._weak = weakref.ref(feed)
        self._asked = now
        self._told = -1  # updates in the last statistics sent
        self._told_at = now
        self._charged = feed.spent
        self._offered = 0  # bytes that slots were made for, or could not be

    # -- the feed --------------------------------------------------------------

    def let_go(self) -> None:
        """Refer to the feed no more: its server may be collected, and so ended."""
        del self.feed

    def take_back(self) -> bool:
        """Refer to it again; say whether it is still there."""
        feed = self._weak()
        self.feed = feed or Feed(self.name, None, max(0, self._told))
        return feed is not None

    def ask(
        self, now: float, budget: Budget, mean: float, *, waiting: bool, watched: bool
    ) -> float:
        """Ask for a snapshot if one is due; else say when it will be.

        Parameters
        ----------
        now : float
            The present.
        budget : Budget
            What pays for it.
        mean : float
            Seconds that one cost so far; saved up before what nobody waits for.
        waiting, watched : bool
            As for `due_at`.

        Returns
        -------
        float
            The instant, or infinity where it was asked for.
        """
        if not self.feed.due:
            # Without any, the first one is being taken at this moment.
            taken = self.newest.taken if self.newest else self._asked
            free_at = budget.free_at(now, 0.0 if waiting else mean)
            at = due_at(free_at, taken, waiting=waiting, watched=watched)
            if now < at:
                return at
            self._asked = now
            self.feed.want()
        return float("inf")

    @property
    def patient_until(self) -> float:
        """Until when viewers wait for something fresher than what is held."""
        return self._asked + GRACE

    def is_best(self, now: float, budget: Budget) -> bool:
        """Whether nothing fresher than `newest` can be had soon.

        The calculation has not answered for a while, or may not be asked.
        """
        return (self.feed.due and now >= self.patient_until) or (
            budget.free_at(now) > now + GRACE
        )

    def collect(self) -> list[str]:
        """Keep the newest of the feed's snapshots; give why others were refused."""
        for snapshot in self.feed.drain():
            self.snapshots += 1
            previous = self.newest
            # Two threads, or a signal handler inside a call, publish in any order.
            if previous and snapshot.number < previous.number:
                self.feed.recycle(snapshot)
                continue
            self.newest = snapshot
            if previous is not None and not previous.users:
                self.feed.recycle(previous)
        return self.feed.drain_refusals()

    def free(self, snapshot: Snapshot) -> None:
        """Take back a snapshot that is not being sent or written any more."""
        if snapshot is not self.newest:
            self.feed.recycle(snapshot)

    def cost(self) -> float:
        """Seconds that the feed's calls have cost since the last time."""
        before, self._charged = self._charged, self.feed.spent
        return self._charged - before

    # -- what is told of it ----------------------------------------------------

    def has_news(self, now: float) -> bool:
        """Whether statistics are to be told again; they count as told then."""
        updates = self.feed.updates
        if updates == self._told and now < self._told_at + STATS_EVERY:
            return False
        self._told, self._told_at = updates, now
        return True

    def stats(self, overhead: float, elapsed: float, viewers: int) -> Stats:
        """What is told of the feed."""
        return Stats(
            plotter=self.name,
            updates=self.feed.updates,
            snapshots=self.snapshots,
            refused=self.feed.refused,
            overhead=overhead,
            elapsed=elapsed,
            viewers=viewers,
        )

    # -- slots -----------------------------------------------------------------

    @property
    def outgrown(self) -> bool:
        """Whether the newest snapshot is worth slots, and bigger than those are."""
        newest = self.newest
        return newest is not None and newest.size > max(self._offered, slots.LEAST)

    def lay_out(self, first: int) -> tuple[list[slots.Shared], float]:
        """Have the next snapshots taken into new slots, big enough for the newest.

        Parameters
        ----------
        first : int
            Number of the first of them.

        Returns
        -------
        void : list of Shared
            Those in whose place they are; closed.
        seconds : float
            Processor time of reserving and touching memory, without the GIL.

        Raises
        ------
        OSError
            If there is no room. It is not tried again for frames of that size.
        """
        assert self.newest is not None
        self._offered = self.newest.size
        before = time.thread_time()
        made = slots.make(first, self._offered)
        seconds = time.thread_time() - before
        self._offered = made[0].capacity
        void, self.slots = self.slots, made
        self.feed.adopt(made)
        for each in void:
            each.close()
        return void, seconds

    def close(self) -> None:
        """Let nobody open the slots any more, and keep none of their memory."""
        closed, self.slots = self.slots, []
        for each in closed:
            each.close()
