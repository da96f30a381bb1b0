"""Titles of windows: what is said of the run stands behind what they are called."""

from __future__ import annotations

from async_plot.views.titles import Titles


class Manager:
    """A window, as far as it has a title."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.set = 0

    def get_window_title(self) -> str:
        return self.title

    def set_window_title(self, title: str) -> None:
        self.title = title
        self.set += 1


def test_a_mark_stands_behind_until_another_takes_its_place() -> None:
    """And is gone without a trace."""
    titles = Titles("wave")
    first, own = Manager(titles.of("energy")), Manager("Figure 1")
    for word, seen in (
        ("paused", "wave: energy - paused"),
        ("pausing", "wave: energy - pausing"),
        ("", "wave: energy"),
    ):
        titles.mark([first, own], word)
        assert first.title == seen
        assert own.title == seen.replace("wave: energy", "Figure 1")


def test_what_stands_there_is_not_written_again() -> None:
    """A window manager hears of each title; a tick is no reason for one."""
    titles, manager = Titles("wave"), Manager("wave")
    for _ in range(5):
        titles.mark([manager], "")
    assert manager.set == 0
    for _ in range(5):
        titles.mark([manager], "paused")
    assert manager.set == 1 and titles.of("") == "wave"


def test_a_number_and_a_plotters_own_title_keep_the_mark() -> None:
    """Whichever comes first."""
    titles, manager = Titles("wave"), Manager("wave")
    titles.mark([manager], "paused")
    titles.number([manager], 2)
    assert manager.title == "wave (2) - paused"
    manager.title = "step 7"
    titles.mark([manager], "paused")
    assert manager.title == "step 7 - paused"
    titles.mark([manager], "")
    assert manager.title == "step 7"


def test_a_title_that_is_a_strip_says_it_already() -> None:
    """Once is enough."""
    titles, manager = Titles("wave"), Manager("wave: paused by anna 0:07, frame 3")
    titles.mark([manager], "paused")
    assert manager.set == 0
