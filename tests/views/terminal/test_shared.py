"""The view on a calculation's own terminal, without one; see `faults.test_terminal`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from async_plot.views import strip
from async_plot.views.jobs import Jobs
from async_plot.views.terminal import shared
from async_plot.views.terminal.ink import Piece

from ..said import bar


@pytest.fixture
def printed() -> Iterator[int]:
    """Descriptor of what a calculation has printed."""
    made = os.memfd_create("prints")
    yield made
    os.close(made)


def tail(descriptor: int) -> list[str]:
    return shared.tail(descriptor, os.fstat(descriptor).st_size)


def test_the_newest_lines_are_shown(printed: int) -> None:
    """Of many; without what moves a cursor, and of one that is renewed the newest."""
    assert tail(printed) == []
    os.write(printed, b"".join(b"line %d\n" % number for number in range(10_000)))
    os.write(printed, b"\x1b[2Jwiped\x07\n10 %\r20 %\r30 %")
    lines = tail(printed)
    assert lines[-3] == "line 9999" and lines[-1] == "30 %"
    assert "wiped" in lines[-2] and lines[-2].isprintable()
    assert len(lines) < 100


def test_bytes_that_are_no_text_and_holes_are_no_matter(printed: int) -> None:
    """A hole was punched behind what is old."""
    os.ftruncate(printed, 1 << 20)
    os.pwrite(printed, b"\xff\xfe text \xe5\xad\x97\n", 1 << 20)
    [line] = tail(printed)
    assert line.endswith(" text 字")


def rows(jobs: Jobs, width: int = 40, height: int = 6) -> list[str]:
    """What is drawn."""
    drawn = shared.draw(jobs.standing(1.0), width, height, 1.0)
    pieces: list[list[Piece]] = drawn  # type: ignore[assignment]
    return ["".join(text for text, _ in row).rstrip() for row in pieces]


def text_bar(name: str, text: str, *place: int, state: str = "running") -> Jobs:
    jobs = Jobs()
    add(jobs, name, text, *place, state=state)
    return jobs


def add(jobs: Jobs, name: str, text: str, *place: int, state: str = "running") -> None:
    told = bar(
        **{"bar": name, "desc": "", "total": -1.0, "done": 0.0, "postfix": text},
        **{"place": list(place), "state": state, "job": "", "parent": "", "worker": ""},
    )
    jobs.hear(told, 0.0, 0.0)


def test_bars_are_drawn_at_their_places() -> None:
    """Cut where another one begins, or the screen ends; wide characters count twice."""
    jobs = text_bar("a", "one and more of it", 2, 1)
    add(jobs, "b", "字字字字字字字", 10, 1)
    add(jobs, "c", 60 * "x", 0, 3)
    add(jobs, "d", "", 0, 4)  # nothing was written yet
    drawn = rows(jobs)
    assert drawn[1].startswith("  one an") and drawn[1].endswith("字字字字字字字")
    assert drawn[3].startswith(30 * "x") and len(drawn[3]) <= 40
    assert drawn[0] == drawn[2] == drawn[4] == ""


def test_those_that_have_ended_stay() -> None:
    """Until there is no room for those that run."""
    jobs = text_bar("a", "ended", 0, 0, state="finished")
    add(jobs, "b", "runs")
    assert rows(jobs)[:2] == ["ended", "runs"]
    for number in range(8):
        add(jobs, f"c{number}", f"runs {number}")
    drawn = rows(jobs)
    assert "ended" not in drawn and drawn[-1] == "... and 5 more"


def test_beside_bars_stands_what_the_run_says() -> None:
    """Nothing where it says nothing; its newest record; that it is held."""
    state = strip.StripState(name="seed", state="running", where="process 1 on a")
    assert not shared.held_or_told(state, 0.0)
    state.log = "two bars are wanted at row 1"
    assert shared.held_or_told(state, 2.0) == [(state.log, "faint")]
    state.silent = 61.0
    pill = shared.held_or_told(state, 3.0)[0]
    assert "silent 61 s" in pill[0]


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (2, 1), (1, 30)])
def test_any_screen_can_be_drawn_on(size: tuple[int, int]) -> None:
    """However small."""
    jobs = text_bar("a", "text", 0, 0)
    add(jobs, "b", "text")
    assert len(rows(jobs, *size)) == size[1]


def test_a_process_in_the_foreground_is_known() -> None:
    """One that is gone is in nobody's way."""
    assert shared._in_foreground(2**22 + 1)
