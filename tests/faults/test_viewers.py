"""Viewers that die, freeze, thaw or dawdle: the calculation never notices."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest

from async_plot.client import Client
from async_plot.net import publisher, reception
from async_plot.server import Server
from async_plot.wire.messages import Opened, Welcome

from ..helpers import AMPLE, Deadline, best_of, eventually
from .support import ProcessViewer, Watcher


class Loop:
    """A calculation that updates with its counter in every element."""

    def __init__(self, server: Server, size: int = 100) -> None:
        self.server = server
        self.array = np.zeros(size)
        self.count = server.stats.updates
        self.when: dict[int, float] = {}
        self.took: list[float] = []

    def step(self) -> None:
        self.count += 1
        self.array[...] = self.count
        before = time.monotonic()
        self.when[self.count] = before
        self.server.update(self.array)
        self.took.append(time.monotonic() - before)
        time.sleep(0.0005)

    def until(self, predicate: object, seconds: float = AMPLE, what: str = "") -> None:
        deadline = Deadline(seconds)
        while not predicate():  # type: ignore[operator]
            deadline.check(what)
            self.step()

    def during(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()


def test_a_killed_viewer_is_forgotten_and_the_next_one_is_served() -> None:
    """SIGKILL of a viewer in the middle of big frames costs the loop nothing."""
    with Server(view=None, overhead=1) as server:
        loop = Loop(server, 1 << 17)
        with ProcessViewer(server) as viewer:
            loop.until(lambda: viewer.newest > 0)
            viewer.process.kill()
            viewer.wait()
            loop.until(lambda: not server.viewers, what="the viewer is forgotten")
        with Watcher(server) as watcher:
            count = loop.count
            loop.until(lambda: watcher.newest > count)
    assert server.stats.updates == loop.count
    assert server.stats.refused == 0


@pytest.mark.parametrize("size", [100, 1 << 17])
def test_a_thawed_viewer_gets_the_newest_frame_and_no_backlog(size: int) -> None:
    """At most one frame is stale after a freeze, and the newest follows within 1 s."""
    with Server(view=None, overhead=1) as server, ProcessViewer(server) as viewer:
        loop = Loop(server, size)
        loop.until(lambda: viewer.newest > 0)
        best_of((until_fresh(loop, viewer) for _ in range(5)), 1.0)
        assert not any(torn for *_, torn in viewer.seen)


def until_fresh(loop: Loop, viewer: ProcessViewer) -> float:
    """Seconds from the thaw of a viewer to a frame of after that."""
    [held] = loop.server._session.publisher._held
    viewer.freeze()
    loop.during(0.2)  # what is under way fills the kernel's buffers
    sent = loop.server.stats.sent
    memory = psutil.Process().memory_info().rss
    loop.took.clear()
    loop.during(0.4)
    assert sorted(loop.took)[len(loop.took) // 2] < 0.05  # nothing waits for it
    stale_at = loop.count
    loop.until(lambda: held.newest.number > stale_at, what="a snapshot to be held")
    assert loop.server.stats.sent <= sent + 2
    room = 8 * loop.array.nbytes + (16 << 20)
    assert psutil.Process().memory_info().rss < memory + room
    frozen_at, old = loop.count, len(viewer.seen)
    thawed = time.monotonic()
    viewer.thaw()
    loop.until(lambda: viewer.newest > frozen_at, what="a fresh frame")
    after = viewer.seen[old:]
    stale = [seen for seen in after if seen[1] <= stale_at]
    fresh = next(seen for seen in after if seen[1] > frozen_at)
    assert len(stale) <= 1
    return fresh[0] - thawed


def test_each_of_several_viewers_gets_the_newest_at_its_own_speed() -> None:
    """Slow viewers miss frames but never fall behind, and all get the last frame."""
    best_of((lag_of_the_viewers() for _ in range(4)), 0.25)


def lag_of_the_viewers() -> float:
    """Seconds that most frames are old at the most when they are seen."""
    with Server(view=None, overhead=1) as server:
        loop = Loop(server)
        with (
            ProcessViewer(server) as fast,
            ProcessViewer(server, 0.1) as slow,
            ProcessViewer(server, 0.4) as slowest,
        ):
            viewers = [fast, slow, slowest]
            loop.until(lambda: all(viewer.newest for viewer in viewers))
            loop.until(
                lambda: len(fast.seen) > len(slow.seen) > len(slowest.seen) >= 4,
                what="each at its own speed",
            )
            server.close()
            worst = 0.0
            for viewer in viewers:
                viewer.wait()
                assert viewer.said[-1] == "end"
                assert viewer.newest == loop.count
                # One element of slack: the last frame waits behind the pause.
                lags = [t - loop.when[number] for t, number, *_ in viewer.seen[:-1]]
                worst = max(worst, sorted(lags)[len(lags) // 2])
            return worst


def test_a_viewer_that_stops_reading_inside_a_message_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half a message left unread for too long ends the connection, not the run."""
    monkeypatch.setattr(reception, "STALL", 0.3)
    monkeypatch.setattr(publisher, "TICK", 0.05)
    with Server(view=None, overhead=1) as server:
        client = Client(server)
        incoming = client.messages()
        assert isinstance(next(incoming), Welcome)
        client.ready()
        big = np.zeros(1 << 23)  # more than the kernel's buffers hold
        server.update(big)
        eventually(lambda: server.stats.sent == 1)
        eventually(lambda: not server.viewers, what="it is dropped")
        server.update(big)
        client.close()
        incoming.close()


def test_a_viewer_that_asks_without_end_gets_at_most_its_credit() -> None:
    """A thousand requests, none of them taken back, are worth two frames."""
    with Server(view=None, overhead=1) as server:
        client = Client(server)
        incoming = client.messages()
        assert isinstance(next(incoming), Welcome)
        for _ in range(1000):
            client.ready()
        client.say(Opened("asked"))
        eventually(lambda: server.viewers[0].view == "asked")
        loop = Loop(server)
        loop.until(lambda: server.stats.sent == 2)
        loop.during(0.2)
        assert server.stats.sent == 2
        client.close()
        incoming.close()


def test_a_viewer_that_says_goodbye_is_forgotten_at_once() -> None:
    """Leaving on purpose is no trouble to either side."""
    with Server(view=None) as server:
        with Watcher(server) as watcher:
            server.update(1)
            watcher.wait_for(1)
            assert [viewer.frames for viewer in server.viewers] == [1]
        eventually(lambda: not server.viewers)
        assert watcher.error is None
