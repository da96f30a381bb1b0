"""Which frame of a file it is at a moment."""

from __future__ import annotations

import pytest

from async_plot.net.moments import Moments
from async_plot.net.records import Entry
from async_plot.wire.messages import Frame


def moments(*frames: tuple[float, str, bool]) -> Moments:
    """Of frames at every other entry: time, plotter, whether taken mid-step."""
    made = Moments()
    for index, (time, plotter, mid_step) in enumerate(frames):
        entry = Entry(Frame, 0, 0, plotter=plotter, time=time, mid_step=mid_step)
        made.add(2 * index, entry)
    return made


def test_of_none_nothing_is_found() -> None:
    """A file may hold no frame at all."""
    none = moments()
    assert (none.duration, none.end, none.at(1.0), none.newest("", -1)) == (
        0,
        0,
        -1,
        None,
    )


def test_the_newest_frame_at_a_moment() -> None:
    """The first one before all, the last one after all."""
    made = moments((10.0, "a", False), (11.0, "b", False), (13.0, "a", False))
    assert made.times == [0.0, 1.0, 3.0] and made.duration == 3.0
    assert [made.at(t) for t in (-1.0, 0.0, 0.9, 1.0, 2.9, 3.0, 99.0)] == [
        *(0, 0, 0, 1, 1, 2, 2),
    ]
    assert [made.newest("a", k) for k in range(3)] == [0, 0, 4]
    assert [made.newest("b", k) for k in range(3)] == [None, 2, 2]
    assert made.newest("c", 2) is None


def test_each_frame_has_a_moment_of_its_own() -> None:
    """Where two came at once, or a clock was set back."""
    made = moments((10.0, "", False), (10.0, "", False), (7.0, "", False))
    first, second, third = made.times
    assert first < second < third == pytest.approx(0.0, abs=1e-3)
    assert [made.at(t) for t in made.times] == [0, 1, 2]


def test_what_was_taken_mid_step_is_behind_the_end() -> None:
    """Unless there is nothing else."""
    made = moments((0.0, "", False), (1.0, "", False), (2.0, "", True))
    assert made.whole == 2 and made.end == 1.0 and made.duration == 2.0
    assert made.whole_of == {"": [(0.0, 0), (1.0, 2)]}
    alone = moments((0.0, "", True))
    assert alone.whole == 1 and not alone.whole_of
