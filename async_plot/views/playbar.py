"""The row that steers a replay: play, step, a slider, the speed. Knows no window.

Drawn with the strip's pen. What can be clicked is a region whose action is one of the
words of `act`, which a key or a click is turned into.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..replay import FASTEST, Place, Replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .pen import Pen

__all__ = ["HEIGHT", "KEYS", "act", "describe_time", "draw_playbar", "told"]

HEIGHT = 30  # pixels of the row
SLIDE = "slide"  # the action that follows the mouse

# Keys of a figure's window, in matplotlib's names.
KEYS = {
    " ": "play",
    "left": "back",
    "right": "forward",
    "shift+left": "back 10",
    "shift+right": "forward 10",
    "home": "start",
    "end": "end",
    "up": "faster",
    "down": "slower",
}

_PAD = 10.0
_GAP = 12.0


def act(replay: Replay, action: str, share: float = 0.0) -> None:
    """Do what a key or a click stands for.

    Parameters
    ----------
    replay : Replay
    action : str
        One of the values of `KEYS`, or ``"slide"``.
    share : float
        For ``"slide"``: where on the slider, 0 to 1.
    """
    word, _, number = action.partition(" ")
    if word == "play":
        replay.play()
    elif word == SLIDE:
        replay.seek(min(max(share, 0.0), 1.0) * replay.place.duration)
    elif word in ("back", "forward"):
        replay.step(int(number or 1) * (1 if word == "forward" else -1))
    elif word == "start":
        replay.seek(0.0)
    elif word == "end":
        replay.go_to_end()
    elif word in ("faster", "slower"):
        replay.faster(1 if word == "faster" else -1)


def told(place: Place) -> tuple[object, ...]:
    """All that a drawing of the row tells; equal means that none is needed."""
    # A thousandth of the slider is a pixel of it.
    share = place.position / place.duration if place.duration else 0.0
    return (
        round(1000 * share),
        round(place.position, 1),
        place.duration,
        place.index,
        place.count,
        place.playing,
        place.speed,
        place.growing,
        place.live,
    )


def draw_playbar(pen: Pen, place: Place, y: float, times: Sequence[float] = ()) -> None:
    """Draw the row.

    Parameters
    ----------
    pen : Pen
        Its regions get what can be clicked.
    place : Place
        Where the replay stands.
    y : float
        Middle of the row.
    times : sequence of float
        Moments of the frames, if each is to be marked.
    """
    x = _buttons(pen, place, y)
    right = _facts(pen, place, y, x)
    if right - x >= 60:
        _slider(pen, place, y, x + 8, right - 8, times)


def _buttons(pen: Pen, place: Place, y: float) -> float:
    """Draw step back, play or pause, step forward; return where they end."""
    ink, faint = pen.colours["ink"], pen.colours["faint"]
    first, last = place.index <= 0, place.index >= place.count - 1
    x = _PAD
    colour = pen.colours["rule"] if first else faint
    _triangle(pen, x + 10, y, -7, colour)
    pen.bar(x, x + 2, y, 11, colour)
    pen.region(x - 6, x + 14, y, HEIGHT, "back")
    x += 20
    pen.disc(x + 11, y, 11, pen.colours["link"])
    on = pen.colours["on_pill"]
    if place.playing:
        pen.bar(x + 7, x + 10, y, 9, on)
        pen.bar(x + 12, x + 15, y, 9, on)
    else:
        _triangle(pen, x + 8.5, y, 8, on)
    pen.region(x - 4, x + 26, y, HEIGHT, "play")
    x += 32
    colour = pen.colours["rule"] if last else faint
    if place.index >= place.whole - 1 and not last:
        colour = pen.colours["warning"]  # what follows may be mid-step
    _triangle(pen, x, y, 7, colour)
    pen.bar(x + 8, x + 10, y, 11, colour)
    pen.region(x - 6, x + 16, y, HEIGHT, "forward")
    x += 10 + _GAP
    text = describe_time(place.position, place.duration)
    wide = pen.measure(describe_time(place.duration, place.duration))
    pen.text(x + max(0.0, wide - pen.measure(text)), y, text, colour=ink)
    return x + wide + 4


def _facts(pen: Pen, place: Place, y: float, left: float) -> float:
    """Draw what stands at the right, as far as there is room; return where it begins.

    Of least weight is how many frames there are.
    """
    x = pen.width - _PAD
    if place.growing:
        colour = pen.colours["states"]["running"][1]
        if place.live:
            x -= pen.measure("live", bold=True) + 14
            end = pen.pill(x, y, "live", colour)
        else:
            x -= pen.measure("live") + 4
            end = pen.text(x, y, "live", colour=pen.colours["link"])
        pen.region(x - 4, end + 4, y, HEIGHT, "end")
        x -= _GAP
    word = _speed(place.speed)
    wide = max(pen.measure(_speed(each)) for each in (0.25, 16.0, FASTEST))
    x -= 12
    pen.text(x, y, "+", colour=pen.colours["link"], bold=True)
    pen.region(x - 6, x + 16, y, HEIGHT, "faster")
    x -= wide + 6
    pen.text(x + (wide - pen.measure(word)) / 2, y, word)
    x -= 14
    pen.text(x, y, "\N{MINUS SIGN}", colour=pen.colours["link"], bold=True)
    pen.region(x - 8, x + 12, y, HEIGHT, "slower")
    x -= _GAP
    text = f"{place.index + 1} / {place.count}"
    wide = pen.measure(f"{place.count} / {place.count}")
    if x - wide - left > 200:
        x -= wide
        pen.text(x, y, text, colour=pen.colours["faint"])
        x -= _GAP
    text = describe_time(place.duration, place.duration)
    if x - pen.measure(text) - left > 90:
        x -= pen.measure(text)
        pen.text(x, y, text, colour=pen.colours["faint"])
        x -= 4
    return x


def _slider(
    pen: Pen, place: Place, y: float, x0: float, x1: float, times: Sequence[float]
) -> None:
    colours = pen.colours
    share = place.position / place.duration if place.duration else 0.0
    knob = x0 + (x1 - x0) * min(share, 1.0)
    pen.bar(x0 - 2, x1 + 2, y, 4, colours["rule"])
    pen.bar(x0 - 2, knob, y, 4, colours["link"])
    if times and (x1 - x0) / len(times) >= 5 and place.duration:
        for index, at in enumerate(times):
            x = x0 + (x1 - x0) * at / place.duration
            if index >= place.whole:
                pen.disc(x, y, 3.5, colours["warning"])
            else:
                pen.bar(x - 0.5, x + 0.5, y - 7, 3, colours["rule"])
    pen.disc(knob, y, 7, colours["ground"])
    pen.disc(knob, y, 6, colours["link"])
    pen.region(x0 - 8, x1 + 8, y, HEIGHT, SLIDE)
    # What the slider says of a click is a share of its own length.
    first, last = x0 * pen.ratio, x1 * pen.ratio
    pen.regions[-1] = pen.regions[-1].within(first, last)


def describe_time(seconds: float, longest: float) -> str:
    """Write a moment as clocks do, as finely as the longest one can be told.

    Examples
    --------
    >>> describe_time(72.34, 80), describe_time(72.34, 8000), describe_time(0.5, 2)
    ('1:12.3', '0:01:12', '0:00.50')
    """
    minutes, rest = divmod(max(0.0, seconds), 60)
    if longest >= 3600:
        return f"{int(minutes) // 60}:{int(minutes) % 60:02d}:{int(rest):02d}"
    digits = 1 if longest >= 10 else 2
    shown = math.floor(rest * 10**digits) / 10**digits
    return f"{int(minutes)}:{shown:0{3 + digits}.{digits}f}"


def _speed(speed: float) -> str:
    return "max" if math.isinf(speed) else f"{speed:g}\N{MULTIPLICATION SIGN}"


def _triangle(pen: Pen, x: float, y: float, size: float, colour: str) -> None:
    from matplotlib.path import Path

    """Draw a triangle that points to the right, to the left if `size` is negative."""
    half = 0.72 * abs(size)
    corners = [(x, y - half), (x, y + half), (x + size, y), (x, y - half)]
    pen.fill(Path(corners, closed=True), colour)
