"""A calculation under attack, and the tools of those who attack it."""

from __future__ import annotations

import contextlib
import dataclasses
import pickle
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import psutil

from async_plot import Client, Server
from async_plot.net import files, runs
from async_plot.wire import framing, handshake
from async_plot.wire.connection import Connection, Phase
from async_plot.wire.handshake import Dialling
from async_plot.wire.messages import Message, Right, Role

from ..helpers import AMPLE, Deadline, eventually

__all__ = [
    "Calculation",
    "Canary",
    "Intruder",
    "Relay",
    "Squatter",
    "cut",
    "dial",
    "hear",
    "memory",
    "run_at",
]

Mutate = Callable[[bytes], bytes]


class Calculation:
    """A server whose calculation updates all the time, and must go on doing so."""

    def __init__(self, **options: Any) -> None:
        self.server = Server(view=None, overhead=1, name="attacked", **options)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._calculate, name="calculation")
        self.error: BaseException | None = None

    def __enter__(self) -> Calculation:
        self.server.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(AMPLE)
        self.server.close()
        assert self.error is None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self.server.address is not None
        return self.server.address

    @property
    def run(self) -> runs.Run:
        """What its connection file says, the key included."""
        assert self.server.connection_file is not None
        return runs.read(self.server.connection_file)

    @property
    def peers(self) -> list[Any]:
        """Connections that it holds, proven or not."""
        publisher = self.server._session.publisher
        assert publisher is not None
        return list(publisher.reception.peers)

    def forgets(self) -> None:
        """See that no peer is held any more."""
        eventually(lambda: self.peers == [], what="no peer held")

    def serves(self, seconds: float = AMPLE) -> float:
        """See that it goes on, and that a good viewer is served. Returns how soon."""
        before = self.server.stats.updates
        began = time.monotonic()
        client = Client(self.server)
        timer = threading.Timer(seconds, client.close)
        timer.start()
        frames = iter(client)
        try:
            first = next(frames, None)
            second = next(frames, None)
            took = time.monotonic() - began
        finally:
            client.close()
            frames.close()
            timer.cancel()
            timer.join()
        assert first is not None and second is not None, f"unserved in {seconds:g} s"
        assert second.number > max(first.number, before)
        assert second.kwargs["n"] == second.number
        return took

    def _calculate(self) -> None:
        values = np.arange(100.0)
        number = 0
        try:
            while not self._over.wait(0.0005):
                number += 1
                self.server.update(values, n=number)
        except BaseException as error:
            self.error = error


class Canary:
    """A pickle that makes a file, wherever it is read."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "canary"

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")

    @property
    def pickle(self) -> bytes:
        """Its bytes."""
        return pickle.dumps(self, protocol=5)

    def check(self) -> None:
        """See that nobody read it, and that it would have told."""
        assert not self.path.exists(), "a pickle was read"
        pickle.loads(self.pickle).close()
        assert self.path.exists()
        self.path.unlink()


# -- at the server's door ----------------------------------------------------------


@contextlib.contextmanager
def dial(calculation: Calculation) -> Iterator[socket.socket]:
    """Connect as anybody can."""
    with socket.create_connection(calculation.address, AMPLE) as sock:
        sock.settimeout(AMPLE)
        yield sock


def hear(sock: socket.socket, count: int) -> bytes:
    """Receive exactly so many bytes."""
    heard = b""
    while len(heard) < count:
        piece = sock.recv(count - len(heard))
        assert piece, f"hung up after {len(heard)} of {count} bytes"
        heard += piece
    return heard


def cut(sock: socket.socket, seconds: float = AMPLE) -> bytes:
    """Wait until the other end hangs up; return what it said before."""
    said = b""
    deadline = Deadline(seconds)
    while True:
        sock.settimeout(max(0.001, deadline.left))
        try:
            piece = sock.recv(65536)
        except ConnectionError:
            return said
        if not piece:
            return said
        said += piece


class Intruder:
    """A viewer that holds the key, and means no good.

    Parameters
    ----------
    calculation : Calculation
    role, right : Role, Right
        What it says that it is and may do.
    """

    def __init__(
        self,
        calculation: Calculation,
        role: Role = Role.VIEWER,
        right: Right = Right.LOOK,
    ) -> None:
        key = calculation.run.key
        assert key is not None
        self.sock = socket.create_connection(calculation.address, AMPLE)
        worker = handshake.worker_key(key)
        proof = worker if role is Role.WORKER else handshake.derive(key, right)
        self.connection = Connection(Dialling(proof, role, right))
        self.heard: list[Message] = []
        try:
            while self.connection.phase is Phase.PROVING:
                self.hear()
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self) -> Intruder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def hear(self) -> list[Message]:
        """Receive once, and send what the handshake asks for."""
        self.sock.settimeout(AMPLE)
        count = self.sock.recv_into(self.connection.get_buffer())
        if not count:
            raise ConnectionResetError("cut")
        heard = self.connection.received(count)
        self.heard += heard
        for part in self.connection.data_to_send():
            self.sock.sendall(part)
            self.connection.sent(len(part))
        return heard

    def say(self, data: bytes) -> None:
        """Send any bytes, as far as the other end lets us."""
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(data)

    def tell(self, *messages: Message) -> None:
        """Send messages."""
        for message in messages:
            self.say(b"".join(framing.encode(message)))

    def is_cut(self, seconds: float = AMPLE) -> None:
        """Wait until the calculation hangs up."""
        cut(self.sock, seconds)


# -- in the calculation's place ----------------------------------------------------


def run_at(calculation: Calculation, address: tuple[str, int], **changes: Any) -> Path:
    """Write a connection file that leads a viewer of the calculation there."""
    run = calculation.run
    directory = files.private_directory(run.directory.parent / "led-astray")
    runs._write(
        dataclasses.replace(run, address=address, directory=directory, **changes)
    )
    return directory / run.connection_file.name


class _Listener:
    """Accepts on a port of its own, each connection in a thread."""

    def __init__(self) -> None:
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.address = self._sock.getsockname()[:2]
        self._threads = [threading.Thread(target=self._accept, name="listener")]
        self._open: list[socket.socket] = []
        self._over = False
        self.dials = 0

    def __enter__(self) -> Any:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(AMPLE)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while not self._over:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            self.dials += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._guarded, args=(sock,), name="taken")
            self._threads.append(thread)
            thread.start()

    def _guarded(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # it was closed at the end
            self._handle(sock)

    def _handle(self, sock: socket.socket) -> None:
        raise NotImplementedError


class Squatter(_Listener):
    """Sits on a port where a viewer expects the calculation.

    Parameters
    ----------
    play : callable
        ``play(sock)`` says what it says to a viewer.
    """

    def __init__(self, play: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._play = play
        self.heard = b""

    def _handle(self, sock: socket.socket) -> None:
        self._play(sock)
        # It stays, and takes down whatever the viewer says.
        while piece := sock.recv(65536):
            self.heard += piece


class Relay(_Listener):
    """Sits between a viewer and the calculation, and may change what they say.

    Parameters
    ----------
    target : (str, int)
        Where the calculation listens.
    up, down : callable
        Change the bytes to the calculation and those to the viewer.
    """

    def __init__(
        self,
        target: tuple[str, int],
        up: Mutate = bytes,
        down: Mutate = bytes,
    ) -> None:
        super().__init__()
        self._target = target
        self._up = up
        self._down = down
        self.up = b""
        self.down = b""

    def _handle(self, sock: socket.socket) -> None:
        with socket.create_connection(self._target, AMPLE) as far:
            while True:
                ready, _, _ = select.select([sock, far], [], [], AMPLE)
                if not ready:
                    return
                if far in ready:
                    if not (piece := far.recv(65536)):
                        return
                    self.down += piece
                    sock.sendall(self._down(piece))
                if sock in ready:
                    if not (piece := sock.recv(65536)):
                        return
                    self.up += piece
                    far.sendall(self._up(piece))


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(psutil.Process().memory_info().rss)
