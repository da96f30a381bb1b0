"""`map`: a function called for each item by the workers of a pool, in sight of all."""

from __future__ import annotations

import itertools
import linecache
import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

from ..errors import TaskError
from ..wire.messages import Job as JobMessage
from ..wire.messages import Progress
from .crew import Insights
from .desk import desk as _desk
from .engines import choose
from .engines.base import Engine
from .job import Job

__all__ = ["Results", "begin"]

R = TypeVar("R")

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_ENDLESS = (itertools.count, itertools.cycle, itertools.repeat)
_TEXT = 4096  # characters of a docstring


class Results(Generic[R]):
    """The results of a `map`, given as they come: an iterator.

    Leaving it before its end, by ``break`` or by an exception, ends the job.

    Attributes
    ----------
    state : str
        ``"running"``, ``"finished"``, ``"stopped"``, ``"interrupted"`` or
        ``"failed"``.
    progress : Progress
        How many tasks are done, and how long the others will take; see
        `async_plot.wire.messages.Progress`.
    failed : int
        How many tasks have failed.
    failures : list of TaskError
        Those that failed: the first hundred, and the hundred newest.
    insights : Insights
        Where the time of each worker went, and the slowest tasks.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        # Both hold the job, and it holds neither: when they go, it knows.
        batches = job.batches()
        next(batches)
        self._results: Iterator[R] = itertools.chain.from_iterable(batches)

    def __iter__(self) -> Iterator[R]:
        return self._results  # which runs in C

    def __next__(self) -> R:
        return next(self._results)

    @property
    def state(self) -> str:
        """How the job stands."""
        return self._job.state

    @property
    def progress(self) -> Progress:
        """How many tasks are done, and how long the others will take."""
        return self._job.progress()

    @property
    def failed(self) -> int:
        """How many tasks have failed."""
        return self._job.failed

    @property
    def failures(self) -> list[TaskError]:
        """Those that failed: the first hundred, and the hundred newest."""
        return list(self._job.failures)

    @property
    def insights(self) -> Insights:
        """Where the time of each worker went, and the slowest tasks."""
        return self._job.insights()

    def __repr__(self) -> str:
        done = self._job.counted()
        total = self._job.bar.total
        of = "" if total is None else f" of {total:g}"
        return f"<map {self._job.bar.desc}: {done}{of} done, {self.state}>"


def begin(
    function: Callable[..., R],
    iterables: tuple[Iterable[Any], ...],
    *,
    workers: int | None,
    executor: Any,
    chunksize: int | None,
    ordered: bool,
    errors: str,
    desc: str | None,
    owner: object = None,
    on_end: Callable[[BaseException | None], object] | None = None,
) -> Results[R]:
    """Begin a job; see `async_plot.Server.map`.

    Parameters
    ----------
    function, iterables, workers, executor, chunksize, ordered, errors, desc
        As there.
    owner : object, optional
        Who finishes the job if nobody ever asks for a result.
    on_end : callable, optional
        Called with an exception or None when it is over.
    """
    _check(function, iterables, workers, chunksize, ordered, errors, desc)
    total = _total(iterables)
    chunks = total if total is None or not chunksize else -(-total // chunksize)
    engine = choose(executor, workers, chunks)
    job = Job(
        function,
        iterables,
        engine,
        total=total,
        chunksize=chunksize,
        ordered=ordered,
        errors=errors,
        desc=desc or _name(function),
        endless=total is None and all(isinstance(i, _ENDLESS) for i in iterables),
        owner=owner,
        on_end=on_end,
    )
    _desk.say(_described(job, function, engine))
    job.begin()
    return Results(job)


# -- private -----------------------------------------------------------------------


def _check(
    function: object,
    iterables: tuple[object, ...],
    workers: object,
    chunksize: object,
    ordered: object,
    errors: object,
    desc: object,
) -> None:
    if not callable(function):
        raise TypeError(f"function must be callable, not {type(function).__name__!r}")
    if not iterables:
        raise TypeError("map needs at least one iterable after the function")
    for number, each in enumerate(iterables, 1):
        try:
            iter(each)  # type: ignore[call-overload]
        except TypeError:
            raise TypeError(
                f"iterable {number} cannot be iterated over: it is "
                f"{type(each).__name__!r}"
            ) from None
    for name, value in (("workers", workers), ("chunksize", chunksize)):
        if value is None:
            continue
        if isinstance(value, bool) or not hasattr(type(value), "__index__"):
            raise TypeError(f"{name} must be an integer or None, not {value!r}")
        if operator.index(value) < 1:  # type: ignore[arg-type]
            raise ValueError(f"{name} must be at least 1, not {value!r}")
    if not isinstance(ordered, (bool, int)):
        raise TypeError(f"ordered must be True or False, not {ordered!r}")
    if errors not in ("raise", "return"):
        raise ValueError(f"errors must be 'raise' or 'return', not {errors!r}")
    if desc is not None and not isinstance(desc, str):
        raise TypeError(f"desc must be a string or None, not {desc!r}")


def _total(iterables: tuple[Iterable[Any], ...]) -> int | None:
    """How many tasks there are: as many as the shortest has items."""
    known: list[int] = []
    for each in iterables:
        if isinstance(each, _ENDLESS):
            with_end = operator.length_hint(each, -1) if _has_hint(each) else -1
            if with_end >= 0:
                known.append(with_end)
            continue
        try:
            length = operator.length_hint(each, -1)
        except Exception:  # somebody's own __len__
            length = -1
        if length < 0:
            return None
        known.append(length)
    return min(known) if known else None


def _has_hint(each: Any) -> bool:
    try:
        operator.length_hint(each, -1)
    except TypeError:  # repeat without an end
        return False
    return True


def _name(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2]


def _described(job: Job, function: Any, engine: Engine) -> JobMessage:
    while isinstance(function, partial):
        function = function.func
    inner = getattr(function, "__func__", function)
    inner = _unwrapped(inner)
    code = getattr(inner, "__code__", None)
    if code is None:  # an object that can be called
        code = getattr(vars(type(inner)).get("__call__"), "__code__", None)
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    doc = getattr(function, "__doc__", None)
    return JobMessage(
        job=job.bar.key,
        worker="",
        desc=job.bar.desc,
        function=_qualified(function),
        file=code.co_filename if code is not None else "",
        line=code.co_firstlineno if code is not None else 0,
        doc=doc.strip()[:_TEXT] if isinstance(doc, str) else "",
        caller=file,
        caller_line=line,
        call=linecache.getline(file, line, frame.f_globals).strip()[:1000],
        engine=engine.name,
        workers=engine.workers,
        started=job.started,
    )


def _qualified(function: Any) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{module}.{name}" if module and module != "__main__" else str(name)


def _unwrapped(function: Any) -> Any:
    """Find the function inside of decorators that say so, however they nest."""
    for _ in range(100):
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    return function
