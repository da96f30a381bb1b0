"""How often a terminal is sent a picture: by its answers, or by what is assumed."""

from __future__ import annotations

import pytest

from async_plot.views.terminal.pace import LONGEST, PATIENCE, Pace


def test_there_is_one_picture_under_way() -> None:
    """The next one waits for the answer, and no longer than the rate says."""
    pace = Pace(5.0, answers=True)
    assert pace.due(0.0)
    pace.sent(0.0, 10**6)
    assert not pace.due(3.0)
    pace.answered(3.01)
    assert pace.took == pytest.approx(3.01)
    quick = Pace(5.0, answers=True)
    quick.sent(0.0, 1000)
    quick.answered(0.01)
    assert not quick.due(0.19)
    assert quick.due(0.2)


def test_a_slow_line_is_busy_a_quarter_of_the_time() -> None:
    """Three times as long as a picture took there is none."""
    pace = Pace(30.0, answers=True)
    pace.sent(10.0, 1)
    pace.answered(11.0)
    assert not pace.due(13.9)
    assert pace.due(14.0)


def test_an_answer_that_is_lost_is_not_waited_for_for_ever() -> None:
    """Nor is a line that needs minutes."""
    pace = Pace(5.0, answers=True)
    pace.sent(0.0, 1)
    assert not pace.due(PATIENCE)
    assert not pace.due(PATIENCE + 0.1)
    assert pace.due(PATIENCE + 0.1 + LONGEST)
    assert pace.slow == 1


def test_without_answers_a_speed_is_assumed() -> None:
    """A megabyte at a megabyte a second: four seconds."""
    pace = Pace(5.0, answers=False, speed=1e6)
    pace.sent(0.0, 10**6)
    assert not pace.due(3.9)
    assert pace.due(4.0)
    pace.answered(4.0)  # an answer that nobody asked for changes nothing
    pace.sent(5.0, 10)
    assert not pace.due(5.1)
    assert pace.due(5.2)


def test_what_it_costs_here_counts_too() -> None:
    """A quarter of one core at most goes into writing pictures down."""
    pace = Pace(30.0, answers=False)
    pace.sent(0.0, 1, cost=0.1)
    assert not pace.due(0.39)
    assert pace.due(0.41)


def test_pictures_that_take_long_are_counted_until_one_does_not() -> None:
    """So that a view can change to coarser ones."""
    pace = Pace(5.0, answers=True)
    for expected, took in ((1, 2.0), (2, 1.5), (0, 0.1)):
        pace.sent(100.0, 1)
        pace.answered(100.0 + took)
        assert pace.slow == expected
