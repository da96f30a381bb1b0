"""One viewer's connection, as the background thread holds it. Decides nothing.

It knows what the viewer has and has asked for, and how to send to it; when to send
what is `publisher`'s business.
"""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..wire.connection import Connection
from ..wire.framing import printable
from ..wire.handshake import Dialled
from ..wire.messages import Right, Trouble
from . import sockets
from .helm import Asker
from .snapshot import Snapshot

__all__ = ["TEXT", "Peer", "Traffic", "Viewer"]

TEXT = 8192  # characters of a viewer's text that are taken
AGAIN = 10.0  # seconds after which slots are offered again
TROUBLES = 100  # different ones that a viewer may tell


@dataclass(slots=True)
class Traffic:
    """What was sent to all viewers together.

    Attributes
    ----------
    frames, bytes : int
        How many.
    kernel_time : float
        Processor seconds of sending big pieces, without the GIL.
    patience : float
        Seconds that sending may still wait for room in this turn, for all viewers
        together: many frozen ones delay the others as little as one does.
    """

    frames: int = 0
    bytes: int = 0
    kernel_time: float = 0.0
    patience: float = sockets.PATIENCE


@dataclass(frozen=True, slots=True)
class Viewer:
    """A connected viewer, as `Server.viewers` shows it.

    Attributes
    ----------
    address : str
        Where it dials from, ``"host:port"``.
    role, right : str
        What it is and may do.
    view : str
        Its surface, empty until it has opened one.
    since : float
        When it connected, seconds since the epoch.
    frames : int
        Frames sent to it.
    shown : int
        Number of the newest frame that it says it has shown.
    near : bool
        Whether it maps memory of the calculation, instead of being sent big frames.
    """

    address: str
    role: str
    right: str
    view: str
    since: float
    frames: int
    shown: int
    near: bool


class Peer:
    """One connection, and what its viewer has and wants."""

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        key: bytes,
        traffic: Traffic,
        now: float,
        binding: Callable[[], bytes] = bytes,
        stage: memoryview | None = None,
    ) -> None:
        self.sock = sock
        self.address = address
        self.connection = Connection(Dialled(key, binding=binding), stage=stage)
        self.port = 0  # of its end
        self.number = 0  # of the connection, where it is a worker's
        self.traffic = traffic
        self.since = now
        self.moved = now  # when bytes went out last
        self.unsent: int | None = None  # what its kernel had not taken then
        self.credit: dict[str, int] = {}
        self.ready: dict[str, float] = {}  # when it asked for a frame last
        self.sent: dict[str, int] = {}
        self.sending: list[Snapshot] = []
        self.slow = False
        self.near = sockets.is_near(sock)  # may be able to map a slot
        self.mapped: set[int] = set()  # slots that it has mapped
        self.offer_at = math.inf  # when it is offered slots that it gave up
        self.scalars: dict[str, tuple[int, int]] = {}
        self._troubles: set[str] = set()
        self._asker: Asker | None = None
        self.events = selectors.EVENT_READ
        self.view = ""
        self.connected = time.time()
        self.frames = 0
        self.shown = 0

    @property
    def viewer(self) -> Viewer:
        """What the calculation may know of it."""
        role, right = self.connection.role, self.connection.right
        return Viewer(
            address=self.address,
            role=role.name.lower() if role else "",
            right=right.name.lower() if right else "",
            view=self.view,
            since=self.connected,
            frames=self.frames,
            shown=self.shown,
            near=bool(self.mapped),
        )

    @property
    def asker(self) -> Asker:
        """It, as far as it gives commands."""
        if self._asker is None:
            right = self.connection.right
            may = right is not None and right >= Right.CONTROL
            self._asker = Asker(self.address, may)
        return self._asker

    def has_mapped(self, slots: list[int], now: float) -> None:
        """Take note of the slots that it has mapped.

        One that gives up all of them was overtaken again and again; the machine may
        have more time for it later.
        """
        if self.mapped and not slots:
            self.offer_at = now + AGAIN
        self.mapped = set(slots) - {0}
        self.near = bool(self.mapped)

    def trouble(self, message: Trouble) -> str:
        """What is to be said of something that failed in the viewer, the first time."""
        if len(self._troubles) >= TROUBLES:
            return ""  # before it costs anything to look at it
        text = printable(message.text[:TEXT], keep="\n\t")
        if text in self._troubles:
            return ""
        self._troubles.add(text)
        which = printable(message.plotter[:100])
        of = f" of plotter {which!r}" if which else ""
        return f"frame {message.frame}{of}: {text}"

    def lacks(self, name: str, newest: Snapshot | None) -> bool:
        """Whether this viewer can take that snapshot of a plotter, and has it not."""
        return (
            newest is not None
            and bool(self.credit.get(name))
            and not self.connection.mid_send
            and newest.number > self.sent.get(name, 0)
        )

    def send_frame(self, snapshot: Snapshot, now: float) -> None:
        """Send a snapshot, as far as the socket takes it.

        What is not sent at once is noted in `sending`, and must not be overwritten
        until `flush` has sent it.
        """
        name = snapshot.plotter
        self.credit[name] = self.credit.get(name, 1) - 1
        self.sent[name] = snapshot.number
        self.frames += 1
        self.traffic.frames += 1
        connection = self.connection
        parts, size = snapshot.parts, snapshot.size
        near = snapshot.slot in self.mapped
        if near:
            parts = snapshot.near
            size = sum(map(len, parts))
        if size < sockets.LARGE and not connection.wants_to_send:
            # The usual case, in few steps: it all fits into the socket's buffer.
            count = sockets.send(self.sock, parts, patient=False)
            self.traffic.bytes += count
            if count == size:
                return
            connection.send_encoded(parts)
            connection.sent(count)
        else:
            connection.send_encoded(parts)
        if not near:  # else the arena's memory is not in the parts
            snapshot.users += 1
            self.sending.append(snapshot)
        self.moved = now
        self.flush(now)

    def stalled(self, now: float, seconds: float) -> bool:
        """Whether it has taken nothing of a message for so long.

        A thin line takes a big one for minutes: then nothing may go into the socket
        for long, while what is in it gets less.
        """
        if not self.connection.mid_send or now - self.moved <= seconds / 4:
            return False
        unsent = sockets.unsent(self.sock)
        if unsent != self.unsent:
            self.unsent = unsent
            self.moved = now - seconds / 4
        return now - self.moved > seconds

    def flush(self, now: float) -> None:
        """Send what waits, as far as the socket takes it."""
        connection = self.connection
        while parts := connection.data_to_send():
            size = sum(map(len, parts))
            big = size >= sockets.LARGE
            traffic = self.traffic
            patient = big and not self.slow and traffic.patience > 0
            before = time.thread_time() if big else 0.0
            started = time.monotonic() if patient else 0.0
            count = sockets.send(self.sock, parts, patient=patient)
            if big:
                traffic.kernel_time += time.thread_time() - before
            if patient and count < size:
                traffic.patience -= time.monotonic() - started
            if count:
                connection.sent(count)
                traffic.bytes += count
                self.moved = now
            # One that did not take it all gets no more of our patience.
            self.slow = count < size
            if self.slow and count < min(size, sockets.LARGE):
                break
