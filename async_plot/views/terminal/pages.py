"""The pages of the terminal view: the list of runs, one run, a long text, the keys.

Each is a screen that `tick` brings up to date. Knows no socket and no file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from .. import jobtexts, strip
from ..wording import count, one_line
from . import bars, ink, listing, scalars, steer
from .details import TextPage
from .ink import Piece
from .lines import Lines
from .logs import LogPane, record_text
from .oneline import Keys, OneLine
from .watched import Watched

if TYPE_CHECKING:
    from .app import Top

__all__ = ["RunPage", "RunsPage"]


class RunsPage(Screen[None]):
    """All runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.leave", "Quit"),
        Binding("question_mark", "app.help", "Help"),
    ]
    app: Top

    def compose(self) -> ComposeResult:
        """A title, the runs, the keys."""
        yield OneLine(id="title")
        yield Lines(id="runs")
        yield Keys(id="keys")

    def on_mount(self) -> None:
        """Tell the keys."""
        keys = [("enter", "open"), ("q", "quit"), ("?", "help")]
        self.query_one(Keys).tell(keys)

    def tick(self, now: float) -> None:
        """Bring it up to date."""
        runs = self.app.runs
        alive = sum(each.alive for each in runs.listed)
        title: list[Piece] = [("async-plot top", "name")]
        if runs.error:
            title.append((f"  {one_line(runs.error)}", "alarm"))
        elif runs.looked and not alive:
            title.append(("  no run is alive: waiting for one", "warning"))
        elif runs.looked:
            plural = "s" if alive > 1 else ""
            title.append((f"  {alive} run{plural} alive", "faint"))
        self.query_one("#title", OneLine).show(title)
        self.query_one("#runs", Lines).show(listing.items(runs, now))

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Open a run's page."""
        self.app.open_run(event.item.key)


class RunPage(Screen[None]):
    """One run.

    Parameters
    ----------
    watched : Watched
        The run.
    plot : callable, optional
        ``plot(watched)`` makes the widget that draws its figures.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.leave", "Quit"),
        Binding("escape,left,backspace", "app.back", "Back"),
        Binding("question_mark", "app.help", "Help"),
        Binding("m", "message", "Message"),
        Binding("v", "values", "Values"),
        Binding("l", "log", "Log"),
        Binding("p", "steer('pause')", "Pause"),
        Binding("P", "hold", "Pause for good"),
        Binding("space", "pause_or_resume", "Pause or resume"),
        Binding("n", "steer('step')", "Step"),
        Binding("r", "steer('resume')", "Resume"),
        Binding("s", "steer('stop')", "Stop"),
        Binding("i", "steer('interrupt')", "Interrupt"),
        Binding("e", "parameters", "Parameters"),
        Binding("z", "plot('zoom')", "Zoom"),
        Binding("f", "plot('next')", "Next figure"),
        Binding("F", "plot('previous')", "Figure before"),
        Binding("x", "plot('graphics')", "Pixels or characters"),
        Binding("d", "plot('paper')", "Dark or light paper"),
        Binding("a", "plot('again')", "Draw anew"),
        Binding("t", "plot('details')", "Traceback of the plot"),
        Binding("tab,shift+tab", "other", "Other list", show=False),
    ]
    DEFAULT_CSS = """
    RunPage #log { height: 25%; min-height: 3; }
    RunPage #log.alone { height: 1fr; }
    """
    app: Top

    def __init__(
        self, watched: Watched, plot: Callable[[Watched], Widget] | None = None
    ) -> None:
        super().__init__()
        self.watched = watched
        self._plot = plot(watched) if plot is not None else None
        self._heading = OneLine(id="heading")
        self._message = OneLine(id="message")
        self._scalars = OneLine(id="scalars")
        self._steering = OneLine(id="steering")
        self._bars = Lines(id="bars")
        self._log = LogPane(id="log")
        self._keys = Keys(id="keys")
        self._wanted = "beside"  # where the log is

    def compose(self) -> ComposeResult:
        """State and message, values, the plot, the bars, the log, the keys."""
        yield self._heading
        yield self._message
        yield self._scalars
        yield self._steering
        if self._plot is not None:
            yield self._plot
        yield self._bars
        yield self._log
        yield self._keys

    def on_mount(self) -> None:
        """The keys belong to the bars."""
        self._bars.focus()
        self.tick(self.app.clock())

    def tick(self, now: float) -> None:
        """Bring it up to date."""
        state = self.watched.state
        (word, key), (name, _), *facts = strip.heading(state, now)
        pieces: list[Piece | Segment] = [ink.pill(word, key), (f" {name}", "name")]
        if not state.frame and self.watched.updates:
            # None is drawn here; how many there were is known all the same.
            facts[0] = f"{count(self.watched.updates)} updates", "ink"
        pieces += [(f"  {text}", kind) for text, kind in facts]
        self._heading.show(pieces)
        kind, short, _, _ = strip.message(state, now)
        if not state.frame:  # as it is where no figure is drawn
            short = short.removesuffix("; no frame of it came")
        row = self.size.width if self._has_steering() else 0
        said, command = steer.untold(state.controls, now, row)
        if command and kind != "alarm":
            kind, short = said, command
        mark = "▲ " if kind == "alarm" else ""
        self._message.show([(f"{mark}{short}", kind)])
        self._scalars.show(scalars.pieces(state.scalars, self.size.width))
        self._steering.show(steer.pieces(state.controls, now, self.size.width))
        self._bars.show(bars.items(state.jobs, now))
        self._log.tell(self.watched)
        tick = getattr(self._plot, "tick", None)
        if tick is not None:
            tick(now)
        self._arrange()

    def on_screen_suspend(self) -> None:
        """Another page lies over this one."""
        self._tell_plot(covered=True)

    def on_screen_resume(self) -> None:
        """It is in front again."""
        self._tell_plot(covered=False)

    def _tell_plot(self, *, covered: bool) -> None:
        cover = getattr(self._plot, "cover", None)
        if cover is not None:
            cover(covered)

    def on_resize(self) -> None:
        """What has no room is left out."""
        self._arrange()

    def _has_steering(self) -> bool:
        """Whether there is a row of steering."""
        return self.size.height >= 5 and steer.wanted(self.watched.state.controls)

    def _arrange(self) -> None:
        """Show what there is something in, and room for."""
        height, state = self.size.height, self.watched.state
        logs = bool(self._log.items) and self._wanted != "not"
        has_bars = bool(self._bars.items) or self._plot is None
        alone = logs and (self._wanted == "alone" or not self._bars.items)
        self._message.display = height >= 6
        self._scalars.display = height >= 9 and bool(state.scalars)
        self._steering.display = self._has_steering()
        self._keys.display = height >= 4
        self._bars.display = has_bars and not alone
        self._log.display = alone or (logs and height >= 16)
        self._log.set_class(alone and self._plot is None, "alone")
        if self._plot is not None:
            wanted = getattr(self._plot, "wanted", True) and height >= 12
            self._plot.display = wanted and self._wanted != "alone"
            self._log.set_class(alone and not self._plot.display, "alone")
        if self.focused is None or not self.focused.display:
            # Never one that is hidden: that would be asked, and all drawn, each time.
            panes = (self._bars, self._log, self._plot)
            for pane in panes:
                if pane is not None and pane.display and pane.can_focus:
                    pane.focus()
                    break
        if self._keys.display:
            self._tell_keys()

    def _tell_keys(self) -> None:
        log = self.focused is self._log
        keys = [("enter", "more" if log else "details")]
        keys += [("esc", "runs")] if self.app.lists else []
        keys += [("l", "log"), ("v", "values")] if self.size.width >= 60 else []
        if self._plot is not None and self._plot.display and self.size.width >= 75:
            keys += [("z", "zoom")]
        self._keys.tell([*keys, ("?", "help"), ("q", "quit")])

    def action_plot(self, what: str) -> None:
        """Let the plot do what a key is for."""
        act = getattr(self._plot, f"action_{what}", None)
        if act is not None:
            act()

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Show what belongs to a line."""
        if event.lines is self._log:
            record = self._log.record(event.item)
            if record is not None:
                self.app.push_screen(TextPage(*record_text(record)))
        elif event.item.action:
            self.open(event.item.action)

    def open(self, action: str) -> None:
        """Do what `async_plot.views.jobtexts.act` knows."""
        jobs, clock = self.watched.state.jobs, self.watched.clock
        told = jobtexts.act(jobs, action, clock())
        if told is not None:
            again = None
            if action.startswith(("worker ", "insights ")):

                def again() -> tuple[str, str] | None:
                    return jobtexts.act(jobs, action, clock())

            self.app.push_screen(TextPage(*told, again=again))

    def action_message(self) -> None:
        """Show the whole of the message."""
        _, short, title, whole = strip.message(self.watched.state, self.watched.clock())
        if whole or short:
            self.app.push_screen(TextPage(title or "Message", whole or short))

    def action_values(self) -> None:
        """Show all scalars."""

        def told() -> tuple[str, str]:
            histories = self.watched.state.scalars
            return "Values", scalars.text(histories, self.size.width - 1)

        self.app.push_screen(TextPage(*told(), again=told))

    def action_log(self) -> None:
        """Show the log beside the bars, alone, or not at all."""
        order = ["beside", "alone", "not"]
        self._wanted = order[(order.index(self._wanted) + 1) % 3]
        self._arrange()

    def action_other(self) -> None:
        """Give the keys to the other list."""
        other = self._log if self.focused is self._bars else self._bars
        if other.display:
            other.focus()
            self._tell_keys()

    # -- steering --------------------------------------------------------------

    def action_steer(self, action: str, hold: bool = False) -> None:
        """Give the run a command; say why that cannot be."""
        controls, now = self.watched.state.controls, self.app.clock()
        why = controls.why_not(action)
        if not why:
            controls.act(action, 0.0, now, hold=hold)
            told, failed = controls.line(now)
            why = told if failed else ""
        if why:
            self.watched.tell(f"{action}: {why}", 30)
        self.tick(now)

    def action_hold(self) -> None:
        """Pause the run until somebody resumes it."""
        self.action_steer("pause", hold=True)

    def action_pause_or_resume(self) -> None:
        """Pause it, or let it go on."""
        held = self.watched.state.controls.is_held
        self.action_steer("resume" if held else "pause")

    def action_parameters(self) -> None:
        """Show the parameters."""
        if self.watched.state.controls.wheel.parameters:
            self.app.push_screen(steer.ParametersPage(self.watched))
