"""What watching did and cost, as a `Server` tells it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .feed import Feed
    from .publisher import Publisher

__all__ = ["Statistics"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What watching did and cost so far.

    Attributes
    ----------
    updates : int
        Calls of ``update``, of all feeds.
    snapshots : int
        Frames that were copied, at most one for many updates.
    sent : int
        Frames sent, over all viewers.
    refused : int
        Frames that could not be sent, because of their arguments.
    overhead : float
        Share of the time since the start that watching cost: the processor time of
        calls that took a snapshot, and that of the background thread while it kept
        Python from running. What ``log`` does in the calculation's own thread, some
        microseconds a call, is not in it. Dimensionless.
    kernel_time : float
        Processor seconds of copying to sockets. They run beside the calculation
        and are not charged to it.
    sent_bytes : int
        Bytes sent, over all viewers.
    elapsed : float
        Seconds since the start.
    """

    updates: int
    snapshots: int
    sent: int
    refused: int
    overhead: float
    kernel_time: float
    sent_bytes: int
    elapsed: float

    @classmethod
    def of(cls, feeds: Collection[Feed], publisher: Publisher | None) -> Statistics:
        """Read them off; without a publisher, nothing was started."""
        return cls(
            updates=sum(feed.updates for feed in feeds),
            snapshots=publisher.snapshots if publisher else 0,
            sent=publisher.reception.traffic.frames if publisher else 0,
            refused=sum(feed.refused for feed in feeds),
            overhead=publisher.overhead if publisher else 0.0,
            kernel_time=publisher.reception.traffic.kernel_time if publisher else 0.0,
            sent_bytes=publisher.reception.traffic.bytes if publisher else 0,
            elapsed=publisher.elapsed if publisher else 0.0,
        )
