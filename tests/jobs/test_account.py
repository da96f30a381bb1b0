"""What is known of a job, told by any thread."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from async_plot.errors import TaskError, WorkerDiedError
from async_plot.jobs import account as module
from async_plot.jobs.account import Account, Stop, copied
from async_plot.jobs.engines.base import Kind
from async_plot.jobs.failures import Fault
from async_plot.jobs.supply import Chunk, Supply

from .support import worker
from .test_crew import parcel


@pytest.fixture
def account() -> Iterator[Account]:
    engine: Any = SimpleNamespace(kind=Kind.REMOTE)
    account = Account(
        engine,
        Supply(iter(()), 40, None),
        40,
        "job",
        star=False,
        ordered=True,
        returns=True,
    )
    yield account
    account.crew.end(0.0)
    account.bar.close("finished")


def flying(account: Account, number: int, size: int = 10) -> Chunk:
    chunk = Chunk(number, 10 * (number - 1), list(range(size)))
    account._flying[number] = chunk
    return chunk


def says(account: Account, **changes: Any) -> None:
    given = {"worker": "a.1", "job": account.bar.key, "state": "working", "chunk": 1}
    account.hear(worker(**{**given, **changes}))


def fault(**changes: Any) -> Fault:
    given: dict[str, Any] = dict.fromkeys(("argument", "kind", "text", "trace"), "?")
    return Fault(**{**given, "error": None, "time": 0.0, **changes})


def test_what_workers_count_inside_a_chunk_is_counted(account: Account) -> None:
    """Until the chunk is back: then what it says itself."""
    chunk = flying(account, 1)
    says(account, counted=4)
    assert account.counted() == account.progress().done == 4
    says(account, counted=7)
    assert account.counted() == 7
    del account._flying[1], account._seats[1]
    account._account(chunk, parcel(performed=10))
    says(account, counted=9)  # which was on its way
    assert account.counted() == 10


@pytest.mark.parametrize("counted", [-3, 1 << 40])
def test_no_worker_counts_more_than_its_chunk(account: Account, counted: int) -> None:
    """Whatever it says."""
    flying(account, 1)
    says(account, counted=counted)
    assert account.counted() == max(0, min(counted, 10))


def test_strangers_are_not_heard(account: Account) -> None:
    """Of another job, or of no chunk; and no more than there may be."""
    flying(account, 1)
    says(account, job="another")
    says(account, chunk=2)
    assert not account.crew.members
    says(account)
    assert list(account.crew.members) == ["a.1"]
    account._over = "finished"
    says(account, worker="a.2")
    assert list(account.crew.members) == ["a.1"]


def test_very_many_workers(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a bounded number are taken from reports alone."""
    monkeypatch.setattr(module, "MOST_WORKERS", 3)
    flying(account, 1)
    for number in range(9):
        says(account, worker=f"a.{number}")
    assert len(account.crew.members) == 3


def test_very_many_failures(account: Account) -> None:
    """The first hundred are kept, and the hundred newest; all are counted."""
    for task in range(350):
        account._fail(fault(), task, "worker 1", 1)
    assert account.failed == account.progress().failed == 350
    kept = [error.task for error in account.failures]
    assert kept == [*range(100), *range(250, 350)]


def test_a_refused_chunk_fails_task_by_task(account: Account) -> None:
    """Each with its own argument, and in its own place."""
    account._refuse(Chunk(1, 20, ["a", "b"]), fault(argument="of the first"))
    found = [account._ready[task][0] for task in (20, 21)]
    assert [(each.task, each.argument) for each in found] == [(20, "'a'"), (21, "'b'")]
    assert account.counted() == 2


def test_an_error_stops_at_its_place(account: Account) -> None:
    """What comes before it is still given; what comes behind is not begun."""
    before, behind = flying(account, 1), flying(account, 3)
    cancelled = []
    for chunk in (before, behind):
        number = chunk.number
        chunk.promise = SimpleNamespace(cancel=lambda n=number: cancelled.append(n))
    error = ValueError("at 15")
    account._stop(15, error)
    stop = account._ready[15]
    assert isinstance(stop, Stop) and stop.error is error
    assert cancelled == [3]
    assert account._supply.exhausted


def test_what_is_raised_is_another_than_what_is_kept() -> None:
    """It would keep all frames that it is raised through."""
    error = WorkerDiedError(3, "worker 1", "x", "WorkerDiedError", "SIGKILL", "")
    error.__cause__ = OSError("why")
    again = copied(error)
    assert type(again) is WorkerDiedError and again is not error
    assert isinstance(again, TaskError)
    assert (again.task, str(again), again.__cause__) == (3, str(error), error.__cause__)
