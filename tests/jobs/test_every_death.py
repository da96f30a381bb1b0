"""Workers that die, on pools of the user's that have processes here.

However these are started; for loky and more of how they die see `test_deaths`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import mpire
import pytest

from async_plot.errors import TaskError, WorkerDiedError
from async_plot.jobs.engines.mpire import Mpire
from async_plot.jobs.map import begin

from ..helpers import AMPLE, eventually
from .engines.chunks import choke
from .every import _as_in_a_script  # noqa: F401 - a fixture

Make = Callable[[], AbstractContextManager[Any]]


def executor(method: str) -> Make:
    context = multiprocessing.get_context(method)
    return lambda: ProcessPoolExecutor(2, mp_context=context)


def pool(method: str) -> Make:
    return lambda: multiprocessing.get_context(method).Pool(2)


def workers(method: str) -> Make:
    return lambda: mpire.WorkerPool(2, start_method=method)


QUICK: dict[str, Make] = {
    "processes-fork": executor("fork"),
    "pool-fork": pool("fork"),
    "mpire-fork": workers("fork"),
}
SLOW: dict[str, Make] = {  # to start others
    "processes-spawn": executor("spawn"),
    "processes-forkserver": executor("forkserver"),
    "pool-spawn": pool("spawn"),
    "pool-forkserver": pool("forkserver"),
    "mpire-spawn": workers("spawn"),
    "mpire-forkserver": workers("forkserver"),
}
ENGINES = [
    *(pytest.param(make, id=name) for name, make in QUICK.items()),
    *(pytest.param(m, id=name, marks=pytest.mark.slow) for name, m in SLOW.items()),
]


def map_(function: Any, *iterables: Any, **options: Any) -> Any:
    defaults = {"workers": None, "chunksize": None, "desc": None, "ordered": True}
    return begin(function, iterables, **{"errors": "raise", **defaults, **options})


def fatal(status: int) -> int:
    """Die so: negative a signal, positive an exit status; 0 lives on."""
    if status > 0:
        os._exit(status)
    if status < 0:
        os.kill(os.getpid(), -status)
        time.sleep(AMPLE)
    return status


@pytest.mark.parametrize("make", ENGINES)
@pytest.mark.parametrize("status", [-signal.SIGKILL, 3])
def test_a_death_is_named(make: Make, status: int) -> None:
    """With how it died, and the task that it had in hand."""
    text = "SIGKILL" if status < 0 else "status 3"
    with make() as executor:
        results = map_(fatal, [0, 0, status, 0, 0], executor=executor, chunksize=5)
        with pytest.raises(WorkerDiedError) as caught:
            list(results)
        assert caught.value.task == 2
        assert text in str(caught.value)
        assert results.state == "failed"
        _end(executor)


@pytest.mark.parametrize("make", ENGINES)
def test_others_go_on(make: Make) -> None:
    """Asked to return failures, a job gives one for each task that was lost."""
    with make() as executor:
        statuses = [0] * 20 + [-signal.SIGKILL] + [0] * 19
        found = list(map_(fatal, statuses, executor=executor, errors="return"))
        assert len(found) == 40
        assert isinstance(found[20], WorkerDiedError)
        if not isinstance(executor, ProcessPoolExecutor):
            # A pool that goes on, or is started again, performs all the others.
            others = [each for each in found if isinstance(each, TaskError)]
            assert others == [found[20]]
        _end(executor)


@pytest.mark.parametrize("make", [QUICK["pool-fork"]], ids=["pool"])
def test_a_pool_outlives_many_deaths(make: Make) -> None:
    """More than it has workers, one by one; then it closes in order."""
    with make() as executor:
        statuses = [0, -signal.SIGKILL] * 4
        found = list(
            map_(fatal, statuses, executor=executor, errors="return", chunksize=1)
        )
        died = [isinstance(each, WorkerDiedError) for each in found]
        assert died == [False, True] * 4
        executor.close()
        executor.join()


class Deadly:
    """Ends the process in which it is brought back."""

    def __reduce__(self) -> Any:
        return os._exit, (4,)


@pytest.mark.parametrize("make", ENGINES)
def test_a_function_that_cannot_be_loaded_alive(make: Make) -> None:
    """It hangs no job, whatever it does to worker after worker."""
    deadly = Deadly()
    with make() as executor:
        results = map_(lambda _: deadly, range(4), executor=executor, chunksize=4)
        with pytest.raises(WorkerDiedError, match="status 4"):
            list(results)
        _end(executor)


class Late:
    """A result that ends the worker when it is sent back."""

    def __reduce__(self) -> Any:
        os._exit(5)


@pytest.mark.parametrize("make", [QUICK["pool-fork"]], ids=["pool"])
def test_results_that_cannot_be_sent_alive(make: Make) -> None:
    """They are tried again some times, and then are failures."""
    with make() as executor:
        results = map_(lambda _: Late(), [0], executor=executor)
        with pytest.raises(WorkerDiedError, match="status 5"):
            list(results)


class Choked:
    """A result that ends the worker when half of it is sent."""

    def __reduce__(self) -> Any:
        choke()


@pytest.mark.parametrize("name", ["pool-fork", "processes-fork"])
def test_half_a_result_hangs_nobody(name: str) -> None:
    """The death is told, what is lost with the pool as well, and the pool closes."""
    with QUICK[name]() as executor:
        results = map_(
            lambda n: Choked() if n == 3 else n,
            range(8),
            executor=executor,
            errors="return",
            chunksize=1,
        )
        found = list(results)
        lost = [n for n, each in enumerate(found) if isinstance(each, WorkerDiedError)]
        assert [each for each in found if isinstance(each, int)] == [
            n for n in range(8) if n not in lost
        ]
        assert 3 in lost
        died = [each for each in results.insights.workers if each.state == "died"]
        assert [each.text for each in died] == ["killed by SIGKILL"]
        with pytest.raises(WorkerDiedError, match="the pool broke"):
            list(map_(abs, [-1], executor=executor))
        if name == "pool-fork":
            executor.close()
            executor.join()


@pytest.mark.parametrize("make", [QUICK["mpire-fork"]], ids=["mpire"])
def test_a_worker_pool_is_started_again(make: Make) -> None:
    """By the job after the one in which a worker died."""
    with make() as executor:
        with pytest.raises(WorkerDiedError):
            list(map_(fatal, [-signal.SIGKILL], executor=executor))
        assert list(map_(abs, [-1, -2], executor=executor)) == [1, 2]
        _end(executor)


def test_a_death_is_told_while_nobody_asks() -> None:
    """The failure is there while the caller does something else."""
    with multiprocessing.get_context("fork").Pool(2) as executor:
        results = map_(fatal, [-signal.SIGKILL, 0], executor=executor, chunksize=1)
        eventually(lambda: results.failed == 1)
        assert results.failures[0].task == 0
        with pytest.raises(WorkerDiedError):
            list(results)


def _end(executor: Any) -> None:
    """End what takes seconds to end by itself."""
    if isinstance(executor, mpire.WorkerPool):
        Mpire(executor).interrupt()
