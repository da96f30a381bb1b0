"""The calculation's hold on its gate: started, asked, and let go."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator

import psutil
import pytest

from async_plot.net import channel, launch, sockets
from async_plot.net.gate import Gate

from ..helpers import AMPLE, eventually, has_ended, start_script


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(AMPLE)
        yield listener


@pytest.fixture
def gate(target: socket.socket) -> Iterator[Gate]:
    gate = Gate()
    gate.open("127.0.0.1", 0, target.getsockname())
    yield gate
    process = gate._process
    gate.close()
    if process is not None:
        process.wait(AMPLE)


def test_it_tells_where_connections_come_from_and_what_binds_them(gate, target):
    """Only for those that come through it, until they are forgotten."""
    far = channel.dial(gate.address, AMPLE, gate.fingerprint)
    near, (_, port) = target.accept()
    eventually(lambda: gate.origin(port))
    assert gate.origin(port).startswith("127.0.0.1:")
    assert gate.binding(port) == bytes.fromhex(gate.fingerprint)
    assert gate.binding(port + 1) == b"" and gate.origin(port + 1) == ""
    gate.forget(port)
    assert gate.binding(port) == b""
    far.close()
    near.close()


def test_an_address_that_cannot_be_had_is_the_callers_error(gate, target):
    """And leaves no process."""
    host, port = gate.address
    for where, asked, text in (
        (host, port, "Address already in use"),
        ("192.0.2.1", 0, r"192\.0\.2\.1"),
        ("no such name.invalid", 0, "no such name"),
        ("localhost", 0, "no other machine"),
    ):
        other = Gate()
        with pytest.raises(sockets.ListenError, match=text) as refusal:
            other.open(where, asked, target.getsockname())
        assert "None" not in str(refusal.value)
        assert other._process is None


def test_an_interrupted_start_leaves_no_process(target, monkeypatch):
    """Ctrl-C while it is waited for."""

    def interrupt(gate: Gate) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Gate, "_report", interrupt)
    before = set(psutil.Process().children())
    with pytest.raises(KeyboardInterrupt):
        Gate().open("127.0.0.1", 0, target.getsockname())
    # Older ones that had ended may have been waited for meanwhile.
    assert set(psutil.Process().children()) <= before


def test_a_process_that_dies_at_once_is_an_error(target, monkeypatch):
    """Which says so."""
    monkeypatch.setattr(launch, "program", lambda *_: "raise SystemExit(3)")
    with pytest.raises(OSError, match="speaks TLS ended with 3"):
        Gate().open("127.0.0.1", 0, target.getsockname())


def test_its_end_is_noticed(gate):
    """Whatever ended it; and asking it further is harmless."""
    assert gate.ended() == ""
    os.kill(gate._process.pid, signal.SIGKILL)
    eventually(gate.ended)
    assert gate.ended() == "signal 9"
    gate.finish()
    assert gate.binding(1) == b""


def test_closing_ends_it_by_itself(gate):
    """Twice is harmless."""
    process = gate._process
    gate.close()
    gate.close()
    assert process.wait(AMPLE) == 0


def test_no_secret_is_on_its_command_line(gate):
    """Nor anything else than how to find our module."""
    command = psutil.Process(gate._process.pid).cmdline()
    assert command[:2] == [sys.executable, "-c"] and len(command) == 3
    assert command[2].endswith("import main; main()")


def test_a_killed_calculation_takes_it_along(target):
    """Also with forked children alive that had copies of its sockets."""
    source = """
import multiprocessing, os, signal, sys, time
from async_plot import Server
import async_plot.options
async_plot.options._is_loopback = lambda host: False
if __name__ == "__main__":
    server = Server(view=None).start()
    server.update(1)
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    print(server._session.gate._process.pid, child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    with start_script(source) as script:
        gate, child = map(int, script.stdout.readline().split())
        script.wait(AMPLE)
        eventually(lambda: has_ended(gate))
        assert psutil.pid_exists(child)
        os.kill(child, signal.SIGKILL)


def test_a_line_that_was_cut_costs_one_connection_alone(gate, target):
    """As when the gate had no room for all of it."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        gate._control.close()
        gate._control = near
        far.sendall(b'[1001, "10.0.[1002, "10.0.0.2", 5]\n[1003, "10.0.0.3", 6]\n7\n')
        assert gate.origin(1003) == "10.0.0.3:6"
        assert gate.binding(1001) == gate.binding(1002) == b""
