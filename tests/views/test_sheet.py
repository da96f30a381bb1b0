"""A figure on its canvas: blitted where its artists say what changed."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from .test_figure import Blitted, Whole, X, frame, made, pixels, pyplot

__all__ = ["pyplot"]  # each test has it


def test_a_blitted_frame_equals_one_drawn_whole() -> None:
    """Pixel for pixel, and with one whole drawing for all frames."""
    blitted, whole = made(Blitted), made(Whole)
    for phase in range(5):
        for painter in (blitted, whole):
            assert painter.draw(frame(np.sin(9 * X + phase))) is None
        assert np.array_equal(pixels(blitted.figures[0]), pixels(whole.figures[0]))
    assert blitted.plotter.whole == 1
    assert whole.plotter.whole == 5


def test_changed_limits_make_a_whole_drawing() -> None:
    """What changed beside the returned artists is seen at once."""
    blitted, whole = made(Blitted), made(Whole)
    for top in (2.0, 2.0, 3.0, 3.0):
        for painter in (blitted, whole):
            painter.draw(frame(np.sin(9 * X), top=top))
        assert np.array_equal(pixels(blitted.figures[0]), pixels(whole.figures[0]))
    assert blitted.plotter.whole == 2


@pytest.mark.parametrize("redrawn", [False, True])
def test_a_resize_recaptures_what_lies_behind(redrawn: bool) -> None:
    """Whether or not the canvas was drawn again before the next frame came."""
    blitted, whole = made(Blitted), made(Whole)
    for painter in (blitted, whole):
        painter.draw(frame(np.sin(X)))
        painter.figures[0].set_size_inches(4, 3)
        if redrawn:
            painter.figures[0].canvas.draw()
        painter.draw(frame(np.cos(9 * X)))
    assert pixels(blitted.figures[0]).shape[:2] == (300, 400)
    assert np.array_equal(pixels(blitted.figures[0]), pixels(whole.figures[0]))


def test_a_saved_picture_has_the_returned_artists() -> None:
    """A file shows the line too, and the next frame is as it would have been."""
    blitted, whole = made(Blitted), made(Whole)
    saved = []
    for painter in (blitted, whole):
        painter.draw(frame(np.sin(9 * X)))
        file = io.BytesIO()
        painter.figures[0].savefig(file, format="png", dpi=60)
        saved.append(plt.imread(io.BytesIO(file.getvalue())))
        painter.draw(frame(np.cos(9 * X)))
    assert np.array_equal(*saved)
    assert np.array_equal(pixels(blitted.figures[0]), pixels(whole.figures[0]))


def test_artists_that_are_not_returned_any_more_are_drawn_as_before() -> None:
    """Returning nothing once ends the blitting for that frame, and shows it all."""

    class Sometimes(Blitted):
        def draw(self, y: Any, top: float = 2.0) -> Any:
            artists = super().draw(y, top)
            return artists if y[0] else None

    sometimes, whole = made(Sometimes), made(Whole)
    for start in (1, 0, 1):
        for painter in (sometimes, whole):
            painter.draw(frame(np.cos(9 * X) * 0.9 + start - 0.9))
        assert np.array_equal(pixels(sometimes.figures[0]), pixels(whole.figures[0]))


def test_a_text_outside_the_axes_is_blitted_whole() -> None:
    """An artist that is not clipped may be anywhere in the figure."""

    class Titled(Blitted):
        def draw(self, y: Any, top: float = 2.0) -> Any:
            self.axes.title.set_text(f"{y[0]:.3f}")
            return [*super().draw(y, top), self.axes.title]

    class TitledWhole(Titled):
        def draw(self, y: Any, top: float = 2.0) -> None:
            super().draw(y, top)

    titled, whole = made(Titled), made(TitledWhole)
    for phase in range(3):
        for painter in (titled, whole):
            painter.draw(frame(np.sin(X + phase)))
    assert titled.plotter.whole == 1
    assert np.array_equal(pixels(titled.figures[0]), pixels(whole.figures[0]))


@pytest.mark.parametrize("returned", [3.5, "text", [1, 2], {"a": 1}, object()])
def test_whatever_else_is_returned_is_ignored(returned: Any) -> None:
    """Only artists mean blitting."""

    class Odd(Whole):
        def draw(self, y: Any, top: float = 2.0) -> Any:
            super().draw(y, top)
            return returned

    painter = made(Odd)
    assert painter.draw(frame(X)) is None
    assert painter.plotter.whole == 1
