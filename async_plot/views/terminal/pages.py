"""The pages of the terminal view: the list of runs, one run, a long text, the keys.

Each is a screen that `tick` brings up to date. Knows no socket and no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from .. import jobtexts, strip
from ..wording import one_line
from . import bars, ink, listing
from .details import TextPage
from .ink import Piece
from .lines import Lines
from .watched import Watched

if TYPE_CHECKING:
    from .app import Top

__all__ = ["Keys", "OneLine", "RunPage", "RunsPage"]


class OneLine(Widget):
    """One line of pieces."""

    DEFAULT_CSS = "OneLine { height: 1; }"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pieces: Sequence[Piece | Segment] = ()

    def show(self, pieces: Sequence[Piece | Segment]) -> None:
        """Show these, if they are others than before."""
        if list(pieces) != list(self._pieces):
            self._pieces = pieces
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        return ink.line(self._pieces, self.size.width)


class Keys(OneLine):
    """What the keys do, in the last line."""

    DEFAULT_CSS = "Keys { dock: bottom; }"

    def tell(self, keys: Sequence[tuple[str, str]]) -> None:
        """Show pairs of a key and what it does; what has no room is left out."""
        pieces: list[Piece] = []
        for key, what in keys:
            pieces += [(f" {key} ", "title"), (f" {what}  ", "faint")]
        self.show(pieces)


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
    ]
    app: Top

    def __init__(
        self, watched: Watched, plot: Callable[[Watched], Widget] | None = None
    ) -> None:
        super().__init__()
        self.watched = watched
        self._make_plot = plot

    def compose(self) -> ComposeResult:
        """State and message, the plot, the bars, the keys."""
        yield OneLine(id="heading")
        yield OneLine(id="message")
        yield OneLine(id="scalars")
        if self._make_plot is not None:
            yield self._make_plot(self.watched)
        yield Lines(id="bars")
        yield Keys(id="keys")

    def on_mount(self) -> None:
        """The keys belong to the bars."""
        self.query_one("#bars", Lines).focus()
        keys = [("enter", "details"), ("esc", "runs"), ("q", "quit"), ("?", "help")]
        self.query_one(Keys).tell(keys)

    def tick(self, now: float) -> None:
        """Bring it up to date."""
        state = self.watched.state
        (word, key), (name, _), *facts = strip.heading(state, now)
        pieces: list[Piece | Segment] = [ink.pill(word, key), (f" {name}", "name")]
        pieces += [(f"  {text}", kind) for text, kind in facts]
        self.query_one("#heading", OneLine).show(pieces)
        kind, short, _, _ = strip.message(state, now)
        mark = "▲ " if kind == "alarm" else ""
        self.query_one("#message", OneLine).show([(f"{mark}{short}", kind)])
        self.query_one("#bars", Lines).show(bars.items(state.jobs, now))

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Show what belongs to a line."""
        action = event.item.action
        if action:
            self.open(action)

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
