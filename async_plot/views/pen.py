"""A pen for the strip: words, pills and small lines as pixels. Knows nothing of runs.

Texts are put together from words drawn before. Laying one out anew costs about a
millisecond in current matplotlib, and a strip made of artists a fifth of a core.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends import backend_agg
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.font_manager import FontProperties
from matplotlib.patches import BoxStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from .figure import luminance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DPI", "Pen", "Pixels", "Region", "palette"]

DPI = 100.0  # of a figure on a screen of ordinary resolution

RendererAgg: Any = backend_agg.RendererAgg  # it has no types of its own


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the strip that can be clicked.

    Attributes
    ----------
    x0, x1, y0, y1 : float
        Its edges, in the figure's pixels.
    title, text : str
        What a click shows.
    action : str
        What a click does instead, in the words of `async_plot.views.playbar`.
    first, last : float
        Of a slider: where its ends are.
    hint : str
        What is told while the mouse is over it.
    """

    x0: float
    x1: float
    y0: float
    y1: float
    title: str
    text: str
    action: str = ""
    first: float = 0.0
    last: float = 0.0
    hint: str = ""

    def within(self, first: float, last: float) -> Region:
        """Make a slider of it, with its ends there."""
        return replace(self, first=first, last=last)

    def share(self, x: float) -> float:
        """Where on the slider that is, 0 to 1 between its ends."""
        return (x - self.first) / (self.last - self.first)


class Pen:
    """Draws in pixels of an ordinary screen, whatever the figure's resolution.

    Parameters
    ----------
    figure : Figure
        Whose size and resolution to draw for.
    colours : dict
        As `palette` makes them.

    Attributes
    ----------
    width, height : float
        Size of the figure, in pixels of an ordinary screen.
    regions : list of Region
        What can be clicked, to be filled by whoever draws.
    """

    def __init__(self, figure: Figure, colours: dict[str, Any]) -> None:
        self.colours = colours
        self.dpi = float(figure.dpi)
        self.ratio = self.dpi / DPI
        self.width = figure.bbox.width / self.ratio
        self.height = figure.bbox.height / self.ratio
        self.regions: list[Region] = []
        self._shapes = RendererAgg(
            max(1, int(figure.bbox.width)), max(1, int(figure.bbox.height)), self.dpi
        )
        ground = Path.unit_rectangle().transformed(
            Affine2D().scale(self.width + 1, self.height + 1)
        )
        self.fill(ground, colours["ground"])
        self._words: list[tuple[float, float, _Word, str]] = []
        self._blocks: list[tuple[float, float, float, float, str]] = []

    def text(
        self, x: float, y: float, text: str, *, colour: str = "", bold: bool = False
    ) -> float:
        """Write a line from x on, and return where it ends."""
        if not text:
            return x
        line = _line(text, bold, self.dpi)
        self._words.append((x, y, line, colour or self.colours["ink"]))
        return x + line.advance / self.ratio

    def measure(self, text: str, *, bold: bool = False) -> float:
        """Width of a line."""
        return _line(text, bold, self.dpi).advance / self.ratio if text else 0.0

    def elide(self, text: str, room: float, *, bold: bool = False) -> str:
        """Shorten a text until it fits."""
        parts = _SPLIT.findall(text)
        widths = [_word(p, bold, self.dpi).advance / self.ratio for p in parts]
        if sum(widths) <= room:
            return text
        room -= self.measure("…", bold=bold)
        used = 0.0
        for index, width in enumerate(widths):
            if used + width > room:
                # Into this word by its mean width, which is near enough to try.
                part = parts[index]
                fit = max(0, int(len(part) * (room - used) / width))
                while fit and used + self.measure(part[:fit], bold=bold) > room:
                    fit -= 1
                kept = ("".join(parts[:index]) + part[:fit]).rstrip()
                return f"{kept}…" if kept else ""
            used += width
        return text

    def pill(self, x: float, y: float, text: str, colour: str) -> float:
        """Write on a coloured ground with round corners; return where it ends."""
        width, half = self.measure(text, bold=True) + 14, 8.0
        corners = BoxStyle.Round(pad=0, rounding_size=4)
        self.fill(corners(x, y - half, width, 2 * half, 1), colour)
        self.text(x + 7, y, text, colour=self.colours["on_pill"], bold=True)
        return x + width

    def line(self, x: Any, y: Any, colour: str, width: float) -> None:
        """Draw a line of that many pixels' width."""
        context = self._shapes.new_gc()
        context.set_foreground(colour)
        context.set_linewidth(width * 72 / DPI)
        context.set_joinstyle("round")
        path = Path(np.stack([x, y], axis=1))
        self._shapes.draw_path(context, path, Affine2D().scale(self.ratio))

    def sparkline(self, x0: float, x1: float, y: float, values: Any) -> None:
        """Draw a history into a small well."""
        values = np.asarray(values, float)
        if len(values) > 400:
            # Peaks stay: each bin gives its smallest and its largest value.
            bins = values[len(values) % 200 :].reshape(200, -1)
            values = np.stack([bins.min(1), bins.max(1)], axis=1).ravel()
        finite = values[np.isfinite(values)]
        if len(finite) < 2:
            return
        low, high = float(finite.min()), float(finite.max())
        half = 7.0
        self.fill(
            Path.unit_rectangle().transformed(
                Affine2D().scale(x1 - x0, 2 * half + 2).translate(x0, y - half - 1)
            ),
            self.colours["well"],
        )
        values = np.where(np.isfinite(values), values, np.nan)  # these leave a gap
        scaled = (values - low) / (high - low) if high > low else values * 0 + 0.5
        xs = np.linspace(x0 + 1, x1 - 1, len(values))
        self.line(xs, y - half + 2 * half * scaled, self.colours["spark"], 1.2)

    def fill(self, path: Path, colour: str) -> None:
        """Fill a shape."""
        context = self._shapes.new_gc()
        context.set_linewidth(0)
        context.set_foreground(colour)
        to_pixels = Affine2D().scale(self.ratio)
        self._shapes.draw_path(context, path, to_pixels, to_rgba(colour))

    def box(
        self, x: float, y: float, width: float, height: float, colour: str, edge: str
    ) -> None:
        """Fill a rectangle with round corners and an edge: a button."""
        corners = BoxStyle.Round(pad=0, rounding_size=3)
        self.fill(corners(x, y - height / 2, width, height, 1), edge)
        inner = corners(x + 1, y - height / 2 + 1, width - 2, height - 2, 1)
        self.fill(inner, colour)

    def bar(self, x0: float, x1: float, y: float, height: float, colour: str) -> None:
        """Fill a lying bar with round ends."""
        if x1 > x0:
            radius = min(height, x1 - x0) / 2
            shape = BoxStyle.Round(pad=0, rounding_size=radius)
            self.fill(shape(x0, y - height / 2, x1 - x0, height, 1), colour)

    def block(self, x0: float, x1: float, y: float, height: float, colour: str) -> None:
        """Fill a lying rectangle; many of them cost little."""
        if x1 > x0:
            self._blocks.append((x0, x1, y - height / 2, y + height / 2, colour))

    def mixed(self, colour: str, share: float) -> str:
        """Mix so much of a colour into the ground."""
        return _mixed(colour, self.colours["ground"], share)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """Fill a circle."""
        self.fill(Path.circle((x, y), radius), colour)

    def region(
        self,
        x0: float,
        x1: float,
        y: float,
        height: float,
        action: str,
        *,
        hint: str = "",
    ) -> None:
        """Let a click here do something; of two regions the later one is on top."""
        r, half = self.ratio, height / 2
        edges = x0 * r, x1 * r, (y - half) * r, (y + half) * r
        self.regions.append(Region(*edges, "", "", action, hint=hint))

    def image(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Everything drawn, as pixels."""
        whole = np.array(self._shapes.buffer_rgba())
        height = len(whole)
        pixels = whole[..., :3]
        for x0, x1, y0, y1, colour in self._blocks:
            top, low = (max(0, height - round(y * self.ratio)) for y in (y1, y0))
            self._fill(pixels[top:low], x0 * self.ratio, x1 * self.ratio, colour)
        for x, y, word, colour in self._words:
            left = round(x * self.ratio) - word.left
            top = height - round((y - 4.1) * self.ratio) - word.baseline
            mask = word.mask[max(0, -top) :, max(0, -left) :]
            part = pixels[max(0, top) :, max(0, left) :]
            part = part[: mask.shape[0], : mask.shape[1]]
            mask = mask[: part.shape[0], : part.shape[1]]
            part[:] = part + (_ink(colour) - part) * mask + np.float32(0.5)
        return whole

    def _fill(self, pixels: Any, x0: float, x1: float, colour: str) -> None:
        """Fill columns, those at the ends as far as they are covered."""
        first, last = math.floor(x0), math.ceil(x1)
        ink = _ink(colour)
        inner = pixels[:, max(0, first) : max(0, last)]
        before = inner[:, :1].copy(), inner[:, -1:].copy()
        inner[:] = ink
        if inner.shape[1] and first >= 0 and x0 > first:
            inner[:, :1] = ink + (before[0] - ink) * np.float32(x0 - first)
        if inner.shape[1] > 1 and last <= pixels.shape[1] and x1 < last:
            inner[:, -1:] = ink + (before[1] - ink) * np.float32(last - x1)


class Pixels(Artist):
    """A picture that is a whole figure, without what matplotlib does to images."""

    def __init__(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        super().__init__()
        self._flipped = np.ascontiguousarray(pixels[::-1])

    def draw(self, renderer: Any) -> None:
        """Put it there."""
        context = renderer.new_gc()
        renderer.draw_image(context, 0, 0, self._flipped)
        context.restore()


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as pixels: coverage, where its origin is, and how far it reaches."""

    advance: float
    mask: Any
    left: int
    baseline: int


# Digits stand alone, so that a counter needs no new word for each of its values.
_SPLIT = re.compile(r"\d|\s|[^\d\s]{1,40}")
_FONT = FontProperties(family=["DejaVu Sans"], size=8.2)
_BOLD = FontProperties(family=["DejaVu Sans"], size=8.2, weight="bold")


@functools.lru_cache(maxsize=256)
def _ink(colour: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(to_rgb(colour), np.float32) * 255


@functools.lru_cache(maxsize=256)
def _mixed(colour: str, ground: str, share: float) -> str:
    ink, paper = _ink(colour) / 255, _ink(ground) / 255
    red, green, blue = paper + (ink - paper) * share
    return to_hex((float(red), float(green), float(blue)))


@functools.lru_cache(maxsize=2048)
def _line(text: str, bold: bool, dpi: float) -> _Word:
    """Put a line together from its words."""
    words = [_word(part, bold, dpi) for part in _SPLIT.findall(text)]
    inked = [word for word in words if word.mask.size]
    advance = sum(word.advance for word in words)
    if not inked:
        return _Word(advance, words[0].mask, 0, 0)
    left, up = inked[0].left, inked[0].baseline
    wide = max(word.mask.shape[1] - word.advance for word in inked)
    mask = np.zeros(
        (inked[0].mask.shape[0], math.ceil(advance + wide) + 1, 1), np.float32
    )
    x = 0.0
    for word in words:
        if word.mask.size:
            part = mask[:, round(x) : round(x) + word.mask.shape[1]]
            np.maximum(part, word.mask[:, : part.shape[1]], out=part)
        x += word.advance
    # Blending costs by the pixel, and most of them are empty.
    rows, columns = (np.flatnonzero(mask.any(axis=(1 - k, 2))) for k in (0, 1))
    top, first = int(rows[0]), int(columns[0])
    mask = np.ascontiguousarray(mask[top : rows[-1] + 1, first : columns[-1] + 1])
    return _Word(advance, mask, left - first, up - top)


@functools.lru_cache(maxsize=4096)
def _word(text: str, bold: bool, dpi: float) -> _Word:
    with warnings.catch_warnings():
        # A letter that the font lacks is a box, which says enough.
        warnings.simplefilter("ignore")
        return _drawn_word(text, bold, dpi)


def _drawn_word(text: str, bold: bool, dpi: float) -> _Word:
    font = _BOLD if bold else _FONT
    size = font.get_size_in_points() * dpi / 72
    left, up, down = math.ceil(size / 2), math.ceil(1.4 * size), math.ceil(0.6 * size)

    def width(letters: str) -> float:
        renderer = RendererAgg(1, 1, dpi)
        return float(renderer.get_text_width_height_descent(letters, font, False)[0])

    # Between two bars: what is told of a text alone is its ink, not its advance.
    # In whole pixels, else the gaps within a number would differ.
    advance = round(width(f"|{text}|") - width("||"))
    if text.isspace():
        return _Word(advance, np.zeros((0, 0, 1), np.float32), 0, 0)
    renderer = RendererAgg(math.ceil(advance) + 2 * left, up + down, dpi)
    renderer.draw_text(renderer.new_gc(), left, up, text, font, 0)
    mask = np.array(renderer.buffer_rgba())[..., 3:] / np.float32(255)
    return _Word(advance, mask, left, up)


def palette(paper: Any) -> dict[str, Any]:
    """Colours on that paper: Okabe and Ito's, told apart by the colour blind too."""
    dark = luminance(paper) < 0.4
    base = np.array(to_rgb(paper)) if luminance(paper) < 0.99 else np.ones(3)
    pole = np.ones(3) if dark else np.zeros(3)

    def mix(share: float) -> str:
        red, green, blue = base + (pole - base) * share
        return to_hex((float(red), float(green), float(blue)))

    marks = {"running": "▶", "finished": "✔", "interrupted": "■", "failed": "✖"}
    marks["lost"] = "?"
    marks["stalled"] = "‖"
    marks["replay"] = "↺"
    marks["paused"] = "‖"
    marks["stopped"] = "■"
    pills = (
        {
            "running": "#1fb58a",
            "finished": "#56b4e9",
            "interrupted": "#e69f00",
            "failed": "#ff7f3f",
            "lost": "#d79bc0",
            "stalled": "#f0e442",
            "replay": "#b3b9c4",
            "paused": "#b3a8ff",
            "stopped": "#c8b08a",
        }
        if dark
        else {
            "running": "#007a59",
            "finished": "#0067a8",
            "interrupted": "#9a6500",
            "failed": "#c04a00",
            "lost": "#9a4a7c",
            "stalled": "#7d6c00",
            "replay": "#5a6472",
            "paused": "#5a48b0",
            "stopped": "#6e5a3c",
        }
    )
    return {
        "ground": mix(0.09 if dark else 0.045),
        "rule": mix(0.25 if dark else 0.15),
        "well": mix(0.15 if dark else 0.08),
        "trough": mix(0.22 if dark else 0.14),
        "idle": mix(0.42 if dark else 0.34),
        "ink": mix(0.92 if dark else 0.87),
        "faint": mix(0.66 if dark else 0.62),
        "link": "#7cc4f0" if dark else "#0067a8",
        "alarm": "#ff9a66" if dark else "#b84300",
        "warning": "#f0b840" if dark else "#8a5a00",
        "spark": "#56b4e9" if dark else "#0072b2",
        "on_pill": "#101214" if dark else "#ffffff",
        "states": {state: (marks[state], pills[state]) for state in marks},
    }
