"""`Client`: what a viewer holds. Knows no canvas and draws nothing."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .errors import (
    AsyncPlotError,
    ClosedError,
    HandshakeError,
    RunNotFoundError,
)
from .net import channel, death, runs, sockets, surroundings, told
from .net.commander import Commander
from .net.memory import Memory
from .net.received import ReceivedFrame, decode_frame
from .net.records import Records, is_records
from .net.route import Route
from .net.slots import SlotReader
from .net.told import Told
from .wire import framing, handshake
from .wire.connection import Connection
from .wire.handshake import Dialling
from .wire.messages import (
    Failure,
    Frame,
    Goodbye,
    Log,
    Mapped,
    Message,
    Progress,
    Ready,
    Right,
    Role,
    RunState,
    Slot,
    SlotFrame,
    State,
    Welcome,
)

if TYPE_CHECKING:
    from .net.ssh import Tunnel

__all__ = ["Client", "ReceivedFrame", "decode_frame"]

_WAITALL = getattr(socket, "MSG_WAITALL", 0)
FAR = 0.05  # seconds of an answer's way from which a viewer holds two credits
CREDIT = 2

QUICK = 0.005  # seconds; who needs less for a frame may ask for the next before
LAPS = 3  # frames overwritten in a row after which the socket is taken

debug = logging.getLogger("async_plot.wire")


class Client:
    """Receives the newest frames of a run, and whatever else it says.

    Iterating gives the newest frame each time and ends with the run; after a cut it
    connects again by itself. Of a recording it gives every frame, in order.

    Parameters
    ----------
    run : str, path, Server or None, default: None
        Name or identifier of a run of this user on this machine, a connection file,
        the file of a recording, or a server of this process; None is the newest run.
    plotter : str, optional
        Of a run with several plotters, the one whose frames are wanted; default all.
    host : str, optional
        Name or address under which this machine reaches that of the run, maybe with
        ``:port``, where the connection file says another one. For runs that listen
        beyond their machine.
    tunnel : Tunnel, optional
        The way to the machine of the run, which is then one that the tunnel told of.
        It is closed with the client.
    trust : bool, default: False
        Of a recording that this user did not write here: whether objects in it that
        are more than data may be loaded, which runs code.
    control : bool, default: False
        Ask for the right to `steer` the run, and not only to look at it.
    view : str, default: "program"
        What this end is, for whoever reads in the run's log who steered it.

    Raises
    ------
    ValueError
        If `host` is given, and the run does not listen beyond its machine.
    RunNotFoundError
        If there is no such run; the text lists those that there are.
    PermissionError
        If the connection file is not this user's alone.
    ForeignError
        While iterating, at a frame that is not to be loaded without `trust`.

    Examples
    --------
    >>> from async_plot import Client, Server
    >>> with Server(view=None) as server:
    ...     server.update(1, two=2)
    ...     frame = next(iter(Client(server)))
    >>> frame.args, frame.kwargs, frame.number
    ((1,), {'two': 2}, 1)
    """

    def __init__(
        self,
        run: Any = None,
        *,
        plotter: str | None = None,
        host: str | None = None,
        tunnel: Tunnel | None = None,
        trust: bool = False,
        control: bool = False,
        view: str = "program",
    ) -> None:
        if hasattr(run, "connection_file") and not isinstance(run, runs.Run):
            run = run.connection_file
            if run is None:  # else None would mean the newest of all runs
                raise RunNotFoundError("that server has not been started")
        self._right = Right.CONTROL if control else Right.LOOK
        self._commander = Commander(view)
        self._file: Path | None = None  # a recording
        self._trust = trust
        if isinstance(run, (str, os.PathLike)) and is_records(run):
            self._file = Path(run)
            run = runs.recorded(self._file)
        found = run if isinstance(run, runs.Run) else runs.find(run)
        self._route = Route(found, host, tunnel)
        self.welcome: Welcome | None = None
        # When the last bytes came; infinite while that tells nothing: there is no
        # connection, or one call waits for all of a big array.
        self.heard_at = math.inf
        self.is_far = False  # a network lies between
        self._plotter = plotter
        self._lock = threading.Lock()  # of `_connection`'s outgoing side
        self._witness: death.Witness | None = None  # who sees its process end
        self._sock: channel.Channel | None = None
        self._connection: Connection | None = None
        self._memory = Memory()
        self._slots = SlotReader()
        self._lapped = 0  # frames in a row that were overwritten while copied
        self._shown: dict[str, int] = {}  # newest frame of each plotter, as told
        self._quick = False  # the next frame may be asked for before one is copied
        self._closed = False
        self._ended = False  # the run has said its last word
        self._told = Told()
        self._early: list[Message] = []  # what came with the proof
        self._credit = 1  # frames that may be under way
        self._asked: dict[str, int] = {}  # those that are

    def __iter__(self) -> Iterator[ReceivedFrame]:
        given: dict[str, int] = {}
        with contextlib.closing(self.messages()) as incoming:
            for message in incoming:
                if isinstance(message, Welcome):
                    for name in self._wanted(message):
                        self.ready(name, given.get(name, 0))
                elif isinstance(message, Frame):
                    name = message.plotter
                    if name not in self._wanted(self.welcome):
                        continue
                    asked = self._quick and self._shown.get(name) == message.number
                    # After a cut, the run or its record may repeat the newest.
                    if message.number > given.get(name, 0):
                        given[name] = message.number
                        frame = decode_frame(message)
                        before = time.monotonic()
                        yield frame
                        self._quick = time.monotonic() - before < QUICK
                    if not asked:
                        self.ready(name, message.number)

    @property
    def run(self) -> runs.Run:
        """The run, as it was when it was looked at last."""
        return self._route.run

    def messages(self) -> Generator[Message, None, None]:
        """Every message of the run in its order, until its last word.

        Frames come only after `ready` has asked for them. When the connection is
        lost, a `State` ``"lost"`` is given; if the run can be reached again, a new
        `Welcome` follows, else this ends. Log records, begins of jobs and failures
        come once, whatever the run repeats to a viewer that connects again.

        Raises
        ------
        HandshakeError
            If whatever listens at the address is not the run.
        """
        if self._file is not None:
            yield from self._recorded(self._file)
            return
        try:
            yield from self._follow()
        finally:
            if self._witness is not None:
                self._witness.close()
                self._witness = None

    def progress(self) -> Iterator[Progress]:
        """How each bar stands, whenever that has changed, until the run ends.

        Bars that run already come first. The last one of a bar says how it ended; in
        a run that is lost, the bars that still ran are ``"lost"``. Bars of workers and
        that of a job are among them.

        Yields
        ------
        Progress
        """
        return told.progress(self.messages())

    def failures(self) -> Iterator[Failure]:
        """Each task that failed, with its traceback, until the run ends.

        Each comes once. Of a job in which very many fail, the first hundred come and
        then some: how many there are is told by the progress of the job.

        Yields
        ------
        Failure
        """
        return told.failures(self.messages())

    def logs(self) -> Iterator[Log]:
        """Each log record, until the run ends; the newest of those before come first.

        Yields
        ------
        Log
        """
        return told.logs(self.messages())

    def ready(self, plotter: str = "", shown: int = 0) -> None:
        """Ask for one more frame.

        Parameters
        ----------
        plotter : str
            Of which plotter.
        shown : int
            Number of the newest frame shown so far.
        """
        self._shown[plotter] = shown
        # A far one's next frame is on its way while this one is looked at. Frames
        # that were passed over, too, have used a credit.
        asked = self._asked.get(plotter, 0)
        count = max(1, self._credit - asked)
        self._asked[plotter] = min(asked + count, CREDIT)
        for _ in range(count):
            self.say(Ready(plotter, shown))

    @property
    def control(self) -> bool:
        """Whether it asks for the right to steer."""
        return self._right >= Right.CONTROL

    def steer(
        self, action: str, name: str = "", value: Any = "", *, hold: bool = False
    ) -> bool:
        """Give the calculation a command; it obeys at its next checkpoint.

        Parameters
        ----------
        action : str
            ``"pause"``, ``"renew"``, ``"step"``, ``"resume"``, ``"stop"``, ``"set"``,
            ``"undo"`` or ``"interrupt"``.
            ``"pause"`` ends by itself when it was not renewed for 30 s, unless it is
            to `hold`. ``"interrupt"`` is what Ctrl-C does, and waits for no checkpoint.
        name : str
            Of ``"set"`` and ``"undo"``: which parameter.
        value : float, int, bool or str
            Of ``"set"``: its value.
        hold : bool, default: False
            Of ``"pause"``: until somebody resumes the run, whoever is there.

        Returns
        -------
        bool
            Whether it was sent: there is no connection before `messages`, or the
            iteration, has made one, nor in a cut. What becomes of it is told by
            `messages`.

        Raises
        ------
        PermissionError
            If this client was not made with ``control=True``.
        ValueError, TypeError
            If there is no such action, or the value can be that of no parameter.
        """
        if not self.control:
            raise PermissionError(
                "this client may only look; make it with Client(run, control=True)"
            )
        return self.say(self._commander.command(action, name, value, hold=hold))

    def say(self, message: Message) -> bool:
        """Send a message to the run; lost if there is no connection just now.

        Parameters
        ----------
        message : Message
            One of those that a viewer may say.

        Returns
        -------
        bool
            Whether there is one.
        """
        with self._lock:
            if self._connection is None:
                return False
            self._connection.send(message)
            _log("<", message)
            self._flush()
            return True

    def close(self, reason: str = "") -> None:
        """Leave the run; an iteration in another thread ends.

        Parameters
        ----------
        reason : str
            Why, for the log of the run's messages.
        """
        self._closed = True
        self.say(Goodbye(reason))
        sock = self._sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self._route.tunnel is not None:
            self._route.tunnel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- private ---------------------------------------------------------------

    def _recorded(self, file: Path) -> Iterator[Message]:
        """Every message of a recording that is whole when this begins."""
        with Records(file, trust=self._trust) as read:
            for entry in read.entries:
                if self._closed:
                    return
                message = read.read(entry)
                if isinstance(message, Welcome):
                    self.welcome = message
                yield message

    def _wanted(self, welcome: Welcome | None) -> list[str]:
        names = welcome.plotters if welcome is not None else []
        if self._plotter is None:
            return names
        if names and self._plotter not in names:
            known = ", ".join(map(repr, names))
            raise LookupError(f"no plotter {self._plotter!r} in this run: {known}")
        return [self._plotter]

    def _follow(self) -> Generator[Message, None, None]:
        shortest, longest = self._route.retry
        pause = shortest
        while not self._closed:
            try:
                self._connect()
                if self._closed:  # meanwhile, when there was nothing to shut down
                    return
                pause = shortest
                yield from self._receive()
                return
            except HandshakeError:
                self._hang_up()
                if self._route.renew(
                    closed=self._closed
                ):  # the run ended, and a stranger has its port
                    raise
            except (OSError, ClosedError) as reason:
                error = self._route.explained(reason)
                had_one = self._connection is not None
                self._hang_up()
                if self._closed or self._ended:
                    return
                if self.welcome is None and self._route.far is not None:
                    raise self._route.unreachable(error) from None
                if self._route.is_gone(error):
                    yield _lost("nothing listens where the run was: it has ended")
                    return
                if had_one and (self._route.tunnel is not None or self.run.alive):
                    yield _lost(f"connection lost ({error}), connecting again")
            finally:
                self._hang_up()
            if not self._route.renew(closed=self._closed):
                yield from self._afterwards()
                return
            time.sleep(pause)
            pause = min(2 * pause, longest)

    def _connect(self) -> None:
        """Dial, and prove the key both ways within the handshake's time."""
        route, run, limit = self._route, self.run, handshake.TIMEOUT
        if run.address is None or run.key is None:
            raise ClosedError("the run has ended")
        self.is_far, pin = route.is_far, route.pin
        sock = self._sock = route.dial(limit)
        deadline = time.monotonic() + limit
        key = handshake.derive(run.key, self._right)
        proof = Dialling(
            key, Role.VIEWER, self._right, binding=bytes.fromhex(pin) if pin else b""
        )
        connection = Connection(proof, self._memory.allocate)
        self._asked = {}
        self._early, took = channel.prove(sock, connection, deadline)
        self._credit = CREDIT if took > FAR else 1
        route.arrived()
        sock.settimeout(None)  # keep-alive tells when the other end is gone
        self._slots.clear()
        self._lapped = 0
        with self._lock:
            self._connection = connection
        if self._witness is None and not self.is_far:
            self._witness = death.Witness(run)

    def _receive(self) -> Generator[Message, None, None]:
        """Messages of one connection; returns after the run's last word."""
        sock, connection = self._sock, self._connection
        assert sock is not None and connection is not None
        early, self._early = self._early, []
        yield from self._tell(early)
        while True:
            buffer = connection.get_buffer()
            # Memory lent for one big array: one call that waits until it is full
            # saves hundreds that each take what has just come.
            whole = _WAITALL if connection.buffer_is_exact else 0
            self.heard_at = math.inf if whole else time.monotonic()
            count = sock.recv_into(buffer, min(len(buffer), sockets.MOST), whole)
            if not count:
                if self._ended:
                    return
                connection.eof()
                raise ClosedError("the run hung up without a word")
            yield from self._tell(connection.received(count))

    def _tell(self, incoming: list[Message]) -> Iterator[Message]:
        """Yield messages, and note what they say of the run."""
        for message in incoming:
            _log(">", message)
            if self._told.repeats(message):
                continue
            if isinstance(message, Frame):
                self._arrived(message)
            if isinstance(message, Welcome):
                self.welcome = message
            if isinstance(message, State) and message.state != RunState.RUNNING.value:
                self._ended = True
            if isinstance(message, Slot):
                self._map(message)
            elif isinstance(message, SlotFrame):
                frame = self._fetch(message)
                if frame is not None:
                    yield frame
            else:
                yield message

    def _arrived(self, frame: Frame) -> None:
        asked = self._asked.get(frame.plotter, 0)
        self._asked[frame.plotter] = max(0, asked - 1)

    def _map(self, slot: Slot) -> None:
        """Map a slot that the run has offered, and say which ones are mapped."""
        self._slots.add(slot)
        self._lapped = 0
        if slot.size:
            self.say(Mapped(self._slots.numbers))

    def _fetch(self, message: SlotFrame) -> Frame | None:
        """Copy a frame out of its slot; None if it was overwritten meanwhile."""
        frame, sizes = framing.without_buffers(message.head)
        self._arrived(frame)
        if self._quick:
            self.ready(frame.plotter, frame.number)
        if self._slots.holds(message, sizes):
            frame.buffers.extend(map(self._memory.allocate, sizes))
            if self._slots.copy(message, frame.buffers):
                self._lapped = 0
                return frame
        # The run goes faster than this end can copy; it may have the next one, or
        # the one after. Through the socket it comes whole in any case.
        self._lapped += 1
        if self._lapped == LAPS:
            self.say(Mapped([]))  # they stay mapped: more may be on its way
        if not self._quick:
            self.ready(frame.plotter, self._shown.get(frame.plotter, 0))
        return None

    def _flush(self) -> None:
        connection, sock = self._connection, self._sock
        assert connection is not None
        try:
            for part in connection.data_to_send():
                assert sock is not None
                sock.sendall(part)
                connection.sent(len(part))
        except OSError as error:  # the receiving side will notice it too
            debug.debug("cannot send: %s", error)

    def _hang_up(self) -> None:
        self.heard_at = math.inf
        with self._lock:
            sock, self._sock, self._connection = self._sock, None, None
        if sock is not None:
            sock.close()

    def _afterwards(self) -> Iterator[Message]:
        """What the record holds of a run that is not there any more."""
        kept = []
        try:
            kept = [] if self._route.tunnel else runs.read_record(self.run)
        except (OSError, AsyncPlotError) as error:
            debug.debug("record: %s", error)
        for message in kept:
            if isinstance(message, Welcome):
                self.welcome = message
            if not self._told.repeats(message):
                yield message
        if any(isinstance(message, State) for message in kept):
            return
        yield death.last_word(self.run, self._witness)


def _lost(text: str) -> State:
    return State(RunState.LOST.value, text, time.time())


def _log(direction: str, message: Message) -> None:
    if debug.isEnabledFor(logging.DEBUG):
        debug.debug("%s %s", direction, framing.describe(message))


set_up_debug = surroundings.set_up_debug
