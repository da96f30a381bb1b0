"""The stall alarm: no false one, none missed, and what it costs nobody to wait for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from async_plot.net.stall import GAP, READING, StallAlarm


class Taken:
    """Stacks that a test has taken."""

    def __init__(self, callers: Collection[int]) -> None:
        self.callers = callers
        self.text = "in step (solver.py:12)\n"
        self.read = True
        self.cost = 0.001
        self.started = 0

    def start(self) -> None:
        self.started += 1


class Ticks:
    """An alarm that is asked each half second of a clock of its own."""

    def __init__(self, after: float | None, **changes: Any) -> None:
        self.now = 1000.0
        self.life = 0
        self.taken: list[Taken] = []
        self.changes = changes
        self.alarm = StallAlarm(after, self.now, self.take)  # type: ignore[arg-type]

    def take(self, callers: Collection[int]) -> Taken:
        self.taken.append(Taken(callers))
        for name, value in self.changes.items():
            setattr(self.taken[-1], name, value)
        return self.taken[-1]

    def tick(self, count: int = 1, step: float = 0.5) -> list[Any]:
        """What is told in so many ticks."""
        told = []
        for _ in range(count):
            self.now += step
            told.append(self.alarm.look(self.life, {7}, self.now))
        return [message for message in told if message is not None]


def test_nothing_is_told_while_there_is_life() -> None:
    """However slow it is, if it is quicker than what was asked for."""
    ticks = Ticks(3.0)
    for _ in range(20):
        ticks.life += 1
        assert ticks.tick(6) == []
    assert ticks.alarm.current is None and not ticks.taken


def test_off_is_off() -> None:
    """Without a time there is no alarm and no cost."""
    ticks = Ticks(None)
    assert ticks.tick(10_000) == [] and not ticks.taken


def test_a_stall_and_its_end_are_told_once() -> None:
    """With the stacks, since when, and how long it was."""
    ticks = Ticks(3.0)
    ticks.life += 1
    ticks.tick()
    [told] = ticks.tick(8)
    assert told.text == "in step (solver.py:12)\n"
    assert told.seconds == 3.0
    assert ticks.taken[0].callers == {7} and ticks.taken[0].started == 1
    assert ticks.alarm.current.seconds == 4.0  # for a viewer that comes later
    assert ticks.alarm.current.since == told.since
    assert ticks.alarm.spent == 0.001
    ticks.life += 1
    [over] = ticks.tick(5)
    assert (over.seconds, over.text, over.since) == (4.5, "", told.since)
    assert ticks.alarm.current is None


def test_a_run_that_never_begins_has_stalled_as_well() -> None:
    """It counts from the start."""
    assert len(Ticks(3.0).tick(6)) == 1


def test_the_stacks_are_taken_again_after_twice_the_time() -> None:
    """Few times, however long it lasts."""
    ticks = Ticks(1.0)
    told = ticks.tick(200)
    assert [message.seconds for message in told] == [1, 2, 4, 8, 16, 32, 64]
    ticks.life += 1
    ticks.tick()
    assert [message.seconds for message in ticks.tick(3)] == [1.0]


def test_other_signs_of_life_count() -> None:
    """Whatever calls `alive`."""
    ticks = Ticks(3.0)
    for _ in range(10):
        assert ticks.tick(5) == []
        ticks.alarm.alive()


def test_time_in_which_nobody_looked_is_no_stall() -> None:
    """The process was stopped, or the computer slept: it must have its time first."""
    ticks = Ticks(60.0)
    ticks.tick(2)
    assert ticks.tick(1, step=8 * 3600.0) == []
    assert ticks.tick(100) == []
    assert len(ticks.tick(20)) == 1
    assert ticks.taken and ticks.alarm.current.seconds < 62 + GAP


def test_a_clock_that_goes_back_counts_as_nothing() -> None:
    """Monotonic clocks do not; if one did, no time has passed."""
    ticks = Ticks(3.0)
    ticks.tick(4)
    assert ticks.tick(1, step=-1000) == []
    assert len(ticks.tick(2)) == 1


@pytest.mark.parametrize("late", [True, False])
def test_lines_that_are_not_read_are_not_waited_for(late: bool) -> None:
    """The places are told without them, and the next look may have them."""
    ticks = Ticks(1.0, read=False)
    assert ticks.tick(2) == []
    if late:
        ticks.taken[0].read = True
        assert [message.seconds for message in ticks.tick()] == [1.5]
    else:
        [told] = ticks.tick(int(2 * READING))
        assert told.seconds == 1.0 + READING


def test_a_stall_that_ends_before_it_is_told_is_not_told() -> None:
    """Neither it nor its end."""
    ticks = Ticks(1.0, read=False)
    assert ticks.tick(2) == []
    ticks.life += 1
    assert ticks.tick(2) == []


def test_without_a_thread_to_be_had_the_places_are_told() -> None:
    """At once."""

    def fail() -> None:
        raise RuntimeError("can't start new thread")

    assert len(Ticks(1.0, read=False, start=fail).tick(2)) == 1
