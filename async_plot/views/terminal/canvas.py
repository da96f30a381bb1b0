"""matplotlib's canvas where a terminal shows it: in pixels, or in characters.

A figure of few cells has no room for letters made of pixels. So where cells are all
that there is, texts are left out of the drawing and told as texts: the renderer
measures them as the terminal will, and matplotlib's own layout makes room for them.
Lines get as wide as a quarter of a cell needs.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import cbook
from matplotlib.backends import backend_agg
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from rich.cells import cell_len

from .mosaic import HEIGHT, WIDTH, Cells, mosaic

__all__ = ["DPI", "FigureCanvas", "Label", "labelled"]

RendererAgg: Any = backend_agg.RendererAgg  # it has no types of its own

DPI = 96.0  # at which the usual ten points are as wide as a cell of `WIDTH` pixels
_ASCENT, _DESCENT = 0.83 * HEIGHT, 0.17 * HEIGHT  # lines 1.2 apart are a cell apart
_WIDER = 3.0  # times; a line of 1.5 points then fills a quarter
_FRAME = 1.0  # points from which on a line is one of the plot
_RAISED = str.maketrans("0123456789+-\u2212", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻", "{}")
_CONTRAST = 80  # least distance of a text's colour from its ground
_LONGEST = 500  # characters of a label


@dataclass(frozen=True, slots=True)
class Label:
    """A text of a figure.

    Attributes
    ----------
    x, y : float
        Where its base line begins, in pixels from the upper left.
    text : str
        What it says, on one line.
    angle : float
        Of its base line, in degrees.
    colour : tuple of float
        Red, green, blue, 0 to 1.
    """

    x: float
    y: float
    text: str
    angle: float
    colour: tuple[float, float, float]


class FigureCanvas(FigureCanvasAgg):
    """A canvas that can draw for cells.

    Attributes
    ----------
    for_cells : bool
        Whether it does.
    """

    manager_class = FigureCanvasAgg.manager_class
    for_cells = False

    def get_renderer(self) -> Any:
        """Give the renderer; what is saved to a file has nothing to do with cells."""
        if not self.for_cells or self.is_saving():
            return super().get_renderer()  # type: ignore[no-untyped-call]
        width, height = self.figure.bbox.size
        renderer = getattr(self, "_of_cells", None)
        if renderer is None or renderer.size != (width, height, self.figure.dpi):
            renderer = _Renderer(width, height, self.figure.dpi)
            self._of_cells = renderer
        self.renderer = renderer
        self._lastKey = None  # of the ordinary one, which has to be made anew
        return renderer

    def cells(self, form: str) -> Cells:
        """Draw the figure, whose size is whole cells, and give these."""
        self.draw()  # type: ignore[no-untyped-call]
        renderer = self._of_cells
        pixels = np.asarray(renderer.buffer_rgba())
        rows, columns = pixels.shape[0] // HEIGHT, pixels.shape[1] // WIDTH
        pixels = pixels[: rows * HEIGHT, : columns * WIDTH]
        red, green, blue, _ = to_rgba(self.figure.get_facecolor())
        paper = (255 * red, 255 * green, 255 * blue)
        return labelled(mosaic(pixels, form, paper), renderer.labels)


class _Renderer(RendererAgg):  # type: ignore[misc]
    """Agg, for whom letters have the size of cells, and are kept instead of drawn."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        self.labels: list[Label] = []
        self.size = (width, height, dpi)
        super().__init__(width, height, dpi)

    def clear(self) -> None:
        super().clear()
        self.labels.clear()

    def get_text_width_height_descent(
        self, s: str, prop: Any, ismath: Any
    ) -> tuple[float, float, float]:
        width = WIDTH * max(1, cell_len(_plain(s, ismath)))
        return float(width), _ASCENT + _DESCENT, _DESCENT

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        red, green, blue = gc.get_rgb()[:3]
        if gc.get_alpha() != 0:
            text = _plain(s, ismath)
            self.labels.append(Label(x, y, text, angle, (red, green, blue)))

    def draw_tex(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, **rest: Any
    ) -> None:
        self.draw_text(gc, x, y, s, prop, angle, True)

    def draw_path(
        self, gc: Any, path: Any, transform: Any, rgbFace: Any = None
    ) -> None:
        with _wider(gc):
            super().draw_path(gc, path, transform, rgbFace)


@contextlib.contextmanager
def _wider(gc: Any) -> Iterator[None]:
    width = gc.get_linewidth()
    gc.set_linewidth(width * (_WIDER if width >= _FRAME else _WIDER / 2))
    try:
        yield
    finally:
        gc.set_linewidth(width)


def labelled(cells: Cells, labels: list[Label]) -> Cells:
    """Write labels into cells, where they are; those above each other are cut."""
    rows, columns = cells.shape
    for label in labels:
        text = label.text
        ink = tuple(round(255 * value) for value in label.colour)
        if abs(label.angle) % 180 > 45:
            # Upwards, letters would stand on their sides; they go down instead.
            letters = [c for c in text if cell_len(c) == 1]
            half = cell_len(text) * WIDTH / 2
            middle = label.y - half if 0 < label.angle % 360 < 180 else label.y + half
            shift = -_ASCENT / 2 if 0 < label.angle % 360 < 180 else _ASCENT / 2
            column = int((label.x + shift) // WIDTH)
            first = round(middle / HEIGHT - len(letters) / 2)
            if len(letters) > rows:
                first, letters = 0, [*letters[: rows - 1], "…"]
            first = max(0, min(first, rows - len(letters)))
            for row, letter in enumerate(letters, first):
                _put(cells, row, column, letter, ink)
            continue
        row = int((label.y - _ASCENT + HEIGHT / 2) // HEIGHT)
        column = round(label.x / WIDTH)
        column = max(0, min(column, columns - cell_len(text)))
        for letter in text:
            width = cell_len(letter)
            if width and column + width <= columns:
                _put(cells, row, column, letter, ink)
                if width == 2:
                    _put(cells, row, column + 1, "\0", ink)
            column += width
    return cells


def _put(
    cells: Cells, row: int, column: int, letter: str, ink: tuple[int, ...]
) -> None:
    """Write a letter, or the second half of one, unless it is outside."""
    rows, columns = cells.shape
    if not (0 <= row < rows and 0 <= column < columns):
        return
    cell = cells[row, column]
    if letter == " ":
        return
    ground = cell["ground"].astype(int)
    if max(abs(ground - ink)) < _CONTRAST:
        ink = (0, 0, 0) if ground.sum() > 382 else (255, 255, 255)
    cell["character"] = ord(letter)
    cell["ink"] = ink


def _plain(text: str, ismath: Any) -> str:
    """Write a text, be it a formula, on one line of letters."""
    text = text[:_LONGEST]
    if ismath:
        text = re.sub(r"(?<!\\)(\$.+?(?<!\\)\$)", _unformatted, text)
        text = text.replace("\\$", "$")
    text = unicodedata.normalize("NFC", text)
    return "".join(
        "" if unicodedata.category(c)[0] == "C" or not cell_len(c) else c for c in text
    )


def _unformatted(match: re.Match[str]) -> str:
    r"""Write a formula as letters: ``$10^{-3}\,\mu$`` as ``10⁻³ μ``."""
    text = re.sub(r"\\([,;: ])", " ", match[1])
    text = re.sub(r"\\([A-Za-z]+) ?", _greek, text)
    text = re.sub(r"\^(\{[-\u2212+\d]+\}|\d)", _raised, text)
    return cbook.strip_math(text).replace("{", "").replace("}", "")


def _raised(match: re.Match[str]) -> str:
    return match[1].translate(_RAISED)


def _greek(match: re.Match[str]) -> str:
    name = match[1]
    size = "SMALL" if name.islower() else "CAPITAL"
    with contextlib.suppress(KeyError):
        return unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}")
    return match[0]
