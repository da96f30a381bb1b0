"""What every engine has to do alike, each a function of an executor.

As a program it does so on a cluster of its own, and prints what came of each: with
``dask`` on a `LocalCluster`, with ``mpi`` as rank 0 of ``python -m mpi4py.futures``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import async_plot
from async_plot.errors import TaskError
from async_plot.jobs.map import Results, begin

__all__ = ["CASES"]

CASES: dict[str, Callable[[Any], None]] = {}
Case = Callable[[Any], None]


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def map_(function: Any, *iterables: Any, **options: Any) -> Results[Any]:
    """`map`, without any server."""
    defaults = {"workers": None, "chunksize": None, "desc": None, "ordered": True}
    return begin(function, iterables, **{"errors": "raise", **defaults, **options})


# -- results -----------------------------------------------------------------------


@case
def order(executor: Any) -> None:
    """Results come in the order of the items, however long each takes."""

    def late(n: int) -> int:
        time.sleep(0.02 if n % 7 == 0 else 0)
        return n

    results = map_(late, range(60), executor=executor, chunksize=1)
    assert list(results) == list(range(60))
    assert results.state == "finished"
    assert results.progress.done == results.progress.total == 60


@case
def unordered(executor: Any) -> None:
    """All of them come, in whatever order."""
    results = map_(abs, range(300), executor=executor, ordered=False)
    assert sorted(results) == list(range(300))


@case
def several_iterables(executor: Any) -> None:
    """The shortest one says how many tasks there are."""
    results = map_(pow, [2, 3, 4], itertools.count(2), executor=executor)
    assert list(results) == [4, 27, 256]


@case
def laziness(executor: Any) -> None:
    """An endless iterable is taken from only so far as results are asked for."""
    taken = itertools.count()
    results = iter(map_(lambda n: -n, taken, executor=executor, chunksize=2))
    assert list(itertools.islice(results, 50)) == [-n for n in range(50)]
    # For each worker three chunks under way, and as many as wait for one of those.
    assert next(taken) < 50 + 2 * 16 * 4
    del results


@case
def nothing(executor: Any) -> None:
    """No items, no results, no failure."""
    results = map_(abs, [], executor=executor)
    assert list(results) == []
    assert results.state == "finished"


@case
def closures(executor: Any) -> None:
    """Lambdas, closures and classes of a function travel, as items and as results."""
    offset = 10

    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    items = [Local(n) for n in range(20)]
    results = map_(lambda item: Local(item.value + offset), items, executor=executor)
    assert [item.value for item in results] == list(range(10, 30))


@case
def big(executor: Any) -> None:
    """Items, results and functions of a megabyte travel."""
    table = bytes(1 << 20)
    results = map_(
        lambda item: table + item,
        [b"a" * (1 << 20)] * 3,
        executor=executor,
        chunksize=1,
    )
    assert [len(result) for result in results] == [2 << 20] * 3


@case
def equal_items(executor: Any) -> None:
    """Tasks that are alike are all performed: none is taken for another one."""
    results = list(map_(lambda _: time.perf_counter_ns(), [0] * 6, executor=executor))
    assert len(set(results)) == 6


@case
def items_that_dask_would_read(executor: Any) -> None:
    """Tuples, dicts and strings arrive as they are."""
    items = [(abs, -1), {"a": (len, "b")}, "x-1", [("y", 2)], {3}, None]
    results = map_(lambda item: (type(item).__name__, item), items, executor=executor)
    assert [item for _, item in results] == items


# -- failures ----------------------------------------------------------------------


class Sealed(Exception):
    """Cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("sealed")


class Picky(Exception):
    """Pickles, and cannot be brought back."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


@case
def errors_raise(executor: Any) -> None:
    """The task's own exception comes, caused by one that tells where it was raised."""
    results = map_(lambda n: 1 / n, [1, 2, 0, 4], executor=executor, chunksize=1)
    given = []
    try:
        for result in results:
            given.append(result)
    except ZeroDivisionError as error:
        cause = error.__cause__
        assert isinstance(cause, TaskError), cause
        assert (cause.task, cause.argument) == (2, "0")
        assert "<lambda>" in cause.trace
        assert "distributed" not in cause.trace
        assert "mpire" not in cause.trace
        assert "run_chunk" not in cause.trace
    else:
        raise AssertionError("nothing was raised")
    assert given == [1.0, 0.5]
    assert results.state == "failed"


@case
def errors_return(executor: Any) -> None:
    """Failures stand in their places, and the others are done."""
    results = map_(lambda n: 1 / n, [1, 0] * 30, executor=executor, errors="return")
    found = list(results)
    assert [isinstance(each, TaskError) for each in found] == [False, True] * 30
    assert [each.task for each in found if isinstance(each, TaskError)] == list(
        range(1, 60, 2)
    )
    assert results.failed == results.progress.failed == 30


@case
def exceptions_that_do_not_travel(executor: Any) -> None:
    """They come as text, and break no pool."""

    def fail(n: int) -> None:
        raise Sealed("s") if n == 0 else Picky(1, 2) if n == 1 else SystemExit(3)

    for number, kind in enumerate(["Sealed", "Picky", "SystemExit"]):
        (found,) = map_(fail, [number], executor=executor, errors="return")
        assert isinstance(found, TaskError)
        assert found.kind.endswith(kind), found.kind
    assert list(map_(abs, [-1], executor=executor)) == [1]


@case
def results_that_do_not_travel(executor: Any) -> None:
    """One fails, and the others come; where results need not travel, all do."""
    found = list(
        map_(
            lambda n: threading.Lock() if n == 1 else n,
            range(3),
            executor=executor,
            errors="return",
        )
    )
    assert [found[0], found[2]] == [0, 2]
    if isinstance(found[1], TaskError):
        assert "pickle" in str(found[1])
    else:
        assert (
            isinstance(executor, ThreadPoolExecutor)
            or "thread" in repr(type(executor)).lower()
        ), found[1]


@case
def an_iterable_that_fails(executor: Any) -> None:
    """Its own exception comes, after the results of what it gave before."""

    def items() -> Iterator[int]:
        yield from range(5)
        raise LookupError("no more")

    with contextlib.suppress(LookupError):
        list(map_(abs, items(), executor=executor, chunksize=1))
        raise AssertionError("nothing was raised")
    assert list(map_(abs, [-1], executor=executor)) == [1]


@case
def a_loop_that_is_left(executor: Any) -> None:
    """What has not begun is not begun, and the pool serves the next job."""
    results = map_(abs, itertools.count(), executor=executor)
    for result in results:
        if result == 20:
            break
    job = results._job
    del results
    assert list(map_(abs, range(-5, 0), executor=executor)) == [5, 4, 3, 2, 1]
    while job.state == "running":  # the next look at it is soon
        time.sleep(0.005)
    assert job.state == "stopped"


# -- jobs inside of tasks ----------------------------------------------------------


def inner(n: int) -> int:
    with ThreadPoolExecutor(2) as pool:
        return sum(map_(lambda k: n + k, range(10), executor=pool))


def middle(n: int) -> int:
    with ThreadPoolExecutor(2) as pool:
        return sum(map_(inner, range(n, n + 3), executor=pool))


@case
def nested(executor: Any) -> None:
    """A map in a task in a map in a task: three deep, and every total is right."""
    results = map_(middle, range(4), executor=executor, chunksize=1)
    assert list(results) == [
        sum(10 * k + 45 for k in range(n, n + 3)) for n in range(4)
    ]
    assert results.progress.done == 4


def counting(n: int) -> int:
    total = 0
    for k in async_plot.tqdm(range(100), desc=f"inner {n}"):
        total += k
    return total


@case
def bars_inside(executor: Any) -> None:
    """A bar in a worker counts there, and hinders nothing."""
    assert list(map_(counting, range(6), executor=executor)) == [4950] * 6


@case
def clocks_that_jump(executor: Any) -> None:
    """The time that is left is finite and no less than nothing, whatever the clock."""
    if type(executor).__module__.startswith("distributed"):
        return  # dask's own loop lives by that clock
    real, jump = time.time, itertools.cycle([0.0, 1e6, -1e6])
    results = map_(abs, range(200), executor=executor, chunksize=5)
    time.time = lambda: real() + next(jump)  # type: ignore[assignment]
    try:
        for _ in results:
            left = results.progress.remaining
            assert left >= 0
    finally:
        time.time = real
    assert results.progress.remaining == 0
    for worker in results.insights.workers:
        assert min(worker.startup, worker.waiting, worker.working, worker.ending) >= 0


# -- as a program ------------------------------------------------------------------


@contextlib.contextmanager
def cluster(kind: str) -> Iterator[Any]:
    if kind == "dask":
        from distributed import Client, LocalCluster

        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
            ) as local,
            Client(local) as client,
        ):
            yield client
    else:
        from mpi4py.futures import MPIPoolExecutor

        with MPIPoolExecutor() as executor:
            yield executor


def main(kind: str, answers: str) -> None:
    from watched import WATCHED  # which lies beside this program

    said = {}
    with cluster(kind) as executor:
        for name, function in {**CASES, **WATCHED}.items():
            try:
                function(executor)
                said[name] = ""
            except BaseException:
                said[name] = traceback.format_exc()
    with open(answers, "w") as file:
        json.dump(said, file)


if __name__ == "__main__":
    assert pickle and os  # what tasks of the main module use
    main(*sys.argv[1:])
