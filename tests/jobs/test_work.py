"""Chunks, as a worker performs them; here in the test's own thread."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from async_plot.jobs import marks, parcels, work
from async_plot.jobs.desk import desk
from async_plot.jobs.parcels import Order, Parcel
from async_plot.wire import pickles

from ..helpers import AMPLE, eventually, run_script


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)
    if hasattr(work._local, "seat"):
        desk.remove(work._local.seat)
    work._local.__dict__.clear()
    work._functions.clear()
    work._refused.clear()


def order(function: Any, **options: Any) -> Order:
    defaults = {"job": "job", "digest": b"1", "star": False, "patience": math.inf}
    blob = pickles.dumps(function)
    given = {"function": blob, "interruptible": True, **defaults, **options}
    return Order(**given)


def near_order(function: Any, near: Any) -> Order:
    """One for a thread of this process."""
    return replace(order(abs), function=function, near=near)


def run(order_: Order, tasks: list[Any], first: int = 0, slow: float = 0) -> Parcel:
    data = parcels.packed(order_)
    return work.run_chunk(data, 1, first, parcels.packed(tasks), slow)


def test_a_parcel_tells_what_was_done_and_by_whom() -> None:
    """Results, process, times."""
    parcel = run(order(lambda x: x + 1), [1, 2, 3], first=10)
    assert parcel.state == "done" and parcel.performed == 3
    assert parcels.opened(parcel.results) == ([2, 3, 4], {})
    assert parcel.pid == os.getpid() and parcel.thread == ""
    assert parcel.ended >= parcel.began
    assert parcel.worked >= 0 and parcel.init >= 0
    assert parcel.memory > 1e6
    assert {index for _, index, _ in parcel.slowest} == {10, 11, 12}


def test_what_takes_long_is_handed_back() -> None:
    """After the patience, between two tasks."""
    parcel = run(order(abs, patience=0.0), [1, 2, 3])
    assert parcel.performed == 1
    assert parcels.opened(parcel.results) == ([1], {})


@pytest.mark.parametrize("seconds", [0.0, 0.01])
def test_a_task_that_swallows_the_interrupt_is_the_last(seconds: float) -> None:
    """Whether it is quick or not; of the quick ones some more may be begun."""

    def stubborn(number: int) -> int:
        time.sleep(seconds)
        work._local.seat.interrupted = True  # as if it had caught what came
        return number

    parcel = run(order(stubborn), list(range(1000)))
    assert parcel.state == "interrupted"
    assert parcel.performed <= (1 if seconds else work._BATCH)


def test_the_slowest_tasks() -> None:
    """Five, longest first, and none that is quicker than what is known."""
    ticks = [0.0]

    def function(x: int) -> None:
        ticks[0] += x

    real = time.perf_counter
    try:
        time.perf_counter = lambda: ticks[0]
        given = near_order(function, _Near())
        parcel = work.run_chunk(given, 1, 0, [3, 9, 1, 7, 2, 8, 5, 6], 5.5)
    finally:
        time.perf_counter = real
    assert [(round(took, 6), index) for took, index, _ in parcel.slowest] == [
        (9.0, 1),
        (8.0, 5),
        (7.0, 3),
        (6.0, 7),
    ]


def test_a_slow_task_among_many_quick_ones() -> None:
    """Is told with its own index, wherever it stands."""
    ticks = [0.0]

    def function(x: float) -> None:
        ticks[0] += x

    tasks = [1e-6] * 1000
    tasks[0], tasks[1], tasks[255], tasks[256], tasks[700] = 3.0, 2.0, 4.0, 5.0, 1.0
    real = time.perf_counter
    try:
        time.perf_counter = lambda: ticks[0]
        parcel = work.run_chunk(near_order(function, _Near()), 1, 50, tasks)
    finally:
        time.perf_counter = real
    assert [(round(took, 4), index) for took, index, _ in parcel.slowest] == [
        (5.0, 306),
        (4.0, 305),
        (3.0, 50),
        (2.0, 51),
        (1.0, 750),
    ]


def test_a_task_that_ends_its_process_is_the_one_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also in a chunk of many."""
    for name, value in (("_board", None), ("_tried", False), ("_opened", {})):
        monkeypatch.setattr(marks, name, value)
    board = marks.board()
    assert board is not None
    given = order(lambda x: os._exit(3) if x == 300 else x, marks=board.marks())
    context = multiprocessing.get_context("fork")
    process = context.Process(target=run, args=(given, list(range(600)), 1000))
    process.start()
    process.join(AMPLE)
    assert process.pid is not None and process.exitcode == 3
    mark = board.read(process.pid)
    assert mark is not None and mark.task == 1300
    process.close()


class _Near:
    def __init__(self) -> None:
        self.seat: work.Seat | None = None

    def begun(self, chunk: int, seat: work.Seat) -> None:
        self.seat = seat


def test_a_function_that_is_lacking_is_asked_for() -> None:
    """And kept for the job's next chunk."""
    given = order(abs)
    without = replace(given, function=b"")
    assert run(without, [1]).state == "lacking"
    assert run(given, [1]).state == "done"
    assert run(without, [1]).state == "done"
    assert run(replace(without, job="another"), [1]).state == "lacking"


def test_ctrl_c_ends_the_task_and_what_follows_of_that_job() -> None:
    """Quietly; another job's chunks are performed."""

    def stop(x: int) -> None:
        if x == 1:
            signal.raise_signal(signal.SIGINT)

    parcel = run(order(stop), [0, 1, 2])
    assert (parcel.state, parcel.performed) == ("interrupted", 1)
    assert run(order(stop), [0]).state == "interrupted"
    assert run(order(stop, job="another"), [0]).state == "done"


def test_ctrl_c_of_a_calculation_that_does_something_else_then() -> None:
    """Is no business of its workers."""

    def stop(x: int) -> None:
        signal.raise_signal(signal.SIGINT)

    assert run(order(stop, interruptible=False), [0, 1]).performed == 2


def test_a_handler_of_the_users_stays() -> None:
    """A task that wants Ctrl-C for itself has it."""
    caught: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: caught.append(number))

    def stop(x: int) -> None:
        signal.raise_signal(signal.SIGINT)

    assert run(order(stop), [0, 1]).state == "done"
    assert len(caught) == 2


def test_a_seat_shows_the_task_in_hand() -> None:
    """While it is performed, to whoever looks from another thread."""
    go = threading.Event()
    near = _Near()
    given = near_order(lambda x: x != 2 or go.wait(), near)
    answer: list[Parcel] = []

    def perform() -> None:
        answer.append(work.run_chunk(given, 7, 100, [0, 1, 2, 3]))

    thread = threading.Thread(target=perform, name="a thread")
    thread.start()
    eventually(lambda: near.seat is not None and len(near.seat.results) == 2)
    assert near.seat is not None
    said = near.seat.look(0.0)
    assert (said.state, said.thread) == ("working", "a thread")
    assert (said.chunk, said.counted, said.task) == (7, 2, 102)
    assert (said.argument, said.done) == ("2", 2)
    go.set()
    thread.join()
    assert answer[0].results == [True] * 4
    assert near.seat.look(0.0).state == "waiting"


def test_a_thread_is_stopped_at_its_next_bytecode() -> None:
    """And what comes after the task is not."""
    near = _Near()
    spinning = threading.Event()

    def spin(x: int) -> None:
        while True:
            spinning.set()

    given = near_order(spin, near)
    answer: list[Parcel] = []
    thread = threading.Thread(
        target=lambda: answer.append(work.run_chunk(given, 1, 0, [0, 1]))
    )
    thread.start()
    spinning.wait()
    assert near.seat is not None
    near.seat.stop()
    thread.join()
    assert (answer[0].state, answer[0].performed) == ("interrupted", 0)


def test_nothing_is_on_its_way_once_it_was_taken_back() -> None:
    """Python 3.11 would never come past the first function that is traced."""
    run_script(
        """
import sys, threading
from async_plot.jobs import work

def traced():
    return 1

for _ in range(1000):  # until it is made quick
    traced()
work._raise_in(threading.get_ident() + 1, KeyboardInterrupt)  # nobody's
work._take_back(threading.get_ident())
sys.settrace(lambda frame, event, arg: None)
traced()
""",
        timeout=AMPLE,
    )
