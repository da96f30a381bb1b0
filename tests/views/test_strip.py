"""The strip's drawing: pictures kept beside this file, and what it leaves out.

``python -m tests.views.test_strip`` draws the kept pictures anew; look at them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context

from async_plot.views.pen import Region
from async_plot.views.strip import StripState, content, words
from async_plot.views.striprows import strip_height
from async_plot.wire.messages import Stalled

from . import pictures

NOW = 100.0

STEPS = np.arange(300.0)
SCALARS = {
    "energy": (STEPS, np.exp(-STEPS / 90)),
    "norm": (STEPS, np.ones(300)),
    "residual of the solver": (STEPS, np.cos(STEPS / 7)),
    "temperature": (STEPS, STEPS),
    "pressure": (STEPS, -STEPS),
    "time step": (STEPS, np.sqrt(STEPS)),
    "one more": (STEPS, STEPS),
}


def state(**changes: Any) -> StripState:
    facts: dict[str, Any] = {
        "name": "double slit",
        "where": "process 4242 on node7, since 20 Nov 09:26",
        "frame": 12345,
        "frame_at": NOW - 0.01,
        "shown": 512,
        "dropped": 11833,
        "lag": 0.012,
        "overhead": 0.004,
    }
    return StripState(**{**facts, **changes})


CASES = {
    "running": state(),
    "waiting": state(frame=0, lag=None, overhead=None),
    "log": state(log="step 12345: residual 1.3e-9", log_at=NOW - 1),
    "scalars": state(scalars=SCALARS, log="a warning", log_level=30, log_at=NOW),
    "finished": state(state="finished", scalars={"energy": SCALARS["energy"]}),
    "interrupted": state(state="interrupted", refused=3),
    "failed": state(
        state="failed", state_text="Traceback\n  ...\nZeroDivisionError: division"
    ),
    "lost": state(state="lost", state_text="process 4242 is gone"),
    "draw-failed": state(
        failure="Traceback ...",
        failure_title="draw failed at frame 12344: ValueError: shapes do not match",
        failure_at=NOW - 2,
        failures=3,
    ),
    "drawing": state(drawing=12346, drawing_since=NOW - 7),
    "silent": state(frame_at=NOW - 300, overhead=0.03),
    "stalled": state(
        frame_at=NOW - 35,
        stalled="in step (solver.py:12): lock.acquire()\n\nMainThread ...\n",
        stalled_at=NOW - 35,
    ),
    "goes-on": state(
        stalled="in step (solver.py:12): lock.acquire()\n\nMainThread ...\n",
        stalled_at=NOW - 45,
        went_on_at=NOW - 10,
    ),
    "hung-up-on": state(
        state="interrupted",
        ended_at=NOW - 2,
        stalled="in step (solver.py:12): lock.acquire()\n\nMainThread ...\n",
        stalled_at=NOW - 300,
    ),
    "silent-run": state(
        frame_at=NOW - 12,
        silent=12.0,
        silence="process 4242: C code keeps its Python from running\n\npy-spy ...\n",
    ),
    "mid-step": state(state="failed", mid_step=True, state_text="KeyError: 'x'"),
}


def drawn(
    told: StripState, width: int, paper: str, ratio: float = 1.0
) -> tuple[np.ndarray[Any, Any], list[Region]]:
    return pictures.drawn(told, width, paper, NOW, ratio=ratio)


SHEETS = [(320, "white"), (640, "white"), (640, "black"), (1600, "#15181d")]


def sheet(width: int, paper: str) -> pictures.Sheet:
    return pictures.Sheet("strip", CASES.values(), width, paper, NOW)


@pytest.mark.parametrize(("width", "paper"), SHEETS)
def test_it_looks_as_it_did(width: int, paper: str) -> None:
    """Every state, small and wide, light and dark."""
    sheet(width, paper).compare()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [1, 60, 200, 320, 480, 1000, 4000])
def test_nothing_is_drawn_over_something_else(case: str, width: int) -> None:
    """Words are left out or cut before they would overlap, at every width."""
    assert not pictures.overlaps(CASES[case], width, NOW)


def test_a_fine_screen_shows_the_same_in_more_pixels() -> None:
    """Twice the resolution is twice the picture, not twice the words."""
    coarse, _ = drawn(CASES["scalars"], 640, "white")
    fine, _ = drawn(CASES["scalars"], 640, "white", ratio=2.0)
    assert fine.shape[:2] == (2 * coarse.shape[0], 2 * coarse.shape[1])
    edges = []
    for picture, scale in ((coarse, 1), (fine, 2)):
        inked = np.argwhere(abs(picture[4:].astype(int) - picture[8, 0]).max(-1) > 60)
        edges.append(np.array([*inked.min(0), *inked.max(0)]) / scale)
    assert edges[1] == pytest.approx(edges[0], abs=4)
    assert edges[0][3] > 600


def test_the_users_style_does_not_reach_it() -> None:
    """Neither TeX nor another font nor sketched lines."""
    plain, _ = drawn(CASES["scalars"], 640, "white")
    style = {"text.usetex": True, "path.sketch": (1, 100, 2), "font.family": "serif"}
    with rc_context({**style, "text.color": "red", "lines.linewidth": 9}):
        styled, _ = drawn(CASES["scalars"], 640, "white")
    assert np.array_equal(plain, styled)


def test_it_grows_by_a_row_for_scalars() -> None:
    """And is the same height in all other cases."""
    heights = {name: strip_height(told) for name, told in CASES.items()}
    low = {h for name, h in heights.items() if name not in ("scalars", "finished")}
    assert len(low) == 1
    assert heights["scalars"] == heights["finished"] > low.pop()


@pytest.mark.parametrize(
    ("case", "whole"),
    [
        ("failed", "ZeroDivisionError: division"),
        ("draw-failed", "Traceback ..."),
        ("log", "step 12345"),
        ("stalled", "MainThread ..."),
        ("goes-on", "MainThread ..."),
        ("hung-up-on", "MainThread ..."),
        ("silent-run", "py-spy ..."),
        ("running", None),
    ],
)
def test_what_is_short_here_is_whole_in_a_region(case: str, whole: str | None) -> None:
    """A click on the message row finds the whole text."""
    _, regions = drawn(CASES[case], 640, "white")
    if whole is None:
        assert regions == []
    else:
        (region,) = regions
        assert whole in region.text
        assert 0 <= region.y0 < region.y1 <= strip_height(CASES[case])


@pytest.mark.parametrize(
    "text", ["$\\frac{$", "\x1b[31mred\x00", "a\nb\tc", "é漢字", "x" * 5000, "", " "]
)
def test_any_text_is_drawn(text: str) -> None:
    """What a calculation logs, or is called, is no mathematics and no command."""
    told = state(name=text, log=text, log_at=NOW, scalars={text: (STEPS, STEPS)})
    drawn(told, 320, "white")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e-300])
def test_any_value_is_drawn(value: float) -> None:
    """A history that is not finite has no line, and says its newest value."""
    histories = {
        "one": (STEPS[:1], np.array([value])),
        "many": (STEPS, np.full(300, value)),
        "long": (np.arange(9000.0), np.r_[np.ones(8999), value]),
        "none": (STEPS[:0], STEPS[:0]),
    }
    drawn(state(scalars=histories, lag=value, overhead=abs(value)), 640, "white")


def test_a_replay_says_what_a_replay_can() -> None:
    """Not what was dropped on the way; but what may be mid-step, and whose it is."""
    shown = state(state="failed", state_text="KeyError: 'x'", replayed=True)
    told = [text for text, _ in words(shown, 0.0)[0]]
    assert not any("shown" in text or "dropped" in text for text in told)
    shown.mid_step, shown.foreign = True, "another user's file"
    told = [text for text, _ in words(shown, 0.0)[0]]
    assert {"may be mid-step", "not trusted"} <= {*told}


def test_equal_content_needs_no_drawing() -> None:
    """Time alone changes it only where time is told."""
    assert content(state(), NOW) == content(state(), NOW + 1)
    silent = CASES["silent"]
    assert content(silent, NOW) != content(silent, NOW + 120)
    assert content(state(), NOW) != content(state(frame=12346), NOW)
    stalled = CASES["stalled"]
    assert content(stalled, NOW) != content(stalled, NOW + 1)


def test_a_stall_lasts_until_it_is_over() -> None:
    """And its place is told for a while after it."""
    told = state()
    told.take_stall(Stalled(5.0, 0.0, "in step"), NOW)
    assert told.hangs and told.stalled_at == NOW - 5
    told.take_stall(Stalled(10.0, 0.0, "in other"), NOW + 5)
    assert told.hangs and told.stalled_at == NOW - 5
    told.take_stall(Stalled(12.0, 0.0, ""), NOW + 7)
    assert not told.hangs and told.stalled == "in other"
    assert "after 12 s in other" in str(content(told, NOW + 8))
    assert "in other" not in str(content(told, NOW + 100))
    told.take_stall(Stalled(5.0, 0.0, "in third"), NOW + 200)
    assert told.hangs


def test_a_failure_gives_way_to_a_newer_log_line_in_the_end() -> None:
    """It stays for half a minute at least."""
    told = state(
        failure="t", failure_title="broken", failure_at=NOW, log="later", log_at=NOW + 5
    )
    assert "broken" in content(told, NOW + 20)[3][1]
    assert "later" in content(told, NOW + 60)[3][1]


def test_the_strip_as_words() -> None:
    """All of it that says something, and the whole of what is told in short."""
    state = StripState(
        name="wave",
        state="failed",
        state_text="Traceback\n  line\nValueError: x",
        frame=1200,
        shown=3,
        overhead=0.004,
        scalars={"energy": (np.arange(2.0), np.array([1.0, 0.25]))},
    )
    pieces, whole = words(state, 10.0)
    assert pieces == [
        ("failed", "failed"),
        ("wave", "name"),
        ("frame 1\u2009200", "ink"),
        ("3 shown", "faint"),
        ("cost 0.4 % of 1 %", "faint"),
        ("energy 0.25", "ink"),
        ("", "line"),
        ("ValueError: x", "alarm"),
    ]
    assert whole == state.state_text
    stalled = StripState(name="wave", stalled="in step", stalled_at=4.0)
    assert words(stalled, 10.0)[0][0] == ("stalled 6.0 s", "stalled")


if __name__ == "__main__":
    for each in SHEETS:
        sheet(*each).keep()
