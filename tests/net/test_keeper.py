"""Tests of what stays of a run: when it is written, and how it survives trouble."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot.net import keeper as module
from async_plot.net.camera import Camera
from async_plot.net.disk import Disk, Task
from async_plot.net.keeper import BUSY, EVERY, FIRST, RATE, Keeper
from async_plot.net.records import Records
from async_plot.net.snapshot import Snapshot
from async_plot.wire.messages import Frame, Log, State, Stats, Welcome

from ..helpers import AMPLE
from ..wire.samples import SAMPLES

TOLD = [SAMPLES[Welcome], SAMPLES[Log]]
END = [SAMPLES[Stats], State("finished", "", 1.0)]


class Run:
    """A keeper, with the publisher's part of its life."""

    def __init__(self, path: Path) -> None:
        self.retired: list[str] = []
        self.disk = Disk()
        self.keeper = Keeper(path, self.disk, self.retired.append, 0.01)
        self.disk.begin()

    def settle(self) -> None:
        self.disk.put(Task(lambda: 0.0, lambda task: None))  # after what is not told
        assert self.disk.wait(time.monotonic() + AMPLE)
        self.disk.settle(lambda snapshot: None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "record"


@pytest.fixture
def run(path: Path) -> Iterator[Run]:
    path.parent.mkdir()
    run = Run(path)
    yield run
    run.keeper.close()
    run.disk.stop(time.monotonic() + AMPLE)


def shot(number: int, array: Any = 0) -> Snapshot:
    return Camera("", None).take(number, (array,), {})


def kinds(path: Path) -> list[str]:
    """What a record holds, frames by their numbers."""
    with Records(path) as found:
        assert found.own and found.damage == ""
        return [
            str(e.number) if e.kind is Frame else e.kind.__name__ for e in found.entries
        ]


def test_a_record_is_replaced_in_one_step(run: Run, path: Path) -> None:
    """And nothing is left beside it."""
    for number in (1, 2):
        run.keeper.keep(TOLD, [shot(number)], [SAMPLES[Stats]])
        assert run.keeper.writing
        run.settle()
        assert not run.keeper.writing
        assert kinds(path) == ["Welcome", "Log", str(number), "Stats"]
        assert os.listdir(path.parent) == ["record"]


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this one takes: another test is about slow ones."""
    monkeypatch.setattr(module, "BUSY", math.inf)
    monkeypatch.setattr(module, "SHARE", math.inf)


@pytest.mark.usefixtures("quick_disk")
def test_it_is_due_when_there_is_news_and_time(run: Run) -> None:
    """At most every so often; not while one is being written."""
    keeper = run.keeper
    assert not keeper.due(0.0, 0, (0, 0))
    assert keeper.due(0.0, 0, (0, 1))  # a log record
    keeper.keep(TOLD, [], [])
    assert not keeper.due(1.0, 1, (1, 1))
    run.settle()
    assert not keeper.due(0.9, 0, (0, 2))
    assert keeper.due(0.9, 1, (1, 2))  # the first frame
    keeper.keep(TOLD, [shot(1)], [])
    run.settle()
    assert not keeper.due(1 + FIRST, 1, (2, 2))
    assert not keeper.due(10 * EVERY, 1, (1, 2))
    assert keeper.due(10 * EVERY, 1, (2, 2))


@pytest.mark.usefixtures("quick_disk")
def test_a_young_run_is_kept_more_often(run: Run) -> None:
    """Most crashes are early ones."""
    keeper = run.keeper
    waits, now = [], 0.0
    for number in range(1, 8):
        assert keeper.due(now, 1, (number,))
        keeper.keep(TOLD, [], [])
        run.settle()
        waits.append(keeper.due_at - now)
        now = keeper.due_at
    assert waits == [1, 2, 4, 8, 10, 10, 10]


def test_big_and_slow_ones_are_rare(run: Run) -> None:
    """So that no disk is worn out or kept busy by being watched."""
    keeper = run.keeper
    size = 20 * RATE
    assert keeper.due(100.0, 1, (1,))
    keeper.keep([], [shot(1, np.zeros(size, np.uint8))], [])
    run.settle()
    assert 100 + 20 <= keeper.due_at
    assert keeper.path.stat().st_size > size


def test_a_slow_disk_is_asked_less_often(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is busy with this for a hundredth of the time at most."""
    real = os.pwritev
    slow = 0.2

    def wait(*args: Any) -> int:
        time.sleep(slow)
        return real(*args)

    monkeypatch.setattr(os, "pwritev", wait)
    assert run.keeper.due(100.0, 1, (1,))
    run.keeper.keep([], [shot(1)], [])
    run.settle()
    assert run.keeper.due_at >= 100 + slow / BUSY


def test_frames_beyond_the_limit_are_left_out(
    run: Run,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Which is said once; the rest is kept."""
    monkeypatch.setattr(module, "MOST", 100_000)
    for number in (1, 2):
        run.keeper.keep(TOLD, [shot(number, np.zeros(100_000))], [SAMPLES[Stats]])
        run.settle()
    assert kinds(path) == ["Welcome", "Log", "Stats"]
    assert len(caplog.records) == 1
    assert "not kept on disk: more than" in caplog.text


def test_the_end_is_added_to_what_is_there(run: Run, path: Path) -> None:
    """Before anything that may take long; noted beside it after that."""
    run.keeper.keep(TOLD, [shot(1)], [])
    run.keeper.end(TOLD, END)
    run.settle()
    assert kinds(path) == ["Welcome", "Log", "1", "Stats", "State"]
    assert run.retired == []  # viewers would take that record for the last
    run.keeper.keep(TOLD, [shot(2)], END)
    run.keeper.retire("finished")
    run.keeper.retire("lost")  # it is said already
    run.settle()
    assert run.keeper.retired
    assert kinds(path) == ["Welcome", "Log", "2", "Stats", "State"]
    assert run.retired == ["finished"]


def test_the_end_where_there_is_no_record_yet(run: Run, path: Path) -> None:
    """Then it is all that there is."""
    run.keeper.end(TOLD, END)
    run.settle()
    assert kinds(path) == ["Welcome", "Log", "Stats", "State"]


def test_a_full_disk_leaves_the_old_record_and_takes_the_end(
    run: Run,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Said once; tried again later."""
    run.keeper.keep(TOLD, [shot(1)], [])
    run.settle()
    real = os.pwritev

    def full(number: int, parts: list[memoryview], offset: int) -> int:
        if sum(map(len, parts)) > 1000:
            raise OSError(28, "No space left on device")
        return real(number, parts, offset)

    monkeypatch.setattr(os, "pwritev", full)
    for number in (2, 3):
        run.keeper.keep(TOLD, [shot(number, np.zeros(1000))], [])
        run.settle()
    assert kinds(path) == ["Welcome", "Log", "1"]
    assert os.listdir(path.parent) == ["record"]
    run.keeper.end(TOLD, END)
    run.settle()
    assert kinds(path) == ["Welcome", "Log", "1", "Stats", "State"]
    [record] = caplog.records
    assert "not kept on disk: " in record.getMessage()
    assert "No space left" in record.getMessage()
    monkeypatch.setattr(os, "pwritev", real)
    run.keeper.keep(TOLD, [shot(4)], END)
    run.settle()
    assert kinds(path) == ["Welcome", "Log", "4", "Stats", "State"]


def test_a_directory_that_is_gone(
    run: Run, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Is not made again, and is said once."""
    run.keeper.keep(TOLD, [shot(1)], [])
    run.settle()
    path.unlink()
    path.parent.rmdir()
    for number in (2, 3):
        run.keeper.keep(TOLD, [shot(number)], [])
        run.settle()
    run.keeper.end(TOLD, END)
    run.settle()
    assert len(caplog.records) == 1 and "No such file" in caplog.text
    assert not path.parent.exists()


def test_an_end_that_cannot_be_noted_can_be_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not count as noted."""

    def fail(state: str) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run.keeper, "_retire", fail)
    run.keeper.retire("finished")
    run.settle()
    assert not run.keeper.retired
    monkeypatch.setattr(run.keeper, "_retire", run.retired.append)
    run.keeper.retire("finished")
    run.settle()
    assert run.retired == ["finished"]


def test_a_forked_child_holds_no_record(run: Run, path: Path) -> None:
    """And the parent's goes on."""
    run.keeper.keep(TOLD, [shot(1)], [])
    run.settle()
    child = os.fork()
    if not child:
        try:
            run.keeper.forked()
            held = [
                os.fstat(number).st_ino
                for number in range(3, 200)
                if os.path.exists(f"/proc/self/fd/{number}")
            ]
            os._exit(path.stat().st_ino in held)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    run.keeper.end(TOLD, END)
    run.settle()
    assert kinds(path)[-1] == "State"
