"""Steering from the terminal: the row of a run's page, the page of its parameters.

What may be done, and what must be asked for once more, is known by
`async_plot.views.controls`; the pause that this view keeps, by
`async_plot.views.steering`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from ...wire.framing import printable
from ...wire.messages import Parameter
from .. import controltexts
from ..controls import Controls, written
from ..wording import one_line
from . import ink
from .ink import Piece
from .lines import Item, Lines
from .oneline import Keys, OneLine, key_pieces
from .watched import Watched

if TYPE_CHECKING:
    from .app import Top

__all__ = ["AGAIN", "KEYS", "ParametersPage", "pieces", "untold", "wanted"]

# Keys of a run's page, and what each stands for.
KEYS = {"p": "pause", "n": "step", "r": "resume", "s": "stop", "i": "interrupt"}

AGAIN = {
    "stop": "press s once more, in a second, to stop the run",
    "interrupt": "press i once more, in a second, to interrupt the run",
}


def wanted(controls: Controls) -> bool:
    """Whether there is anything to steer, or to be told of it."""
    wheel = controls.wheel
    if not wheel.state or controls.ended:
        return False
    return bool(wheel.checkpoints or wheel.parameters or controls.is_held)


def pieces(controls: Controls, now: float, width: int) -> list[Piece | Segment]:
    """Tell what can be done now, and the newest command or the parameters.

    A command that has no room beside the keys is left to `untold`.
    """
    armed = controls.armed(now)
    if armed:
        return [(f" {AGAIN[armed]} ", "warning")]
    found = _keys(controls)
    line, failed = controls.line(now)
    if line:
        said = f"  {one_line(line)}"
        if _width(found) + ink.measure(said) <= width:
            found.append((said, "alarm" if failed else "warning"))
        return found
    for text, kind in controltexts.words(controls):
        found.append((f"  {text}", kind))
    return found


def untold(controls: Controls, now: float, width: int) -> tuple[str, str]:
    """Kind and text of a command that has no room in a row so wide; or nothing."""
    line, failed = controls.line(now)
    said = one_line(line)
    if not line or controls.ended:
        return "", ""
    if width and not controls.armed(now):
        if _width(_keys(controls)) + ink.measure(f"  {said}") <= width:
            return "", ""
    return "alarm" if failed else "warning", said


def _width(row: Sequence[Piece | Segment]) -> int:
    return sum(ink.measure(piece[0]) for piece in row)


def _keys(controls: Controls) -> list[Piece | Segment]:
    """What can be done now."""
    found: list[Piece | Segment] = []
    if controls.may:
        keys = [
            (key, action)
            for key, action in KEYS.items()
            if not controls.why_not(action)
            and not (action == "resume" and not controls.is_held)
            and not (action == "pause" and controls.wheel.paused)
        ]
        if controls.wheel.parameters:
            keys.append(("e", "parameters"))
        found += key_pieces(keys)
    return found


# -- parameters --------------------------------------------------------------------


class ParametersPage(Screen[None]):
    """The parameters of a run, to be changed.

    Parameters
    ----------
    watched : Watched
        The run.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace", "app.back", "Back"),
        Binding("question_mark", "app.help", "Help"),
        Binding("u", "undo", "Undo"),
        Binding("plus,right,equals_sign", "by('more')", "More"),
        Binding("minus,left", "by('less')", "Less"),
    ]
    app: Top

    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self.watched = watched
        self._title = OneLine(id="title")
        self._lines = Lines(id="parameters")
        self._hint = OneLine(id="hint")
        self._keys = Keys(id="keys")

    def compose(self) -> ComposeResult:
        """A title, the parameters, what may be said of one, the keys."""
        yield self._title
        yield self._lines
        yield self._hint
        yield self._keys

    def on_mount(self) -> None:
        """Tell the keys."""
        self._lines.focus()
        keys = [("enter", "change"), ("-", "less"), ("+", "more"), ("u", "undo")]
        self._keys.tell([*keys, ("esc", "back"), ("?", "help")])
        self.tick(self.app.clock())

    def tick(self, now: float) -> None:
        """Bring it up to date."""
        controls = self.watched.state.controls
        name = one_line(self.watched.state.name)
        title: list[Piece | Segment] = [(f"Parameters of {name}", "name")]
        key, word = controltexts.standing(controls, now)
        if word:
            title += [("  ", "ink"), ink.pill(word, key)]
        self._title.show(title)
        known = controls.wheel.parameters
        self._lines.show([self._item(each, now) for each in known])
        chosen = self._chosen()
        if chosen is None:
            self._hint.show([("It has no parameters.", "faint")])
        elif refused := controls.refusals.get(chosen.name, ""):
            self._hint.show([(one_line(refused), "alarm")])
        else:
            self._hint.show([(controltexts.describe(chosen), "faint")])

    def _item(self, parameter: Parameter, now: float) -> Item:
        controls = self.watched.state.controls
        newest = controls.wanted(parameter, now)
        value = controltexts.quantity(parameter, parameter.value)
        coming = controltexts.quantity(parameter, newest) if newest else ""
        changed = parameter.value != parameter.default

        def draw(width: int) -> Sequence[Piece]:
            first = max(8, min(24, width // 4))
            name = ink.cut(one_line(parameter.name), first - 1)
            found: list[Piece] = [(name, "name")]
            found.append((" " * (first - ink.measure(name)), "ink"))
            waits = coming not in ("", value)
            text = f"{value} → {coming}" if waits else value
            found.append((f"{text:<24}", "warning" if waits else "ink"))
            bounds = controltexts.bounds(parameter)
            if parameter.kind == "choice":
                bounds = " | ".join(written(c) for c in parameter.choices)
                bounds = bounds[:100]
            found.append((f"  {bounds:<16}", "faint"))
            if changed:
                default = controltexts.quantity(parameter, parameter.default)
                found.append((f"  default {default}", "faint"))
            if parameter.undo:
                found.append((f"  {parameter.undo} to undo", "faint"))
            return found

        return Item(parameter.name, draw, "change")

    def _chosen(self) -> Parameter | None:
        item = self._lines.selected
        return self.watched.state.controls.wheel.parameter(item.key) if item else None

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Change the chosen one."""
        chosen = self._chosen()
        if chosen is None:
            return
        if chosen.kind in ("bool", "choice"):
            self.action_by("more")
        elif not self.watched.state.controls.may:
            self.app.notify("this view may only look")
        else:
            self.app.push_screen(EditPage(self.watched, chosen.name))

    def action_undo(self) -> None:
        """Take the newest change back."""
        chosen = self._chosen()
        if chosen is not None:
            self._act(f"undo {chosen.order}")

    def action_by(self, way: str) -> None:
        """Go to the value beside it."""
        chosen = self._chosen()
        if chosen is None:
            return
        action = f"{way} {chosen.order}"
        if chosen.kind == "bool":
            action = f"flip {chosen.order}"
        elif chosen.kind == "choice":
            controls = self.watched.state.controls
            newest = controls.wanted(chosen, self.app.clock()) or chosen.value
            index = chosen.choices.index(newest) if newest in chosen.choices else -1
            index += 1 if way == "more" else -1
            action = f"choose {chosen.order} {index % max(1, len(chosen.choices))}"
        elif chosen.kind == "string":
            return
        self._act(action)

    def _act(self, action: str) -> None:
        self.watched.state.controls.act(action, 0.0, self.app.clock())


class EditPage(ModalScreen[None]):
    """A value that is typed.

    Parameters
    ----------
    watched : Watched
        The run.
    name : str
        The parameter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.back", "Back")]
    DEFAULT_CSS = """
    EditPage { align: left bottom; }
    EditPage Input, EditPage Input:focus { height: 3; border: solid ansi_cyan; }
    """
    app: Top

    def __init__(self, watched: Watched, name: str) -> None:
        super().__init__()
        self.watched = watched
        self._parameter = name
        self._hint = OneLine(id="hint")

    def compose(self) -> ComposeResult:
        """What is asked for, and where to type it."""
        from textual.widgets import Input

        controls = self.watched.state.controls
        parameter = controls.wheel.parameter(self._parameter)
        text = ""
        if parameter is not None:
            newest = controls.wanted(parameter, self.app.clock()) or parameter.value
            text = printable(written(newest, exactly=True))
            self._hint.show([(f" {controltexts.describe(parameter)}", "ink")])
        yield self._hint
        yield Input(text, select_on_focus=True)

    def tick(self, now: float) -> None:
        """It stays as it is while somebody types."""

    def on_input_submitted(self, event: Any) -> None:
        """Take what was typed, if it can be a value."""
        controls = self.watched.state.controls
        controls.type(self._parameter, event.value, self.app.clock())
        if why := controls.refusals.get(self._parameter, ""):
            text = f" {one_line(self._parameter)} {one_line(why)}"
            self._hint.show([(text, "alarm")])
        else:
            self.dismiss()

    def on_click(self, event: events.Click) -> None:
        """A click beside it leaves it."""
        if event.widget is self:
            self.dismiss()
