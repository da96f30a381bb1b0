"""The strip's drawing: its rows, with matplotlib, on any figure.

One drawing serves Qt, Tk and a file. Knows no window, network or clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..wire.messages import RunState
from . import controlrows, jobrows
from .jobrows import Row
from .pen import DPI, Pen, Pixels, Region, palette
from .playbar import HEIGHT, draw_playbar
from .strip import StripState, facts, message, standing
from .wording import one_line, value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_strip", "strip_height"]


def strip_height(
    state: StripState, width: float = 640.0, room: float = math.inf, now: float = 0.0
) -> int:
    """Height that the strip wants, in pixels of an ordinary screen.

    Parameters
    ----------
    state : StripState
        What it is to tell.
    width, room : float
        Pixels that there are, across and down; what jobs have to tell is cut to that.
    now : float
        Seconds, on the clock of `state`.
    """
    fixed = _fixed(state)
    rows = _middle(state, width, room - fixed, now)
    return fixed + sum(row.height for row in rows)


def _fixed(state: StripState) -> int:
    """Height without the rows that are left out where there is no room."""
    return _EDGE * 2 + sum(row.height for row in _ROWS if row.wanted(state))


def _middle(state: StripState, width: float, room: float, now: float) -> list[Row]:
    """Rows that steer the run, and those of its jobs, as far as there is room."""
    least = jobrows.HEIGHT if state.jobs.shown(now) else 0
    rows = controlrows.plan(state.controls, width, room - least, now)
    room -= sum(row.height for row in rows)
    return rows + jobrows.plan(state.jobs, width, room, now)


def draw_strip(
    figure: Figure, state: StripState, now: float, *, paper: Any = "white"
) -> list[Region]:
    """Fill a figure with the strip.

    Parameters
    ----------
    figure : Figure
        Emptied first; its size is taken as it is.
    state : StripState
        What to tell.
    now : float
        Seconds, on the clock of `state`.
    paper : colour, default: "white"
        Face colour of the user's figure; a dark one makes a dark strip.

    Returns
    -------
    list of Region
        What can be clicked.
    """
    pen = Pen(figure, palette(paper))
    width, height = pen.width, pen.height
    pen.line([0, width], [height - 0.5] * 2, pen.colours["rule"], 1.0)
    y = height - _EDGE
    for row in _ROWS:
        if row is _SCALARS:
            for each in _middle(state, width, height - _fixed(state), now):
                each.draw(pen, y - each.height / 2)
                y -= each.height
        if row.wanted(state) and y - row.height >= 0:
            row.draw(pen, state, now, y - row.height / 2)
            y -= row.height
    figure.clear()
    figure.set_facecolor(pen.colours["ground"])
    figure.add_artist(Pixels(pen.image()))
    return pen.regions


# -- rows --------------------------------------------------------------------------

_EDGE = 4  # pixels above and below the rows
_PAD = 10.0  # pixels at the left and right end
_GAP = 14.0  # pixels between facts


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the strip; another kind of row is one more of these."""

    height: int
    wanted: Callable[[StripState], bool]
    draw: Callable[[Pen, StripState, float, float], None]


def _draw_head(pen: Pen, state: StripState, now: float, y: float) -> None:
    """Draw the state in its colour, the name, and the found at the right."""
    key, word = standing(state, now)
    if pen.measure(word, bold=True) > 0.4 * pen.width:
        key, word = standing(state, now, short=True)
    mark, colour = pen.colours["states"].get(key, ("?", "#777777"))
    end = pen.pill(_PAD, y, f"{mark} {word}", colour)
    left = end + 8
    found = facts(state, now)
    name = one_line(state.name)
    room = pen.width - _PAD - left
    wanted = min(pen.measure(name, bold=True), 0.4 * room)
    chosen: list[tuple[str, str]] = []
    used = 0.0
    # By weight; what has no room is left out, never drawn over something else.
    for _, text, kind in sorted(found, key=lambda fact: fact[0]):
        size = pen.measure(text) + _GAP
        if used + size > room - wanted:
            break
        chosen.append((text, kind))
        used += size
    order = {text: index for index, (_, text, _) in enumerate(found)}
    chosen.sort(key=lambda item: order[item[0]])
    pen.text(left, y, pen.elide(name, room - used, bold=True), bold=True)
    x = pen.width - _PAD - used + _GAP
    for text, kind in chosen:
        pen.text(x, y, text, colour=pen.colours[kind])
        x += pen.measure(text) + _GAP


def _draw_message(pen: Pen, state: StripState, now: float, y: float) -> None:
    """Draw the newest failure or the newest log line; the whole is a click away."""
    kind, short, title, whole = message(state, now)
    if not short:
        return
    x = _PAD
    if kind == "alarm":
        x = pen.text(x, y, "▲", colour=pen.colours["alarm"]) + 6
    room = pen.width - _PAD - x
    shown = pen.elide(short, room)
    hint = "click for all"
    if whole and pen.width >= 560 and (shown != short or whole.strip() != short):
        shown = pen.elide(short, room - pen.measure(hint) - _GAP)
        end = pen.width - _PAD
        pen.text(end - pen.measure(hint), y, hint, colour=pen.colours["link"])
    pen.text(x, y, shown, colour=pen.colours[kind])
    if whole:
        half = 9 * pen.ratio
        middle = y * pen.ratio
        pen.regions.append(
            Region(0, pen.width * pen.ratio, middle - half, middle + half, title, whole)
        )


def _draw_scalars(pen: Pen, state: StripState, now: float, y: float) -> None:
    """Draw the newest value of each scalar, and its history as a small line."""
    total = len(state.scalars)
    room = pen.width - 2 * _PAD
    if room < 100:
        return
    fit = max(1, min(6, total, int(room // 130)))
    names = list(state.scalars)[:fit]
    cell = room / fit
    for index, name in enumerate(names):
        _, values = state.scalars[name]
        left = _PAD + index * cell
        right = left + cell - _GAP
        more = total - fit if index == fit - 1 else 0
        if more:
            text = f"+{more}"
            right -= pen.measure(text) + 6
            pen.text(right + 6, y, text, colour=pen.colours["faint"])
        newest = value(values[-1]) if len(values) else "-"
        label = pen.elide(one_line(name), 0.4 * (right - left))
        x = pen.text(left, y, label, colour=pen.colours["faint"]) + 5
        x = pen.text(x, y, newest) + 8
        if right - x >= 24:
            pen.sparkline(x, min(right, x + 160), y, values)


def _draw_place(pen: Pen, state: StripState, now: float, y: float) -> None:
    assert state.place is not None
    draw_playbar(pen, state.place, y, state.times)


_SCALARS = _Row(22, lambda state: bool(state.scalars), _draw_scalars)
_ROWS = (
    _Row(HEIGHT, lambda state: state.place is not None, _draw_place),
    _Row(20, lambda state: True, _draw_head),
    _Row(18, lambda state: True, _draw_message),
    _SCALARS,  # above them stand the jobs
)


def _demo() -> None:
    """Show the strip in every state, light and dark."""
    import matplotlib.pyplot as plt

    steps = np.arange(300.0)
    for paper in ("white", "#15181d"):
        for state in RunState:
            shown = StripState(
                name="demo",
                state=state.value,
                state_text="ZeroDivisionError: division by zero",
                frame=12345,
                frame_at=9.99,
                shown=512,
                dropped=11833,
                lag=0.012,
                overhead=0.004,
                log="step 12345: residual 1.3e-9",
                scalars={"energy": (steps, np.exp(-steps / 90))},
            )
            figure = plt.figure(figsize=(8, strip_height(shown) / DPI), dpi=DPI)
            draw_strip(figure, shown, 10.0, paper=paper)
    plt.show()


if __name__ == "__main__":
    _demo()
