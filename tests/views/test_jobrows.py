"""The rows of jobs: pictures kept beside this file, what they leave out, what clicks.

``python -m tests.views.test_jobrows`` draws the kept pictures anew; look at them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave

from async_plot.views import jobrows, jobtexts, pen
from async_plot.views.jobs import Jobs
from async_plot.views.pen import DPI
from async_plot.views.strip import StripState, draw_strip, strip_height

from .said import CASES, EIGHT, NOW, bar, failure, heard, job, loop, workers

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 3.0  # mean difference of a pixel's 0 to 255: another FreeType, say
SHEETS = [(300, "white"), (640, "white"), (640, "#15181d"), (1400, "white")]


def state(jobs: Jobs) -> StripState:
    """A strip that tells little but these."""
    return StripState(name="ensemble", where="process 7", frame=12, jobs=jobs)


def drawn(jobs: Jobs, width: int, paper: str, room: float = np.inf) -> Any:
    told = state(jobs)
    height = strip_height(told, width, room, NOW)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    regions = draw_strip(figure, told, NOW, paper=paper)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy(), regions


def sheet(width: int, paper: str) -> np.ndarray[Any, Any]:
    """Every case below the other."""
    gap = np.full((4, width, 3), 128, np.uint8)
    parts = [p for c in CASES.values() for p in (drawn(c, width, paper)[0], gap)]
    return np.concatenate(parts)


def path_of(width: int, paper: str) -> Path:
    return GOLDEN / f"jobs-{width}-{paper.lstrip('#')}.png"


@pytest.mark.parametrize(("width", "paper"), SHEETS)
def test_they_look_as_they_did(width: int, paper: str) -> None:
    """Every case, small and wide, light and dark."""
    kept = imread(path_of(width, paper))[..., :3] * 255
    now = sheet(width, paper)
    assert now.shape == kept.shape
    difference = abs(now - kept)
    assert difference.mean() < TOLERANCE
    assert difference.mean(axis=(1, 2)).max() < 12 * TOLERANCE


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [60, 300, 1000])
def test_nothing_is_drawn_over_something_else(case: str, width: int) -> None:
    """Words are left out or cut before they would overlap, at every width."""
    pens: list[pen.Pen] = []

    class Kept(pen.Pen):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            pens.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("async_plot.views.strip.Pen", Kept)
        drawn(CASES[case], width, "white")
    ends: dict[float, float] = {}
    for x, y, line, _ in sorted(pens[0]._words, key=lambda word: (word[1], word[0])):
        assert x >= ends.get(y, 0.0) - 0.01
        ends[y] = x + line.advance
    if width >= 300:
        assert max(ends.values()) <= width


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
    GOLDEN.mkdir(exist_ok=True)
    for each in SHEETS:
        imsave(path_of(*each), sheet(*each))
