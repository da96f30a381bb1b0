"""Worker processes that die."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from async_plot.errors import TaskError, WorkerDiedError
from async_plot.jobs import deaths
from async_plot.jobs.engines import loky
from async_plot.jobs.engines.base import Kind
from async_plot.net import death

from ..helpers import eventually
from .pools import begin

FATAL = 37


def kill(x: int) -> int:
    if x == FATAL:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def leave(x: int) -> int:
    if x == FATAL:
        os._exit(3)
    return x


def crash(x: int) -> int:
    if x == FATAL:
        os.kill(os.getpid(), signal.SIGSEGV)
    return x


@pytest.fixture(autouse=True)
def _no_pool_is_left() -> Iterator[None]:
    yield
    loky.end_idle()


@contextlib.contextmanager
def pool(method: str) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (kill, "killed by SIGKILL"),
        (crash, "killed by SIGSEGV"),
        (leave, "left with exit status 3"),
    ],
)
@pytest.mark.parametrize("ordered", [True, False])
def test_the_task_is_named(function: Any, text: str, ordered: bool) -> None:
    """The very one, and how its worker died."""
    with pool("fork") as executor:
        results = begin(function, range(60), executor=executor, ordered=ordered)
        with pytest.raises(WorkerDiedError) as caught:
            list(results)
    assert (caught.value.task, caught.value.argument) == (FATAL, str(FATAL))
    assert caught.value.text == text
    assert caught.value.worker.startswith("worker ")
    assert results.state == "failed"
    died = [each for each in results.insights.workers if each.state == "died"]
    assert [each.text for each in died] == [text]


def test_a_pool_of_spawned_processes() -> None:
    """As those that were forked."""
    with pool("spawn") as executor, pytest.raises(WorkerDiedError) as caught:
        list(begin(kill, range(60), executor=executor))
    assert caught.value.task == FATAL


def test_it_is_told_while_nobody_asks_for_results() -> None:
    """The views hear of it as soon as the pool does."""
    with pool("fork") as executor:
        results = begin(kill, range(FATAL, FATAL + 9), executor=executor)
        eventually(lambda: results.failed)
    (failure,) = results.failures
    assert isinstance(failure, WorkerDiedError)
    assert failure.task == 0
    with pytest.raises(WorkerDiedError):
        list(results)


def test_our_own_pool_is_made_anew() -> None:
    """With ``errors="return"`` the task that killed its worker alone is lost."""
    results = begin(kill, range(60), workers=1, errors="return")
    given = list(results)
    lost = [x for x in given if isinstance(x, TaskError)]
    assert [x.task for x in lost] == [FATAL]
    assert isinstance(lost[0], WorkerDiedError)
    assert given[:FATAL] + given[FATAL + 1 :] == [x for x in range(60) if x != FATAL]
    assert results.state == "finished"
    assert results.progress.done == 60 and results.progress.failed == 1


def test_the_users_own_pool_stays_broken() -> None:
    """With ``errors="return"`` what it cannot perform any more are failures, too."""
    with pool("fork") as executor:
        given = list(begin(kill, range(60), executor=executor, errors="return"))
    assert len(given) == 60
    lost = [x for x in given if isinstance(x, TaskError)]
    assert all(isinstance(x, WorkerDiedError) for x in lost)
    assert FATAL in [x.task for x in lost]
    assert all(isinstance(x.__cause__, BrokenExecutor) for x in lost if x.task > FATAL)
    assert [x for x in given if not isinstance(x, TaskError)] == [
        i for i in range(60) if i not in {x.task for x in lost}
    ]


def test_a_pool_that_was_broken_before() -> None:
    """Is said to be."""
    with pool("fork") as executor:
        with pytest.raises(BrokenExecutor):
            executor.submit(leave, FATAL).result()
        with pytest.raises(WorkerDiedError, match="the pool broke"):
            list(begin(abs, range(3), executor=executor))


class Breaking:
    """An engine that breaks with its second chunk: those before and behind are done."""

    name, kind, workers = "breaking", Kind.REMOTE, 1

    def __init__(self) -> None:
        self.chunks = 0

    def submit(self, function: Any, /, *args: Any) -> Future[Any]:
        self.chunks += 1
        if self.chunks > 3:
            raise BrokenExecutor("it is broken")
        promise: Future[Any] = Future()
        if self.chunks == 2:
            promise.set_exception(BrokenExecutor("it breaks"))
        else:
            promise.set_result(function(*args))
        return promise

    def processes(self) -> list[Any]:
        return []

    def interrupt(self) -> None:
        pass

    def release(self, *, abandoned: bool) -> None:
        pass


@pytest.mark.parametrize("items", [range(6), itertools.count()])
def test_nothing_that_is_lost_is_left_out(
    items: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though what was handed out later comes back after it."""
    monkeypatch.setattr(deaths, "_PATIENCE", 0.0)  # there is no process that could die
    results = begin(abs, items, executor=Breaking(), errors="return", chunksize=1)
    found = list(itertools.islice(results, 6))
    given = [-1 if isinstance(each, WorkerDiedError) else each for each in found]
    assert given == [0, -1, 2, -1, -1, -1]


def test_out_of_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel says so."""
    monkeypatch.setattr(death, "kernel_says_oom", lambda pid: False)
    memory = deaths.Memory()
    file = tmp_path / "memory.events"
    file.write_text("oom_kill 4\n")
    memory._file, memory._before = str(file), 4
    killed = deaths.Death(17, -9, None)
    assert deaths.worded(killed, memory) == "killed by SIGKILL"
    file.write_text("oom_kill 5\n")
    assert deaths.worded(killed, memory) == "killed by SIGKILL: out of memory"
    assert deaths.worded(deaths.Death(17, -15, None), memory) == "killed by SIGTERM"
    assert deaths.worded(deaths.Death(17, -250, None), memory) == "killed by signal 250"
