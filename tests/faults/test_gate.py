"""A run that listens beyond its machine: its gate killed, its starts and its end."""

from __future__ import annotations

import logging
import os
import signal
import time

import psutil
import pytest

import async_plot.options
from async_plot import Client, Server
from async_plot.cli import main
from async_plot.net import session

from ..helpers import AMPLE, eventually
from .support import ProcessViewer


@pytest.fixture(autouse=True)
def loopback_stands_for_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_plot.options, "_is_loopback", lambda host: False)


def test_a_gate_that_dies_is_said_once_and_near_viewers_stay(caplog):
    """The calculation and the viewers on its machine need none."""
    with Server(view=None, overhead=1) as server:
        server.update(1)
        with Client(server) as near:
            frames = iter(near)
            assert next(frames).args == (1,)
            os.kill(server._session.gate._process.pid, signal.SIGKILL)
            eventually(lambda: caplog.records)
            server.update(2)
            assert next(frames).args == (2,)
            time.sleep(0.6)  # the next look at it
            frames.close()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "no viewers from other machines" in caplog.text
    assert "signal 9" in caplog.text


def test_many_runs_leave_nothing():
    """No process, no descriptor; a run without viewers ends its gate at once."""
    process = psutil.Process()
    before = process.num_fds()
    gates = []
    for _ in range(5):
        with Server(view=None) as server:
            server.update(1)
            gates.append(server._session.gate._process)
    for gate in gates:
        assert gate.wait(AMPLE) == 0
    assert process.num_fds() <= before


def test_a_frozen_far_viewer_delays_no_end(monkeypatch):
    """Half a second at most, as for a near one; the gate waits on its behalf."""
    monkeypatch.setattr(session, "EXIT_DELAY", 0.45)
    server = Server(view=None, overhead=1).start()
    gate = server._session.gate._process
    try:
        with Client(server, host="127.0.0.1") as far:
            messages = far.messages()
            next(messages)
            far.ready("")
            server.update(bytes(16 << 20))  # and nobody reads it
            eventually(lambda: server.stats.sent)
            before = time.monotonic()
            server.close()
            assert time.monotonic() - before < 10
            messages.close()
    finally:
        gate.kill()
        gate.wait(AMPLE)


def test_the_command_line_says_where_host_helps(capsys, tmp_path):
    """A picture by way of TLS; a run that is not there, and one that needs no host."""
    picture = tmp_path / "far.png"
    with Server(view=None, overhead=1, name="far") as server:
        server.update([0.0, 1.0, 2.0])
        file, port = str(server.connection_file), server.address[1]
        away = main(["view", file, "--host", "127.0.0.1:9", "--save", str(picture)])
        assert away == 1
        assert "--host" in capsys.readouterr().err
        with ProcessViewer(server) as viewer:
            eventually(lambda: viewer.newest)
        assert main(["runs"]) == 0
        assert f"127.0.0.1:{port}" in capsys.readouterr().out
    assert main(["view", file, "--host", "127.0.0.1", "--save", str(picture)]) == 0
