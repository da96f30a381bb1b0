"""A bar as a row of the strip: title, bar, and as many facts as there is room for."""

from __future__ import annotations

from .jobfacts import facts
from .jobparts import Bar
from .pen import Pen
from .wording import one_line

__all__ = ["PAD", "draw_bar", "triangle"]

PAD = 10.0  # pixels at the left and right end of the strip
_GAP = 14.0  # pixels between facts
_FACTS = 400.0  # pixels that they need at most, usually


def draw_bar(
    pen: Pen,
    title: str,
    bar: Bar,
    state: str,
    failed: int,
    x: float,
    y: float,
    now: float,
    *,
    bold: bool = False,
    label: str = "",
) -> None:
    """Draw a bar from `x` on to the right end; bars in many rows are aligned.

    Parameters
    ----------
    pen : Pen
    title : str
        What is counted.
    bar, state, failed
        How it stands, as in `async_plot.views.jobs.Shown`.
    x, y : float
        Where it begins, and the middle of the row.
    now : float
        Seconds.
    bold : bool, default: False
        Whether it is one of the first rank.
    label : str, optional
        Number of the worker that it belongs to.
    """
    colours = pen.colours
    first = PAD + 14 + min(170.0, max(56.0, 0.22 * pen.width))
    right = pen.width - PAD
    room = right - first
    last = max(first + 0.4 * room, right - _FACTS)
    _draw_facts(pen, facts(bar, state, failed, now), last + _GAP, right, y)
    if label:
        x = pen.text(x, y, label, colour=colours["faint"]) + 6
    title = one_line(title) or "progress"
    pen.text(x, y, pen.elide(title, first - x - 8, bold=bold), bold=bold)
    colour = colours["states"].get(state, colours["states"]["interrupted"])[1]
    height = 9.0 if bold else 6.0
    pen.bar(first, last, y, height, colours["trough"])
    share = bar.share
    if share is None:
        if state != "running":
            pen.bar(first, last, y, height, colour)
            return
        # Nobody knows how far it is: a piece that moves on with what is heard.
        piece = 0.18 * (last - first)
        at = first + (0.07 * bar.turns % 1.0) * (last - first - piece)
        pen.bar(at, at + piece, y, height, colour)
        return
    reached = first + share * (last - first)
    if share > 0:
        pen.bar(first, max(reached, first + 2), y, height, colour)
    total = bar.told.total
    if failed and total > 0:
        part = min(1.0, failed / total) * (last - first)
        pen.bar(max(first, reached - max(part, 3.0)), reached, y, height, _alarm(pen))


def _alarm(pen: Pen) -> str:
    return str(pen.colours["alarm"])


def _draw_facts(
    pen: Pen,
    found: list[tuple[int, str, str, str]],
    left: float,
    right: float,
    y: float,
) -> None:
    """Draw the weightiest of them at the right end."""
    chosen: list[tuple[int, str, str, float]] = []
    room = right - left
    for index, (weight, text, widest, kind) in sorted(
        enumerate(found), key=lambda item: (item[1][0], item[0])
    ):
        size = max(pen.measure(text), pen.measure(widest)) + _GAP
        if size - _GAP > room and weight > 1:
            continue
        if size - _GAP > room:
            break
        room -= size
        chosen.append((index, text, kind, size))
    chosen.sort()
    x = right - sum(size for *_, size in chosen) + _GAP
    states = pen.colours["states"]
    for _, text, kind, size in chosen:
        # What changes its length is aligned at its end, as numbers are.
        at = x + size - _GAP - pen.measure(text)
        if kind in pen.colours:
            pen.text(at, y, text, colour=pen.colours[kind])
        else:
            colour = states.get(kind, states["interrupted"])[1]
            pen.text(at, y, text, colour=colour, bold=False)
        x += size


def triangle(pen: Pen, x: float, y: float, *, down: bool) -> None:
    """Draw the mark of what can be folded up, or unfolded."""
    pen.text(x, y, "▾" if down else "▸", colour=pen.colours["link"])
