"""Two machines and a bad line: far, lossy, thin, cut. See `network`."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

from async_plot import Client, Server
from async_plot.net import reception, sockets
from async_plot.wire.messages import Frame, Log, RunState, State, Welcome

from ..helpers import AMPLE, eventually
from . import network
from .support import Messages


class FarMessages(Messages):
    """All messages that reach another machine; asks for frames as a view does."""

    def __init__(self, server: Server, line: Any) -> None:
        with line.inside("viewer"):
            super().__init__(server, host=line.HOST)

    @property
    def lost(self) -> list[State]:
        return [s for s in self.of(State) if s.state == RunState.LOST.value]


class Run:
    """A calculation on one machine that updates a hundred times a second."""

    def __init__(self, line: Any, size: int = 1000) -> None:
        self.line = line
        self.server = Server(view=None, overhead=1, host="0.0.0.0", name="far")
        self.worst = 0.0
        self._values = np.zeros(size)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._calculate)

    def __enter__(self) -> Run:
        with self.line.inside("calculation"):
            self.server.start()
        self.gate = self.server._session.gate._process
        self.line.target = ("127.0.0.1", self.server.address[1])
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join(AMPLE)
        self.server.close()

    def __exit__(self, *_: object) -> None:
        self.stop()
        # It may linger for a viewer that cannot be reached.
        if self.gate.poll() is None:
            self.gate.kill()
            self.gate.wait(AMPLE)

    def _calculate(self) -> None:
        while not self._over.wait(0.01):
            self._values += 1
            before = time.perf_counter()
            self.server.update(self._values)
            self.worst = max(self.worst, time.perf_counter() - before)


@pytest.fixture
def line() -> Iterator[Any]:
    line = network.make()
    yield line
    line.close()


def test_a_far_viewer_gets_two_frames_in_each_journey(line):
    """With one credit, no two frames could come within the time of a journey."""
    line.delay = 0.1
    with Run(line) as run, FarMessages(run.server, line) as far:
        eventually(lambda: len(far.of(Frame)) > 8)
        assert far.client._credit == 2
        came = [at for at, m in zip(far.times, far.frames) if isinstance(m, Frame)]
        assert min(b - a for a, b in itertools.pairwise(came)) < line.delay
        assert [viewer.address[:8] for viewer in run.server.viewers] in (
            [["10.99.0."]] if line.HOST == "10.99.0.1" else [["127.0.0."]]
        )


def test_a_lossy_line_loses_no_word(line):
    """Log records come whole and in order, and the last frame after the end."""
    line.delay, line.loss = 0.02, 0.05
    logger = logging.getLogger("lossy")
    logger.propagate = False
    with Run(line) as run, FarMessages(run.server, line) as far:
        handler = run.server.handler()
        logger.addHandler(handler)
        try:
            eventually(lambda: far.of(Frame))
            for number in range(100):
                logger.warning("%d", number)
                time.sleep(0.002)
            eventually(lambda: len(far.of(Log)) == 100)
        finally:
            logger.removeHandler(handler)
        assert [log.text for log in far.of(Log)] == [str(n) for n in range(100)]
        run.stop()
        far.join(AMPLE)
        assert far.of(State)[-1].state == "finished"
        assert far.of(Frame)[-1].number == run.server.stats.updates


def test_a_cut_is_noticed_and_mended(line, monkeypatch):
    """The viewer says so and comes back by itself; the calculation goes on."""
    # A tenth of the real limits, at the viewer's end; the real ones are slow.
    monkeypatch.setattr(sockets, "_UNACKNOWLEDGED", 1400)
    with Run(line) as run, FarMessages(run.server, line) as far:
        eventually(lambda: len(far.of(Frame)) > 3)
        line.down = True
        eventually(lambda: far.lost)
        assert "connecting again" in far.lost[0].text
        updates = run.server.stats.updates
        eventually(lambda: run.server.stats.updates > updates + 10)
        line.down = False
        eventually(lambda: len(far.of(Welcome)) == 2)
        frames = len(far.of(Frame))
        eventually(lambda: len(far.of(Frame)) > frames + 3)
        assert far.of(Frame)[-1].number > updates
        assert run.worst < 10


def test_a_thin_line_is_no_frozen_viewer(line, monkeypatch):
    """A frame that takes its seconds arrives whole, and what is said after it too."""
    # A tenth of the real limit; the processes in between may stand still for a while.
    monkeypatch.setattr(reception, "STALL", 3.0)
    line.rate = 2.2e6
    with Run(line, size=1 << 20) as run, FarMessages(run.server, line) as far:
        eventually(lambda: len(far.of(Frame)) >= 1)
        before = len(far.frames)
        eventually(lambda: len(far.frames) > before)
        assert not far.lost
        assert len(run.server.viewers) == 1
        line.rate = 0.0


def test_a_host_that_is_not_there_is_said_at_once(line):
    """With what to do about it, and not in an endless loop."""
    with Run(line) as run, line.inside("viewer"):
        port = run.server.address[1]
        if line.HOST == "10.99.0.1":
            for host in ("10.99.0.1:9", "no.such.host.invalid"):
                with pytest.raises(ConnectionError, match="--host"):
                    next(iter(Client(run.server, host=host)))
        with pytest.raises(ConnectionError, match="--host"):
            next(iter(Client(run.server, host=f"127.0.0.1:{9 if port != 9 else 10}")))


@pytest.mark.slow
def test_a_machine_that_vanishes_is_noticed_at_both_ends(line):
    """Within 15 s, and some; memory stays, and half a minute later all goes on."""
    line.delay = 0.01
    process = psutil.Process(os.getpid())
    with Run(line, size=1 << 17) as run, FarMessages(run.server, line) as far:
        eventually(lambda: len(far.of(Frame)) > 3)
        rss = process.memory_info().rss
        began = time.monotonic()
        line.down = True
        eventually(lambda: far.lost, 25)
        viewer_took = time.monotonic() - began
        eventually(lambda: not run.server.viewers, 25)
        took = time.monotonic() - began
        assert viewer_took < 20 and took < 20, (viewer_took, took)
        assert process.memory_info().rss < rss + (32 << 20)
        while time.monotonic() < began + 30:
            time.sleep(0.1)
        line.down = False
        frames = len(far.of(Frame))
        eventually(lambda: len(far.of(Frame)) > frames + 3)
        assert len(far.of(Welcome)) == 2
        print(f"noticed by the viewer in {viewer_took:.1f} s, by both in {took:.1f} s")
