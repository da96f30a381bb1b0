"""Widgets of one line: pieces, and the keys at the bottom. Know no run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from . import ink
from .ink import Piece

__all__ = ["Keys", "OneLine", "key_pieces"]

# Keys that have another name than people call them.
_NAMES = {"esc": "escape", "?": "question_mark", "+": "plus", "-": "minus"}


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

    def tell(self, keys: Iterable[tuple[str, str]]) -> None:
        """Show pairs of a key and what it does; what has no room is left out."""
        self.show(key_pieces(keys))


def key_pieces(keys: Iterable[tuple[str, str]]) -> list[Piece | Segment]:
    """Pairs of a key and what it does; a click does the same."""
    pieces: list[Piece | Segment] = []
    for key, what in keys:
        action = f"app.simulate_key('{_NAMES.get(key, key)}')"
        click = Style(meta={"@click": action})
        pieces.append(Segment(f" {key} ", ink.style("title") + click))
        pieces.append(Segment(f" {what} ", ink.style("faint") + click))
    return pieces
