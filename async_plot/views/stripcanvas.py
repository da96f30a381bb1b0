"""The strip on the screen: a canvas of its own under a window's figure.

Inside the user's Figure it would be wiped by ``clf``, printed by *save*, fought by
``tight_layout``, and slow every drawing. Knows no run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from matplotlib.backend_tools import Cursors
from matplotlib.figure import Figure

from .pen import DPI, Region
from .strip import StripState, content, draw_strip, strip_height
from .toolkits import Toolkit

__all__ = ["StripCanvas"]


class StripCanvas:
    """The strip in a window; where a toolkit has no place for it, the window's title.

    Parameters
    ----------
    manager : FigureManagerBase
        The window.
    toolkit : Toolkit
        Its toolkit.
    act : callable, optional
        ``act(action, share)`` is called when something with an action is clicked;
        of a slider, also while the mouse is dragged.
    """

    def __init__(
        self,
        manager: Any,
        toolkit: Toolkit,
        act: Callable[[str, float], None] | None = None,
    ) -> None:
        self.manager = manager
        self._toolkit = toolkit
        self._state = StripState()
        self._told: tuple[Any, ...] = ()
        self._act = act
        self._held: Region | None = None  # the slider that is dragged
        self._regions: list[Region] = []
        self._height = strip_height(self._state)
        self._figure = Figure(figsize=(1, self._height / DPI), dpi=DPI)
        self._canvas: Any = toolkit.attach(manager, self._figure, self._height)
        if self._canvas is not None:
            self._canvas.mpl_connect("resize_event", lambda event: self._lay_out())
            self._canvas.mpl_connect("button_press_event", self._clicked)
            self._canvas.mpl_connect("motion_notify_event", self._moved)
            self._canvas.mpl_connect("button_release_event", self._released)

    def refresh(self, state: StripState, *, now: bool = False) -> None:
        """Draw what has changed; `now` also while the event loop does not run."""
        self._state = state
        told = (self._paper(), *content(state, time.monotonic()))
        if told == self._told:
            return
        self._told = told
        if self._canvas is None:
            self._write_title()
            return
        height = strip_height(state)
        if height != self._height and not now:
            self._height = height
            self._toolkit.set_height(self.manager, self._canvas, height)
        self._lay_out()
        self._canvas.draw()
        if now:
            self._toolkit.paint_now(self._canvas)

    def _lay_out(self) -> None:
        self._regions = draw_strip(
            self._figure, self._state, time.monotonic(), paper=self._paper()
        )

    def _paper(self) -> Any:
        return self.manager.canvas.figure.get_facecolor()

    def _write_title(self) -> None:
        state = self._state
        title = f"{state.name}: {state.state}, frame {state.frame}"
        if state.failures:
            title += f", {state.failure_title}"
        self.manager.set_window_title(title)

    def _at(self, event: Any) -> Region | None:
        for region in self._regions:
            if region.x0 <= event.x <= region.x1 and region.y0 <= event.y <= region.y1:
                return region
        return None

    def _clicked(self, event: Any) -> None:
        region = self._at(event)
        if region is None:
            return
        if not region.action:
            self._toolkit.show_text(self.manager, region.title, region.text)
        elif self._act is not None:
            slider = region.last > region.first
            self._held = region if slider else None
            self._act(region.action, region.share(event.x) if slider else 0.0)

    def _moved(self, event: Any) -> None:
        if self._held is not None and self._act is not None:
            self._act(self._held.action, self._held.share(event.x))
            return
        hand = self._at(event) is not None
        self._canvas.set_cursor(Cursors.HAND if hand else Cursors.POINTER)

    def _released(self, event: Any) -> None:
        self._held = None
