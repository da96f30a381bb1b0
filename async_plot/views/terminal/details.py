"""A long text: a traceback, a worker, a function. Scrolls, and can be copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from ...wire.framing import printable
from ..wording import one_line
from . import ink
from .ink import Piece
from .lines import Item, Lines
from .oneline import Keys, OneLine

if TYPE_CHECKING:
    from .app import Top

__all__ = ["Text", "TextPage", "text_items"]

_MOST = 10_000  # lines of one text


def text_items(text: str, width: int) -> list[Item]:
    """Break a text into lines that fit; what moves a cursor is taken out.

    Parameters
    ----------
    text : str
        Somebody else's.
    width : int
        Cells of a line.
    """
    found = []
    for number, each in enumerate(text.split("\n")):
        plain = printable(each.rstrip("\r").expandtabs(4))
        for part in ink.wrap(plain, max(1, width)):
            found.append(Item(str(number), _drawing(part)))
            if len(found) >= _MOST:
                return found
    return found


def _drawing(text: str) -> Callable[[int], Sequence[Piece]]:
    return lambda width: [(text, "ink")]


class Text(Lines):
    """A text, broken anew whenever the screen has another width."""

    def __init__(self, text: str) -> None:
        super().__init__(selectable=False)
        self.text = text

    def tell(self, text: str) -> None:
        """Show another text."""
        if text != self.text:
            self.text = text
            self.redraw()
            self.show(text_items(text, self._room))

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines anew."""
        self.redraw()
        self.show(text_items(self.text, self._room))


class TextPage(Screen[None]):
    """A text with its title.

    Parameters
    ----------
    title, text : str
        What to show.
    again : callable, optional
        Gives both anew, for what changes while it is read; None where it is gone.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left,backspace,enter", "app.back", "Back"),
        Binding("c,y", "copy", "Copy"),
        Binding("question_mark", "app.help", "Help"),
    ]
    app: Top

    def __init__(
        self,
        title: str,
        text: str,
        again: Callable[[], tuple[str, str] | None] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._text = Text(text)
        self._again = again

    def compose(self) -> ComposeResult:
        """A title, the text, the keys."""
        yield OneLine(id="title")
        yield self._text
        yield Keys(id="keys")

    def on_mount(self) -> None:
        """Show it."""
        self._text.focus()
        self.query_one("#title", OneLine).show([(one_line(self._title), "name")])
        self.query_one(Keys).tell([("esc", "back"), ("c", "copy"), ("?", "help")])

    def tick(self, now: float) -> None:
        """Bring it up to date."""
        told = self._again() if self._again is not None else None
        if told is not None:
            self._text.tell(told[1])

    def action_copy(self) -> None:
        """Copy the whole text, by the terminal's own clipboard."""
        self.app.copy_to_clipboard(self._text.text)
        self.app.notify("copied, if this terminal can")
