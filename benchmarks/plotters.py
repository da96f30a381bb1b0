"""What the benchmarks draw, here and in viewers. Knows no transport."""

from __future__ import annotations

from typing import Any

__all__ = ["History", "Image", "Line", "plotter_for"]


class Line:
    """One line of x and y in axes of fixed limits."""

    blit = False

    def __init__(self, figure: Any) -> None:
        self.axes = figure.subplots()
        (self.line,) = self.axes.plot([], [])
        self.axes.set(xlim=(0, 1), ylim=(-1.5, 1.5))

    def draw(self, x: Any, y: Any) -> Any:
        self.line.set_data(x, y)


class BlittedLine(Line):
    """The same, telling which artists changed."""

    def draw(self, x: Any, y: Any) -> Any:
        self.line.set_data(x, y)
        return (self.line,)


class History:
    """The last thousand of a series of points."""

    def __init__(self, figure: Any) -> None:
        self.axes = figure.subplots()
        self.x: list[float] = []
        self.y: list[float] = []
        (self.line,) = self.axes.plot([], [])

    def draw(self, x: float, y: float) -> None:
        self.x.append(x)
        self.y.append(y)
        del self.x[:-1000], self.y[:-1000]
        self.line.set_data(self.x, self.y)
        self.axes.relim()
        self.axes.autoscale_view()


class Image:
    """One array as an image."""

    def __init__(self, figure: Any) -> None:
        self.axes = figure.subplots()
        self.image: Any = None

    def draw(self, values: Any) -> None:
        if self.image is None:
            self.image = self.axes.imshow(values, vmin=0, vmax=1)
        self.image.set_data(values)


def plotter_for(kind: str) -> type:
    """The class that draws a ``"scalar"``, ``"line"`` or ``"image"``."""
    return {"scalar": History, "line": Line, "image": Image}[kind]
