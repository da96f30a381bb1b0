"""The strip on the screen: a canvas of its own under a window's figure.

Inside the user's Figure it would be wiped by ``clf``, printed by *save*, fought by
``tight_layout``, and slow every drawing. Knows no run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.backend_bases import MouseButton
from matplotlib.backend_tools import Cursors
from matplotlib.figure import Figure

from . import controls, jobtexts
from .pen import DPI, Region
from .strip import StripState, content, standing
from .striprows import draw_strip, strip_height
from .toolkits import Toolkit
from .wording import one_line

__all__ = ["StripCanvas"]

EVERY = 0.25  # seconds between two drawings
JOBS_EVERY = 0.1  # the same, while a job goes on
SLIDER_EVERY = 0.05  # the same, with a slider, which is to move and not to jump
FOLLOWS = 0.02  # the same, while the mouse moves
PART = 20.0  # times as long as the last one took lie between two, at least
DRAWING = 40.0  # the same, while the figure is drawn over and over
FLUID = 1.0  # seconds since the last frame in which it is
SHRINK_AFTER = 3.0  # seconds in which less was to be told


class StripCanvas:
    """The strip in a window; where a toolkit has no place for it, the window's title.

    Parameters
    ----------
    manager : FigureManagerBase
        The window.
    toolkit : Toolkit
        Its toolkit.
    act : callable, optional
        ``act(action, share)`` is called when something that steers a replay is
        clicked; of a slider, also while the mouse is dragged.
    """

    def __init__(
        self,
        manager: Any,
        toolkit: Toolkit,
        act: Callable[[str, float], None] | None = None,
    ) -> None:
        self.manager = manager
        self._cost = 0.0
        self._toolkit = toolkit
        self._state = StripState()
        self._told: tuple[Any, ...] = ()
        self._act = act
        self._held: Region | None = None  # the slider that is dragged
        self._mouse: Any = None  # the event that told where it is
        self._drawn_at = -math.inf
        self._regions: list[Region] = []
        self._height = self._wanted = strip_height(self._state)
        self._frame = (0.0, 0.0)  # width and room, as they were seen last
        self._less_since = 0.0  # since when it would be less high
        self._figure = Figure(figsize=(1, self._height / DPI), dpi=DPI)
        self._canvas: Any = toolkit.attach(manager, self._figure, self._height)
        if self._canvas is not None:
            self._canvas.mpl_connect("resize_event", lambda event: self._lay_out())
            self._canvas.mpl_connect("button_press_event", self._clicked)
            self._canvas.mpl_connect("motion_notify_event", self._moved)
            self._canvas.mpl_connect("button_release_event", self._released)
            self._canvas.mpl_connect("figure_leave_event", self._left)

    def refresh(self, state: StripState, *, now: bool = False) -> None:
        """Draw what has changed; `now` also while the event loop does not run."""
        self._state = state
        clock = time.monotonic()
        told = (self._paper(), *content(state, clock))
        if self._canvas is None:
            if told != self._told:
                self._told = told
                self._write_title()
            return
        if told == self._told and (now or not self._may_resize()):
            return
        resized = not now and self._resize(clock)
        if told == self._told and not resized:
            return
        self._told = told
        begun = time.thread_time()  # a busy machine makes nothing dearer
        self._lay_out()
        self._canvas.draw()
        self._drawn_at, self._cost = time.monotonic(), time.thread_time() - begun
        if now:
            self._toolkit.paint_now(self._canvas)

    def pause(self, *, slider: bool) -> float:
        """How long it may stay as it is; drawing it takes little of a view's time."""
        now, state = time.monotonic(), self._state
        least = SLIDER_EVERY if slider else EVERY
        if state.jobs.moves(now):
            least = min(least, JOBS_EVERY)
        draws = now - state.frame_at < FLUID and not state.replayed
        return max(least, (DRAWING if draws else PART) * self._cost)

    def _may_resize(self) -> bool:
        """Whether the window has changed, or the strip waits to be less high."""
        room = self._toolkit.room(self.manager, self._canvas, grow=False)
        before, self._frame = self._frame, (self._figure.bbox.width, room)
        return self._frame != before or bool(self._less_since)

    def _resize(self, clock: float) -> bool:
        """Take the height that is wanted, as far as the window has it; say if so.

        The window grows and shrinks with what there is to tell; where the strip is
        cut to a small window, the window stays as somebody has made it.
        """
        ratio = self._figure.dpi / DPI
        width = self._figure.bbox.width / ratio
        wanted = strip_height(self._state, width, now=clock)
        grows = wanted != self._wanted
        room = self._toolkit.room(self.manager, self._canvas, grow=grows)
        height = strip_height(self._state, width, room, clock)
        if height < self._height and wanted <= self._wanted:
            # What is gone now may be back at once: bars inside of a loop, for one.
            self._less_since = self._less_since or clock
            if clock - self._less_since < SHRINK_AFTER and self._height <= room:
                return False
        self._less_since, self._wanted = 0.0, wanted
        if height == self._height:
            return False
        self._height = height
        self._toolkit.set_height(self.manager, self._canvas, height, grow=grows)
        return True

    def _lay_out(self) -> None:
        for _ in range(2):
            self._regions = draw_strip(
                self._figure, self._state, time.monotonic(), paper=self._paper()
            )
            if not self._point():  # what is under the mouse may be something else now
                break

    def _paper(self) -> Any:
        return self.manager.canvas.figure.get_facecolor()

    def _write_title(self) -> None:
        state = self._state
        _, word = standing(state, time.monotonic())
        title = f"{state.name}: {word}, frame {state.frame}"
        for shown in state.jobs.shown(time.monotonic())[-1:]:
            share = shown.bar.share if shown.bar is not None else None
            if share is not None:
                title += f", {one_line(shown.title)} {int(100 * share)} %"
        if state.failures:
            title += f", {state.failure_title}"
        self.manager.set_window_title(title)

    def _at(self, event: Any) -> Region | None:
        for region in reversed(self._regions):  # the later one is on top
            if region.x0 <= event.x <= region.x1 and region.y0 <= event.y <= region.y1:
                return region
        return None

    def _clicked(self, event: Any) -> None:
        region = self._at(event) if event.button == MouseButton.LEFT else None
        if region is None:
            return
        word = region.action.partition(" ")[0]
        if not region.action:
            if region.text:
                self._toolkit.show_text(self.manager, region.title, region.text)
        elif word in controls.ACTIONS:
            self._held = region if region.last > region.first else None
            self._steer(region, event)
            self.refresh(self._state)
        elif word in jobtexts.ACTIONS:
            told = jobtexts.act(self._state.jobs, region.action, time.monotonic())
            if told is not None:
                self._toolkit.show_text(self.manager, *told)
            self._less_since = -math.inf  # folded up by hand: at once
            self.refresh(self._state)
        elif self._act is not None:
            slider = region.last > region.first
            self._held = region if slider else None
            self._act(region.action, region.share(event.x) if slider else 0.0)

    def _steer(self, region: Region, event: Any) -> None:
        """Do what steers the run."""
        steered = self._state.controls
        share = region.share(event.x) if region.last > region.first else 0.0
        # Only of newer matplotlibs: the keyboard is another canvas's.
        hold = "shift" in getattr(event, "modifiers", ())
        now = time.monotonic()
        edit = steered.act(region.action, share, now, hold=hold, key=False)
        if edit is not None:
            box = region.x0, region.x1, region.y0, region.y1
            done = partial(self._typed, edit.name)
            self._toolkit.ask_text(self.manager, self._canvas, box, edit.text, done)
        if region.action == "parameters":
            self._less_since = -math.inf  # folded up by hand: at once

    def _typed(self, name: str, text: str) -> None:
        self._state.controls.type(name, text, time.monotonic())
        self.refresh(self._state)

    def _refresh_soon(self) -> None:
        """Draw it, unless it was drawn just now: the next tick then does."""
        if time.monotonic() - self._drawn_at > FOLLOWS:
            self.refresh(self._state)

    def _moved(self, event: Any) -> None:
        held = self._held
        if held is not None and held.action.partition(" ")[0] in controls.ACTIONS:
            self._steer(held, event)
            self._refresh_soon()
            return
        if held is not None and self._act is not None:
            self._act(held.action, held.share(event.x))
            return
        region = self._at(event)
        hand = region is not None and bool(region.action or region.text)
        self._canvas.set_cursor(Cursors.HAND if hand else Cursors.POINTER)
        self._mouse = event
        if self._point():
            self._refresh_soon()

    def _point(self) -> bool:
        """Say of what is under the mouse what it is; say if that has changed."""
        region = self._at(self._mouse) if self._mouse is not None else None
        if region is None:
            return self._state.controls.point("")
        return self._state.controls.point(region.hint, first=not region.action)

    def _released(self, event: Any) -> None:
        self._held = None
        self._state.controls.release(time.monotonic())

    def _left(self, event: Any) -> None:
        self._mouse = None
        if self._state.controls.point(""):
            self.refresh(self._state)
