"""Calculations that hang, each in its way: told where, and no false alarm."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from async_plot import Client, Server
from async_plot.views import silence
from async_plot.views.silence import Silence, explain
from async_plot.wire.messages import Frame, Stalled, State

from ..helpers import AMPLE, eventually, start_script
from .support import Messages

SCRIPT = """
import sys, threading, time
import numpy as np
from async_plot import Server
def sleeps():
    time.sleep(1000)
def solves():
    np.linalg.svd(np.random.default_rng(0).random((3000, 3000)))
def writes():
    sys.stdout.write("x" * 1000000)
def spins():
    all(n == 0 for n in iter(int, 1))
def locks():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
server = Server(view=None, stalled_after=1, name="hanging")
server.update(0)
print(server.connection_file, flush=True)
for hang in (sleeps, solves, writes, spins):
    threading.Thread(target=hang, daemon=True).start()
locks()
"""

BUSY = """
import time
from async_plot import Server
with Server(view=None, stalled_after=2, name="busy") as server:
    server.update(0)
    print(server.connection_file, flush=True)
    while True:
        server.update(1)
        time.sleep(0.01)
"""


def test_where_it_hangs_is_told() -> None:
    """In a lock, a sleep, a library's C code, a pipe that nobody reads, a loop."""
    with start_script(SCRIPT, env={"OMP_NUM_THREADS": "1"}) as process:
        with Messages(process.stdout.readline().strip()) as viewer:
            eventually(lambda: viewer.of(Stalled), AMPLE)
            text = viewer.of(Stalled)[0].text
        process.kill()
    assert text.startswith("in locks (script.py:16): lock.acquire()\n\nMainThread ")
    for hang in ("sleeps", "solves", "writes", "spins"):
        assert f"in {hang}\n" in text
    assert "    time.sleep(1000)\n" in text
    assert "linalg" in text


def test_a_process_that_is_stopped_has_not_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its view tells that alone, and hears of no stall when it goes on."""
    monkeypatch.setattr(silence, "AFTER", 1.0)
    monkeypatch.setattr(silence, "GAP", AMPLE)

    def frames_after(viewer: Any, count: int) -> Callable[[], bool]:
        return lambda: len(viewer.of(Frame)) > count + 3

    with start_script(BUSY) as process:
        with Messages(process.stdout.readline().strip()) as viewer:
            eventually(frames_after(viewer, 0))
            silent = Silence(viewer.client)
            assert silent.seconds() == 0
            os.kill(process.pid, signal.SIGSTOP)
            before = time.monotonic()
            eventually(silent.seconds)
            assert viewer.client.welcome is not None
            told = explain(viewer.client.welcome)
            assert told.startswith(f"process {process.pid} is stopped\n")
            time.sleep(max(0.0, before + 2.5 - time.monotonic()))  # its own patience
            count = len(viewer.of(Frame))
            os.kill(process.pid, signal.SIGCONT)
            eventually(frames_after(viewer, count))
            assert silent.seconds() == 0
            assert viewer.of(Stalled) == []
        process.kill()


def test_a_run_that_was_interrupted_in_it_says_where_it_hung() -> None:
    """Its record does, for whoever looks afterwards."""
    with pytest.raises(KeyboardInterrupt):
        with Server(view=None, stalled_after=0.2, name="hung") as server:
            server.update(1)
            with Messages(server) as viewer:
                eventually(lambda: viewer.of(Stalled))
            raise KeyboardInterrupt
    kept = list(Client("hung").messages())
    [stalled] = [message for message in kept if isinstance(message, Stalled)]
    assert "MainThread" in stalled.text and stalled.seconds >= 0.2
    assert isinstance(kept[-1], State) and kept[-1].state == "interrupted"
