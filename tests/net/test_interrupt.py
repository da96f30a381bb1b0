"""Ctrl-C from another thread of the same process, and why it may be impossible."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable

import pytest

from async_plot.net import interrupt

from ..helpers import AMPLE, eventually


def sleep_until(interrupted: Callable[[], object]) -> None:
    """Sleep in the main thread until another one has interrupted it."""
    go: queue.SimpleQueue[None] = queue.SimpleQueue()

    def interrupt_when_told() -> None:
        go.get(timeout=AMPLE)
        interrupted()

    thread = threading.Thread(target=interrupt_when_told)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        # In here, so that it cannot come before: a machine may stand still anywhere.
        go.put(None)
        time.sleep(AMPLE)
    thread.join(AMPLE)


def test_it_ends_what_the_main_thread_waits_for() -> None:
    """A sleep in the kernel, too."""
    assert interrupt.why_not() == ""
    sleep_until(interrupt.interrupt)


def test_a_handler_of_the_calculation_is_called() -> None:
    """It may do something else than end it."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        interrupt.interrupt()
        assert interrupt.why_not() == ""
        eventually(lambda: heard == [signal.SIGINT])
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_sigint_is_ignored_it_says_so() -> None:
    """As in a job that a shell has put into the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert interrupt.why_not() == "the calculation ignores SIGINT"
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_ends_the_process_may_be_sent() -> None:
    """Whoever has put the system's own handling back wants just that."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        assert interrupt.why_not() == ""
    finally:
        signal.signal(signal.SIGINT, before)
