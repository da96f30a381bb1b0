"""Locks that dead workers hold."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import Any

from async_plot.jobs.engines import jams


class Pool:
    """Two workers, a lock, and a pipe with something in it."""

    def __init__(self) -> None:
        self.lock: Any = threading.Lock()
        self.bytes: int | None = 10
        self.states = {1: ("S", 0.0), 2: ("S", 0.0)}

    def jam(self) -> jams.Jam:
        class Lock:
            """As multiprocessing's, whose word for it is another one."""

            def acquire(_, *, block: bool) -> bool:
                return bool(self.lock.acquire(blocking=block))

            def release(_) -> None:
                self.lock.release()

        return jams.Jam(Lock(), lambda: self.bytes, self.states.get)

    def seen(self, jam: jams.Jam, seconds: float, begin: float = 0.0) -> bool:
        looks = range(round(seconds / jams.LOOK))
        return any([jam.look(begin + n * jams.LOOK, (1, 2)) for n in looks])


def test_a_lock_that_nobody_can_hold_is_a_jam() -> None:
    """After a second, and not before."""
    pool = Pool()
    jam = pool.jam()
    with pool.lock:
        assert not pool.seen(jam, 0.9)
        assert pool.seen(jam, 0.5, 0.9)


def test_what_is_free_or_goes_on_is_none() -> None:
    """The lock comes free, or the pipe gets empty or emptier."""
    pool = Pool()
    assert not pool.seen(pool.jam(), 5)
    with pool.lock:
        jam, pool.bytes = pool.jam(), None
        assert not pool.seen(jam, 5)
        for number in range(100, 0, -1):
            pool.bytes = number
            assert not pool.seen(jam, 0.2)


def test_the_holder_may_be_one_that_is_kept_from_running() -> None:
    """Stopped, waiting for a disk, or for its turn on a busy machine."""
    pool = Pool()
    for state in "TDR":
        pool.states[2] = state, 0.1
        with pool.lock:
            assert not pool.seen(pool.jam(), 100)


def test_one_that_computes_for_long_is_not_the_holder() -> None:
    """It would have read what lies there."""
    pool = Pool()
    jam = pool.jam()
    with pool.lock:
        pool.states[2] = "R", 1.0
        assert not pool.seen(jam, 1)
        pool.states[2] = "R", 1.6
        assert pool.seen(jam, 1.2, 1)


def test_where_nothing_is_told_it_takes_longer() -> None:
    """As on systems without /proc."""
    pool = Pool()
    jam = pool.jam()
    pool.states.clear()
    with pool.lock:
        assert not pool.seen(jam, 9)
        assert pool.seen(jam, 2, 9)


def test_the_state_of_this_process() -> None:
    """It runs, and has computed something."""
    state, spent = jams._status(os.getpid()) or ("R", 1.0)
    assert state in "RS" and spent > 0
    assert jams._status(1 << 30) is None


def test_what_a_dead_worker_has_taken_part_of_is_not_whole() -> None:
    """Its rest would be taken for the begin of the next."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    with reader, writer:
        assert not jams.is_whole(reader)
        for _ in range(2):
            writer.send(("task", 1))
        for _ in range(2):
            assert jams.is_whole(reader)
        os.read(reader.fileno(), 4)
        assert not jams.is_whole(reader)
        os.read(reader.fileno(), 5)
        assert not jams.is_whole(reader)
