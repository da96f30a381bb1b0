"""Pictures of the strip: drawn, put into sheets, compared with those that are kept."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave

from async_plot.views.pen import DPI, Region
from async_plot.views.strip import StripState
from async_plot.views.striprows import draw_strip, strip_height

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 3.0  # mean difference of a pixel's 0 to 255: another FreeType, say


def drawn(
    told: StripState,
    width: int,
    paper: str,
    now: float,
    *,
    room: float = math.inf,
    ratio: float = 1.0,
) -> tuple[np.ndarray[Any, Any], list[Region]]:
    """Draw a strip as high as it wants to be; its pixels, and what can be clicked."""
    height = strip_height(told, width, room, now)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI * ratio)
    canvas = FigureCanvasAgg(figure)
    regions = draw_strip(figure, told, now, paper=paper)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy(), regions


class Sheet:
    """Cases below each other, of one width on one paper, with the picture kept of it.

    Parameters
    ----------
    name : str
        First part of the picture's name.
    cases : iterable of StripState
        What is drawn.
    width, paper
        As for `drawn`.
    now : float
        The moment it is drawn at.
    """

    def __init__(
        self, name: str, cases: Iterable[StripState], width: int, paper: str, now: float
    ) -> None:
        self._path = GOLDEN / f"{name}-{width}-{paper.lstrip('#')}.png"
        self._cases = cases
        self._width, self._paper, self._now = width, paper, now

    def draw(self) -> np.ndarray[Any, Any]:
        """All of them, with a line between."""
        gap = np.full((4, self._width, 3), 128, np.uint8)
        pictures = (drawn(c, self._width, self._paper, self._now) for c in self._cases)
        return np.concatenate([part for each in pictures for part in (each[0], gap)])

    def keep(self) -> None:
        """Draw the kept picture anew; to be looked at."""
        GOLDEN.mkdir(exist_ok=True)
        imsave(self._path, self.draw())

    def compare(self) -> None:
        """Fail where it does not look as it did."""
        kept = imread(self._path)[..., :3] * 255
        now = self.draw()
        assert now.shape == kept.shape
        difference = abs(now - kept)
        assert difference.mean() < TOLERANCE
        # A single wrong colour, or a case that lacks its text, is more than that.
        assert difference.mean(axis=(1, 2)).max() < 12 * TOLERANCE


def overlaps(told: StripState, width: int, now: float) -> list[str]:
    """Words that are drawn over another, or beyond the end of a strip wide enough."""
    from async_plot.views import pen, striprows

    pens: list[pen.Pen] = []

    class Kept(pen.Pen):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            pens.append(self)

    before, striprows.Pen = striprows.Pen, Kept
    try:
        drawn(told, width, "white", now)
    finally:
        striprows.Pen = before
    ends: dict[float, float] = {}
    wrong = []
    for x, y, line, _ in sorted(pens[0]._words, key=lambda word: (word[1], word[0])):
        end = x + line.advance
        if x < ends.get(y, 0.0) - 0.01 or (width >= 300 and end > width):
            wrong.append(f"at {x:.0f}, {y:.0f}")
        ends[y] = end
    return wrong
