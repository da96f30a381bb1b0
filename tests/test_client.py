"""`Client`: the newest frame each time, through cuts and to the end of the run."""

from __future__ import annotations

import contextlib
import itertools
import logging
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot import client as clients
from async_plot.client import Client, decode_frame
from async_plot.errors import HandshakeError, ProtocolError, RunNotFoundError
from async_plot.jobs.desk import desk
from async_plot.net import death, route, runs
from async_plot.server import Server
from async_plot.wire.messages import Frame, Log, State, Welcome

from .faults.support import Messages, Watcher
from .helpers import AMPLE, eventually, start_script
from .jobs.support import failure


class Drawn:
    def draw(self, *args: object) -> None: ...


# -- finding and iterating ---------------------------------------------------------


@pytest.mark.parametrize("how", ["server", "file", "directory", "name", "run", "none"])
def test_a_run_is_found_by_whatever_names_it(how: str) -> None:
    """Server, connection file, directory, name, identifier, or the newest one."""
    with Server(view=None, name="some name") as server:
        server.update(1)
        file = server.connection_file
        assert file is not None
        names: dict[str, Any] = {
            "server": server,
            "file": str(file),
            "directory": file.parent,
            "name": "some name",
            "run": runs.read(file).run,
            "none": None,
        }
        assert next(iter(Client(names[how]))).args == (1,)


def test_a_run_that_is_not_there_is_named_with_those_that_are() -> None:
    """At construction."""
    with Server(view=None, name="waves"):
        with pytest.raises(RunNotFoundError, match=r"'wave'.*alive: waves"):
            Client("wave")
    with pytest.raises(RunNotFoundError, match="no connection file"):
        Client("/no/such/file.json")


def test_frames_come_newest_first_and_end_with_the_run() -> None:
    """Each once, in order, with number, time and what was given."""
    with Server(view=None, overhead=1) as server:
        seen: list[Any] = []
        over, done = threading.Event(), threading.Event()

        def calculate() -> None:
            for i in itertools.count(1):
                server.update(i, np.full(10, i), k=str(i))
                if len(seen) >= 10:
                    break
                time.sleep(0.001)
            over.set()
            server.close()
            done.set()

        thread = threading.Thread(target=calculate)
        thread.start()
        for frame in Client(server):
            seen.append(frame)
            count = server.updates + 5  # a slow consumer
            eventually(lambda n=count: server.updates > n or over.is_set())  # type: ignore[misc]
        thread.join(AMPLE)
        assert done.is_set()
    numbers = [frame.number for frame in seen]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < server.updates / 2
    assert numbers[-1] == server.updates
    for frame in seen:
        assert frame.args[0] == frame.number
        assert frame.args[1].tolist() == [frame.number] * 10
        assert frame.kwargs == {"k": str(frame.number)}
        assert abs(frame.time - time.time()) < AMPLE
        assert frame.plotter == "" and not frame.mid_step
        frame.args[1][0] = -1  # the frame is the consumer's own


def test_frames_that_are_kept_stay_as_they_were() -> None:
    """Memory that somebody still looks at is not received into again."""
    kept = []
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        for i in range(1, 30):
            server.want()
            server.update(np.full(1 << 14, i))
            watcher.wait_for(i)
        kept = list(watcher.frames)
    for frame in kept:
        assert (frame.args[0] == frame.number).all()


def test_leaving_the_iteration_hangs_up() -> None:
    """And a later one connects again."""
    with Server(view=None, overhead=1) as server:
        server.update(1)
        client = Client(server)
        for frame in client:
            assert frame.number == 1
            break
        eventually(lambda: not server.viewers)
        server.update(2)
        assert next(iter(client)).number >= 1
        eventually(lambda: not server.viewers)


def test_closing_from_another_thread_ends_the_iteration() -> None:
    """At once, while it waits for a frame."""
    with Server(view=None) as server, Client(server) as client:
        ended = threading.Event()

        def look() -> None:
            for _ in client:
                pass
            ended.set()

        thread = threading.Thread(target=look)
        thread.start()
        eventually(lambda: server.viewers)
        client.close("enough")
        assert ended.wait(AMPLE)
        thread.join(AMPLE)
        eventually(lambda: not server.viewers)


def test_closing_while_it_connects_ends_the_iteration() -> None:
    """There is no connection yet that could be shut down."""
    with Server(view=None) as server:
        client = Client(server)
        connect = client._connect

        def slowly() -> None:
            connect()
            client._closed = True  # as `close` does before there is a socket

        client._connect = slowly  # type: ignore[method-assign]
        assert list(client) == []


def test_of_several_plotters_one_can_be_chosen() -> None:
    """An unknown name is an error that lists the known ones."""
    with Server({"a": Drawn, "b": Drawn}, view=None) as server:
        server["a"].update(1)
        server["b"].update(2)
        assert next(iter(Client(server, plotter="b"))).args == (2,)
        with pytest.raises(LookupError, match="no plotter 'c' in this run: 'a', 'b'"):
            next(iter(Client(server, plotter="c")))
        both = [frame.plotter for frame in itertools.islice(Client(server), 2)]
        assert sorted(both) == ["a", "b"]


# -- after a cut, and after the end ------------------------------------------------


class Relay:
    """Stands between client and server; can cut what passes through it."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.sockets: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self._spawn(self._accept)

    def _spawn(self, function: Any, *args: Any) -> None:
        thread = threading.Thread(target=function, args=args)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                self.sockets += near, far
                self._spawn(self._pump, near, far)
                self._spawn(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Break every connection that passes through."""
        for sock in list(self.sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        for thread in self.threads:
            thread.join(AMPLE)
        for sock in self.sockets:
            sock.close()


@pytest.fixture
def relayed(tmp_path: Path) -> Iterator[tuple[Server, Relay, Path]]:
    """A server, a relay to it, and a connection file that names the relay."""
    with Server(view=None, overhead=1) as server:
        assert server.address is not None and server.connection_file is not None
        relay = Relay(server.address)
        directory = tmp_path / "relayed"
        shutil.copytree(server.connection_file.parent, directory)
        file = directory / "connection.json"
        text = file.read_text().replace(str(server.address[1]), str(relay.address[1]))
        file.write_text(text)
        try:
            yield server, relay, file
        finally:
            relay.close()


def test_a_cut_connection_is_made_again(relayed: tuple[Server, Relay, Path]) -> None:
    """The newest frame follows, none comes twice, and the cut is told."""
    server, relay, file = relayed
    with Watcher(file) as watcher, Messages(file) as messages:
        server.update(1)
        watcher.wait_for(1)
        eventually(lambda: messages.of(Frame))
        for i in range(2, 6):
            relay.cut()
            server.update(i)
            watcher.wait_for(i)
            eventually(lambda i=i: messages.of(Frame)[-1].number == i)
        server.close()
        watcher.join()
        messages.join()
        numbers = [frame.number for frame in watcher.frames]
        assert numbers == sorted(set(numbers))
        states = [state.state for state in messages.of(State)]
        assert states == ["lost"] * 4 + ["finished"]
        assert all("connecting again" in s.text for s in messages.of(State)[:4])
        assert len(messages.of(Welcome)) == 5


def test_a_log_record_comes_once(relayed: tuple[Server, Relay, Path]) -> None:
    """Though whoever connects is told the newest ones, and the record holds them."""
    server, relay, file = relayed
    logger = logging.getLogger("told.once")
    logger.propagate = False
    logger.addHandler(handler := server.handler())
    try:
        with Messages(file) as messages:
            server.update(1)
            for number in range(1, 5):
                logger.warning("record %d", number)
                eventually(lambda n=number: len(messages.of(Log)) >= n)
                relay.cut()
                eventually(lambda n=number: len(messages.of(Welcome)) > n)
            server.close()
            messages.join()
            texts = [record.text for record in messages.of(Log)]
        assert texts == [f"record {number}" for number in range(1, 5)]
    finally:
        logger.removeHandler(handler)


def test_the_record_follows_when_the_end_was_missed() -> None:
    """The last frame and how the run ended, though nothing listens any more."""
    with Server(view=None) as server:
        with Watcher(server) as watcher:
            server.update(1)
            watcher.wait_for(1)
        server.update(2)
    messages = list(Client(server.connection_file).messages())
    assert isinstance(messages[0], Welcome)
    assert isinstance(messages[-1], State) and messages[-1].state == "finished"
    assert [m.number for m in messages if isinstance(m, Frame)] == [2]
    assert [frame.args for frame in Client(server.connection_file)] == [(2,)]


def test_a_killed_run_is_lost(tmp_path: Path) -> None:
    """Told in one sentence; the iteration ends."""
    source = """
import time
from async_plot.server import Server
with Server(view=None) as server:
    server.update("last")
    print(server.connection_file, flush=True)
    time.sleep(60)
"""
    with start_script(source) as process:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        with Watcher(path) as watcher, Messages(path) as messages:
            watcher.wait_for(1)
            eventually(lambda: messages.of(Frame))
            process.kill()
            process.wait(AMPLE)
            watcher.join()
            messages.join()
            assert [frame.args for frame in watcher.frames] == [("last",)]
            state = messages.of(State)[-1]
            assert state.state == "lost"
            assert state.text in ("killed by SIGKILL", death.UNSEEN)
        assert [s.state for s in Client(path).messages() if isinstance(s, State)] == [
            "lost"
        ]


def test_a_stranger_at_the_address_is_an_error() -> None:
    """A run that is alive and does not answer as itself is no case for trying on."""
    with (
        Server(view=None) as server,
        Server(view=None) as other,
    ):
        file = server.connection_file
        assert file is not None and server.address and other.address
        text = file.read_text()
        file.write_text(text.replace(str(server.address[1]), str(other.address[1])))
        with pytest.raises(HandshakeError, match="does not hold the key"):
            list(Client(file))
        file.write_text(text)


def test_a_run_that_cannot_be_reached_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With pauses, and without a word before there ever was a connection."""
    monkeypatch.setattr(route, "RETRY", (0.001, 0.01))
    with Server(view=None) as server:
        server.update(1)
        client = Client(server)
        connect = client._connect
        tries = []

        def refuse() -> None:
            tries.append(1)
            if len(tries) < 20:
                raise ConnectionRefusedError("not yet")
            connect()

        client._connect = refuse  # type: ignore[method-assign]
        incoming = client.messages()
        assert isinstance(next(incoming), Welcome)
        incoming.close()
    assert len(tries) == 20


# -- parts -------------------------------------------------------------------------


def test_a_frame_that_makes_no_sense_is_a_protocol_error() -> None:
    """Whatever is wrong with its payload."""
    with pytest.raises(ProtocolError):
        decode_frame(Frame("", 1, 0.0, False, b"\xc1", []))


def test_messages_to_nobody_are_dropped() -> None:
    """Before there is a connection, and after it."""
    with Server(view=None) as server:
        client = Client(server)
    client.ready()
    client.close()
    assert list(client) == []


# -- progress, failures, logs ------------------------------------------------------


def _say_something(server: Server) -> None:
    """What a job says: two bars, a failure, a record."""
    with server.progress(3, desc="steps") as bar:
        bar.update(3)
        stopped = server.progress(8, desc="more", leave=True)
        stopped.update(2)
        desk.say(failure(job=bar.key, task=5))
        desk.say(failure(job=bar.key, task=5))
        desk.say(Log(0.0, logging.WARNING, "solver", "diverges"))
    eventually(lambda: not bar_runs(server, bar.key))


def bar_runs(server: Server, key: str) -> bool:
    assert server._session is not None and server._session.publisher is not None
    ledger: Any = server._session.publisher.annex
    return not any(getattr(m, "bar", "") == key for m in ledger.tail())


@pytest.mark.parametrize("how", ["live", "ended", "recording"])
def test_progress_failures_and_logs_for_programs(how: str, tmp_path: Path) -> None:
    """Of a run that goes on, of one that has ended, and of a recording."""
    recording = tmp_path / "run.aplot"
    with Server(view=None, name="job", record=recording) as server:
        clients_ = [Client(server) for _ in range(3)]
        _say_something(server)
        if how == "live":
            told: list[list[Any]] = [[], [], []]

            def listen(number: int, items: Iterator[Any]) -> None:
                told[number].extend(items)

            parts = (getattr(c, n)() for c, n in zip(clients_, PARTS))
            threads = [
                threading.Thread(target=listen, args=each) for each in enumerate(parts)
            ]
            for thread in threads:
                thread.start()
            eventually(lambda: len(server.viewers) == 3)
    if how == "live":
        for thread in threads:
            thread.join(AMPLE)
        bars, failed, said = told
    else:
        source: Any = recording if how == "recording" else "job"
        bars, failed, said = (list(getattr(Client(source), n)()) for n in PARTS)
    last = {m.desc: (m.done, m.total, m.state) for m in bars}
    assert last == {"steps": (3.0, 3.0, "finished"), "more": (2.0, 8.0, "stopped")}
    assert {m.task for m in failed} == {5}
    if how == "live":
        assert len(failed) == 1
    assert [m.text for m in said] == ["diverges"]


PARTS = ("progress", "failures", "logs")


def test_debugging_is_set_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only where the environment asks for it."""
    debug = logging.getLogger("async_plot.wire")
    before = debug.handlers[:], debug.level
    try:
        clients.set_up_debug()
        assert debug.handlers == before[0]
        monkeypatch.setenv("ASYNC_PLOT_DEBUG", "1")
        clients.set_up_debug()
        clients.set_up_debug()
        assert len(debug.handlers) == len(before[0]) + 1
        assert debug.isEnabledFor(logging.DEBUG)
    finally:
        debug.handlers[:], level = before[0], before[1]
        debug.setLevel(level)
