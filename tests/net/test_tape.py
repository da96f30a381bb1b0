"""Tests of what of a run is put into its recording."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot.net import tape as module
from async_plot.net.camera import Camera
from async_plot.net.disk import Disk, Task
from async_plot.net.recording import Recording
from async_plot.net.records import Records
from async_plot.net.snapshot import Snapshot
from async_plot.net.tape import AHEAD, PAUSE, Tape
from async_plot.wire.messages import (
    Failure,
    Frame,
    Log,
    Missed,
    Progress,
    State,
    Welcome,
)

from ..helpers import AMPLE
from ..jobs.support import bar, failure
from ..wire.samples import SAMPLES

INTRODUCTION = [SAMPLES[Welcome]]
END = [State("finished", "", 1.0)]


class Run:
    """A tape, with the publisher's part of its life."""

    def __init__(self, recording: Recording | None) -> None:
        self.disk = Disk()
        self.disk.begin()
        self.freed: list[Snapshot] = []
        self.tape = Tape(recording, self.disk)
        self.tape.begin(INTRODUCTION)

    def settle(self) -> None:
        self.disk.put(Task(lambda: 0.0, lambda task: None))
        assert self.disk.wait(time.monotonic() + AMPLE)
        self.disk.settle(self.freed.append)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "run.aplot"


@pytest.fixture
def run(file: Path) -> Iterator[Run]:
    run = Run(Recording(file, rate=10))
    yield run
    run.disk.stop(time.monotonic() + AMPLE)


def shot(number: int, *, mid_step: bool = False) -> Snapshot:
    return Camera("", None).take(number, (np.zeros(10),), {}, mid_step=mid_step)


def held(file: Path) -> list[Any]:
    """What a recording holds, frames by their numbers."""
    with Records(file) as records:
        assert records.own and records.damage == ""
        return [e.number if e.kind is Frame else e.kind for e in records.entries]


def test_frames_at_the_rate_each_once_and_the_last_one(run: Run, file: Path) -> None:
    """Then how it ended."""
    one, two, three = shot(1), shot(2), shot(3)
    for snapshot, now in ((one, 5.0), (one, 5.05), (two, 5.06), (three, 5.1)):
        run.tape.offer(snapshot, now)
    run.tape.offer(three, 9.0)
    run.settle()
    assert run.freed == [one, three] and three.users == 0
    run.tape.end([three, shot(4), shot(5, mid_step=True)], END)
    run.settle()
    assert held(file) == [Welcome, 1, 3, 4, 5, State]


def test_messages_are_written_in_batches(run: Run, file: Path) -> None:
    """Those that came since the last one."""
    for _ in range(3):
        run.tape.add(SAMPLES[Log])
    run.tape.flush()
    run.tape.add(SAMPLES[Log])
    run.settle()
    assert held(file) == [Welcome, Log, Log, Log]
    run.tape.end([], END)
    run.settle()
    assert held(file) == [Welcome, Log, Log, Log, Log, State]


def test_a_disk_that_hangs_takes_a_few_frames_only(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stays bounded; what is left out is counted."""
    monkeypatch.setattr(module, "MESSAGES", 10)
    run.settle()
    hanging, real = threading.Event(), os.pwritev

    def hang(*args: Any) -> int:
        hanging.wait(AMPLE)
        return real(*args)

    monkeypatch.setattr(os, "pwritev", hang)
    shots = [shot(number) for number in range(1, 20)]
    for snapshot in shots:
        run.tape.offer(snapshot, float(snapshot.number))
        run.tape.add(SAMPLES[Log])
        run.tape.flush()
    assert sum(snapshot.users for snapshot in shots) == AHEAD
    hanging.set()
    run.settle()
    run.tape.flush()
    run.tape.end([shots[-1]], END)
    run.settle()
    with Records(file) as records:
        last = records.read(records.entries[-1])
        texts = [
            getattr(records.read(e), "text", "")
            for e in records.entries
            if e.kind is Log
        ]
    assert last == Missed(19 - AHEAD - 1)  # the last one is written in any case
    assert "8 messages came too fast for the disk" in texts
    assert [n for n in held(file) if isinstance(n, int)] == [1, 2, 19]


def test_a_full_disk_is_told_once_and_tried_again(
    run: Run,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After a while, so that no snapshots are taken for nothing."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    run.settle()
    now = time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", full)
        for number in (1, 2):
            run.tape.offer(shot(number), now + number)
        run.settle()
    assert run.tape.next_at("") > now + PAUSE / 2
    run.tape.offer(shot(3), now + 3)
    run.tape.offer(shot(4), now + 10 * PAUSE)
    run.tape.end([], END)
    run.settle()
    assert held(file)[:3] == [Welcome, 4, State]
    with Records(file) as records:
        last = records.read(records.entries[-1])
    assert isinstance(last, Missed) and last.count >= 2
    [record] = caplog.records
    assert "No space left" in record.getMessage()


def test_reaching_the_limit_is_told_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With what happens then."""
    run = Run(Recording(file, rate=1000, limit=2000))
    for number in range(1, 40):
        run.tape.offer(shot(number), float(number))
        run.settle()
    run.tape.end([], END)
    run.settle()
    run.disk.stop(time.monotonic() + AMPLE)
    [record] = caplog.records
    assert "every second frame is dropped" in record.getMessage()
    assert file.stat().st_size < 3000


def test_a_file_that_cannot_be_made_ends_the_recording_alone(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is said once."""
    file.write_text("precious")
    run = Run(Recording(file))
    run.settle()
    assert run.tape.next_at("") == float("inf")
    run.tape.offer(shot(1), 1.0)
    run.tape.add(SAMPLES[Log])
    run.tape.flush()
    run.tape.end([shot(2)], END)
    run.settle()
    run.disk.stop(time.monotonic() + AMPLE)
    [record] = caplog.records
    assert "not recorded" in record.getMessage() and file.read_text() == "precious"


def test_frames_on_their_way_to_a_file_that_cannot_be_made_say_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("precious")
    run = Run(Recording(file))
    run.tape.offer(shot(1), 1.0)  # it is not known yet
    run.tape.add(SAMPLES[Log])
    run.tape.flush()
    run.settle()
    run.disk.stop(time.monotonic() + AMPLE)
    [record] = caplog.records
    assert "not recorded" in record.getMessage()


@pytest.mark.skipif(os.name == "nt", reason="Windows lets no open file be removed")
def test_a_file_that_is_removed_is_told_once(
    run: Run, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The system would take frames for ever that nobody can read."""
    run.tape.offer(shot(1), 1.0)
    run.settle()
    file.unlink()
    for number in (2, 3):
        run.tape.offer(shot(number), time.monotonic() + number * PAUSE)
        run.settle()
    run.tape.end([shot(4)], END)
    run.settle()
    [record] = caplog.records
    assert "it was removed" in record.getMessage() and not file.exists()


def test_nothing_is_recorded_unless_asked(tmp_path: Path) -> None:
    """And nothing kept for it."""
    run = Run(None)
    snapshot = shot(1)
    run.tape.offer(snapshot, 1.0)
    run.tape.add(SAMPLES[Log])
    run.tape.flush()
    run.tape.end([snapshot], END)
    run.settle()
    run.disk.stop(time.monotonic() + AMPLE)
    assert snapshot.users == 0 and run.freed == []


def test_how_bars_stand_is_written_now_and_then(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest of each, and the last one in any case; what must arrive is whole."""
    for number in range(10):
        run.tape.add(bar(bar="a.1", done=float(number)))
        run.tape.add(bar(bar="a.2", done=float(number)))
        run.tape.add(failure(task=number))
        run.tape.flush()
        run.settle()
    monkeypatch.setattr(run.tape._states, "_due_at", 0.0)
    run.tape.flush()
    run.settle()
    run.tape.add(bar(bar="a.1", done=10.0, state="finished"))
    run.tape.end([], END)
    run.settle()
    with Records(file) as records:
        messages: list[Any] = [records.read(entry) for entry in records.entries]
    bars = [m for m in messages if isinstance(m, Progress)]
    assert [m.done for m in bars if m.bar == "a.1"] == [0.0, 9.0, 10.0]
    assert [m.done for m in bars if m.bar == "a.2"] == [0.0, 9.0]
    failed = [m.task for m in messages if isinstance(m, Failure)]
    assert failed == list(range(10))
