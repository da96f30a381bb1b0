"""Rows of the strip that show jobs: how far, how fast, is anything wrong.

`plan` chooses what there is room for; each row draws itself with a `Pen`. Knows no
window and no network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..wire.messages import Failure
from . import jobcells
from .jobbars import PAD, draw_bar, triangle
from .jobparts import Bar, Shown
from .jobs import Jobs
from .jobtexts import TIMES, base_name, failure_line
from .pen import Pen
from .wording import count, duration, one_line, percent

__all__ = ["Row", "is_unfolded", "plan"]

FEW = 8  # workers up to which each is shown without being asked for
MOST = 8  # rows of workers, and of bars inside of a job
GROUPS = 3  # rows of failures

HEIGHT = 21  # pixels of a job's row
LOW = 17  # of any other

_GAP = 14.0
_LEFT = PAD + 14.0

# Where a worker's time goes, in which colour of the palette.
_COLOURS = {
    "startup": "states.lost",
    "init": "states.interrupted",
    "waiting": "idle",
    "working": "states.running",
    "ending": "states.replay",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: how high, how dispensable, and what draws it around a height."""

    height: int
    weight: int
    draw: Callable[[Pen, float], None]


def plan(jobs: Jobs, width: float, room: float, now: float) -> list[Row]:
    """Choose the rows that show a run's jobs.

    Parameters
    ----------
    jobs : Jobs
        What was heard.
    width, room : float
        Pixels of an ordinary screen that there are, across and down.
    now : float
        Seconds, on the clock of `jobs`.
    """
    shown = jobs.shown(now)
    rows: list[Row] = []
    room += 0.5  # pixels are whole, sizes in inches are not
    for most in (MOST, 6, 4, 3, 2, 1, 0):
        rows = [row for each in shown for row in _rows(jobs, each, width, most, now)]
        if sum(row.height for row in rows) <= room:
            return rows
    left = 0
    while rows and sum(row.height for row in rows) > room:
        worst = max(range(len(rows)), key=lambda index: (rows[index].weight, index))
        left += rows.pop(worst).weight == 0
    if left and rows:
        rows[-1] = _note(f"+ {count(left + 1)} more", rows[-1].height)
    return rows


def is_unfolded(jobs: Jobs, shown: Shown) -> bool:
    """Whether all of it is shown: as somebody wanted it, else if that is little."""
    few = shown.running and len(shown.crew.seats) <= FEW
    return jobs.folds.get(shown.title, few)


def _rows(jobs: Jobs, shown: Shown, width: float, most: int, now: float) -> list[Row]:
    """All rows of one bar or job, with at most so many of each kind."""
    wide, live = is_unfolded(jobs, shown), jobs.live and not jobs.ended
    seats = shown.crew.seats
    whole = bool(seats or shown.job or shown.failed)
    rows = [
        Row(HEIGHT, 0, lambda pen, y: _draw_job(pen, shown, y, now, wide, whole)),
        *_failure_rows(shown, most if wide else min(most, 1)),
    ]
    if seats and (shown.running or wide):
        asked = jobs.folds.get(shown.title, False)
        cells = jobcells.grid(len(seats), width, most) if wide and most else None
        if cells is not None and (shown.running or asked):
            rows += [
                Row(LOW, 3 if k else 2, _cells(shown, cells, k, now, live))
                for k in range(cells.rows)
            ]
        else:
            rows.append(Row(LOW, 2, _crew(shown, now, live, wide)))
    inner = [each for each in shown.inner if wide or not each[1]]
    rows += [Row(LOW, 5, _inner(shown, each, now)) for each in inner[:most]]
    if len(inner) > most:
        rows.append(_note(f"+ {count(len(inner) - most)} more bars"))
    if wide and shown.job is not None and most > 1:
        if sum(shown.crew.times.values()) > 0:
            rows.append(Row(LOW, 7, lambda pen, y: _draw_times(pen, shown, y)))
        rows.append(Row(LOW, 8, lambda pen, y: _draw_function(pen, shown, y)))
    return rows


# -- each row ----------------------------------------------------------------------


def _draw_job(
    pen: Pen, shown: Shown, y: float, now: float, wide: bool, whole: bool
) -> None:
    x = PAD
    if whole:
        triangle(pen, x, y, down=wide)
        x += 14
        pen.region(
            0, pen.width, y, HEIGHT, f"{'fold' if wide else 'unfold'} {shown.key}"
        )
    if shown.bar is None:  # a job whose bar has not been heard of
        title = pen.elide(one_line(shown.title), pen.width - PAD - x, bold=True)
        pen.text(x, y, title, bold=True)
        return
    draw_bar(
        pen, shown.title, shown.bar, shown.state, shown.failed, x, y, now, bold=True
    )


def _failure_rows(shown: Shown, most: int) -> list[Row]:
    """One row for each place where tasks failed, the newest first."""
    groups = shown.failures.groups
    rows = []
    for index, group in enumerate(groups[: max(1, min(most, GROUPS))]):
        more = len(groups) > 1 and index == 0 and most <= 1
        rows.append(Row(LOW, 6 if index else 1, _failure(shown, index, group, more)))
    return rows


def _failure(
    shown: Shown, index: int, group: list[Failure], more: bool
) -> Callable[[Pen, float], None]:
    def draw(pen: Pen, y: float) -> None:
        x = pen.text(_LEFT, y, "▲", colour=pen.colours["alarm"]) + 6
        right = pen.width - PAD
        pen.region(0, pen.width, y, LOW, f"failures {shown.key} {index}")
        if pen.width >= 480:
            hint = "click for all"
            right -= pen.measure(hint)
            pen.text(right, y, hint, colour=pen.colours["link"])
            right -= _GAP
        text = failure_line(group[0])
        if len(group) > 1:
            times = f"{count(len(group))}\N{MULTIPLICATION SIGN}"
            x = pen.text(x, y, times, colour=pen.colours["alarm"], bold=True) + 6
        if more:
            text = f"{text}  (and other failures)"
        pen.text(x, y, pen.elide(text, right - x), colour=pen.colours["alarm"])

    return draw


def _cells(
    shown: Shown, cells: jobcells.Grid, row: int, now: float, live: bool
) -> Callable[[Pen, float], None]:
    return lambda pen, y: jobcells.draw_cells(pen, shown, cells, row, y, now, live=live)


def _crew(
    shown: Shown, now: float, live: bool, wide: bool
) -> Callable[[Pen, float], None]:
    def draw(pen: Pen, y: float) -> None:
        jobcells.draw_crew(pen, shown, y, now, live=live)
        word = "fold" if wide else "unfold"
        pen.region(0, pen.width, y, LOW, f"{word} {shown.key}")

    return draw


def _inner(
    shown: Shown, item: tuple[int, str, Bar], now: float
) -> Callable[[Pen, float], None]:
    depth, label, bar = item
    state = shown.state if not shown.running else bar.told.state

    def draw(pen: Pen, y: float) -> None:
        x = _LEFT + 10.0 * min(depth - 1, 5)
        draw_bar(
            pen, bar.told.desc, bar, state, bar.told.failed, x, y, now, label=label
        )

    return draw


def _note(text: str, height: int = LOW) -> Row:
    def draw(pen: Pen, y: float) -> None:
        pen.text(_LEFT, y, text, colour=pen.colours["faint"])

    return Row(height, 9, draw)


def _draw_times(pen: Pen, shown: Shown, y: float) -> None:
    """Draw where the workers' time went, and the slowest task."""
    x, right = _LEFT, pen.width - PAD
    pen.region(0, pen.width, y, LOW, f"insights {shown.key}")
    times = shown.crew.times
    total = sum(times.values())
    room = 0.25 * (right - x)
    for name, colour in _COLOURS.items():
        wide = room * times[name] / total
        pen.block(x, x + wide, y, 7, _colour(pen, colour))
        x += wide
    x = _LEFT + room + 10
    parts = [
        (times[name] / total, TIMES[name], _colour(pen, colour))
        for name, colour in _COLOURS.items()
    ]
    parts.sort(reverse=True)
    for share, word, colour in parts:
        text = f"{word} {percent(share)}"
        if share < 0.005 or x + 12 + pen.measure(text) > right:
            continue
        pen.disc(x + 3, y, 3.5, colour)
        x = pen.text(x + 11, y, text, colour=pen.colours["faint"]) + _GAP
    slowest = shown.slowest
    if slowest is not None and slowest.tasks and slowest.seconds:
        text = f"slowest: task {slowest.tasks[0]}, {duration(slowest.seconds[0])}"
        argument = one_line(slowest.arguments[0]) if slowest.arguments else ""
        wide = pen.measure(text)
        if x + wide <= right:
            x = pen.text(x, y, text, colour=pen.colours["faint"]) + 6
            if argument and right - x > 40:
                argument = pen.elide(argument, right - x)
                pen.text(x, y, argument, colour=pen.colours["faint"])


def _draw_function(pen: Pen, shown: Shown, y: float) -> None:
    """Draw what is called, where it is written, and what calls it."""
    job = shown.job
    assert job is not None
    pen.region(0, pen.width, y, LOW, f"function {shown.key}")
    x, right = _LEFT, pen.width - PAD
    name = pen.elide(one_line(job.function), 0.4 * (right - x))
    x = pen.text(x, y, name) + 8
    parts = [f"{one_line(base_name(job.file))}:{job.line}"] if job.file else []
    if job.caller:
        called = f"{one_line(base_name(job.caller))}:{job.caller_line}"
        parts.append(f"called at {called}  {one_line(job.call)}".rstrip())
    for text in parts:
        if right - x > 40:
            text = pen.elide(text, right - x)
            x = pen.text(x, y, text, colour=pen.colours["faint"]) + _GAP


def _colour(pen: Pen, name: str) -> str:
    kind, _, state = name.partition(".")
    found = pen.colours[kind]
    return str(found[state][1] if state else found)
