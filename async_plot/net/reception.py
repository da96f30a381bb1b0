"""Everybody who has dialled a calculation: accepted, read from, sent to, dropped.

Knows bytes and deadlines; what a message means, and which frame goes to whom, is
`publisher`'s business.

Workers wait in a selector of their own, which is looked at now and then: hundreds that
report in a random order would else wake the thread hundreds of times a second.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import ClosedError, HandshakeError, ProtocolError
from ..wire.connection import Phase
from ..wire.framing import describe, new_stage
from ..wire.handshake import TIMEOUT as HANDSHAKE_TIMEOUT
from ..wire.messages import Message, Role
from . import sockets
from .peer import Peer, Traffic
from .snapshot import Snapshot
from .wakeup import Wakeup

if TYPE_CHECKING:
    from .gate import Gate

__all__ = ["Reception"]

STALL = 30.0  # seconds that a viewer may leave half a message unread
MAX_UNPROVEN = 256  # connections without a proof; of more, the oldest is dropped
# On Windows a selector takes 512 sockets at most, and raises at one more.
MAX_VIEWERS = 1024 if sys.platform != "win32" else 192
MAX_WORKERS = 4096 if sys.platform != "win32" else 448
READING = 0.05  # seconds that reading what workers say may take at a time

debug = logging.getLogger("async_plot.wire")


class Reception:
    """The listener and its connections.

    Parameters
    ----------
    listener : socket
        Listening, non-blocking.
    key : bytes
        The run's key.
    greet : callable
        ``greet(peer)`` queues what a peer that has just proven the key is told.
    hear : callable
        ``hear(peer, message, now)`` acts on what it says.
    free : callable
        ``free(snapshot)``: nothing of it is being sent to anybody any more.
    leave : callable
        ``leave(number)``: that worker's connection has ended.
    gate : Gate, optional
        Through which other machines come.

    Attributes
    ----------
    peers : list of Peer
        All connections, proven or not, oldest first; but for workers.
    workers : dict of {Peer: None}
        Connections that have proven to be workers.
    traffic : Traffic
        What was sent to all of them.
    """

    def __init__(
        self,
        listener: socket.socket,
        key: bytes,
        greet: Callable[[Peer], None],
        hear: Callable[[Peer, Message, float], None],
        free: Callable[[Snapshot], None],
        leave: Callable[[int], None],
        gate: Gate | None = None,
    ) -> None:
        self.peers: list[Peer] = []
        self.workers: dict[Peer, None] = {}
        self.traffic = Traffic()
        self._listener = listener
        self._address = listener.getsockname()
        self._key = key
        self._greet = greet
        self._hear = hear
        self._free = free
        self._leave = leave
        self._gate = gate
        self._selector: selectors.BaseSelector  # made by `open`
        self._others: selectors.BaseSelector  # of the workers; made by `open`
        self._numbers = itertools.count(1)
        self._attended = 0  # number of the last worker that there was time for
        self._most = MAX_WORKERS
        self._stage = new_stage()

    # -- waiting ---------------------------------------------------------------

    def open(self, bell: Wakeup) -> None:
        """Begin to wait for peers, and for a bell of the calculation."""
        self._selector = selectors.DefaultSelector()
        self._others = selectors.DefaultSelector()
        self._most = min(MAX_WORKERS, sockets.spare())
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(bell, selectors.EVENT_READ, None)

    def select(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until there is something for `attend`, at most `timeout` seconds."""
        return self._selector.select(timeout)

    def attend(
        self, ready: list[tuple[selectors.SelectorKey, int]], now: float
    ) -> bool:
        """Do what `select` found; say whether the bell was rung."""
        rung = False
        self.traffic.patience = sockets.PATIENCE
        for key, mask in ready:
            if key.data is None:
                rung = True
            elif isinstance(key.data, Peer):
                if mask & selectors.EVENT_READ:
                    self._read(key.data, now)
                if mask & selectors.EVENT_WRITE:
                    self.flush(key.data, now)
            else:
                key.data(now)
        return rung

    def attend_workers(self, now: float, timeout: float = 0.0) -> None:
        """Hear what workers have said meanwhile, for a limited time.

        Each is read once, so that one that floods gets no more than its share. If
        nobody has said anything, wait for that.
        """
        if not self.workers:
            return
        deadline = now + timeout + READING
        ready = [(key.data, mask) for key, mask in self._others.select(timeout)]
        # From where it was broken off: the kernel tells them in the same order again.
        ready.sort(key=lambda each: (each[0].number <= self._attended, each[0].number))
        self._attended = 0
        for peer, mask in ready:
            if mask & selectors.EVENT_READ:
                self._read(peer, now)
            if mask & selectors.EVENT_WRITE and self._is_here(peer):
                self.flush(peer, now)
            if time.monotonic() > deadline:
                self._attended = peer.number
                break

    def proven(self) -> list[Peer]:
        """Viewers: connections whose peer has proven the key, but for workers."""
        return [p for p in list(self.peers) if p.connection.phase is Phase.OPEN]

    def tidy(self, now: float) -> None:
        """Drop who broke a deadline; listen again if descriptors had run out."""
        for peer in list(self.peers):
            proving = peer.connection.phase is Phase.PROVING
            if proving and now - peer.since > HANDSHAKE_TIMEOUT:
                self.drop(peer, "no proof in time")
            elif peer.stalled(now, STALL):
                self.drop(peer, "it stopped reading inside a message")
        for peer in list(self.workers):
            if peer.stalled(now, STALL):
                self.drop(peer, "it stopped reading inside a message")
        with contextlib.suppress(KeyError):  # it is registered
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    # -- sending ---------------------------------------------------------------

    def put(self, peer: Peer, message: Message) -> None:
        """Queue a message; `flush` sends it."""
        peer.connection.send(message)
        if debug.isEnabledFor(logging.DEBUG):
            _say("<", peer, message)

    def tell(self, messages: Sequence[Message], now: float) -> None:
        """Say something to every viewer."""
        loud = debug.isEnabledFor(logging.DEBUG)
        for peer in self.proven():
            for message in messages:
                peer.connection.send(message)
                if loud:
                    _say("<", peer, message)
            if not peer.connection.mid_send:
                self.flush(peer, now)

    def send_frame(self, peer: Peer, snapshot: Snapshot, now: float) -> None:
        """Send a snapshot, as far as the socket takes it."""
        if debug.isEnabledFor(logging.DEBUG):
            debug.debug("< %s %s", peer.address, snapshot.describe())
        try:
            peer.send_frame(snapshot, now)
        except OSError as error:
            self.drop(peer, str(error))
            return
        if peer.connection.wants_to_send or peer.sending:  # too big for one call
            self._settle(peer)

    def flush(self, peer: Peer, now: float) -> None:
        """Send what waits for a viewer, as far as its socket takes it."""
        try:
            peer.flush(now)
        except OSError as error:
            self.drop(peer, str(error))
            return
        self._settle(peer)

    def drain(self, deadline: float) -> None:
        """Wait until every viewer has read everything and hung up, or time is out.

        Closing while something of the viewer lies unread would make the kernel
        throw away what the viewer has not read yet.
        """
        if self._gate is not None:
            self._gate.finish()
        told: set[int] = set()
        while self.peers and (now := time.monotonic()) < deadline:
            for peer in list(self.peers):
                if not peer.connection.wants_to_send and id(peer) not in told:
                    told.add(id(peer))
                    with contextlib.suppress(OSError):
                        peer.sock.shutdown(socket.SHUT_WR)
            for key, mask in self._selector.select(deadline - now):
                peer = key.data
                if not isinstance(peer, Peer):
                    self._selector.unregister(key.fileobj)
                elif mask & selectors.EVENT_WRITE:
                    self.flush(peer, now)
                elif mask & selectors.EVENT_READ:
                    self._read(peer, now)

    # -- leaving ---------------------------------------------------------------

    def drop(self, peer: Peer, reason: str) -> None:
        """Hang up; a second time does nothing."""
        if not self._is_here(peer):
            return
        debug.debug("%s dropped: %s", peer.address, reason)
        selector = self._selector_of(peer)
        if peer in self.workers:
            del self.workers[peer]
        else:
            self.peers.remove(peer)
        peer.connection.phase = Phase.CLOSED
        with contextlib.suppress(KeyError, ValueError, OSError):
            selector.unregister(peer.sock)
        # A forked child may hold a copy: closing ours alone would tell nobody.
        with contextlib.suppress(OSError):
            peer.sock.shutdown(socket.SHUT_RDWR)
        peer.sock.close()
        if self._gate is not None:
            self._gate.forget(peer.port)
        self._release(peer)
        if peer.number:
            self._leave(peer.number)

    def close(self) -> None:
        """Hang up on everybody and listen no more."""
        for peer in [*self.peers, *self.workers]:
            self.drop(peer, "the run has ended")
        self._listener.close()
        self._selector.close()
        self._others.close()
        if self._gate is not None:
            self._gate.close()

    def forked(self) -> None:
        """Drop the descriptors that a forked child inherited.

        They are only closed: a shutdown would reach the parent's connections.
        """
        if self._listener.fileno() < 0:  # it has ended, and others may have its port
            return
        peers = [*self.peers, *list(self.workers)]
        for sock in [self._listener, *(peer.sock for peer in peers)]:
            sock.close()
        if self._gate is not None:
            self._gate.forked()
        sockets.close_strays(self._address)
        # An epoll object is shared with the parent: it must be closed without
        # unregistering what the parent still waits for.
        for name in ("_selector", "_others"):
            selector = getattr(getattr(self, name, None), "_selector", None)
            if selector is not None:
                with contextlib.suppress(OSError):
                    selector.close()

    # -- private ---------------------------------------------------------------

    def _accept(self, now: float) -> None:
        for _ in range(64):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # Out of descriptors, or a peer that left already. The calculation
                # needs its descriptors more than we do: `tidy` looks again.
                debug.debug("accept: %s", error)
                self._selector.unregister(self._listener)
                return
            where = f"{address[0]}:{address[1]}"
            try:
                sockets.prepare(sock)
                port = address[1]
                bound = (
                    functools.partial(self._gate.binding, port) if self._gate else bytes
                )
                peer = Peer(
                    sock, where, self._key, self.traffic, now, bound, self._stage
                )
                peer.port = port
                self._selector.register(sock, selectors.EVENT_READ, peer)
            except OSError as error:
                debug.debug("accept: %s", error)
                sock.close()
                continue
            self.peers.append(peer)
            proving = [p for p in self.peers if p.connection.phase is Phase.PROVING]
            if len(proving) > MAX_UNPROVEN:
                self.drop(proving[0], "too many peers without a proof")
            if len(self.peers) - len(proving) > MAX_VIEWERS:
                self.drop(peer, "too many viewers")
            else:
                self.flush(peer, now)

    def _read(self, peer: Peer, now: float) -> None:
        connection = peer.connection
        proving = connection.phase is Phase.PROVING
        try:
            buffer = connection.get_buffer()
            count = sockets.receive(peer.sock, buffer)
            if count is None:
                return
            if count == 0:
                connection.eof()
                self.drop(peer, "the other end hung up")
                return
            messages = connection.received(count)
        except (HandshakeError, ProtocolError) as error:
            refusal = connection.data_to_send()
            if refusal:
                with contextlib.suppress(OSError):
                    sockets.send(peer.sock, refusal, patient=False)
            self.drop(peer, str(error))
            return
        except (OSError, ClosedError) as error:
            self.drop(peer, str(error))
            return
        if proving and connection.phase is Phase.OPEN:
            if self._gate is not None and (origin := self._gate.origin(peer.port)):
                peer.address, peer.near = origin, False
            if connection.role is Role.WORKER:
                self._set_apart(peer)
            if self._is_here(peer):
                self._greet(peer)
        loud = debug.isEnabledFor(logging.DEBUG)
        for message in messages:
            if not self._is_here(peer):
                return
            if loud:
                _say(">", peer, message)
            self._hear(peer, message, now)
        if self._is_here(peer) and connection.wants_to_send:
            self.flush(peer, now)

    def _set_apart(self, peer: Peer) -> None:
        """Count a peer among the workers from now on."""
        if len(self.workers) >= self._most:
            self.drop(peer, "too many workers")
            return
        self._selector.unregister(peer.sock)
        self.peers.remove(peer)
        self.workers[peer] = None
        peer.number = next(self._numbers)
        peer.events = selectors.EVENT_READ
        self._others.register(peer.sock, selectors.EVENT_READ, peer)

    def _selector_of(self, peer: Peer) -> selectors.BaseSelector:
        return self._others if peer in self.workers else self._selector

    def _is_here(self, peer: Peer) -> bool:
        return peer in self.workers or peer in self.peers

    def _settle(self, peer: Peer) -> None:
        """Free what was sent, and wait for room for what was not."""
        if not peer.connection.mid_send:
            self._release(peer)
        events = selectors.EVENT_READ
        if peer.connection.wants_to_send:
            events |= selectors.EVENT_WRITE
        if events != peer.events and self._is_here(peer):
            peer.events = events
            self._selector_of(peer).modify(peer.sock, events, peer)

    def _release(self, peer: Peer) -> None:
        for snapshot in peer.sending:
            snapshot.users -= 1
            if not snapshot.users:
                self._free(snapshot)
        peer.sending = []


def _say(direction: str, peer: Peer, message: Message) -> None:
    debug.debug("%s %s %s", direction, peer.address, describe(message))
