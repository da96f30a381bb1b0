"""One figure on its canvas: drawn, or blitted where its artists say what changed.

Knows no plotter and no frame.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import matplotlib.figure
from matplotlib.artist import Artist
from matplotlib.transforms import Bbox, BboxBase

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Sheet", "open_figures"]

_Limits = tuple[tuple[float, float], tuple[float, float]]

_MARGIN = 2  # pixels around the blitted part, for what antialiasing spills


class Sheet:
    """One figure: its animated artists, and what lies behind them.

    Blitting as `matplotlib.animation.FuncAnimation` does it: whatever is drawn
    whole, by us, by a zoom or after a resize, leaves the animated artists out; the
    result is kept, and for each frame put back and drawn over.
    """

    def __init__(self, figure: Figure, after_draw: Callable[[Any], None]) -> None:
        self.figure = figure
        self.closed = False
        # Every change would else ask an interactive canvas for another drawing.
        figure.stale_callback = None
        self._after_draw = after_draw
        self._animated: list[Artist] = []
        self._behind: Any = None
        self._size: tuple[float, ...] = ()
        self._box: BboxBase | None = None
        self._callbacks: set[int] = set()  # those that the plotter has connected
        figure.canvas.mpl_connect("draw_event", self._drawn)
        figure.canvas.mpl_connect("close_event", self._closed)

    def make(self, kind: type) -> Any:
        """Make a plotter on this figure."""
        _make_current(self.figure)
        before = self._connected()
        try:
            return kind(self.figure)
        finally:
            self._callbacks = self._connected() - before

    def clear(self) -> None:
        """Undo what a plotter did to the figure, for another one."""
        figure: Any = self.figure
        for number in self._callbacks:
            figure.canvas.mpl_disconnect(number)
        figure.clear()
        fresh: Any = matplotlib.figure.Figure()
        figure.patch.update_from(fresh.patch)
        for name in ("left", "right", "bottom", "top", "wspace", "hspace"):
            setattr(figure.subplotpars, name, getattr(fresh.subplotpars, name))
        figure.set_layout_engine(None)  # the one of the settings, if any
        if toolbar := getattr(figure.canvas.manager, "toolbar", None):
            toolbar.update()  # forgets the zooms of axes that are gone
        self._animated = []
        self._behind = None
        _make_current(figure)

    def _connected(self) -> set[int]:
        registry: Any = self.figure.canvas.callbacks
        return {number for each in registry.callbacks.values() for number in each}

    def refresh(self, artists: list[Artist]) -> None:
        """Draw what `artists`, those that a plotter returned, or the figure need."""
        canvas: Any = self.figure.canvas
        if not canvas.supports_blit:
            artists = []
        changed = set(artists) != set(self._animated)
        if changed:
            self._animate(artists)
        if (
            not artists
            or changed
            or self.figure.stale
            or self._behind is None
            or self._size != self._now()
        ):
            if changed or self.figure.stale or artists:
                canvas.draw()
                self._after_draw(canvas)
            return
        canvas.restore_region(self._behind)
        self._draw_animated(canvas.get_renderer())
        canvas.blit(self._box)

    def limits(self) -> list[_Limits]:
        """What the user has zoomed to, of each axes; empty if it is as it was made."""
        toolbar = getattr(self.figure.canvas, "toolbar", None)
        stack = getattr(toolbar, "_nav_stack", None)  # empty until somebody zooms
        if stack is None or stack() is None:
            return []
        return [(axes.get_xlim(), axes.get_ylim()) for axes in self.figure.axes]

    def zoom(self, limits: list[_Limits]) -> None:
        """Zoom to what `limits` gave, if the figure has as many axes again."""
        axes = self.figure.axes
        toolbar: Any = getattr(self.figure.canvas, "toolbar", None)
        if not limits or len(axes) != len(limits) or toolbar is None:
            return
        toolbar.push_current()  # what *home* leads to
        for each, (x, y) in zip(axes, limits):
            each.set_xlim(x)
            each.set_ylim(y)
        toolbar.push_current()

    def _animate(self, artists: list[Artist]) -> None:
        for artist in self._animated:
            artist.set_animated(False)
        for artist in artists:
            artist.set_animated(True)
        self._animated = sorted(artists, key=Artist.get_zorder)
        self._behind = None

    def _drawn(self, event: Any) -> None:
        """Keep what was drawn, and put the animated artists on top of it."""
        canvas: Any = self.figure.canvas
        # What is saved is drawn whole, on a renderer of its own.
        if not self._animated or canvas.is_saving() or event.canvas is not canvas:
            return
        self._box = self._extent()
        self._size = self._now()
        self._behind = canvas.copy_from_bbox(self._box)
        self._draw_animated(event.renderer)

    def _draw_animated(self, renderer: Any) -> None:
        for artist in self._animated:
            artist.draw(renderer)

    def _extent(self) -> BboxBase:
        """Where the animated artists can reach; less to copy is faster to blit."""
        whole = self.figure.bbox
        axes = []
        for artist in self._animated:
            clipped = artist.get_clip_box() or artist.get_clip_path()
            if artist.axes is None or not (artist.get_clip_on() and clipped):
                return whole
            axes.append(artist.axes.bbox)
        box = Bbox.union(axes).padded(_MARGIN)
        x0, y0, x1, y1 = (round(value) for value in box.extents)
        visible = Bbox.intersection(Bbox.from_extents(x0, y0, x1, y1), whole)
        return visible if visible is not None else whole

    def _now(self) -> tuple[float, ...]:
        return (*self.figure.bbox.size, self.figure.dpi)

    def _closed(self, event: Any) -> None:
        self.closed = True
        self._behind = None


def open_figures() -> dict[int, Figure]:
    """Number and figure of each pyplot window, without importing pyplot for it."""
    if "matplotlib.pyplot" not in sys.modules:
        return {}
    from matplotlib._pylab_helpers import Gcf

    return {number: manager.canvas.figure for number, manager in Gcf.figs.items()}


def _make_current(figure: Figure) -> None:
    """Let pyplot's functions draw into that figure, if it is one of pyplot's."""
    from matplotlib._pylab_helpers import Gcf

    if figure in open_figures().values():
        manager: Any = figure.canvas.manager
        Gcf.set_active(manager)
