"""What broke in the hands of readers who tried, so that it stays mended."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from async_plot import Client, Server
from async_plot.errors import RunNotFoundError, UnsupportedValueError
from async_plot.net import runs
from async_plot.wire.messages import Frame, Scalars, State
from tests.helpers import AMPLE, eventually, run_script

from .support import Watcher


def words(directory: Path) -> list[str]:
    """States that a viewer of each run in a directory would be told."""
    said = []
    for file in directory.rglob("connection.json"):
        said.append(
            next(
                message.state
                for message in Client(file).messages()
                if isinstance(message, State)
            )
        )
    return said


def test_first_calls_of_many_threads_start_one_session() -> None:
    """Nothing is left listening after the end."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            server = Server(view=None)
            gate = threading.Barrier(4)

            def call(server: Server = server, gate: threading.Barrier = gate) -> None:
                gate.wait()
                server.update(1)

            threads = [threading.Thread(target=call) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            server.close()
    finally:
        sys.setswitchinterval(before)
    assert not [run for run in runs.list_runs() if run.alive]


def test_a_last_word_is_kept_though_the_last_frame_is_too_big_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer that comes later is told how the run ended, and no more."""
    real = os.pwritev

    def too_slow(number: int, parts: list[memoryview], offset: int) -> int:
        if sum(map(len, parts)) > 1 << 20:
            raise OSError("no room")
        return real(number, parts, offset)

    monkeypatch.setattr(os, "pwritev", too_slow)
    with Server(view=None) as server:
        server.update(np.zeros(1 << 18))
    messages = list(Client(server).messages())
    assert not any(isinstance(message, Frame) for message in messages)
    assert isinstance(messages[-1], State)
    assert messages[-1].state == "finished"


def test_an_end_without_any_record_is_told_from_the_connection_file() -> None:
    """It is not called lost."""
    with Server(view=None) as server:
        server.update(1)
    assert server.connection_file is not None
    (server.connection_file.parent / "record").unlink()
    [said] = [m for m in Client(server).messages() if isinstance(m, State)]
    assert said.state == "finished"


def test_a_server_that_was_never_started_is_no_other_run() -> None:
    """Its client does not turn to the newest run instead."""
    with Server(view=None, name="other"), pytest.raises(RunNotFoundError):
        Client(Server(view=None))


def test_scalars_of_a_viewer_that_was_busy_reach_it_later() -> None:
    """Also without another point, and at the end."""
    client_ready = threading.Event()
    go_on = threading.Event()
    got: list[float] = []

    with Server(view=None, overhead=1) as server:

        def view() -> None:
            client = Client(server)
            for message in client.messages():
                if isinstance(message, Scalars):
                    got.extend(np.frombuffer(message.buffers[1]))
                elif isinstance(message, State):
                    return
                elif not client_ready.is_set() and client.welcome is not None:
                    client.ready("")
                    client_ready.set()
                    go_on.wait(AMPLE)  # so that a big frame stays in the sockets

        thread = threading.Thread(target=view)
        thread.start()
        assert client_ready.wait(AMPLE)
        server.update(np.zeros(4 << 20))
        publisher = server._session.publisher
        peers = publisher.reception.peers
        eventually(lambda: any(peer.connection.mid_send for peer in peers))
        server.log(a=1.0)
        eventually(lambda: not publisher.chronicle.points_wait)
        go_on.set()
        eventually(lambda: got == [1.0])
        server.log(a=2.0)
    thread.join(AMPLE)
    assert got == [1.0, 2.0]


def test_a_server_collected_just_before_the_exit_still_tells_its_end(
    home: Path,
) -> None:
    """Nobody closed it, and a garbage collector's pass comes last."""
    result = run_script(
        """
import gc
from async_plot import Server
def calculate():
    server = Server(view=None)
    server.update(1)
calculate()
gc.collect()
"""
    )
    assert result.returncode == 0, result.stderr
    assert words(home) == ["finished"]


def test_the_exit_waits_for_all_servers_together(home: Path) -> None:
    """Six of them, each with a viewer that reads nothing, cost one delay."""
    result = run_script(
        """
import atexit, socket, time
def report():
    print(time.monotonic() - begun)
atexit.register(report)   # before the package's own: so it runs after that
from async_plot import Client, Server
from async_plot.net import session
session.EXIT_DELAY = 2.0   # once, and not six times
servers = [Server(view=None, overhead=1).start() for _ in range(6)]
clients = [Client(server) for server in servers]
streams = [client.messages() for client in clients]
for stream in streams:
    next(stream)
for server in servers:
    server.update(bytes(8 << 20))
begun = time.monotonic()
"""
    )
    assert result.returncode == 0, result.stderr
    assert 1.9 < float(result.stdout) < 11
    assert words(home) == ["finished"] * 6


def test_nothing_is_kept_after_the_end() -> None:
    """Neither the arrays, nor what is logged from then on."""
    size = 32 << 20
    handler: logging.Handler
    with Server(view=None, overhead=1) as server:
        handler = server.handler()
        publisher = server._session.publisher
        for i in range(3):
            server.want()
            server.update(np.full(size, i, np.uint8))
            eventually(lambda i=i: publisher.snapshots == i + 1)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for i in range(20000):
        server.log(a=i)
        handler.handle(logging.makeLogRecord({"msg": "x" * 100, "name": "mine"}))
    assert server.stats.updates == 3
    assert server._latest is None
    assert psutil.Process().memory_info().rss < before + (4 << 20)


def test_a_logging_handler_that_raises_ends_no_watching() -> None:
    """Nor does it keep the end from being told."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("a broken handler")

    broken = Broken()
    logging.getLogger("async_plot").addHandler(broken)
    try:
        with Server(view=None, overhead=1) as server:
            server.update(1)
            server.want()
            server.update(threading.Lock())  # refused, which is logged
            eventually(lambda: server.stats.refused == 1)
            server.update(2)
            assert not server._session.publisher.done
    finally:
        logging.getLogger("async_plot").removeHandler(broken)
    assert [m.state for m in Client(server).messages() if isinstance(m, State)] == [
        "finished"
    ]


def test_calls_are_first_ones_until_one_succeeds() -> None:
    """At a prompt the second attempt is where the check is needed."""

    class Curve:
        def draw(self, x: object) -> None: ...

    with Server(Curve, view=None) as server:
        for _ in range(2):
            with pytest.raises(TypeError, match="do not fit"):
                server.update()
        with pytest.raises(UnsupportedValueError):
            server.update(threading.Lock())
        server.update(1)
        server.want()
        server.update(threading.Lock())
        assert server.stats.refused == 1


def test_a_launched_viewer_that_dies_is_said_once_without_control_sequences(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether or not somebody waits for it."""
    fails = "import sys; print('\\x1b[2J\\x1b]0;title\\x07no toolkit'); sys.exit(3) #"
    with caplog.at_level(logging.WARNING, "async_plot"):
        with Server(client_cmd=[sys.executable, "-c", fails]) as server:
            eventually(lambda: caplog.records)
            server.update(1)
    [record] = caplog.records
    assert "exit status 3" in record.getMessage()
    assert "no toolkit" in record.getMessage()
    assert record.getMessage().isprintable()


@pytest.mark.parametrize("moment", ["accepted", "waiting"])
def test_a_forked_child_keeps_no_connection_that_no_object_held(moment: str) -> None:
    """As when the fork comes while a connection is being accepted."""
    import socket

    with Server(view=None) as server:
        assert server.address is not None
        with socket.create_connection(server.address) as peer:
            if moment == "accepted":
                eventually(lambda: server._session.publisher.reception.peers)
                [held] = server._session.publisher.reception.peers
                stray = os.dup(held.sock.fileno())  # what no object of ours holds
            else:
                stray = os.dup(peer.fileno())  # the other end is not ours to close
            child = os.fork()
            if child == 0:
                try:
                    os.fstat(stray)
                    os._exit(0)
                except OSError:
                    os._exit(9)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.close(stray)
            assert status == (9 if moment == "accepted" else 0)


def test_the_file_in_the_working_directory_is_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is found by its name though a file has the same."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wave").write_text(json.dumps({}))
    with Server(view=None, name="wave") as server:
        assert runs.find("wave").connection_file == server.connection_file


def test_no_home_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run files lie in a temporary directory then, and the run goes on."""
    monkeypatch.setenv("ASYNC_PLOT_HOME", "")

    def homeless(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    import platformdirs

    monkeypatch.setattr(platformdirs, "user_state_path", homeless)
    with Server(view=None) as server:
        server.update(1)
        file = server.connection_file
        assert file is not None and file.is_file()
    for path in file.parent.iterdir():
        path.unlink()
    file.parent.rmdir()


@pytest.mark.skipif(sys.platform != "linux", reason="there are no slots")
def test_no_shared_memory_is_kept_after_the_end() -> None:
    """Though somebody keeps the server: a notebook's variables live long."""

    def mapped() -> list[str]:
        lines = Path("/proc/self/maps").read_text().splitlines()
        return [line for line in lines if "/dev/shm/" in line]

    before = mapped()
    x = np.zeros(1 << 18)
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:

        def maps_a_slot() -> bool:
            server.update(x)
            return any(viewer.near for viewer in server.viewers) and bool(
                server._session.publisher._held[0].newest.slot
            )

        eventually(maps_a_slot)
        assert len(mapped()) > len(before)
        for _ in range(3):
            server.update(x)
        server.close()
        watcher.join()
    del watcher  # which maps them too
    gc.collect()
    assert mapped() == before
    assert server.stats.updates > 3


def test_a_forked_child_waits_for_no_end_of_its_parent(home: Path) -> None:
    """Of servers that were collected, and so no child could be told by."""
    source = """
import gc, os, socket, stat, sys, time
from async_plot import Server
from async_plot.net import session
server = Server(view=None).start()
server.update(1)
publisher = server._session.publisher
wait, publisher._disk.wait = publisher._disk.wait, lambda deadline: time.sleep(2)
del server
while not session._abandoned:  # the background thread may just hold it, for a turn
    gc.collect()
assert [each.done for each in session._abandoned] == [False]
if not (pid := os.fork()):
    kinds = [os.fstat(int(n)).st_mode for n in os.listdir("/proc/self/fd")[:-1]]
    sockets = sum(map(stat.S_ISSOCK, kinds))
    os._exit(100 * len(session._abandoned) + sockets)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    result = run_script(source)
    assert result.stdout.split() == ["0"], result.stderr
