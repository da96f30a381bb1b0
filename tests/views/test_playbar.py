"""The row that steers a replay: what can be clicked, and what that does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from async_plot.replay import FASTEST, Place, Replay
from async_plot.views.pen import DPI, Pen, Region, palette
from async_plot.views.playbar import (
    HEIGHT,
    KEYS,
    act,
    describe_time,
    draw_playbar,
    told,
)

from ..recordings import story, write

PLACE = Place(position=3.0, duration=9.0, index=3, count=11, whole=10)
ACTIONS = {"back", "play", "forward", "slide", "slower", "faster"}


def drawn(place: Place, width: int = 640, dpi: float = DPI) -> dict[str, Region]:
    figure = Figure(figsize=(width / DPI, HEIGHT / DPI), dpi=dpi)
    pen = Pen(figure, palette("white"))
    draw_playbar(pen, place, HEIGHT / 2, [0.0, 3.0, 9.0])
    assert pen.image().shape[1] == round(width * dpi / DPI)
    return {region.action: region for region in pen.regions}


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    replay = Replay(write(tmp_path / "x", story(10)), at_end=True)
    yield replay
    replay.close()


@pytest.mark.parametrize("width", [320, 640, 1600])
@pytest.mark.parametrize("dpi", [DPI, 2 * DPI])
def test_everything_can_be_clicked_and_nothing_twice(width: int, dpi: float) -> None:
    """Whatever the width; the slider has most of it."""
    regions = drawn(PLACE, width, dpi)
    assert set(regions) == ACTIONS
    rows = sorted(regions.values(), key=lambda region: region.x0)
    for left, right in itertools.pairwise(rows):
        assert left.x1 <= right.x0 + 4 * dpi / DPI
    assert rows[-1].x1 <= (width + 8) * dpi / DPI
    slider = regions["slide"]
    assert slider.share(slider.first) == 0 and slider.share(slider.last) == 1
    if width > 320:
        assert slider.last - slider.first > 0.25 * width * dpi / DPI


def test_a_file_that_grows_can_be_followed() -> None:
    """Its end is one more thing to click."""
    growing = Place(duration=9.0, count=10, whole=10, growing=True)
    assert set(drawn(growing)) == {*ACTIONS, "end"}


def test_too_narrow_it_has_no_slider() -> None:
    """What is left is whole."""
    assert "slide" not in drawn(PLACE, 200)


def test_actions(replay: Replay) -> None:
    """Each does what it says."""

    def index(action: str, share: float = 0.0) -> int:
        act(replay, action, share)
        return replay.place.index

    assert index("back") == 8
    assert index("back 10") == 0
    assert index("forward") == 1
    assert index("slide", 0.5) == 4
    assert index("slide", 7.0) == 9
    assert index("slide", -7.0) == 0
    assert index("end") == 9
    assert index("start") == 0
    act(replay, "faster")
    assert replay.place.speed == 2.0
    act(replay, "slower")
    act(replay, "slower")
    assert replay.place.speed == 0.5
    act(replay, "play")
    assert replay.place.playing
    for action in KEYS.values():
        act(replay, action)


def test_what_it_tells() -> None:
    """A movement that nobody could see is no reason to draw."""
    near = Place(position=3.001, duration=9.0, index=3, count=11, whole=10)
    fast = Place(position=3.0, duration=9.0, index=3, count=11, speed=FASTEST)
    assert told(near) == told(PLACE) != told(fast)
    assert told(Place()) == told(Place())


def test_moments_read_as_on_a_clock() -> None:
    """Rounded down, so that the end is not told before it is reached."""
    assert describe_time(59.99, 100) == "0:59.9"
    assert describe_time(3599.99, 4000) == "0:59:59"
    assert describe_time(7322, 9000) == "2:02:02"
