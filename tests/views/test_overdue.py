"""Drawings that take long: an alarm inside of them, a watchdog beside them."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from async_plot.views import overdue
from async_plot.views.steering import RENEW
from async_plot.views.strip import StripState

from ..helpers import AMPLE, Deadline, eventually
from . import steered
from .steered import Sent


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "HANGING", 0.05)
    monkeypatch.setattr(overdue, "HUNG", 0.05)


def test_the_alarm_rings_inside_a_long_drawing_only(quick: None) -> None:
    """In the thread that draws, and not after it has returned."""
    rung: list[int] = []
    alarm = overdue.Alarm(lambda: rung.append(threading.get_ident()))
    try:
        alarm.start()
        deadline = Deadline(AMPLE)
        while not rung:  # a drawing in pure Python
            deadline.check("the alarm")
        alarm.stop()
        assert set(rung) == {threading.get_ident()}
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        alarm.close()
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_a_failing_callback_is_not_raised_in_the_users_draw(quick: None) -> None:
    """It would look like the user's own mistake."""
    rung: list[int] = []

    def fail() -> None:
        rung.append(1)
        raise RuntimeError("ours")

    alarm = overdue.Alarm(fail)
    try:
        alarm.start()
        deadline = Deadline(AMPLE)
        while not rung:
            deadline.check("the alarm")
    finally:
        alarm.close()


def test_a_signal_that_the_user_has_taken_is_left_to_them() -> None:
    """Then only the watchdog tells."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        mine = signal.getsignal(signal.SIGALRM)
        alarm = overdue.Alarm(lambda: None)
        alarm.start()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        alarm.close()
        assert signal.getsignal(signal.SIGALRM) is mine
    finally:
        signal.signal(signal.SIGALRM, before)


def test_the_watchdog_tells_once_of_each_drawing_and_where_it_is(quick: None) -> None:
    """With the stack of the thread that draws."""
    told: list[tuple[int, float, str]] = []
    state = StripState(drawing=7, drawing_since=time.monotonic() - 60)
    watchdog = overdue.Watchdog(state, lambda *what: told.append(what))
    watchdog.start()
    try:
        eventually(lambda: told)
        number, seconds, stack = told[0]
        assert number == 7 and seconds >= 60
        assert "test_the_watchdog_tells_once" in stack
        state.drawing_since = time.monotonic() - 30  # another drawing
        eventually(lambda: len(told) == 2)
    finally:
        watchdog.stop()
    assert len(told) == 2


def test_the_stack_is_the_drawings_also_while_the_alarm_rings(quick: None) -> None:
    """Its callback draws a warning, which may take long on a busy machine."""
    told: list[str] = []
    alarm = overdue.Alarm(lambda: eventually(lambda: told))
    state = StripState(drawing=7, drawing_since=time.monotonic() - 60)
    watchdog = overdue.Watchdog(state, lambda *what: told.append(what[2]))

    def users_draw() -> None:
        deadline = Deadline(AMPLE)
        while not told:
            deadline.check("the watchdog")

    try:
        alarm.start()
        watchdog.start()
        users_draw()
    finally:
        watchdog.stop()
        alarm.close()
    (stack,) = told
    assert "in users_draw" in stack
    assert "in _ring" not in stack


def test_the_watchdog_keeps_a_pause_while_a_figure_draws() -> None:
    """The thread that draws cannot."""
    sent: Sent = []
    state = StripState(controls=steered.heard(steered.steering(), sent=sent))
    now = time.monotonic()
    state.controls.tick(now)
    state.controls.act("pause", 0.0, now - RENEW)
    watchdog = overdue.Watchdog(state, lambda *what: None)
    watchdog.start()
    try:
        eventually(lambda: [action for action, *_ in sent] == ["pause", "renew"])
    finally:
        watchdog.stop()
