"""The workers of a job, as the strip shows them: in cells, or summed up in one row.

A cell has as much detail as there is room for: who, what, since when, cpu, memory; or
a number on a colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .jobbars import PAD
from .jobfacts import LONG, ORDER, doing, summary
from .jobparts import Seat, Shown
from .pen import Pen
from .wording import count, duration, size

__all__ = ["Grid", "draw_cells", "draw_crew", "grid", "state_colour"]

_GAP = 14.0
_LEFT = PAD + 14.0  # below the title of the job

# Narrowest cell, by what is in it.
FULL, SOME, NUMBER = 250.0, 142.0, 27.0


@dataclass(frozen=True, slots=True)
class Grid:
    """How cells are arranged.

    Attributes
    ----------
    columns, rows : int
        How many, row after row.
    wide : float
        Width of a cell, in pixels.
    shown : int
        How many workers have a cell; the rest is counted in the last one.
    """

    columns: int
    rows: int
    wide: float
    shown: int


def grid(workers: int, width: float, most: int) -> Grid | None:
    """Arrange that many workers in at most so many rows; None if none fits."""
    room = width - _LEFT - PAD
    for narrowest in (FULL, SOME, NUMBER):
        columns = int(room // narrowest)
        # Two rows of little say more than one of much is long.
        if columns >= 1 and columns * most >= workers:
            rows = math.ceil(workers / columns)
            if narrowest > NUMBER:  # as many in each row
                columns = math.ceil(workers / rows)
            return Grid(columns, rows, room / columns, workers)
    columns = int(room // NUMBER)
    if columns < 4 or most < 1:
        return None
    # The last two cells say how many more there are.
    return Grid(columns, most, room / columns, columns * most - 3)


def draw_cells(
    pen: Pen, shown: Shown, chosen: Grid, row: int, y: float, now: float, *, live: bool
) -> None:
    """Draw one row of the grid; each cell tells more when it is clicked."""
    begin = row * chosen.columns
    seats = shown.crew.seats
    if chosen.shown < len(seats):  # not all: then those that died
        seats = sorted(seats, key=lambda seat: seat.told.state != "died")
    seats = seats[: chosen.shown]
    for column, seat in enumerate(seats[begin : begin + chosen.columns]):
        x = _LEFT + column * chosen.wide
        if chosen.wide >= SOME:
            _draw_cell(pen, seat, x, x + chosen.wide - _GAP, y, now, live=live)
        else:
            _draw_number(pen, seat, x, x + chosen.wide - 3, y)
        pen.region(x, x + chosen.wide - 3, y, 17, f"worker {seat.told.worker}")
    left = len(shown.crew.seats) - chosen.shown
    if left > 0 and row == chosen.rows - 1:
        text = f"+ {count(left)}"
        pen.text(pen.width - PAD - pen.measure(text), y, text, colour=_faint(pen))


def _draw_cell(
    pen: Pen, seat: Seat, x: float, right: float, y: float, now: float, *, live: bool
) -> None:
    told = seat.told
    pen.disc(x + 4, y, 4, state_colour(pen, told.state))
    x = pen.text(x + 13, y, str(told.number or "?"), bold=True) + 7
    busy = told.state == "working"
    if right - x >= 200 and busy:
        right = _draw_use(pen, seat, right, y, bar=right - x >= 280) - 10
    if busy and live and now - seat.since >= LONG:
        text = duration(now - seat.since)
        right -= pen.measure(text)
        pen.text(right, y, text)
        right -= 8
    task, argument = doing(seat)
    kind = {"died": "alarm"}.get(told.state, "ink" if busy else "faint")
    text = pen.elide(task, right - x)
    x = pen.text(x, y, text, colour=pen.colours[kind]) + 7
    if argument and right - x > 50:
        pen.text(x, y, pen.elide(argument, right - x), colour=_faint(pen))


def _draw_use(pen: Pen, seat: Seat, right: float, y: float, *, bar: bool) -> float:
    """Draw what its process uses, in columns; return where they begin."""
    told = seat.told
    if told.memory >= 0:
        text = size(told.memory)
        pen.text(right - pen.measure(text), y, text, colour=_faint(pen))
        right -= max(pen.measure(text), pen.measure("999 MB")) + 8
    if told.cpu >= 0:
        text = f"{100 * min(told.cpu, 999.0):.0f} %"
        pen.text(right - pen.measure(text), y, text, colour=_faint(pen))
        right -= max(pen.measure(text), pen.measure("100 %")) + 6
        if bar:
            pen.block(right - 24, right, y, 5, pen.colours["trough"])
            reached = right - 24 + 24 * min(1.0, told.cpu)
            pen.block(right - 24, reached, y, 5, pen.colours["spark"])
            right -= 24
    return right


def _draw_number(pen: Pen, seat: Seat, x: float, right: float, y: float) -> None:
    """Draw a number on the colour of the state: pale, unless it died."""
    told = seat.told
    died = told.state == "died"
    colour = state_colour(pen, told.state)
    pale = colour if died else pen.mixed(colour, 0.3)
    pen.block(x, right, y, 14, pale)
    pen.block(x, x + 2, y, 14, colour)
    text = str(told.number or "?")
    on = "on_pill" if died else "ink"
    at = x + (right - x - pen.measure(text)) / 2
    pen.text(at, y, text, colour=pen.colours[on])


def draw_crew(pen: Pen, shown: Shown, y: float, now: float, *, live: bool) -> None:
    """Draw all workers in one row: their states as colours, and the sum in words."""
    crew = shown.crew
    x = _LEFT
    right = pen.width - PAD
    room = min(0.42 * (right - x), 9.0 * len(crew.seats))
    if room / len(crew.seats) >= 4.5:
        wide = room / len(crew.seats)
        for seat in crew.seats:
            pen.block(x, x + wide - 2, y, 9, state_colour(pen, seat.told.state))
            x += wide
    else:
        room = 0.3 * (right - x)
        for state in (*ORDER, *sorted(set(crew.states) - set(ORDER))):
            wide = room * crew.states.get(state, 0) / len(crew.seats)
            pen.block(x, x + wide, y, 9, state_colour(pen, state))
            x += wide
    x += 10
    found = summary(crew, now, live=live)
    chosen = set()
    used = 0.0
    for index in sorted(range(len(found)), key=lambda k: found[k][0]):
        wide = pen.measure(found[index][1]) + _GAP
        if used + wide - _GAP > right - x:
            break
        used += wide
        chosen.add(index)
    for index, (_, text, kind) in enumerate(found):
        if index in chosen:
            x = pen.text(x, y, text, colour=pen.colours[kind]) + _GAP


def state_colour(pen: Pen, state: str) -> str:
    """The colour of a worker in that state."""
    states = pen.colours["states"]
    chosen = {
        "working": states["running"][1],
        "starting": pen.colours["link"],
        "died": states["failed"][1],
        "ended": pen.colours["trough"],
    }
    return str(chosen.get(state, pen.colours["idle"]))


def _faint(pen: Pen) -> str:
    return str(pen.colours["faint"])
