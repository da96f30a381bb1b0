"""Which snapshot is taken when, and which viewer it is sent to. Holds no socket."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from ..wire.messages import Log
from . import slots
from .budget import Budget
from .chronicle import Chronicle
from .feed import Feed
from .held import GRACE, Held
from .peer import Peer
from .snapshot import Snapshot
from .tape import Tape
from .warning import warn

if TYPE_CHECKING:
    from .reception import Reception

__all__ = ["Delivery"]


class Delivery:
    """Takes over what feeds publish, and serves it to whoever is ready.

    Parameters
    ----------
    feeds : list of Feed
        All of the run.
    budget : Budget
        What pays for snapshots.
    tape : Tape
        Records some of them.
    chronicle : Chronicle
        Is told what was refused.
    now : float
        The start, on the monotonic clock.

    Attributes
    ----------
    held : list of Held
        What is held of each feed.
    by_name : dict of {str: Held}
        The same by the names of their plotters.
    reception : Reception
        Who is there; to be set before anything is delivered.
    """

    reception: Reception

    def __init__(
        self,
        feeds: list[Feed],
        budget: Budget,
        tape: Tape,
        chronicle: Chronicle,
        now: float,
    ) -> None:
        self.held = [Held(feed, now) for feed in feeds]
        self.by_name = {held.name: held for held in self.held}
        self._budget = budget
        self._tape = tape
        self._chronicle = chronicle
        self._laid_out = 0  # slots made so far
        self._slotless = False  # it was said that there is no shared memory

    @property
    def snapshots(self) -> int:
        """Copies taken of all feeds."""
        return sum(held.snapshots for held in self.held)

    @property
    def news(self) -> bool:
        """Whether a feed has published anything."""
        return any(held.feed.has_news for held in self.held)

    def ask(self, now: float, until: float, *, watched: bool) -> float:
        """Ask for the snapshots that are due; say when the next one will be.

        Parameters
        ----------
        now, until : float
            The present; when there is something to do anyway.
        watched : bool
            Whether there is any viewer.
        """
        mean = self._budget.spent / max(1, self.snapshots)
        peers = self.reception.peers
        for held in self.held:
            waiting = any(peer.credit.get(held.name) for peer in peers)
            recorded_at = self._tape.next_at(held.name)
            if now < recorded_at:
                until = min(until, recorded_at)
            else:
                waiting = True
            until = min(
                until,
                held.ask(now, self._budget, mean, waiting=waiting, watched=watched),
            )
            if held.feed.due and any(
                peer.lacks(held.name, held.newest) for peer in peers
            ):
                until = min(until, max(now, held.patient_until))
        return until

    def deliver(self, now: float) -> None:
        """Take over what the feeds published; send it to whoever is ready."""
        for held in self.held:
            if held.feed.has_news:
                self.collect(held)
            if held.newest is not None:
                self._tape.offer(held.newest, now)
                self.serve(held, held.newest, now)

    def collect(self, held: Held) -> None:
        """Keep the newest of a feed's snapshots, and tell its refusals."""
        for text in held.collect():
            self._chronicle.add_record(
                Log(time.time(), logging.WARNING, "async_plot", text)
            )
            warn("%s", text)

    def serve(self, held: Held, newest: Snapshot, now: float) -> None:
        """Send the newest snapshot of a feed to the viewers that are ready for it."""
        name = held.name
        lacking = [peer for peer in self.reception.peers if peer.lacks(name, newest)]
        if not lacking:
            return
        if held.outgrown and any(peer.near for peer in lacking):
            self._lay_out(held)
        best = held.is_best(now, self._budget)
        for peer in lacking:
            if best or newest.taken >= peer.ready[name] - GRACE:
                self.reception.send_frame(peer, newest, now)

    def free(self, snapshot: Snapshot) -> None:
        """Take back a snapshot that is not being sent or written any more."""
        self.by_name[snapshot.plotter].free(snapshot)

    def announce_all(self, peer: Peer) -> None:
        """Offer a viewer all slots that there are."""
        for held in self.held:
            self._announce(peer, held.slots)

    def close(self) -> None:
        """Hold nothing any more."""
        for held in self.held:
            held.close()
            held.newest = None

    # -- private ---------------------------------------------------------------

    def _lay_out(self, held: Held) -> None:
        """Have the next frames of a feed in slots, for the viewers near by."""
        if slots.switched_off():
            return
        try:
            void, seconds = held.lay_out(1 + self._laid_out)
        except OSError as error:
            if not self._slotless:
                self._slotless = True
                warn("frames go through sockets, without shared memory: %s", error)
            return
        # It ran beside the calculation.
        self.reception.traffic.kernel_time += seconds
        self._laid_out += len(held.slots)
        for peer in self.reception.proven():
            peer.mapped.difference_update(each.number for each in void)
            self._announce(peer, void)
            self._announce(peer, held.slots)

    def _announce(self, peer: Peer, some: list[slots.Shared]) -> None:
        if peer.near:
            for each in some:
                self.reception.put(peer, each.message())
