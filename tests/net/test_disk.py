"""Tests of the thread for the disk: it waits, and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from async_plot.net import disk as module
from async_plot.net.disk import Disk, Task
from async_plot.net.snapshot import Arena, Snapshot

from ..helpers import AMPLE, eventually


def snapshot() -> Snapshot:
    return Snapshot("", 1, False, 0.0, [memoryview(b"head")], Arena())


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    disk.begin()
    yield disk
    disk.stop(time.monotonic() + AMPLE)
    assert not disk.is_alive()


def test_tasks_are_done_in_their_order_and_told(disk: Disk) -> None:
    """By whoever settles, with what they cost."""
    said: list[Any] = []

    def write(number: int) -> float:
        said.append((number, threading.current_thread().name))
        return 0.0

    for i in range(5):
        disk.put(Task(lambda i=i: write(i), lambda task, i=i: said.append(i)))  # type: ignore[misc]
    assert disk.wait(time.monotonic() + AMPLE)
    assert said == [(i, "async_plot disk") for i in range(5)]
    assert disk.settle(print) > 0.0
    assert said[5:] == list(range(5))
    assert disk.wait(0.0) and disk.settle(print) == 0.0


def test_what_is_lent_is_held_until_it_is_settled(disk: Disk) -> None:
    """Also by a task that fails; nobody waits longer than agreed."""
    hanging = threading.Event()
    freed: list[Snapshot] = []
    one, two = snapshot(), snapshot()
    two.users = 1  # it is being sent, too

    def write() -> float:
        hanging.wait(AMPLE)
        raise OSError("disk full")

    told: list[Task] = []
    disk.put(Task(write, told.append, [one, two]))
    before = time.monotonic()
    assert not disk.wait(before + 0.05)
    disk.settle(freed.append)
    assert (freed, told, one.users, two.users) == ([], [], 1, 2)
    hanging.set()
    assert disk.wait(time.monotonic() + AMPLE)
    disk.settle(freed.append)
    assert (freed, one.users, two.users) == ([one], 0, 1)
    assert str(told[0].error) == "disk full"


def test_what_ran_beside_the_calculation_costs_nothing(disk: Disk) -> None:
    """What a task says of that is taken off."""

    def work() -> float:
        before = time.thread_time()
        while time.thread_time() < before + 0.05:
            pass
        return time.thread_time() - before

    tasks: list[Task] = []
    disk.put(Task(work, tasks.append))
    disk.put(Task(lambda: 0.0 * work(), tasks.append))
    assert disk.wait(time.monotonic() + AMPLE)
    disk.settle(print)
    beside, with_lock = tasks
    assert beside.cost < with_lock.cost > 0.04
    assert beside.seconds > 0.04


def test_an_end_that_does_not_wait(disk: Disk) -> None:
    """The thread ends by itself when the disk is back."""
    hanging = threading.Event()
    written: list[int] = []

    def write() -> float:
        hanging.wait(AMPLE)
        written.append(1)
        return 0.0

    disk.put(Task(write))
    disk.stop(0.0)
    assert disk.is_alive() and disk.daemon
    hanging.set()
    eventually(lambda: not disk.is_alive())
    assert written == [1]


def test_without_a_thread_it_is_written_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the system has none left, or before one was started."""

    def start(self: Disk) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module.Disk, "start", start)
    disk = Disk()
    disk.begin()
    assert "can't start new thread" in caplog.text
    done: list[Task] = []
    disk.put(Task(lambda: 0.0, done.append))
    assert disk.wait(0.0)
    disk.settle(print)
    assert len(done) == 1
    disk.stop(time.monotonic() + AMPLE)
