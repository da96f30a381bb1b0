"""The rows of jobs: pictures kept beside this file, what they leave out, what clicks.

``python -m tests.views.test_jobrows`` draws the kept pictures anew; look at them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from async_plot.views import jobrows, jobtexts
from async_plot.views.jobs import Jobs
from async_plot.views.strip import StripState
from async_plot.views.striprows import strip_height

from . import pictures
from .said import CASES, EIGHT, NOW, bar, failure, heard, job, loop, workers

SHEETS = [(300, "white"), (640, "white"), (640, "#15181d"), (1400, "white")]


def state(jobs: Jobs) -> StripState:
    """A strip that tells little but these."""
    return StripState(name="ensemble", where="process 7", frame=12, jobs=jobs)


def drawn(jobs: Jobs, width: int, paper: str, room: float = np.inf) -> Any:
    return pictures.drawn(state(jobs), width, paper, NOW, room=room)


def sheet(width: int, paper: str) -> pictures.Sheet:
    return pictures.Sheet("jobs", map(state, CASES.values()), width, paper, NOW)


@pytest.mark.parametrize(("width", "paper"), SHEETS)
def test_they_look_as_they_did(width: int, paper: str) -> None:
    """Every case, small and wide, light and dark."""
    sheet(width, paper).compare()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [60, 300, 1000])
def test_nothing_is_drawn_over_something_else(case: str, width: int) -> None:
    """Words are left out or cut before they would overlap, at every width."""
    assert not pictures.overlaps(state(CASES[case]), width, NOW)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("room", [0, 70, 140])
def test_it_takes_no_more_than_it_may(case: str, room: int) -> None:
    """What is less needed is left out; how far it is stays to the last."""
    told = state(CASES[case])
    fixed = strip_height(told, 640, 0, NOW)
    height = strip_height(told, 640, room, NOW)
    assert fixed <= height <= max(room, fixed)
    if room >= 70:
        assert height > fixed


def test_the_figure_that_has_this_height_shows_all_of_it() -> None:
    """What was asked for and what is drawn are the same rows."""
    for case, jobs in CASES.items():
        picture, _ = drawn(jobs, 640, "white")
        # The last row is not empty.
        ground = picture[-2, -1].astype(int)
        assert (abs(picture[-16:].astype(int) - ground).max(-1) > 60).any(), case


def test_more_loops_than_there_is_room_for_are_counted() -> None:
    """Twenty bars at a time leave room for some of them."""
    jobs = heard(*(loop(f"b{k}", k, 20, f"loop {k}") for k in range(20)))
    rows = jobrows.plan(jobs, 640, 100, NOW)
    assert 3 <= len(rows) <= 5
    assert sum(row.height for row in rows) <= 100


def test_few_workers_are_shown_and_many_are_summed_up() -> None:
    """Until somebody wants it otherwise; that is remembered for the same title."""
    jobs = heard(job(), bar(), *EIGHT)
    few = len(jobrows.plan(jobs, 640, 1000, NOW))
    many = heard(job(), bar(), *workers(64))
    assert len(jobrows.plan(many, 640, 1000, NOW)) == 2 < few
    many.fold("samples", False)
    assert len(jobrows.plan(many, 640, 1000, NOW)) > few - 3
    for message in (bar(state="finished"), job("k"), bar("k"), *workers(64)):
        many.hear(message, NOW, 0.0)
    (shown,) = [each for each in many.shown(NOW) if each.running]
    assert jobrows.is_unfolded(many, shown)


def clicked(jobs: Jobs, word: str, width: int = 640) -> list[Any]:
    """What the regions of that action open."""
    _, regions = drawn(jobs, width, "white")
    actions = [r.action for r in regions if r.action.startswith(word)]
    assert actions, word
    return [jobtexts.act(jobs, action, NOW) for action in dict.fromkeys(actions)]


def test_clicks_open_what_is_short_here() -> None:
    """Failures by place, insights, the function, each worker."""
    jobs = CASES["troubled"]
    first, second = clicked(jobs, "failures")
    assert "x must be positive" in first[1].split("-----")[0]
    assert "Singular matrix" in second[1].split("-----")[0]
    assert "x must be positive" in second[1] and "Singular matrix" in first[1]
    assert "3 tasks failed" in first[0]
    ((_, insights),) = clicked(jobs, "insights")
    assert "slowest" in insights.lower() and "seed=3" in insights
    ((_, function),) = clicked(jobs, "function")
    assert "/home/u/model/sim.py:42" in function and "Simulate one" in function
    seats = clicked(jobs, "worker")
    assert len(seats) == 8
    assert "SIGKILL" in seats[3][1] and "4004 on node7" in seats[3][1]


def test_a_click_folds_up_and_unfolds() -> None:
    """On the bar, or on the sum of the workers."""
    jobs = heard(job(), bar(), *EIGHT)
    height = strip_height(state(jobs), 640, np.inf, NOW)
    clicked(jobs, "fold")
    assert strip_height(state(jobs), 640, np.inf, NOW) < height
    clicked(jobs, "unfold")
    assert strip_height(state(jobs), 640, np.inf, NOW) == height


def test_of_a_click_on_what_is_gone_nothing_comes() -> None:
    """It may have ended between the drawing and the click."""
    jobs = heard(job(), bar())
    for action in ("failures j 0", "worker w9", "insights k", "function k", "fold k"):
        told = jobtexts.act(jobs, action, NOW)
        assert told is None or action.startswith("failures")


@pytest.mark.parametrize(
    "text", ["$\\frac{$", "\x1b[31mred\x00", "a\nb", "漢字", "", " "]
)
def test_any_text_is_drawn(text: str) -> None:
    """What a job or its failure is called is no mathematics and no command."""
    jobs = heard(
        job(desc=text, function=text, file=text, call=text, caller=text),
        bar(desc=text, unit=text, postfix=text),
        *(worker for worker in EIGHT),
        failure(1, kind=text, text=text, argument=text, trace=text),
    )
    drawn(jobs, 640, "white")
    jobtexts.words(jobs, NOW)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, -1.0, 1e300, 0.0])
def test_any_number_is_drawn(number: float) -> None:
    """A peer may say what it likes."""
    told = bar(done=number, total=number, elapsed=number, rate=number, remaining=number)
    for end in ("", "finished"):
        jobs = heard(job(), told, *EIGHT, failure(1), end=end)
        drawn(jobs, 640, "white")
        jobtexts.words(jobs, NOW)


if __name__ == "__main__":
    for each in SHEETS:
        sheet(*each).keep()
