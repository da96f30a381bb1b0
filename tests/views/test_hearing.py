"""From an inbox into what a strip tells; the inbox is filled by the test."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

import pytest

from async_plot.views import hearing
from async_plot.views.absence import Absence
from async_plot.views.strip import StripState, message
from async_plot.wire.messages import Log, Missed, State

from . import steered
from .steered import NOW, WALL


class Inbox:
    """What waits for a view."""

    def __init__(self, *logs: Log, steering: Any = ()) -> None:
        self.logs = deque(logs)
        self.stats: dict[str, Any] = {}
        self.histories: dict[str, Any] = {}
        self.steering = list(steering)

    def take_steering(self) -> list[Any]:
        taken, self.steering = self.steering, []
        return taken

    def take_news(self) -> list[Any]:
        return []


def taken(state: StripState, inbox: Any) -> StripState:
    hearing.take(state, inbox, NOW, WALL)
    return state


def log(text: str, name: str = "model") -> Log:
    return Log(WALL, 20, name, text)


def test_the_newest_record_stands_there_and_the_others_are_a_click_away() -> None:
    """The newest first, each with its time."""
    state = taken(StripState(), Inbox(log("one"), log("two")))
    assert (state.log, state.log_at) == ("two", NOW)
    *_, whole = message(state, NOW)
    at = time.strftime("%H:%M:%S", time.localtime(WALL))
    assert whole == f"{at}  two\n{at}  one"
    for number in range(5000):
        taken(state, Inbox(log(str(number))))
    assert len(state.logs) <= 1000


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf, 1e308, 1e18])
def test_a_record_of_no_time_is_a_record(at: float) -> None:
    """A worker may have any clock, and a recording may hold anything."""
    state = taken(StripState(), Inbox(Log(at, 20, "model", "one")))
    *_, whole = message(state, NOW)
    assert whole == "?  one"


def test_a_command_stands_beside_the_buttons() -> None:
    """Where there are none, it is a log record as any other."""
    told = steered.command("paused by anna@node1, window")
    controls = steered.heard(steered.steering())
    state = taken(StripState(controls=controls), Inbox(log("one"), told))
    assert state.log == "one" and "anna" in state.logs[-1]
    assert controls.line(NOW) == (told.text, False)
    looking = taken(StripState(), Inbox(log("one"), told))
    assert "anna" in looking.log


def test_how_a_run_is_steered_is_heard() -> None:
    """And is over when the run is."""
    controls = steered.heard()
    state = StripState(controls=controls)
    taken(state, Inbox(steering=[steered.steering("paused"), steered.DT]))
    assert controls.may and controls.wheel.paused
    hearing.hear(state, State("stopped", "", WALL), NOW)
    taken(state, Inbox())
    assert state.state == "stopped" and not controls.may


def test_a_cut_ends_nothing() -> None:
    """What cannot be steered now, can be when it is there again."""
    controls = steered.heard(steered.steering("paused"))
    state = StripState(controls=controls)
    hearing.hear(state, State("lost", "connection lost", WALL), NOW)
    taken(state, Inbox())
    assert not controls.may
    hearing.connected_again(state)
    taken(state, Inbox())
    assert controls.may and controls.wheel.paused


def test_what_was_missed_is_counted() -> None:
    """Records, and how long a view was away."""
    state = StripState()
    hearing.hear(state, Missed(3), NOW)
    hearing.hear(state, Absence(2.0, 7, 4), NOW)
    assert state.missed == 7 and "7 updates" in state.note
