"""The background thread alone: feeds on one side, raw connections on the other."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot.net import held, publisher, reception, sockets
from async_plot.net.annex import Nothing
from async_plot.net.budget import Budget
from async_plot.net.disk import Disk, Task
from async_plot.net.feed import Feed
from async_plot.net.keeper import Keeper
from async_plot.net.publisher import Ending, Publisher
from async_plot.net.recording import Recording
from async_plot.net.records import Records
from async_plot.net.tape import Tape
from async_plot.wire import codec, handshake
from async_plot.wire.connection import Connection, Phase
from async_plot.wire.handshake import Dialling
from async_plot.wire.messages import (
    Frame,
    Goodbye,
    Job,
    Log,
    Message,
    Opened,
    Pace,
    PlotterCode,
    Progress,
    Ready,
    Right,
    Role,
    RunState,
    Scalars,
    Slowest,
    Stalled,
    State,
    Stats,
    Steering,
)

from ..helpers import AMPLE, Deadline, eventually
from ..wire.samples import SAMPLES

KEY = bytes(32)


class Dialled:
    """A connection of the test's, message by message."""

    def __init__(self, address: Any, role: Role = Role.VIEWER) -> None:
        self.sock = sockets.dial(*address, AMPLE)
        key = handshake.derive(KEY, Right.LOOK)
        if role is Role.WORKER:
            key = handshake.worker_key(KEY)
        self.connection = Connection(Dialling(key, role, Right.LOOK))
        self.got: list[Message] = []
        while self.connection.phase is Phase.PROVING and self.receive():
            self._flush()

    def receive(self) -> bool:
        """Take what comes; False at the end of the stream."""
        count = self.sock.recv_into(self.connection.get_buffer())
        if count:
            self.got += self.connection.received(count)
        return bool(count)

    def say(self, message: Message) -> None:
        self.connection.send(message)
        self._flush()

    def _flush(self) -> None:
        for part in self.connection.data_to_send():
            self.sock.sendall(part)
            self.connection.sent(len(part))

    def expect(self, kind: type, count: int = 1) -> Any:
        """Receive until there are so many of a kind; give the last."""
        deadline = Deadline(AMPLE)
        while len(found := [m for m in self.got if isinstance(m, kind)]) < count:
            deadline.check(f"{kind.__name__}, got {self.got}")
            assert self.receive(), f"the end, got {self.got}"
        return found[-1]

    def expect_that(self, kind: type, holds: Callable[[Any], object]) -> Any:
        """Receive until one of a kind is as wanted, whatever else came; give it."""
        deadline = Deadline(AMPLE)
        while not (found := [m for m in self.got if isinstance(m, kind) and holds(m)]):
            deadline.check(f"{kind.__name__}, got {self.got}")
            assert self.receive(), f"the end, got {self.got}"
        return found[0]

    def hung_up(self) -> bool:
        """Whether the other end hangs up now."""
        try:
            while self.receive():
                pass
        except ConnectionError:
            pass
        return True

    def __enter__(self) -> Dialled:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


class Jobs(Nothing):
    """An annex with a little news."""

    def __init__(self) -> None:
        self.left: list[int] = []
        self.standing: list[Message] = []
        self.closed = False
        self.changes = 0
        self.cost = 0.0  # seconds of computing
        self._workers = 0
        self._at = 0.0
        self._heard: list[Message] = []
        self._orders: dict[int, Message] = {}

    def next_at(self, *, watched: bool) -> float:
        return self._at if self._workers else math.inf

    def news(self, now: float) -> list[Message]:
        self._at = now + (0.1 if self.cost else 0.01)
        began = time.thread_time()
        while time.thread_time() - began < self.cost:
            pass
        heard, self._heard = self._heard, []
        return heard

    def tail(self) -> list[Message]:
        return self.standing

    def join(self, worker: int) -> list[Message]:
        self._workers += 1
        return [Pace(3.0)]

    def hear(self, worker: int, message: Message, now: float) -> None:
        self._heard.append(message)
        self._orders = {worker: Pace(5.0)}

    def orders(self) -> dict[int, Message]:
        orders, self._orders = self._orders, {}
        return orders

    def leave(self, worker: int) -> None:
        self._workers -= 1
        self.left.append(worker)

    def end(self, state: RunState, now: float) -> list[Message]:
        return [SAMPLES[Slowest]]

    def close(self) -> None:
        self.closed = True


class Run:
    """A publisher that serves two feeds."""

    def __init__(
        self,
        directory: Path,
        stalled_after: float | None = None,
        disk: Disk | None = None,
        tape: Tape | None = None,
    ) -> None:
        listener = sockets.listen("127.0.0.1", 0)
        self.address = listener.getsockname()
        self.feeds = [Feed("a", None), Feed("b", None)]
        self.record = directory / "record"
        self.retired: list[str] = []
        self.annex = Jobs()
        introduction: list[Message] = [
            PlotterCode("a", "A", [3, 11]),
            PlotterCode("b", "B", [3, 11]),
        ]
        self.publisher = Publisher(
            listener,
            KEY,
            self.feeds,
            introduction,
            Budget(1.0, time.monotonic()),
            Keeper(self.record, disk or Disk(), self.retired.append, 1.0),
            tape,
            stalled_after=stalled_after,
            annex=self.annex,
        )
        self.publisher.start()

    def tell_end(self, seconds: float) -> None:
        """Have it end; viewers that stay, or a disk, may delay that for so long."""
        deadline = time.monotonic() + seconds
        self.publisher.finish(Ending(State("finished", "", time.time()), deadline))

    def end(self, seconds: float = 0.5) -> None:
        """End it, and wait for that."""
        self.tell_end(seconds)
        self.has_ended()

    def has_ended(self) -> None:
        """Wait for its end."""
        self.publisher.join(AMPLE)
        assert self.publisher.done
        self.publisher.notice.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "run").mkdir()
    run = Run(tmp_path / "run")
    yield run
    if not run.publisher.done:
        run.end()


def test_a_viewer_is_introduced_and_served_on_credit(run: Run) -> None:
    """First who it is, then, for each request, one frame of the plotter asked for."""
    run.feeds[0].update("first")
    run.feeds[1].update("other")
    with Dialled(run.address) as viewer:
        viewer.expect(Stats, 2)
        # What comes by itself now and then may follow at once.
        assert [type(m) for m in viewer.got[:5]] == [
            *[PlotterCode] * 2,
            Steering,
            *[Stats] * 2,
        ]
        viewer.say(Ready("a", 0))
        assert viewer.expect(Frame).number == 1
        for i in range(2, 6):
            viewer.say(Ready("a", i - 1))
            eventually(lambda: run.feeds[0].due)
            run.feeds[0].update(i)
            frame = viewer.expect(Frame, i)
            assert (frame.plotter, frame.number) == ("a", i)
        [info] = run.publisher.viewers()
        assert (info.frames, info.shown) == (5, 4)
        run.end()
        assert viewer.expect(State).state == "finished"
        assert viewer.hung_up()
        last = {m.plotter: m.number for m in viewer.got if isinstance(m, Frame)}
        assert last == {"a": 5, "b": 1}


def test_a_wait_for_an_opened_figure_is_told(run: Run) -> None:
    """By the bell that rings for it."""
    assert not run.publisher.opened
    with Dialled(run.address) as viewer:
        viewer.say(Opened("window"))
        assert run.publisher.notice.wait(AMPLE)
        assert run.publisher.opened
        assert run.publisher.viewers()[0].view == "window"


@pytest.mark.parametrize(
    "said",
    [Ready("unknown", 0), Goodbye("enough")],
    ids=["unknown plotter", "goodbye"],
)
def test_a_viewer_is_hung_up_on(said: Message, run: Run) -> None:
    """When it asks for what is not there, or leaves."""
    with Dialled(run.address) as viewer:
        viewer.say(said)
        assert viewer.hung_up()
    assert run.publisher.viewers() == []


def test_a_worker_is_heard_and_is_no_viewer(run: Run) -> None:
    """What it says goes to the annex; it is told nothing of what viewers are."""
    with Dialled(run.address, Role.WORKER) as worker, Dialled(run.address) as viewer:
        assert worker.expect(Pace).seconds == 3.0
        assert [each.role for each in run.publisher.viewers()] == ["viewer"]
        worker.say(SAMPLES[Progress])
        assert viewer.expect(Progress) == SAMPLES[Progress]
        assert worker.expect(Pace, 2).seconds == 5.0
        run.publisher.chronicle.add_record(Log(0.0, 20, "", "for viewers"))
        viewer.expect(Log)
        worker.say(Goodbye("it is done"))
        assert worker.hung_up()
        assert {type(m) for m in worker.got} == {Pace}
        eventually(lambda: run.annex.left == [1])
        run.end()
        assert viewer.expect(Slowest) == SAMPLES[Slowest]
    assert run.annex.closed


def test_frames_come_beside_workers_that_cost_more_than_the_budget(run: Run) -> None:
    """Half of it is the frames' own."""
    run.publisher._budget.share, run.annex.cost = 0.1, 0.05
    with Dialled(run.address, Role.WORKER) as worker, Dialled(run.address) as viewer:
        worker.expect(Pace)
        run.feeds[0].update(0)
        for i in range(1, 4):
            viewer.say(Ready("a", i - 1))
            assert viewer.expect(Frame, i).plotter == "a"
            worker.say(SAMPLES[Progress])
            viewer.expect(Progress, i)  # five times what the budget earns meanwhile
            eventually(lambda: run.feeds[0].due)
            run.feeds[0].update(i)


def test_a_viewer_that_comes_late_is_told_how_jobs_stand(run: Run) -> None:
    """With its introduction."""
    run.annex.standing, run.annex.changes = [SAMPLES[Job], SAMPLES[Progress]], 1
    with Dialled(run.address) as viewer:
        viewer.expect(Stats, 2)
        kinds = [type(m) for m in viewer.got if not isinstance(m, Stats)]
        assert sorted(k.__name__ for k in kinds[2:]) == ["Job", "Progress", "Steering"]
    run.end()
    with Records(run.record) as records:
        kept = [type(records.read(entry)) for entry in records.entries]
    assert Job in kept
    assert Progress in kept


def test_of_too_many_workers_the_last_is_turned_away(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Viewers have places of their own."""
    run.publisher.reception._most = 1
    with Dialled(run.address, Role.WORKER) as first:
        first.expect(Pace)
        with Dialled(run.address, Role.WORKER) as second:
            assert second.hung_up()
        with Dialled(run.address) as viewer:
            viewer.expect(Stats)


def test_of_too_many_unproven_peers_the_oldest_goes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Viewers that proved themselves stay."""
    monkeypatch.setattr(reception, "MAX_UNPROVEN", 3)
    with Dialled(run.address) as viewer:
        silent = [sockets.dial(*run.address, AMPLE) for _ in range(5)]
        for sock in silent:
            assert len(sock.recv(100)) == 42
        for sock in silent[:2]:
            assert sock.recv(1) == b""
        for sock in silent:
            sock.close()
        viewer.expect(Stats, 2)
        assert len(run.publisher.viewers()) == 1


def test_a_viewer_too_many_is_hung_up_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others stay."""
    monkeypatch.setattr(reception, "MAX_VIEWERS", 1)
    with Dialled(run.address) as first, Dialled(run.address):
        eventually(lambda: len(run.publisher.viewers()) == 2)
        with sockets.dial(*run.address, AMPLE) as third:
            while third.recv(100):
                pass
        first.expect(Stats, 2)
        assert len(run.publisher.viewers()) == 2


def test_a_peer_without_a_proof_in_time_is_hung_up_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it said part of it or nothing."""
    monkeypatch.setattr(reception, "HANDSHAKE_TIMEOUT", 0.2)
    with (
        sockets.dial(*run.address, AMPLE) as mute,
        sockets.dial(*run.address, AMPLE) as slow,
    ):
        with contextlib.suppress(ConnectionError):  # this end may be late, too
            slow.sendall(b"\x89APLOT")
        for sock in (mute, slow):
            with contextlib.suppress(ConnectionResetError):
                assert len(sock.recv(100)) == 42
                assert sock.recv(1) == b""


def test_statistics_and_records_come_by_themselves(run: Run) -> None:
    """While updates go on."""
    with Dialled(run.address) as viewer:
        viewer.expect(Stats, 2)
        for i in range(10):
            run.feeds[1].update(i)
        stats = viewer.expect_that(Stats, lambda stats: stats.updates == 10)
        assert (stats.plotter, stats.viewers) == ("b", 1)


def test_the_end_without_viewers_is_quick_and_kept(run: Run) -> None:
    """The last frame, and how it ended."""
    run.feeds[0].update(1)
    before = time.monotonic()
    run.end(AMPLE)
    assert time.monotonic() - before < AMPLE / 2
    assert run.retired == ["finished"]
    with Records(run.record) as kept:
        last = kept.entries[-1]
        assert last.kind is State and kept.damage == ""
        assert [e.number for e in kept.entries if e.kind is Frame] == [1]
    run.feeds[0].update(2)
    assert run.feeds[0].drain() == []


def test_a_record_that_fails_is_told(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line; the viewers get their last word all the same."""
    run.record.parent.rename(run.record.parent.with_name("gone"))
    with Dialled(run.address) as viewer:
        viewer.expect(Stats, 2)
        run.feeds[0].update(1)
        run.tell_end(AMPLE)
        assert viewer.expect(State).state == "finished"
    run.has_ended()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "No such file" in record.getMessage()
    assert run.retired == ["finished"]


def test_the_record_is_there_while_the_run_goes_on(run: Run) -> None:
    """From the first frame on; it has no last word."""
    run.feeds[0].update(1)
    eventually(run.record.exists)
    with Records(run.record) as kept:
        assert [e.number for e in kept.entries if e.kind is Frame] == [1]
        assert not any(e.kind is State for e in kept.entries)


def test_a_disk_that_hangs_delays_neither_frames_nor_the_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it was lent is never overwritten meanwhile."""
    hanging = threading.Event()
    real = os.pwritev

    def hang(*args: Any) -> int:
        hanging.wait(AMPLE)
        return real(*args)

    monkeypatch.setattr(os, "pwritev", hang)
    run.feeds[0].update(np.full(1000, 1.0))
    eventually(lambda: run.publisher.keeper.writing)
    with Dialled(run.address) as viewer:
        for i in range(2, 8):
            viewer.say(Ready("a", i - 1))
            eventually(lambda: run.feeds[0].due)
            run.feeds[0].update(np.full(1000, float(i)))
            viewer.expect(Frame, i - 1)
        run.end(0.2)
        assert viewer.expect(State).state == "finished"
    hanging.set()
    eventually(lambda: run.retired == ["finished"])
    eventually(lambda: not run.publisher.keeper.disk.is_alive())
    with Records(run.record) as kept:
        [entry] = [e for e in kept.entries if e.kind is Frame]
        frame = kept.read(entry)
        assert isinstance(frame, Frame)
        [array], _ = codec.decode(frame.payload, frame.buffers)
        assert (array == entry.number).all()


def test_a_discarded_start_tells_and_stores_nothing(run: Run) -> None:
    """And leaves the feeds to the next start."""
    run.publisher.discarded = True
    run.end()
    assert not run.record.exists() and run.retired == []
    assert run.feeds[0].due


def test_scalars_do_not_pile_up_before_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait in their histories, and come whole when it goes on."""
    monkeypatch.setattr(publisher, "TICK", 0.01)
    disk, file, hanging = Disk(), tmp_path / "x.aplot", threading.Event()
    tape = Tape(Recording(file), disk)
    run = Run(tmp_path, disk=disk, tape=tape)
    eventually(lambda: file.exists() and tape._recorder.size)
    disk.put(Task(lambda: float(hanging.wait(AMPLE)) * 0))
    chronicle = run.publisher.chronicle
    for point in range(50):
        chronicle.add_point(None, {"a": float(point)})
        seen = run.publisher._next_tick
        eventually(lambda seen=seen: run.publisher._next_tick > seen)  # type: ignore[misc]
    waiting = [each for each in tape._waiting if isinstance(each, Scalars)]
    hanging.set()
    run.end(AMPLE)
    eventually(lambda: not disk.is_alive())
    assert len(waiting) <= 1
    with Records(file) as records:
        read = [records.read(e) for e in records.entries if e.kind is Scalars]
    points = [v for each in read for v in np.frombuffer(each.buffers[1])]
    assert points == list(range(50))


@pytest.mark.parametrize("end", ["discarded", "defect"])
def test_a_recording_is_closed_without_an_end(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its descriptor goes, and the file is whole."""
    disk, file = Disk(), tmp_path / "x.aplot"
    tape = Tape(Recording(file), disk)
    run = Run(tmp_path, disk=disk, tape=tape)
    eventually(lambda: file.exists() and tape._recorder.size)
    if end == "discarded":
        run.publisher.discarded = True
    else:
        monkeypatch.setattr(run.publisher, "_end", lambda ending: 1 / 0)
    run.end()
    eventually(lambda: not disk.is_alive())
    assert tape._recorder._writer is not None and tape._recorder._writer.closed


def test_a_dead_process_is_noticed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a tick, with its reason, and whoever waits is woken."""
    run.publisher.watch_process = lambda: "it died"
    assert run.publisher.notice.wait(AMPLE)
    assert run.publisher.process_ended == "it died"


def test_a_silent_thread_of_daemons_ends_nothing_else(run: Run) -> None:
    """It is a daemon, named for debuggers."""
    [thread] = [t for t in threading.enumerate() if t.name == "async_plot"]
    assert thread.daemon


def test_a_half_closed_viewer_is_dropped(run: Run) -> None:
    """It will never ask again."""
    with Dialled(run.address) as viewer:
        viewer.expect(Stats, 2)
        viewer.sock.shutdown(socket.SHUT_WR)
        assert viewer.hung_up()
    assert run.publisher.viewers() == []


def test_it_says_that_it_lives_while_nothing_happens(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statistics that tell nothing new, for viewers to know by."""
    monkeypatch.setattr(held, "STATS_EVERY", 0.1)
    with Dialled(run.address) as viewer:
        viewer.expect(Stats, 4)


def goes_on(told: Stalled) -> bool:
    """Whether this says that there is life again; soon it may stall once more."""
    return not told.text


@pytest.fixture
def stalled(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path, stalled_after=0.2)
    yield run
    run.end()


def test_a_stall_is_told_to_viewers_early_and_late(
    stalled: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever comes later hears of it too, until the calculation goes on."""
    with Dialled(stalled.address) as early:
        told = early.expect(Stalled)
        assert told.seconds >= 0.2
        assert "MainThread" in told.text
        with Dialled(stalled.address) as late:
            assert late.expect(Stalled).seconds >= told.seconds
        assert all(m.text for m in early.got if isinstance(m, Stalled))
        stalled.feeds[1].update(1)
        early.expect_that(Stalled, goes_on)
    eventually(lambda: "no sign of life" in caplog.text)
    assert "MainThread" in caplog.text


@pytest.mark.parametrize("sign", ["update", "log", "other"])
def test_signs_of_life(stalled: Run, sign: str) -> None:
    """Of any feed, of the scalars, and whatever calls the alarm."""
    signs = {
        "update": lambda: stalled.feeds[1].update_with(lambda: 1),
        "log": lambda: stalled.publisher.chronicle.add_point(None, {"a": 1.0}),
        "other": stalled.publisher.alarm.alive,
    }
    with Dialled(stalled.address) as viewer:
        viewer.expect(Stalled)
        signs[sign]()
        viewer.expect_that(Stalled, goes_on)


def test_a_log_that_hangs_does_not_hold_up_the_alarm(stalled: Run) -> None:
    """What made the calculation hang may be the log."""
    end, reached = threading.Event(), threading.Event()

    class Hanging(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reached.set()
            end.wait()

    handler = Hanging()
    logging.getLogger("async_plot").addHandler(handler)
    try:
        with Dialled(stalled.address) as viewer:
            viewer.expect(Stalled, 2)  # the second is of later than the warning
            assert reached.wait(AMPLE)
            stalled.feeds[0].update(1)
            viewer.expect_that(Stalled, goes_on)
    finally:
        end.set()
        logging.getLogger("async_plot").removeHandler(handler)


def test_feeds_that_are_gone_without_a_word_are_an_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt may have come just when their server was collected."""
    monkeypatch.setattr(publisher, "FORSAKEN", 20)
    run.feeds[0].update(1)
    # What is told later of feeds that are gone is what was told last.
    eventually(lambda: run.publisher._held[0]._told == 1)
    with Dialled(run.address) as viewer:
        viewer.expect(Stats, 2)
        run.feeds.clear()
        assert viewer.expect(State).state == "finished"
        assert max(m.updates for m in viewer.got[-4:] if isinstance(m, Stats)) == 1
    run.publisher.join(AMPLE)
    assert run.publisher.done
    assert run.retired == ["finished"]
