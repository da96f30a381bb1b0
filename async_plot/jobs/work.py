"""In a worker: performs the chunks of a job, and shows where it is with them.

The tasks' own thread counts by letting a list grow, and touches no socket, lock or
clock but the one that times each task. Knows no pool.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from types import FrameType
from typing import Any, Protocol

from ..net import files
from ..wire import pickles
from ..wire.messages import Worker
from . import failures, marks, orphans, parcels
from .desk import desk
from .parcels import Order, Parcel

__all__ = ["SLOWEST", "Near", "Seat", "run_chunk"]

SLOWEST = 5  # tasks told of each job
_FUNCTIONS = 4  # kept loaded, of as many jobs
_USAGE = 0.1  # seconds between two looks at what the process uses
# Seconds after which it is looked whether to go on, and whether the task that has just
# ended is one of the slowest: each that takes longer is looked at.
_STEP = (20e-6, 0.001)  # at least, at most
_BATCH = 256  # tasks after which it is looked, too
_REFUSED = 64  # jobs that were interrupted and are remembered


class Near(Protocol):
    """A job whose workers are threads of its own process."""

    def begun(self, chunk: int, seat: Seat) -> None:
        """Take note that a thread has this chunk in hand."""


class Seat:
    """One worker at work for one job: a source, and for a thread what can be stopped.

    Attributes
    ----------
    results : list
        Of the chunk in hand; its length is the count.
    performing : bool
        A task runs, so that an interrupt is the task's.
    interrupted : bool
        Ctrl-C has come.
    """

    def __init__(self, job: str) -> None:
        self.key = desk.new_key()
        self.job = job
        self.pid = os.getpid()
        self.host = files.hostname()
        thread = threading.current_thread()
        main = thread is threading.main_thread()
        self.ident = thread.ident
        self.thread = "" if main else thread.name
        self.results: list[Any] = []
        self.performing = False
        self.interrupted = False
        self._stopping = threading.Lock()
        self._tasks: list[Any] = []
        self._first = 0
        self._chunk = 0
        self._star = False
        self._done = 0
        self._failed = 0
        self._over = False
        self._seen: tuple[int, int] = (-1, -1)
        self._since = 0.0
        self._cpu: tuple[float, float] | None = None
        self._usage = -1.0, -1.0

    # -- the worker's thread ---------------------------------------------------

    def take(self, chunk: int, first: int, tasks: list[Any], *, star: bool) -> None:
        """Begin a chunk."""
        self.results = []
        self._star = star
        self._first, self._chunk, self._tasks = first, chunk, tasks

    def put(self, failed: int) -> None:
        """End it."""
        tasks, self._tasks = self._tasks, []
        done = len(self.results)
        self.results = []
        del tasks
        self._done += done
        self._failed += failed

    def leave(self) -> None:
        """Nothing more is done for this job."""
        self._over = True

    # -- any thread ------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether nothing more is done for this job."""
        return self._over

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""
        if not self._tasks:
            return self._done
        return self._chunk, len(self.results), int(time.monotonic())

    def look(self, now: float) -> Worker:
        """Tell what is in hand."""
        tasks, counted, first = self._tasks, len(self.results), self._first
        task, argument = -1, ""
        if tasks:
            counted = min(counted, len(tasks) - 1)
            task = first + counted
            if self._seen != (self._chunk, counted):
                self._seen, self._since = (self._chunk, counted), time.time()
            argument = failures.shown(tasks[counted], star=self._star)
        cpu, memory = self.usage()
        return Worker(
            worker=self.key,
            number=0,
            job=self.job,
            pid=self.pid,
            host=self.host,
            thread=self.thread,
            state="ended" if self._over else "working" if tasks else "waiting",
            chunk=self._chunk,
            counted=counted if tasks else 0,
            task=task,
            argument=argument,
            since=self._since,
            done=self._done + (counted if tasks else 0),
            failed=self._failed,
            cpu=cpu,
            memory=memory,
            startup=-1.0,
            init=-1.0,
            waiting=-1.0,
            working=-1.0,
            ending=-1.0,
            text="",
        )

    def usage(self) -> tuple[float, float]:
        """Share of a core that this process has used since the last look, and bytes."""
        now, before = time.monotonic(), self._cpu
        if before is not None and now - before[0] < _USAGE:
            return self._usage
        used = time.process_time()
        share = -1.0
        if before is not None:
            share = (used - before[1]) / (now - before[0])
        self._cpu = now, used
        self._usage = share, _memory()
        return self._usage

    def stop(self) -> None:
        """Have the task in hand of this thread raise `KeyboardInterrupt`."""
        with self._stopping:
            self.interrupted = True
            if self.performing and self.ident is not None:
                _raise_in(self.ident, KeyboardInterrupt)

    def finish(self) -> None:
        """Let nothing be raised in this thread from now on."""
        with self._stopping:
            self.performing = False
            if self.interrupted and self.ident is not None:
                _take_back(self.ident)


def run_chunk(
    order: Order | bytes, number: int, first: int, tasks: Any, slow: float = 0.0
) -> Parcel:
    """Perform the tasks of a chunk, and say how it went.

    Parameters
    ----------
    order : Order or bytes
        What is the same for all chunks of the job; pickled, if it has travelled.
    number : int
        Of the chunk.
    first : int
        Index of its first task.
    tasks : bytes or list
        Arguments of its tasks; pickled, if they have travelled.
    slow : float, default: 0
        Seconds below which a task is none of the job's slowest.

    Returns
    -------
    Parcel
    """
    began, clock = time.monotonic(), time.perf_counter
    entered = clock()
    if isinstance(order, bytes):
        order = _ordered(order)
    travels = order.near is None
    if travels and order.reporter is not None:
        order.reporter.begin()  # first: what is begun from now on is told to that run
    seat = _seated(order)
    if order.job in _refused:
        return _parcel(seat, "interrupted", began)
    cell: Any = [0] * marks.FIELDS
    if order.marks is not None:
        orphans.watch()  # marks are for processes that the calculation started
        cell = order.marks.cell()
        if cell is None:
            # Before anything is performed: what is not noted might be taken for lost.
            return _parcel(seat, "markless", began)
        # Before anything is loaded: that can end a process, too.
        if not order.marks.begin(cell, number, first):
            return _parcel(seat, "revoked", began)
    try:
        if travels:
            function = _loaded(order)
            if function is None:
                return _parcel(seat, "lacking", began)
            tasks = pickles.loads(tasks, ())
        else:
            function = order.function
    except Exception as error:
        return _unloadable(seat, order, first, error, began)
    if order.star:
        function = partial(_spread, function)
    init = clock() - entered
    if travels:
        if _on_main_thread():
            _hand.seat, _hand.ignores = seat, not order.interruptible
            _guard()
    else:
        order.near.begun(number, seat)
    faults: dict[int, failures.Fault] = {}
    slowest: list[tuple[float, int]] = []
    seat.take(number, first, tasks, star=order.star)
    desk.seat.worker, desk.seat.job = seat.key, order.job
    entered = clock()
    count = _perform(seat, order, function, tasks, first, cell, faults, slowest, slow)
    worked = clock() - entered
    if order.marks is not None:
        order.marks.end(cell)
    desk.seat.worker = desk.seat.job = ""
    results: Any = seat.results[:count]
    seat.put(len(faults))
    _hand.seat = None
    state = "done"
    if seat.interrupted:
        state = "interrupted"
        _refuse(order.job)
    if travels:
        results, refused = parcels.shipped(results)
        for place, refusal in refused.items():
            why = failures.brief(refusal)
            said = TypeError(f"its result cannot be pickled: {why}")
            faults[place] = failures.described(
                tasks[place], said, star=order.star, travels=True, now=time.time()
            )
    told = [
        (took, index, failures.shown(tasks[index - first], star=order.star))
        for took, index in sorted(slowest, reverse=True)
        if took >= slow
    ]
    return _parcel(
        seat, state, began, count, results, faults, told, init=init, worked=worked
    )


def stop(ident: int) -> None:
    """Interrupt the task in hand of a thread of this process."""
    seat = _seats.get(ident)
    if seat is not None:
        seat.stop()


# -- private -----------------------------------------------------------------------


def _refuse(job: str) -> None:
    _refused[job] = None
    while len(_refused) > _REFUSED:
        _refused.popitem(last=False)


def _perform(
    seat: Seat,
    order: Order,
    function: Callable[[Any], Any],
    tasks: list[Any],
    first: int,
    cell: Any,
    faults: dict[int, failures.Fault],
    slowest: list[tuple[float, int]],
    least: float,
) -> int:
    """Call the function for task after task; give how many were performed."""
    results, clock = seat.results, time.perf_counter
    append = results.append
    try:
        seat.performing = True
        if seat.interrupted:
            return 0
        now = clock()
        end = now + order.patience
        step = _step(least) if least else 0.0
        bound = now + step
        for start in range(0, len(tasks), _BATCH):
            if now > end or seat.interrupted:
                break
            cell[0] = 0
            cell[marks.BASE] = first + start
            # Here each instruction counts: they are all that a quick task costs more
            # than in a loop of one's own. Numbers up to 256 need not be made.
            for cell[0], item in enumerate(tasks[start : start + _BATCH]):
                try:
                    append(function(item))
                except BaseException as error:
                    if seat.interrupted and isinstance(error, KeyboardInterrupt):
                        return len(results)
                    faults[len(results)] = failures.described(
                        item,
                        error,
                        star=order.star,
                        travels=order.near is None,
                        now=time.time(),
                    )
                    append(None)
                before = now
                now = clock()
                if now > bound:
                    took = now - before
                    if took > least:
                        index = first + len(results) - 1
                        least = _note(slowest, took, index, least)
                        step = _step(least) if least else 0.0
                    if now > end or seat.interrupted:
                        break
                    bound = now + step
        seat.performing = False
    except KeyboardInterrupt:
        # Between two tasks, or while a failure was described.
        if not seat.interrupted:
            raise
    finally:
        try:
            seat.finish()
        except KeyboardInterrupt:  # the one that was on its way
            seat.finish()
    return len(results)


def _step(least: float) -> float:
    """Seconds between two looks, where this is to be exceeded."""
    return min(max(least, _STEP[0]), _STEP[1])


def _note(
    slowest: list[tuple[float, int]], took: float, index: int, least: float
) -> float:
    """Keep the longest; give what the next one has to exceed."""
    if len(slowest) < SLOWEST:
        heapq.heappush(slowest, (took, index))
    else:
        heapq.heapreplace(slowest, (took, index))
    return max(least, slowest[0][0]) if len(slowest) == SLOWEST else least


def _spread(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def _parcel(
    seat: Seat,
    state: str,
    began: float,
    count: int = 0,
    results: Any = None,
    faults: dict[int, failures.Fault] | None = None,
    slowest: list[tuple[float, int, str]] | None = None,
    *,
    init: float = 0.0,
    worked: float = 0.0,
) -> Parcel:
    cpu, memory = seat.usage()
    return Parcel(
        state=state,
        performed=count,
        results=results,
        faults=faults or {},
        slowest=slowest or [],
        seat=seat.key,
        pid=seat.pid,
        host=seat.host,
        thread=seat.thread,
        began=began,
        ended=time.monotonic(),
        init=init,
        worked=worked,
        cpu=cpu,
        memory=memory,
    )


def _unloadable(
    seat: Seat, order: Order, first: int, error: Exception, began: float
) -> Parcel:
    """Tell that function or arguments could not be brought back here."""
    fault = failures.described(
        None, error, star=False, travels=order.near is None, now=time.time()
    )
    return _parcel(seat, "unloadable", began, faults={0: fault})


# The seat of each thread, for the job that it works for.
_local = threading.local()
_seats: dict[int, Seat] = {}  # for other threads; of as many as there ever were at once


def _seated(order: Order) -> Seat:
    seat: Seat | None = getattr(_local, "seat", None)
    if seat is not None and seat.job == order.job:
        return seat
    if seat is not None:
        seat.leave()
        desk.remove(seat)
    seat = _local.seat = _seats[threading.get_ident()] = Seat(order.job)
    if order.near is None:
        desk.add(seat)
    return seat


# Functions that were sent here, by job and digest: not shared by jobs, so that what a
# closure has changed in one of them is not seen in the next.
_functions: OrderedDict[tuple[str, bytes], Callable[..., Any]] = OrderedDict()


# The newest orders: not unpickled again for every chunk.
_orders: OrderedDict[bytes, Order] = OrderedDict()


def _ordered(data: bytes) -> Order:
    order = _orders.get(data)
    if order is None:
        order = _orders[data] = pickles.loads(data, ())
        while len(_orders) > _FUNCTIONS:
            _orders.popitem(last=False)
    return order


def _loaded(order: Order) -> Callable[..., Any] | None:
    key = order.job, order.digest
    function = _functions.get(key)
    if function is None:
        if not order.function:
            return None
        function = _functions[key] = pickles.loads(order.function, ())
        while len(_functions) > _FUNCTIONS:
            _functions.popitem(last=False)
    return function


def _memory() -> float:
    """Bytes that this process holds; -1 if that is not known."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return float(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        pass
    try:
        import psutil

        return float(psutil.Process().memory_info().rss)
    except Exception:  # not installed, or not on this system
        return -1.0


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else math.nan


# -- Ctrl-C ------------------------------------------------------------------------


class _Hand:
    """What the main thread of this worker has in hand."""

    seat: Seat | None = None
    ignores = False  # Ctrl-C: the calculation does something else then


_hand = _Hand()
_refused: OrderedDict[str, None] = OrderedDict()  # jobs that Ctrl-C has ended


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _guard() -> None:
    """Let Ctrl-C interrupt a task, and nothing else of this worker."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, on_interrupt)
        # It was held back while this process started, see `engines.executors`.
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def on_interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt the task in hand of the main thread; the handler of a signal."""
    seat = _hand.seat
    if seat is not None:
        if _hand.ignores:
            return
        seat.interrupted = True
        if seat.performing:
            raise KeyboardInterrupt
    elif not _is_waiting(frame):
        signal.default_int_handler(number, frame)


def _is_waiting(frame: FrameType | None) -> bool:
    """Whether the pool's own loop waits for its next chunk, or hands one back."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if frame.f_code.co_name in ("_process_worker", "worker", "run_chunk"):
            return True
        if name.partition(".")[0] not in _POOLS:
            return False
        frame = frame.f_back
    return False


_POOLS = frozenset(
    {"multiprocessing", "concurrent", "loky", "threading", "queue", "pickle"}
    | {"selectors", "async_plot", "cloudpickle", "multiprocess", "mpire"}
)


class _TakenBack(BaseException):
    """What is raised in the place of an interrupt that is not wanted any more."""


def _raise_in(ident: int, kind: type[BaseException]) -> None:
    """Raise in a thread at its next bytecode, in the place of what is on its way."""
    import ctypes

    raised = ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)


def _take_back(ident: int) -> None:
    """Let nothing be raised in this thread, which is that one, that is on its way.

    With none in its place Python 3.11 would believe for ever that something is on its
    way: each loop of the process is slower from then on, and a debugger never gets
    past the first function that it traces.
    """
    with contextlib.suppress(_TakenBack):
        _raise_in(ident, _TakenBack)
        for _ in range(1000):  # it comes at the first
            time.sleep(0)


if hasattr(os, "register_at_fork"):

    def _forked() -> None:
        _hand.seat = None
        _functions.clear()
        _orders.clear()
        _refused.clear()
        _seats.clear()
        _local.__dict__.clear()

    os.register_at_fork(after_in_child=_forked)
