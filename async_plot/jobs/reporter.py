"""A worker's reader: tells a calculation what goes on in this process.

It travels with tasks, to wherever an executor performs them, and needs nothing there
but this package. The thread that performs tasks never touches the connection.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import math
import os
import queue
import random
import select
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from ..errors import AuthenticationError, ClosedError, HandshakeError, ProtocolError
from ..net import channel, files
from ..net.annex import Way
from ..net.wakeup import Wakeup
from ..wire.connection import Connection
from ..wire.framing import describe
from ..wire.handshake import Dialling
from ..wire.messages import Goodbye, Lane, Log, Message, Pace, Right, Role, Worker
from .desk import Reader, desk
from .hearsay import bound

__all__ = ["PACE", "Reporter"]

PACE = 0.08  # seconds between two reports
SEND = 5.0  # seconds that a calculation may take nothing, or not answer
RETRY = (0.1, 5.0)  # seconds between attempts to reach it: the first, the longest
LINGER = 30.0  # seconds of vain attempts since a task came, after which it is over
SETTLE = 0.1  # seconds that the end of a bar may take, where nobody sent the process
FAREWELL = 0.25  # seconds that the last words may delay the end of the process

debug = logging.getLogger("async_plot.wire")


class Reporter:
    """How a worker reaches a run, and what reports there once it has begun.

    Made by the calculation, it can be pickled. One process holds one connection to each
    run, however many reporters of it arrive.

    Parameters
    ----------
    way : Way
        To the run.
    home : str
        Identity of the desk of the calculation's process.
    """

    def __init__(self, way: Way, home: str) -> None:
        self._way = way
        self._home = home

    def begin(self) -> None:
        """Report what goes on in this process, from now on.

        Returns at once and raises nothing; every further call does next to nothing.
        What the calling thread begins from now on is told to this run alone.
        """
        way = self._way
        if desk.identity == self._home:
            return  # threads of the calculation itself: it reads this very desk
        desk.seat.run = way.run
        line = _lines.get(way)
        if line is not None and line.serves:
            line.wanted_at = time.monotonic()
            return
        with contextlib.suppress(OSError, RuntimeError):  # the system has no more
            _open(way, self)

    def adopt(self, worker: Worker) -> None:
        """Report what goes on in this process, as one that nobody has sent.

        Returns at once.

        Parameters
        ----------
        worker : Worker
            The process; it belongs to no job.

        Raises
        ------
        OSError, RuntimeError
            If the system has no descriptor or thread left.
        """
        _open(self._way, self, worker)

    def __repr__(self) -> str:
        return f"<Reporter to {self._way.run}>"


class _Line(threading.Thread):
    """The thread that reports to one run.

    Parameters
    ----------
    way : Way
        To the run.
    reporter : Reporter
        What workers of this worker report by.
    adopted : Worker, optional
        This process, if nobody has sent it.
    """

    def __init__(
        self, way: Way, reporter: Reporter, adopted: Worker | None = None
    ) -> None:
        super().__init__(name="async_plot reporter", daemon=True)
        self.over = False
        self.wanted_at = time.monotonic()
        self._leaving = False
        self._wanted: queue.SimpleQueue[queue.SimpleQueue[None]] = queue.SimpleQueue()
        self._stuck = False  # what was asked for has not been said in time
        self._way = way
        here = way.host == files.hostname()
        self._places = [
            *([(way.near, None)] if here else []),
            *([(way.far, way.fingerprint)] if way.far else []),
        ]
        self._sock: channel.Channel | None = None
        self._connection: Connection | None = None
        self._pace = PACE
        self._bell: Wakeup  # made by `run`: an interrupt does not come there
        self.adopted = adopted
        key = adopted.worker if adopted is not None else ""
        self._reader = Reader(self._ring, lambda: reporter, way.run, key)

    # -- any thread ------------------------------------------------------------

    @property
    def serves(self) -> bool:
        """Whether it has been started, and has not ended."""
        return self.ident is not None and not self.over

    def begin(self) -> None:
        """Read the desk, and start."""
        # Now: what is said before the thread runs must be told, too.
        desk.admit(self._reader)
        self.start()

    def leave(self) -> None:
        """Have it say what is left to say, and end."""
        self._leaving = True
        self._ring()

    def settle(self) -> None:
        """Have it say what is new now, and wait a moment until that is done."""
        answer: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._wanted.put(answer)
        self._ring()
        if self._stuck:
            return
        try:
            answer.get(timeout=SETTLE)
        except queue.Empty:
            self._stuck = True

    def _ring(self) -> None:
        if hasattr(self, "_bell"):  # else it looks anyway, before it waits
            self._bell.ring()

    def forked(self) -> None:
        """Drop what a forked child inherited."""
        if hasattr(self, "_bell"):
            self._bell.close()
        sock = self._sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    # -- the thread ------------------------------------------------------------

    def run(self) -> None:
        """Report until the process ends, or the calculation is gone for good."""
        try:
            self._bell = Wakeup()
            self._serve()
        except Exception:
            # Nothing may come of it in the user's worker, not even a line.
            debug.debug("a reporter ended by an internal error", exc_info=True)
        finally:
            self.close()

    def close(self) -> None:
        """Report nothing more."""
        self.over = True
        desk.leave(self._reader)
        self._hang_up()
        if hasattr(self, "_bell"):
            self._bell.close()

    def _serve(self) -> None:
        pause = RETRY[0]
        number = 0
        # Once in any case: it may be told to leave before it has begun.
        while self._places and not (self._leaving and number):
            place = self._places[number % len(self._places)]
            number += 1
            try:
                self._connect(*place)
                pause = RETRY[0]
                self._report()
                return
            except AuthenticationError as error:
                debug.debug("%s", error)
                self._places.remove(place)  # it is somebody else's by now
            except (OSError, ClosedError, HandshakeError, ProtocolError) as error:
                debug.debug("cannot report: %s", error)
            finally:
                self._hang_up()
            if time.monotonic() - self.wanted_at > LINGER:
                return
            self._sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, RETRY[1])
            self._reader.repeat()

    def _sleep(self, seconds: float) -> None:
        """Wait; the end of the process is noticed, and nothing else."""
        until = time.monotonic() + seconds
        while not self._leaving and (left := until - time.monotonic()) > 0:
            self._bell.wait(left)
            self._bell.clear()

    def _connect(self, address: tuple[str, int], fingerprint: str | None) -> None:
        sock = self._sock = channel.dial(address, SEND, fingerprint)
        proof = Dialling(
            self._way.key,
            *(Role.WORKER, Right.LOOK),
            binding=bytes.fromhex(fingerprint) if fingerprint else b"",
        )
        connection = self._connection = Connection(proof)
        early, _ = channel.prove(sock, connection, time.monotonic() + SEND)
        sock.settimeout(SEND)
        for message in early:
            self._hear(message)

    def _report(self) -> None:
        """Say what is new, at a pace; returns when everything has been said."""
        reader, sock = self._reader, self._sock
        assert sock is not None
        if self.adopted is not None:
            self._send(self.adopted)
        said_at = -math.inf
        while True:
            leaving = self._leaving  # before the last look
            answers = self._asked()
            now = time.monotonic()
            due = said_at + self._pace
            if now >= due or leaving or answers:
                said_at = now
                self._say(now)
                due = now + self._pace
            for answer in answers:
                self._stuck = False
                answer.put(None)
            if leaving:
                if self.adopted is not None:
                    self._send(replace(self.adopted, state="ended"))
                self._send(Goodbye("the worker ends"))
                return
            timeout = due - time.monotonic() if reader.busy else None
            # Buffers of TLS hold nothing that is read late: only `Pace` comes.
            if self._wait(sock, timeout):
                self._receive()
                due = min(due, time.monotonic() + self._pace)

    def _asked(self) -> list[queue.SimpleQueue[None]]:
        """Who waits until all that is new has been said."""
        answers = []
        with contextlib.suppress(queue.Empty):
            while True:
                answers.append(self._wanted.get_nowait())
        return answers

    def _wait(self, sock: channel.Channel, timeout: float | None) -> bool:
        """Wait for something to do; say whether there is something to receive."""
        numbers = [self._bell.fileno(), sock.fileno()]
        if hasattr(select, "poll"):
            poll = select.poll()
            for number in numbers:
                poll.register(number, select.POLLIN)
            limit = None if timeout is None else max(0.0, timeout) * 1000
            ready = [number for number, _ in poll.poll(limit)]
        else:
            limit = None if timeout is None else max(0.0, timeout)
            ready, _, _ = select.select(numbers, [], [], limit)
        if numbers[0] in ready:
            self._bell.clear()
        return numbers[1] in ready

    def _say(self, now: float) -> None:
        connection = self._connection
        assert connection is not None
        messages = self._reader.news(now)
        lost = self._reader.lost()
        try:
            for message in messages:
                connection.send(bound(message))
            if lost:
                text = f"{lost} messages came too fast, or in a cut, and are lost"
                connection.send(Log(time.time(), logging.WARNING, "async_plot", text))
            self._flush()
        except (OSError, ClosedError):
            # What goes on is told again, but these are held by nobody any more.
            kept = sum(message.lane is Lane.KEPT for message in messages)
            self._reader.miss(lost + kept)
            raise

    def _send(self, message: Message) -> None:
        assert self._connection is not None
        self._connection.send(message)
        self._flush()

    def _flush(self) -> None:
        sock, connection = self._sock, self._connection
        assert sock is not None and connection is not None
        while parts := connection.data_to_send():
            data = parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
            sock.sendall(data)
            connection.sent(len(data))

    def _receive(self) -> None:
        sock, connection = self._sock, self._connection
        assert sock is not None and connection is not None
        count = sock.recv_into(connection.get_buffer())
        if not count:
            raise ClosedError("the calculation hung up")
        for message in connection.received(count):
            self._hear(message)

    def _hear(self, message: Message) -> None:
        if debug.isEnabledFor(logging.DEBUG):
            debug.debug("> %s", describe(message))
        if (
            isinstance(message, Pace) and message.seconds >= 0
        ):  # not with "not a number"
            self._pace = min(message.seconds, 60.0)

    def _hang_up(self) -> None:
        sock, self._sock, self._connection = self._sock, None, None
        if sock is not None:
            sock.close()


# -- fork and exit -----------------------------------------------------------------

_lines: dict[Way, _Line] = {}
_lock = threading.Lock()  # of what two threads may begin at once
_registered = False


def _open(way: Way, reporter: Reporter, adopted: Worker | None = None) -> None:
    """Begin to report to a run, unless another thread was quicker."""
    with _lock:
        known = _lines.get(way)
        if known is not None and known.serves:
            return
        for gone, line in list(_lines.items()):
            if not line.serves:
                line.close()  # an interrupt may have come before it was started
                del _lines[gone]
        _register()
        line = _lines[way] = _Line(way, reporter, adopted)
        try:
            line.begin()
        except BaseException:
            if not line.serves:  # else it was Ctrl-C that came too late
                line.close()
            raise


def farewell() -> None:
    """Let every reporter say what is left to say, for a moment."""
    lines = [line for line in list(_lines.values()) if line.serves]
    for line in lines:
        line.leave()
    deadline = time.monotonic() + FAREWELL
    # No lock and no `join`: an interrupt may come here, and ends the waiting.
    while any(not line.over for line in lines) and time.monotonic() < deadline:
        time.sleep(0.001)


def come_of_age() -> None:
    """Report no more to the run that this process descends from: it has its own."""
    for line in list(_lines.values()):
        if line.adopted is not None and line.serves:
            line.leave()


def settle() -> None:
    """Let what this process tells of its own accord arrive, for a moment.

    A pool that is not needed any more ends its processes by a signal, right after
    their last task: nothing could be said then.
    """
    for line in list(_lines.values()):
        if line.adopted is not None and line.serves:
            line.settle()


def _register() -> None:
    global _registered
    if _registered:
        return
    _registered = True
    atexit.register(farewell)
    # Children of multiprocessing, and of loky, end without the interpreter's exit.
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, farewell, exitpriority=0)


def _forked() -> None:
    global _lock, _registered
    _lock, _registered = threading.Lock(), False
    for line in list(_lines.values()):
        line.forked()
    _lines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
