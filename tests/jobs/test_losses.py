"""Workers that die, on pools that say less or more of it; without any process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from types import SimpleNamespace
from typing import Any

import pytest

from async_plot.errors import WorkerDiedError
from async_plot.jobs import deaths, losses, marks, parcels
from async_plot.jobs.engines.base import Kind
from async_plot.wire import pickles

from .pools import begin
from .test_crew import parcel

pytestmark = pytest.mark.skipif(
    marks.board() is None, reason="the system has no unnamed files in memory"
)
DEAD = 1 << 23  # no process has such a number
Fate = Callable[["Pool", int, int, "Future[Any]"], object]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "_UNNOTICED", 0.0)
    monkeypatch.setattr(deaths, "_PATIENCE", 0.0)


class Pool:
    """A pool that performs chunks at once, unless something else is their fate.

    Parameters
    ----------
    *fates : callable
        What happens to the first chunks, one after the other: ``fate(pool, number,
        first, promise)``.
    """

    name, kind, workers = "made for tests", Kind.PROCESSES, 1

    def __init__(self, *fates: Fate) -> None:
        self.fates = list(fates)
        self.dead: list[Any] = []
        self.job = 0

    def submit(self, function: Any, /, *args: Any) -> Future[Any]:
        order, number, first, tasks, _ = args
        order = pickles.loads(order, ())
        self.job = order.marks.job
        promise: Future[Any] = Future()
        promise.set_running_or_notify_cancel()
        if self.fates:
            self.fates.pop(0)(self, number, first, promise)
        else:
            items = pickles.loads(tasks, ())
            call = pickles.loads(order.function, ())
            results, _ = parcels.shipped([call(item) for item in items])
            promise.set_result(parcel(performed=len(items), results=results))
        return promise

    def processes(self) -> list[Any]:
        return list(self.dead)

    def interrupt(self) -> None:
        pass

    def release(self, *, abandoned: bool) -> None:
        pass


class Survivor(Pool):
    """One that goes on."""

    def __init__(self, *fates: Fate) -> None:
        super().__init__(*fates)
        self.lost: list[Any] = []

    def lose(self, promise: Any) -> None:
        self.lost.append(promise)


class Blind(Pool):
    """One that does not notice, and then is ended."""

    collapsed = 0

    def collapse(self) -> None:
        self.collapsed += 1


def dies(place: int, status: int = -9) -> Fate:
    """Its worker dies, with a task in hand; at -1, with all of them done."""

    def fate(pool: Pool, number: int, first: int, promise: Future[Any]) -> None:
        pid = DEAD + len(pool.dead)
        board = marks.board()
        assert board is not None
        cell = marks._places(pid)[0]
        task = (0, first + place) if place >= 0 else (marks.NONE, first)
        for field, value in enumerate((task[0], pid, pool.job, number, task[1])):
            board._cells[cell + field] = value
        pool.dead.append(SimpleNamespace(pid=pid, exitcode=status))

    return fate


def breaks(pool: Pool, number: int, first: int, promise: Future[Any]) -> None:
    promise.set_exception(BrokenExecutor("it broke"))


def map_(executor: Pool, count: int, **options: Any) -> Any:
    given = {"errors": "return", "chunksize": 4, **options}
    return begin(lambda n: -n, range(count), executor=executor, **given)


def died(found: list[Any]) -> list[int]:
    return [n for n, each in enumerate(found) if isinstance(each, WorkerDiedError)]


def test_one_task_fails_and_the_others_go_on() -> None:
    """On a pool that goes on, which is told what it need not wait for."""
    pool = Survivor(dies(1))
    results = map_(pool, 8)
    found = list(results)
    assert died(found) == [1]
    assert found[0] == 0 and found[2:] == [-n for n in range(2, 8)]
    assert "SIGKILL" in str(found[1]) and len(pool.lost) == 1
    assert results.progress.done == 8 and results.failed == 1
    assert [w.state for w in results.insights.workers].count("died") == 1


def test_two_that_die_at_once_are_two_failures() -> None:
    """Each of its own task."""
    found = list(map_(Survivor(dies(0), dies(3, 5)), 8))
    assert died(found) == [0, 7]
    assert "status 5" in str(found[7])


def test_the_first_failure_ends_a_job_that_is_to_raise() -> None:
    """What comes before is given."""
    given = []
    results = map_(Survivor(dies(2)), 8, errors="raise")
    with pytest.raises(WorkerDiedError) as caught:
        for result in results:
            given.append(result)
    assert caught.value.task == 2 and given == [0, -1]


def test_results_that_kill_are_tried_again_and_then_given_up() -> None:
    """Three times: the death may have had nothing to do with them."""
    again = Survivor(*[dies(-1)] * 3)
    assert list(map_(again, 2)) == [0, -1]
    assert len(again.lost) == 3
    found = list(map_(Survivor(*[dies(-1, 5)] * 4), 2))
    assert died(found) == [0, 1]
    assert "again and again" in str(found[0]) and "status 5" in str(found[0])


def test_a_pool_that_does_not_notice_is_ended() -> None:
    """And what it had is lost, since it cannot be started again."""
    pool = Blind(dies(1))
    found = list(map_(pool, 4))
    assert pool.collapsed == 1
    assert died(found) == [0, 1, 2, 3]
    assert "SIGKILL" in str(found[1]) and "the pool broke" in str(found[0])


def test_a_pool_that_breaks_for_no_reason() -> None:
    """Says so in the failure of each task that was lost."""
    found = list(map_(Pool(breaks), 4))
    assert died(found) == [0, 1, 2, 3]
    assert all("it broke" in str(each) for each in found)
    with pytest.raises(WorkerDiedError, match="it broke"):
        list(map_(Pool(breaks), 4, errors="raise"))


def test_one_that_ends_in_good_order_is_no_failure() -> None:
    """A pool may replace its workers."""
    pool = Survivor()
    pool.dead.append(SimpleNamespace(pid=DEAD, exitcode=0))
    assert list(map_(pool, 4)) == [0, -1, -2, -3]


def test_who_died_of_another_job_has_nothing_of_this_one() -> None:
    """Though its chunk had the same number."""
    first = Survivor(dies(0))
    assert died(list(map_(first, 2))) == [0]
    second = Survivor()
    second.dead = first.dead
    assert list(map_(second, 2)) == [0, -1]
