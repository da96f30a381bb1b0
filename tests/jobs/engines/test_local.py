"""Pools of processes on this machine: `multiprocessing.Pool` and `mpire.WorkerPool`.

What they have in common, over both and each way to start a process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import mpire
import psutil
import pytest

from async_plot.jobs.engines.base import Kind
from async_plot.jobs.engines.local import LocalPool
from async_plot.jobs.engines.mpire import Mpire
from async_plot.jobs.engines.pool import Pool

from ...helpers import AMPLE, eventually
from . import chunks

Made = tuple[Any, LocalPool]


@contextlib.contextmanager
def pooled(workers: int = 2, method: str = "fork") -> Iterator[Made]:
    with multiprocessing.get_context(method).Pool(workers) as pool:
        yield pool, Pool(pool)


@contextlib.contextmanager
def mpired(workers: int = 2, method: str = "fork") -> Iterator[Made]:
    with mpire.WorkerPool(workers, start_method=method) as pool:
        engine = Mpire(pool)
        yield pool, engine
        engine.interrupt()  # its own end takes seconds, with any method but fork


MAKERS = [pytest.param(pooled, id="pool"), pytest.param(mpired, id="mpire")]
# mpire's own starts and ends take seconds with any method but fork.
METHODS = [
    pytest.param(pooled, "fork", id="pool-fork"),
    pytest.param(pooled, "forkserver", id="pool-forkserver"),
    pytest.param(pooled, "spawn", id="pool-spawn"),
    pytest.param(mpired, "fork", id="mpire-fork"),
    *(
        pytest.param(mpired, method, id=f"mpire-{method}", marks=pytest.mark.slow)
        for method in ("forkserver", "spawn")
    ),
]
Maker = Callable[..., contextlib.AbstractContextManager[Made]]


def begun(path: Path, number: int) -> None:
    eventually(lambda: len(os.listdir(path)) >= number, what=f"{number} begun")


@pytest.mark.parametrize(("make", "method"), METHODS)
def test_chunks_are_performed(make: Maker, method: str) -> None:
    """Each chunk gives its own result, in other processes."""
    with make(method=method) as (_, engine):
        promises = [engine.submit(chunks.identity, n) for n in range(50)]
        assert [each.result(AMPLE) for each in promises] == list(range(50))
        pids = {process.pid for process in engine.processes()}
        assert engine.submit(chunks.here).result(AMPLE) in pids - {os.getpid()}
        assert engine.workers == 2
        assert engine.kind is Kind.PROCESSES


@pytest.mark.parametrize("make", MAKERS)
def test_what_a_chunk_raises_comes_back(make: Maker) -> None:
    """The promise of a chunk that raised raises that; others are not touched."""
    with make() as (_, engine):
        bad, good = engine.submit(chunks.divide, 0), engine.submit(chunks.divide, 2)
        assert isinstance(bad.exception(AMPLE), ZeroDivisionError)
        assert good.result(AMPLE) == 0.5


@pytest.mark.parametrize("make", MAKERS)
def test_what_waits_can_be_cancelled(make: Maker, tmp_path: Path) -> None:
    """Of many chunks no more than the pool needs are out of reach."""
    begin, end = tmp_path / "begun", tmp_path / "end"
    begin.mkdir()
    with make() as (_, engine):
        promises = [engine.submit(chunks.hold, str(begin), str(end)) for _ in range(20)]
        begun(begin, 2)
        cancelled = [each.cancel() for each in promises]
        assert 16 <= sum(cancelled) <= 18
        assert not any(cancelled[:2])
        end.touch()
        for each, was_cancelled in zip(promises, cancelled, strict=True):
            if not was_cancelled:
                each.result(AMPLE)
        assert len(os.listdir(begin)) == 20 - sum(cancelled)
        # And the pool goes on.
        assert engine.submit(chunks.identity, 7).result(AMPLE) == 7


@pytest.mark.parametrize("make", MAKERS)
def test_release_begins_nothing_more(make: Maker, tmp_path: Path) -> None:
    """What waits is cancelled, what runs is left alone, and the user's pool as well."""
    begin, end = tmp_path / "begun", tmp_path / "end"
    begin.mkdir()
    with make() as (pool, engine):
        promises = [engine.submit(chunks.hold, str(begin), str(end)) for _ in range(9)]
        begun(begin, 2)
        engine.release(abandoned=True)
        assert sum(each.cancelled() for each in promises) >= 6
        end.touch()
        assert promises[0].result(AMPLE)
        assert pool.apply(chunks.identity, (3,)) == 3


@pytest.mark.parametrize(("make", "method"), METHODS)
@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGSEGV, 3])
def test_the_dead_are_remembered(make: Maker, method: str, status: int) -> None:
    """A worker that died can be asked how, although its pool has forgotten it."""
    with make(method=method) as (_, engine):
        engine.submit(chunks.identity, 1).result(AMPLE)
        eventually(lambda: len(engine.processes()) == 2)
        engine.submit(chunks.die, status)
        dead = eventually(
            lambda: [each.exitcode for each in engine.processes() if each.exitcode]
        )
        assert dead == [status]
        engine.release(abandoned=True)


@pytest.mark.parametrize(("make", "method"), METHODS)
def test_an_interrupt_ends_the_pool(make: Maker, method: str, tmp_path: Path) -> None:
    """What runs is ended, also what hears no signal; nothing more begins."""
    begin = tmp_path / "begun"
    begin.mkdir()
    with make(method=method) as (_, engine):
        promises = [engine.submit(chunks.spin, str(begin)) for _ in range(8)]
        begun(begin, 2)
        processes = [psutil.Process(each.pid) for each in engine.processes()]
        engine.interrupt()
        eventually(lambda: all(map(gone, processes)), what="their end")
        assert all(each.done() for each in promises)
        assert len(os.listdir(begin)) == 2
        last = engine.submit(chunks.identity, 1)
        assert not last.done()


def gone(process: psutil.Process) -> bool:
    """Ended; maybe its owner has not looked yet."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.parametrize("make", MAKERS)
def test_an_interrupt_of_an_idle_pool(make: Maker) -> None:
    """Workers without a task end, too; a second interrupt does nothing."""
    with make() as (_, engine):
        engine.submit(chunks.identity, 1).result(AMPLE)
        processes = [psutil.Process(each.pid) for each in engine.processes()]
        engine.interrupt()
        engine.interrupt()
        eventually(lambda: all(map(gone, processes)), what="their end")


@pytest.mark.parametrize("make", MAKERS)
def test_an_interrupt_before_anything(make: Maker) -> None:
    """A pool that has got nothing yet can be ended as well."""
    with make() as (_, engine):
        engine.interrupt()


def test_an_idle_worker_that_dies_jams_no_pool() -> None:
    """The one that waited for the next task, and kept all others from it."""
    with pooled() as (pool, engine):
        kill_idle(pool, engine)
        promises = [engine.submit(chunks.identity, n) for n in range(20)]

        def done() -> bool:
            engine.processes()  # as a job does, all the time
            return all(each.done() for each in promises)

        eventually(done)


def test_an_idle_worker_that_dies_delays_no_end() -> None:
    """The pool closes, though nothing is given to it any more."""
    with pooled() as (pool, engine):
        kill_idle(pool, engine)
        eventually(lambda: any(each.exitcode for each in engine.processes()))
        engine.release(abandoned=False)
        pool.close()
        pool.join()


def kill_idle(pool: Any, engine: LocalPool) -> None:
    """Kill the workers, of which one holds the lock of the tasks."""
    engine.submit(chunks.identity, 1).result(AMPLE)
    lock = pool._inqueue._rlock._semlock
    eventually(lambda: lock._get_value() == 0, what="one that waits")
    workers = [psutil.Process(each.pid) for each in engine.processes()]
    for worker in workers:
        worker.kill()
    # One that is just dying may still take the begin of a task.
    eventually(lambda: all(map(gone, workers)), what="their end")


def test_half_a_result_ends_the_pool() -> None:
    """What it had in hand is told as lost, and its owner finds it ended."""
    with pooled() as (pool, engine):
        held = engine.submit(time.sleep, AMPLE)
        engine.submit(chunks.choke)

        def done() -> bool:
            engine.processes()  # as a job does, all the time
            return held.done()

        eventually(done)
        assert isinstance(held.exception(), BrokenExecutor)
        engine.release(abandoned=False)
        pool.terminate()
        pool.join()
        assert isinstance(Pool(pool).submit(abs, -1).exception(), BrokenExecutor)
