"""The program of the gate: TLS connections on one side, the run's own port behind.

A process of its own, since Python's TLS takes the GIL for each 16 KiB: in the process
of a pure-Python loop it cost that loop 30 ms for each 16 MiB, and a stranger's
handshake another millisecond. Here the calculation pays what it pays for a viewer on
its own machine, holds no TLS state that a fork could copy, and never sees a stranger
that cannot speak TLS.

It knows no key of the run and no message: what comes through it proves itself to the
calculation. All it says of its own is where each connection comes from.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from ..errors import HandshakeError
from . import sockets, tls

__all__ = ["Gatekeeper", "main"]

HANDSHAKE_TIMEOUT = 5.0  # seconds
HANDSHAKE_BYTES = 1 << 15  # that a peer may send before the handshake is over
MAX_SHAKING = 256  # connections in their handshake; of more, the oldest is dropped
MAX_LINKS = 1536
LINGER = 10.0  # seconds without progress in which the last bytes may leave
TICK = 0.5  # seconds between looks at the deadlines
CHUNK = 1 << 18  # bytes that one connection gets of a turn
BACKLOG = 1 << 19  # bytes that wait for one peer before no more are taken
LAST_BACKLOG = 1 << 28  # the same once the calculation waits for its end
NICE = 10  # it takes no core from the calculation


class _Link:
    """One connection: the far end's socket, and the one to the calculation."""

    def __init__(self, outer: socket.socket, context: ssl.SSLContext, now: float):
        self.outer = outer
        self.inner: socket.socket | None = None
        self.tls = tls.Tls(context)
        self.since = self.moved = now
        self.taken = 0  # bytes before the handshake was over
        self.out: list[memoryview] = []  # encrypted, for the far end
        self.waiting = 0  # bytes in `out`
        self.into = memoryview(b"")  # for the calculation
        self.over = False  # the calculation has said everything
        self.events: dict[socket.socket, int] = {}


class Gatekeeper:
    """Relays between TLS connections and a port of this machine.

    Parameters
    ----------
    listener : socket
        Where the far ends dial; listening, non-blocking.
    context : ssl.SSLContext
        With the certificate.
    target : (str, int)
        Where the calculation listens.
    control : socket
        To the calculation: each connection's origin is told there, and its end is
        the calculation's end.
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        target: tuple[str, int],
        control: socket.socket,
    ) -> None:
        self._listener = listener
        self._context = context
        self._target = target
        self._control = control
        self._links: list[_Link] = []
        self._closing = False  # the calculation is gone, or about to go
        self._backlog = BACKLOG
        self._memory = memoryview(bytearray(CHUNK))
        self._plain = memoryview(bytearray(CHUNK + (1 << 15)))  # and a record before
        self._selector = selectors.DefaultSelector()
        control.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._selector.register(control, selectors.EVENT_READ, None)

    def serve(self) -> None:
        """Relay until the calculation is gone and its last bytes have left."""
        tick = 0.0
        while self._links or not self._closing:
            for key, mask in self._selector.select(TICK):
                now = time.monotonic()
                if key.fileobj is self._listener:
                    self._accept(now)
                elif key.fileobj is self._control:
                    self._hear()
                elif key.data in self._links:
                    self._guarded(key.data, key.fileobj, mask, now)
            now = time.monotonic()
            if now >= tick:
                tick = now + TICK
                self._tidy(now)

    # -- private ---------------------------------------------------------------

    def _accept(self, now: float) -> None:
        for _ in range(16):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor left: `_tidy` listens again
                self._selector.unregister(self._listener)
                return
            try:
                sockets.tune(sock, far=True)
                sock.setblocking(False)
                link = _Link(sock, self._context, now)
            except OSError:
                sock.close()
                continue
            self._links.append(link)
            shaking = [each for each in self._links if each.inner is None]
            if len(shaking) > MAX_SHAKING:
                self._drop(shaking[0])
            if len(self._links) > MAX_LINKS:
                self._drop(link)
            else:
                self._want(link)

    def _hear(self) -> None:
        """Learn that the calculation is about to end, or is gone."""
        # It waits for its last bytes to be taken, for a moment only: that they reach
        # a slow peer is our business from now on.
        self._backlog = LAST_BACKLOG
        with contextlib.suppress(ConnectionError):
            if self._control.recv(256):
                return
        self._closing = True
        self._selector.unregister(self._control)
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._listener)
        self._listener.close()
        for link in list(self._links):
            if link.inner is None:
                self._drop(link)

    def _tidy(self, now: float) -> None:
        for link in list(self._links):
            if link.inner is None and now - link.since > HANDSHAKE_TIMEOUT:
                self._drop(link)
            elif (self._closing or link.over) and now - link.moved > LINGER:
                self._drop(link)
        if not self._closing:
            with contextlib.suppress(KeyError):  # it is registered
                self._selector.register(self._listener, selectors.EVENT_READ, None)

    def _guarded(self, link: _Link, sock: Any, mask: int, now: float) -> None:
        """Move what can be moved; whatever goes wrong ends that connection alone."""
        try:
            if sock is link.outer and mask & selectors.EVENT_READ:
                self._from_outer(link, now)
            elif sock is link.inner and mask & selectors.EVENT_READ:
                self._from_inner(link)
            self._send(link, now)
        except HandshakeError:
            with contextlib.suppress(OSError):
                link.outer.send(link.tls.data_to_send())  # why, as TLS says it
            self._drop(link)
        except OSError:  # ssl's errors are among them
            self._drop(link)
        else:
            if link in self._links:
                self._want(link)

    def _from_outer(self, link: _Link, now: float) -> None:
        try:
            count = link.outer.recv_into(self._memory)
        except (BlockingIOError, InterruptedError):
            return
        link.tls.received(self._memory[:count])
        if link.inner is None:
            link.taken += count
            if not count or link.taken > HANDSHAKE_BYTES:
                self._drop(link)
                return
            done = link.tls.shake()
            self._queue(link)
            if not done:
                return
            self._dial(link)
        said = link.tls.read_into(self._plain)
        self._queue(link)  # TLS may have answered by itself
        if said:
            link.into = memoryview(bytes(link.into) + bytes(self._plain[:said]))
        elif said == 0:  # the far end hung up; what it said last is in `into`
            self._send_in(link)
            self._drop(link)

    def _dial(self, link: _Link) -> None:
        """Connect to the calculation, and tell it for whom."""
        inner = link.inner = socket.socket()
        # Little waits between us and the calculation: it sees how fast a slow peer
        # takes what it sends.
        inner.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BACKLOG)
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        inner.bind((self._target[0], 0))
        inner.setblocking(False)
        origin = [inner.getsockname()[1], *link.outer.getpeername()[:2]]
        line = json.dumps(origin).encode() + b"\n"
        if self._control.send(line) < len(line):
            raise OSError("the calculation does not listen")
        with contextlib.suppress(BlockingIOError):
            inner.connect(self._target)

    def _from_inner(self, link: _Link) -> None:
        assert link.inner is not None
        try:
            count = link.inner.recv_into(self._memory)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:  # it left without hearing the far end's last words
            count = 0
        if count:
            link.tls.write(self._memory[:count])
        else:
            link.over = True
            link.tls.close()
        self._queue(link)

    def _queue(self, link: _Link) -> None:
        data = link.tls.data_to_send()
        if data:
            link.out.append(memoryview(data))
            link.waiting += len(data)

    def _send(self, link: _Link, now: float) -> None:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            while link.out:
                count = link.outer.send(link.out[0])
                link.moved = now
                link.waiting -= count
                link.out[0] = link.out[0][count:]
                if not link.out[0]:
                    del link.out[0]
            if link.over:
                link.outer.shutdown(socket.SHUT_WR)
        self._send_in(link)

    def _send_in(self, link: _Link) -> None:
        if link.into and link.inner is not None:
            try:
                link.into = link.into[link.inner.send(link.into) :]
            except (BlockingIOError, InterruptedError):
                pass
            except ConnectionError:  # the end of what it said is read all the same
                link.into = memoryview(b"")

    def _want(self, link: _Link) -> None:
        """Wait for what this connection can go on with."""
        outer = selectors.EVENT_READ if len(link.into) < CHUNK else 0
        self._watch(link, link.outer, outer | selectors.EVENT_WRITE * bool(link.out))
        if link.inner is not None:
            inner = selectors.EVENT_READ
            if link.over or link.waiting > self._backlog:
                inner = 0
            inner |= selectors.EVENT_WRITE * bool(link.into)
            self._watch(link, link.inner, inner)

    def _watch(self, link: _Link, sock: socket.socket, events: int) -> None:
        before = link.events.get(sock, 0)
        if events == before:
            return
        link.events[sock] = events
        if not before:
            self._selector.register(sock, events, link)
        elif not events:
            self._selector.unregister(sock)
        else:
            self._selector.modify(sock, events, link)

    def _drop(self, link: _Link) -> None:
        if link not in self._links:
            return
        self._links.remove(link)
        for sock in (link.outer, link.inner):
            if sock is not None:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(sock)
                sock.close()


def main() -> None:
    """Do what the calculation asks for on stdin, and tell it how that went."""
    asked = json.loads(sys.stdin.readline())
    sys.path += [entry for entry in asked["path"] if entry not in sys.path]
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(NICE)
    share, number = asked["share"], asked["control"]
    control: socket.socket = (
        getattr(socket, "fromshare")(bytes.fromhex(share))  # noqa: B009 - on Windows
        if share
        else socket.socket(fileno=number)
    )
    with control:
        try:
            listener = sockets.listen(asked["host"], asked["port"])
            bound = listener.getsockname()[0]
            if bound != asked["host"] and sockets.is_loopback(bound):
                raise sockets.ListenError(
                    None,
                    f"{asked['host']} is {bound} here, which no other machine reaches; "
                    "give '0.0.0.0' or an outer address",
                )
            certificate, fingerprint = tls.identity()
            context = tls.accepting(certificate, Path(asked["directory"]))
            del certificate
            told: dict[str, Any] = {
                "address": listener.getsockname()[:2],
                "fingerprint": fingerprint,
            }
        except Exception as error:  # the calculation raises it
            told = {
                "error": getattr(error, "strerror", "") or repr(error),
                "errno": getattr(error, "errno", None),
                "shortage": not isinstance(error, sockets.ListenError),
            }
        control.sendall(json.dumps(told).encode() + b"\n")
        if "error" not in told:
            with listener:
                Gatekeeper(listener, context, tuple(asked["target"]), control).serve()
