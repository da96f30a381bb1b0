"""Where the key must not be: command lines, environments, logs, tracebacks, reprs."""

from __future__ import annotations

import base64
import gc
import logging
import os
import re
import sys
import traceback
from pathlib import Path

import pytest

from async_plot import Client, Server
from async_plot.errors import AuthenticationError
from async_plot.net import runs
from async_plot.wire.connection import Connection
from async_plot.wire.handshake import Dialled, Dialling, derive, new_key
from async_plot.wire.messages import Right, Role

from ..helpers import AMPLE, eventually, processes, start_script
from .support import Calculation, Intruder, Squatter, run_at

SCRIPT = """
import logging, os, subprocess, sys
from async_plot import Server

class Mine:
    def __init__(self, figure):
        print("in the viewer", dict(os.environ))
        self.axes = figure.subplots()
    def draw(self, x):
        print("drawn", x)
        raise RuntimeError("no")

logging.basicConfig(level=logging.DEBUG)
with Server(Mine, client_cmd=[sys.executable, "-c"], wait_for_client=120) as server:
    server.update(1)
    print(server, repr(server), server.viewers, server.stats, flush=True)
    subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"])
    print("file:", server.connection_file, flush=True)
    sys.stdin.readline()
    raise ValueError("the calculation's own")
"""


def forms(key: bytes) -> list[str]:
    """Every way in which a key could be spelled, of each right."""
    spelled = []
    for right in Right:
        raw = b"".join([derive(key, right)])
        spelled += [
            raw.hex(),
            raw.hex().upper(),
            raw.hex(":"),
            repr(raw)[2:-1],
            repr(bytearray(raw))[12:-2],
            base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
            str(list(raw))[1:-1],
            str(int.from_bytes(raw, "big")),
        ]
    return spelled


def holds(text: str, key: bytes) -> list[str]:
    """Forms of the key that stand in a text."""
    return [form for form in forms(key) if form in text]


def test_forms_are_found():
    """The search finds what it looks for."""
    key = new_key()
    assert holds(f"x {b''.join([key])!r} y", key)
    assert holds(f"x {key.hex()} y", key)
    assert holds(f"x {derive(key, Right.LOOK).hex()} y", key)
    assert not holds(f"x {key!r} y", key)


def test_launched_viewer_and_children_do_not_show_the_key(home):
    """Neither argv, environment, output, debug log nor traceback of either end."""
    with start_script(
        SCRIPT, stdin=-1, env={"ASYNC_PLOT_DEBUG": "1", "MPLBACKEND": "agg"}
    ) as process:
        said = []
        while not said or not said[-1].startswith("file:"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said.append(line)
        path = Path(said[-1].removeprefix("file:").strip())
        run = runs.read(path)
        viewers = [p for p in processes() if str(path) in " ".join(p.cmdline())]
        assert len(viewers) == 1
        for each in (process.pid, viewers[0].pid):
            for name in ("cmdline", "environ"):
                text = Path(f"/proc/{each}/{name}").read_bytes().decode("latin-1")
                assert text
                assert not holds(text, run.key)
        eventually(lambda: "no" in run.client_log.read_text(), what="its trouble")
        out, err = process.communicate("\n", timeout=AMPLE)
    told = "".join(said) + out + err + run.client_log.read_text()
    assert "the calculation's own" in err  # the traceback
    assert "< " in err and "> " in err  # the debug log
    assert "in the viewer" in told
    assert "ASYNC_PLOT_HOME" in "".join(said)  # the child's environment
    assert not holds(told, run.key)
    assert runs.read(path).key is None


def test_nothing_public_shows_the_key():
    """No representation of anything that a user or a log may show has it."""
    with Calculation() as calculation, Intruder(calculation) as intruder:
        server = calculation.server
        eventually(lambda: server.viewers, what="a viewer")
        key = calculation.run.key
        client = Client(server)
        shown = [
            server,
            server.stats,
            server.viewers,
            server._session.run,
            server._session.publisher,
            calculation.run,
            client,
            client.run,
            intruder.connection,
            intruder.connection._proof,
            *calculation.peers,
            *(peer.connection for peer in calculation.peers),
            *(peer.connection._proof for peer in calculation.peers),
            Connection(Dialled(key)),
            Dialling(key, Role.VIEWER, Right.LOOK),
            os.environ,
            sys.argv,
        ]
        for item in shown:
            assert not holds(repr(item), key), type(item)
            assert not holds(str(item), key), type(item)
            # As a debugger, or a verbose traceback, shows an object's inside.
            inside = getattr(item, "__dict__", {})
            assert not holds(repr(inside), key), type(item)


def test_tracebacks_with_variables_do_not_show_the_key(tmp_path):
    """Not even tools that print the variables of each level of the stack."""
    with Calculation() as calculation:
        key = calculation.run.key

        def lie(sock):
            sock.sendall(b"\x89APLOT\r\n\0\x01" + bytes(32))
            sock.recv(76)
            sock.sendall(bytes(33))

        with Squatter(lie) as squatter:
            client = Client(run_at(calculation, squatter.address))
            with pytest.raises(AuthenticationError) as caught:
                next(iter(client))
        shown = traceback.TracebackException.from_exception(
            caught.value, capture_locals=True
        )
        text = "".join(shown.format())
        assert "_connect" in text
        assert "self = " in text
        assert not holds(text, key)


def test_error_at_the_start_does_not_show_the_key(monkeypatch):
    """The same where a run cannot begin."""
    keys = []
    real = runs.create

    def fail(name, address, key, *_):
        keys.append(key)
        raise RuntimeError("no room")

    monkeypatch.setattr(runs, "create", fail)
    server = Server(view=None)
    with pytest.raises(RuntimeError, match="no room") as caught:
        server.start()
    shown = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    text = "".join(shown.format())
    assert "address = " in text
    assert not holds(text, keys[0])
    assert real is not fail


def test_logs_of_both_ends_do_not_show_the_key(caplog):
    """With everything logged, through good and bad handshakes."""
    with caplog.at_level(logging.DEBUG), Calculation() as calculation:
        key = calculation.run.key
        calculation.serves()
        wrong = Client(run_at(calculation, calculation.address, key=new_key()))
        with pytest.raises(AuthenticationError):
            next(iter(wrong))
        with Intruder(calculation) as intruder:
            intruder.say(b"\xff" * 20)
            intruder.is_cut()
        calculation.serves()
    assert len(caplog.records) > 20
    assert not holds(caplog.text, key)


def test_no_command_line_is_made_of_a_key():
    """What is launched is told a file's name."""
    from async_plot.net import launch

    with Server(view=None) as server:
        run = runs.read(server.connection_file)
        code = launch.code(run.connection_file)
        assert str(run.connection_file) in code
        assert not holds(code, run.key)
        assert re.search(r"[0-9a-f]{64}", code) is None


def test_collected_server_leaves_no_key_in_its_files(home):
    """A server that was dropped without an end voids its key, too."""
    server = Server(view=None)
    server.start()
    path = server.connection_file
    key = runs.read(path).key
    thread = server._session.publisher
    del server
    # The background thread may just hold it, for a turn.
    eventually(lambda: gc.collect() >= 0 and not thread.is_alive())
    eventually(lambda: runs.read(path).key is None, what="a void key")
    assert key.hex() not in path.read_text()
