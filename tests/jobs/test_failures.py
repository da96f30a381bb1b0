"""Tasks that fail: what is told of them, and what their job raises."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any

import pytest

from async_plot.errors import TaskError
from async_plot.jobs import failures
from async_plot.jobs.map import Results

from .pools import ENGINES, begin, pools_of_all_kinds

Map = Callable[..., Results[Any]]


@pytest.fixture(scope="module")
def pools() -> Iterator[dict[str, Executor]]:
    """A pool of each kind, for all tests of this module: they take long to start."""
    with pools_of_all_kinds() as pools:
        yield pools


@pytest.fixture(params=ENGINES)
def map_(request: pytest.FixtureRequest, pools: dict[str, Any]) -> Map:
    """`map` on one pool after the other."""
    return partial(begin, executor=pools[request.param])


class TwoArguments(Exception):
    """Cannot be unpickled: it is made of one argument, and wants two."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


class WithLock(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


class NoPickle:
    """A result that cannot be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def _broken(value: object) -> None:
    raise OSError("not on this machine")


class NoUnpickle:
    """A result, or an argument, that cannot be brought back."""

    def __reduce__(self) -> Any:
        return _broken, (1,)


class BadRepr:
    def __repr__(self) -> str:
        raise ZeroDivisionError("no repr")


# -- what is raised ----------------------------------------------------------------


def test_its_own_exception_with_all_that_is_known(map_: Map) -> None:
    """Comes after the results before it; its cause tells task, worker and traceback."""
    results = map_(lambda x: 1 / (x - 50), range(100))
    given = []
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        given.extend([next(results) for _ in range(60)])
    cause = caught.value.__cause__
    assert isinstance(cause, TaskError)
    assert (cause.task, cause.argument, cause.kind) == (50, "50", "ZeroDivisionError")
    assert cause.worker.startswith("worker ")
    assert "1 / (x - 50)" in cause.trace
    assert "async_plot/jobs" not in cause.trace and "concurrent" not in cause.trace
    assert str(cause).startswith("task 50 (50) failed in worker ")
    assert results.state == "failed" and results.failed >= 1
    assert results.failures[0].task == 50
    assert next(results, None) is None


def test_failures_in_the_place_of_results(map_: Map) -> None:
    """The job goes on, and all of them are counted."""
    results = map_(lambda x: 1 // (x % 10), range(100), errors="return")
    given = list(results)
    assert [x.task for x in given if isinstance(x, TaskError)] == [*range(0, 100, 10)]
    assert [x for x in given if not isinstance(x, TaskError)] == [
        1 // (x % 10) for x in range(100) if x % 10
    ]
    assert results.state == "finished"
    assert results.progress.failed == results.failed == 10


def test_causes_and_contexts(map_: Map) -> None:
    """The whole chain is told."""

    def fail(x: int) -> None:
        try:
            raise LookupError("first")
        except LookupError:
            try:
                raise ValueError("second") from TypeError("why")
            except ValueError:
                raise OSError("third")  # noqa: B904

    with pytest.raises(OSError, match="third") as caught:
        list(map_(fail, [1]))
    cause = caught.value.__cause__
    assert isinstance(cause, TaskError)
    places = [cause.trace.index(w) for w in ("why", "second", "third")]
    assert places == sorted(places)


@pytest.mark.parametrize("error", [WithLock(), TwoArguments("one", "two")])
def test_exceptions_that_do_not_travel(map_: Map, error: Exception) -> None:
    """Are told as text, where they have to travel."""
    kind = type(error)

    def fail(x: int) -> None:
        raise WithLock() if kind is WithLock else TwoArguments("one", "two")

    with pytest.raises((TaskError, kind)) as caught:
        list(map_(fail, [1]))
    told = caught.value
    if not isinstance(told, TaskError):
        told = told.__cause__  # type: ignore[assignment]
    assert isinstance(told, TaskError)
    assert told.kind == kind.__name__
    assert told.text == str(error)


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), StopIteration(1), GeneratorExit()]
)
def test_what_would_mean_something_else_here(map_: Map, error: BaseException) -> None:
    """``sys.exit`` in a task ends neither the worker nor the calculation."""
    kind = type(error)

    def fail(x: int) -> int:
        if x == 1:
            raise kind
        return x

    with pytest.raises(TaskError) as caught:
        list(map_(fail, range(3)))
    assert (caught.value.task, caught.value.kind) == (1, kind.__name__)
    given = list(map_(fail, range(3), errors="return"))
    assert given[0] == 0 and given[2] == 2 and isinstance(given[1], TaskError)


def test_an_exit_in_a_task(map_: Map) -> None:
    """As above."""
    with pytest.raises(TaskError, match="SystemExit: 3"):
        list(map_(sys.exit, [3]))


# -- what does not pickle ----------------------------------------------------------


@pytest.mark.parametrize("name", ["processes", "loky"])
def test_results_that_do_not_travel(pools: dict[str, Any], name: str) -> None:
    """Fail their task, and no other."""
    give = [int, NoPickle, NoUnpickle, int]
    results = begin(
        lambda kind: kind(), give, executor=pools[name], errors="return", chunksize=4
    )
    given = list(results)
    assert given[0] == given[3] == 0
    assert "its result cannot be pickled" in given[1].text
    assert "its result cannot be unpickled here" in given[2].text
    assert results.failed == 2


@pytest.mark.parametrize("name", ["processes", "loky"])
def test_arguments_that_do_not_travel(pools: dict[str, Any], name: str) -> None:
    """Fail their task, or their chunk, and the pool lives on."""
    items = [1, threading.Lock(), 2]
    given = list(begin(repr, items, executor=pools[name], errors="return"))
    assert (given[0], given[2]) == ("1", "2")
    assert "its argument cannot be sent" in given[1].text
    with pytest.raises(TypeError, match="its argument cannot be sent"):
        list(begin(repr, items, executor=pools[name]))
    given = list(
        begin(
            repr, [1, NoUnpickle()], executor=pools[name], errors="return", chunksize=1
        )
    )
    assert given[0] == "1"
    assert given[1].kind == "OSError" and given[1].text == "not on this machine"


@pytest.mark.parametrize("name", ["processes", "loky"])
def test_a_function_that_cannot_be_brought_back(
    pools: dict[str, Any], name: str
) -> None:
    """Is told as what every task failed by."""
    broken = NoUnpickle()
    with pytest.raises(TaskError, match="not on this machine"):
        list(begin(lambda x: broken, range(9), executor=pools[name]))


# -- how it is shown ---------------------------------------------------------------


def test_arguments_are_shown_in_short() -> None:
    """Whatever they are."""
    assert failures.shown((1, "two"), star=True) == "1, 'two'"
    assert len(failures.shown("x" * 10_000)) <= failures.SHOWN
    assert len(failures.shown([["x" * 100] * 100] * 1000)) <= failures.SHOWN
    assert len(failures.shown(10**6000)) <= failures.SHOWN
    assert "its repr raised ZeroDivisionError" in failures.shown(BadRepr())


def test_a_repr_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is waited for once, and a moment."""
    monkeypatch.setattr(failures, "_PATIENCE", 0.01)
    monkeypatch.setattr(failures, "_slow", set())
    gate = threading.Event()
    asked = []

    class Slow:
        def __repr__(self) -> str:
            asked.append(1)
            gate.wait()
            return "done"

    try:
        assert "its repr takes long" in failures.shown(Slow())
        assert "Slow" in failures.shown(Slow())
        assert len(asked) == 1
    finally:
        gate.set()


def test_a_traceback_of_any_length_is_bounded() -> None:
    """Its beginning and its end are kept."""
    try:
        raise ValueError("x" * 10 * failures.TRACE)
    except ValueError as error:
        fault = failures.described(0, error, star=False, travels=True, now=0.0)
    assert len(fault.trace) < failures.TRACE + 100
    assert fault.trace.startswith("Traceback")
    assert len(fault.text) <= 4096
