"""`map`: the same results as the built-in, from whatever pool."""

from __future__ import annotations

import itertools
import operator
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import (
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from typing import Any

import pytest

import async_plot
from async_plot import Client, Server
from async_plot.jobs import reporter
from async_plot.jobs.job import AHEAD, BEHIND
from async_plot.jobs.map import Results
from async_plot.net import publisher, session
from async_plot.wire.messages import Progress, State

from ..helpers import AMPLE, eventually
from .pools import ENGINES, begin, pools_of_all_kinds

Map = Callable[..., Results[Any]]


@pytest.fixture(scope="module")
def pools() -> Iterator[dict[str, Executor]]:
    """A pool of each kind, for all tests of this module: they take long to start."""
    with pools_of_all_kinds() as pools:
        yield pools


@pytest.fixture(params=ENGINES)
def executor(request: pytest.FixtureRequest, pools: dict[str, Any]) -> Any:
    """One pool after the other."""
    return pools[request.param]


@pytest.fixture
def map_(executor: Any) -> Map:
    """`map` on one pool after the other, without any server."""
    return partial(begin, executor=executor)


# -- results -----------------------------------------------------------------------


def test_results_in_order(map_: Map) -> None:
    """As the built-in `map` gives them."""
    results = map_(lambda x: x * x, range(1000))
    assert list(results) == [x * x for x in range(1000)]
    assert results.state == "finished"
    assert results.progress.done == results.progress.total == 1000


def test_several_iterables_of_any_length(map_: Map) -> None:
    """Until the shortest is exhausted."""
    assert list(map_(pow, [2, 3, 4], itertools.count(2), iter([7] * 9))) == [4, 6, 4]


def test_nothing_to_do(map_: Map) -> None:
    """An empty iterable gives no result, and a job that has finished."""
    results = map_(abs, [])
    assert list(results) == []
    assert results.state == "finished"


def test_unordered(map_: Map) -> None:
    """All of them, in whatever order."""
    assert sorted(map_(abs, range(500), ordered=False)) == list(range(500))


@pytest.mark.parametrize("chunksize", [1, 7, 1000])
def test_chunks_of_a_size(map_: Map, chunksize: int) -> None:
    """The same results for every size."""
    results = map_(operator.neg, range(50), chunksize=chunksize)
    assert list(results) == [-x for x in range(50)]


def test_lambdas_and_closures(map_: Map) -> None:
    """What a function encloses goes with it, and so do arguments of local classes."""
    offset = 10

    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    results = map_(lambda each: Local(each.value + offset), map(Local, range(20)))
    assert [each.value for each in results] == list(range(10, 30))


def test_a_big_function_is_sent_when_it_is_lacking(map_: Map) -> None:
    """And not with every chunk."""
    table = bytes(1 << 20)
    assert list(map_(lambda i: len(table) + i, range(9), chunksize=1)) == [
        (1 << 20) + i for i in range(9)
    ]


def test_endless_iterables(map_: Map) -> None:
    """Only so many items are taken ahead of the results."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    results = iter(map_(operator.neg, items(), chunksize=4))
    assert taken < 100
    assert list(itertools.islice(results, 100)) == [-x for x in range(100)]
    assert taken < 300


def test_a_slow_loop_is_not_outrun(pools: dict[str, Any]) -> None:
    """What has come back while it was busy counts, too, among what is under way."""
    items = itertools.count()
    results = begin(abs, items, executor=pools["threads"], chunksize=1)
    iterator, job = iter(results), results._job
    for given in range(80):
        assert next(iterator) == given
        eventually(lambda: not job._flying)
        assert job._supply.begun - given <= (BEHIND + AHEAD) * 2
    del results, iterator
    eventually(lambda: job.state == "stopped")


def test_a_loop_that_is_left_ends_the_job(map_: Map) -> None:
    """As soon as its results are given up."""
    results = map_(abs, itertools.count())
    job = results._job
    iterator = iter(results)
    assert next(iterator) == 0
    del results, iterator
    eventually(lambda: job.state == "stopped")


def test_a_job_is_finished_with_its_last_result(map_: Map) -> None:
    """Though nobody asks for more: `zip` does not, after its first argument's end."""
    results = map_(str, range(40))
    assert [b for _, b in zip(range(40), results)] == [str(x) for x in range(40)]
    assert results._job.state == "finished"
    assert list(results) == []


def test_a_loop_that_is_left_and_taken_up_again(map_: Map) -> None:
    """An iterator that is still held goes on where it was."""
    results = map_(abs, range(300))
    for x in results:
        if x == 10:
            break
    assert list(results) == list(range(11, 300))


def test_an_iterable_that_fails(map_: Map) -> None:
    """Raises its own error, unchanged, and ends the job."""

    def items() -> Iterator[int]:
        yield from range(100)
        raise LookupError("no more")

    results = None
    with pytest.raises(LookupError, match="no more") as caught:
        results = map_(abs, items())
        list(results)
    assert caught.value.__cause__ is None
    assert results is None or results.state == "failed"


def test_jobs_in_several_threads(map_: Map) -> None:
    """Share a pool."""
    answers: list[int] = []

    def one(n: int) -> None:
        answers.append(sum(map_(abs, range(n))))

    threads = [threading.Thread(target=one, args=(n,)) for n in (100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(AMPLE)
    assert sorted(answers) == [sum(range(n)) for n in (100, 200, 300)]


# -- arguments ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((1, [1]), {}, TypeError, "function must be callable"),
        ((abs,), {}, TypeError, "at least one iterable"),
        ((abs, [1], 2), {}, TypeError, "iterable 2 cannot be iterated over"),
        ((abs, [1]), {"workers": 0}, ValueError, "workers must be at least 1"),
        ((abs, [1]), {"workers": 1.5}, TypeError, "workers must be an integer"),
        ((abs, [1]), {"chunksize": -1}, ValueError, "chunksize must be at least 1"),
        ((abs, [1]), {"ordered": "no"}, TypeError, "ordered must be True or False"),
        ((abs, [1]), {"errors": "ignore"}, ValueError, "'raise' or 'return'"),
        ((abs, [1]), {"desc": 3}, TypeError, "desc must be a string"),
        ((abs, [1]), {"executor": 3}, TypeError, "executor must be a concurrent"),
    ],
)
def test_wrong_arguments(
    arguments: Any, options: Any, error: type[Exception], text: str
) -> None:
    """Are told at once, by their names."""
    with pytest.raises(error, match=text):
        begin(*arguments, **options)


def test_workers_are_the_executors(pools: dict[str, Any]) -> None:
    """A number of workers is refused where there is an executor."""
    with pytest.raises(ValueError, match="workers is for the processes"):
        begin(abs, [1], workers=2, executor=pools["threads"])


def test_a_function_that_cannot_be_pickled(pools: dict[str, Any]) -> None:
    """Is told at once; a thread takes it."""
    lock = threading.Lock()

    def locked(x: int) -> int:
        with lock:
            return x

    with pytest.raises(TypeError, match="cannot be sent to worker processes"):
        begin(locked, [1], executor=pools["processes"])
    assert list(begin(locked, [1], executor=pools["threads"])) == [1]


# -- servers -----------------------------------------------------------------------


def test_a_servers_job(map_: Map, executor: Any) -> None:
    """An unconsumed one is finished when the server is closed."""
    with async_plot.Server(view=None) as server:
        done = server.map(abs, range(100), executor=executor)
        left = server.map(abs, range(1000), executor=executor, chunksize=10)
        assert list(done) == list(range(100))
    assert left.state == "finished"
    assert left.progress.done == 1000
    with pytest.raises(CancelledError, match="was not kept"):
        list(left)  # and not an empty list


@pytest.mark.parametrize("kind", ["processes", "loky"])
def test_bars_of_workers_are_told_to_their_end(
    pools: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the server is closed with the last result: it asks for them."""
    # However slow the machine is.
    monkeypatch.setattr(session, "EXIT_DELAY", AMPLE)
    monkeypatch.setattr(publisher, "LAST_WORDS", AMPLE)
    told: dict[str, Progress] = {}

    def listen() -> None:
        told.update((each.desc, each) for each in client.progress())

    with Server(view=None) as server:
        client = Client(server)
        listening = threading.Thread(target=listen)
        listening.start()
        eventually(lambda: server.viewers)
        list(server.map(counted, range(4), executor=pools[kind], chunksize=1))
    listening.join(AMPLE)
    ends = {desc: (each.done, each.state) for desc, each in told.items()}
    assert ends.pop("counted") == (4, "finished")
    assert set(ends) <= {f"item {n}" for n in range(4)} and len(ends) >= 2
    assert set(ends.values()) == {(20, "finished")}


def test_pools_in_pools_three_deep(pools: dict[str, Any]) -> None:
    """Of processes at each depth: every bar is told, and every total is exact."""
    told: dict[str, Progress] = {}

    def listen() -> None:
        told.update((each.bar, each) for each in client.progress())

    with Server(view=None) as server:
        client = Client(server)
        listening = threading.Thread(target=listen)
        listening.start()
        eventually(lambda: server.viewers)
        assert sum(server.map(upper, range(2), executor=pools["processes"])) == 30
        # The innermost pools have ended; their last reports are on the way.
        eventually(lambda: [each.state for each in told.values()] == 9 * ["finished"])
    listening.join(AMPLE)
    ends = sorted((each.desc, each.done, each.total) for each in told.values())
    assert ends == [("abs", 5, 5)] * 6 + [("middle", 3, 3)] * 2 + [("upper", 2, 2)]


def upper(item: int) -> int:
    with pytest.MonkeyPatch.context() as patch:
        # Of the processes below, however slow the machine is.
        patch.setattr(reporter, "FAREWELL", AMPLE)
        with ProcessPoolExecutor(1) as pool:
            return sum(async_plot.map(middle, range(3), executor=pool))


def middle(item: int) -> int:
    with ProcessPoolExecutor(1) as pool:
        return sum(async_plot.map(abs, [1] * 5, executor=pool))


def counted(item: int) -> None:
    for _ in async_plot.track(range(20), desc=f"item {item}"):
        time.sleep(0.01)


def test_a_servers_job_without_an_end(map_: Map, executor: Any) -> None:
    """Nobody would ever finish it: it is stopped when the server is closed."""
    with async_plot.Server(view=None) as server:
        left = server.map(
            max, itertools.count(), itertools.repeat(0), executor=executor
        )
    assert left.state == "stopped"


def test_without_a_server_there_is_one_for_as_long_as_it_lasts(
    pools: dict[str, Any],
) -> None:
    """So that somebody can look at it."""
    from async_plot import roster

    results = async_plot.map(abs, range(100), executor=pools["threads"])
    assert roster.running() is not None
    assert list(results) == list(range(100))
    assert roster.running() is None


# -- the end, wherever it comes ----------------------------------------------------


def test_results_that_another_thread_ends_are_not_cut_short_in_silence() -> None:
    """Whoever waits for the rest is told that there will be none."""
    gate, told = threading.Event(), []
    with ThreadPoolExecutor(1) as pool:
        server = Server(view=None).start()
        results = server.map(lambda _: gate.wait(AMPLE), range(2), executor=pool)

        def ask() -> None:
            try:
                told.append(list(results))
            except CancelledError as error:
                told.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: results._job.asked)
        server.close()
        asking.join(AMPLE)
        gate.set()
    assert told == ["the job was stopped"]


def test_ctrl_c_while_the_server_finishes_a_job_ends_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once, and not at the exit of the interpreter."""
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        server = Server(view=None).start()
        path = server.connection_file
        results = server.map(lambda _: gate.wait(AMPLE), range(2), executor=pool)

        def interrupt() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(results._job, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            server.close()
        gate.set()
        assert results.state == "interrupted"
        assert server.address is None
    states = [m.state for m in Client(path).messages() if isinstance(m, State)]
    assert states[-1] == "interrupted"


def test_a_job_whose_items_end_by_an_error_has_failed() -> None:
    """Also if nobody ever asks for a result."""

    def items() -> Iterator[int]:
        yield from range(100)
        raise OSError("the disk")

    with ThreadPoolExecutor(1) as pool, Server(view=None) as server:
        results = server.map(abs, items(), executor=pool, chunksize=1)
    assert results.state == "failed"


def test_results_may_be_collected_in_the_midst_of_their_job() -> None:
    """By the collector, in a thread that just accounts for a chunk of that job."""
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        held = [begin(lambda _: gate.wait(AMPLE), range(4), executor=pool)]
        job = held[0]._job

        def account() -> None:
            with job._lock:
                held.clear()

        thread = threading.Thread(target=account, daemon=True)
        thread.start()
        thread.join(AMPLE)
        assert not thread.is_alive()
        gate.set()
        eventually(lambda: job.state == "stopped")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_forked_child_may_drop_the_results() -> None:
    """Whatever its parent's threads hold just then; the job goes on in the parent."""
    with ThreadPoolExecutor(1) as pool:
        held = [begin(abs, range(1000), executor=pool)]
        locked, gate = threading.Event(), threading.Event()

        def account() -> None:
            with held[0]._job._lock:
                locked.set()
                gate.wait(AMPLE)

        thread = threading.Thread(target=account)
        thread.start()
        assert locked.wait(AMPLE)
        child = os.fork()
        if child == 0:
            held.clear()
            os._exit(7)
        status = eventually(lambda: os.waitpid(child, os.WNOHANG)[1], what="its end")
        gate.set()
        thread.join(AMPLE)
        assert os.waitstatus_to_exitcode(status) == 7
        assert list(held[0]) == list(range(1000))
