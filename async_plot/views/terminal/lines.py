"""A list of lines that scrolls, with a selection: the one widget of the terminal view.

It draws what is in sight, and sends the terminal only the lines that have changed: a
widget for each bar needs seven times as much. Knows no run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from . import ink
from .ink import Piece

__all__ = ["Item", "Lines"]


@dataclass(frozen=True, slots=True)
class Item:
    """One line.

    Attributes
    ----------
    key : str
        What it is about: the selection stays with it when lines come and go.
    draw : callable
        ``draw(width)`` gives its pieces.
    action : str
        What choosing it does; empty if nothing.
    parts : list of (int, Item)
        Where a line holds several things side by side: from which cell on each.
    """

    key: str
    draw: Callable[[int], Sequence[Piece | Segment]]
    action: str = ""
    parts: tuple[tuple[int, Item], ...] = ()

    def at(self, x: int) -> Item:
        """What is at that cell."""
        found = self
        for begin, part in self.parts:
            if begin <= x:
                found = part
        return found


class Lines(ScrollView, can_focus=True):
    """Lines of which one may be selected.

    Parameters
    ----------
    selectable : bool, default: True
        Whether one is; else the keys scroll.
    follows : bool, default: False
        Whether the end stays in sight until somebody goes up.

    Attributes
    ----------
    items : list of Item
        All lines.
    follow : bool
        The end stays in sight just now.
    """

    DEFAULT_CSS = """
    Lines { height: 1fr; scrollbar-size: 1 1; overflow-x: hidden; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
        Binding("enter,right", "choose", "Open", show=False),
    ]

    class Chosen(Message):
        """Somebody wants to see more of a line."""

        def __init__(self, lines: Lines, item: Item) -> None:
            super().__init__()
            self.lines = lines
            self.item = item

        @property
        def control(self) -> Lines:
            """The list it belongs to."""
            return self.lines

    def __init__(
        self, *, selectable: bool = True, follows: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.items: Sequence[Item] = ()
        self.follow = follows
        self._follows = follows
        self._selectable = selectable
        self._index = 0
        self._drawn: dict[int, Strip] = {}
        self._width = 0

    # -- what it shows ---------------------------------------------------------

    @property
    def selected(self) -> Item | None:
        """The line that is selected."""
        if self._selectable and 0 <= self._index < len(self.items):
            return self.items[self._index]
        return None

    def show(self, items: Sequence[Item]) -> None:
        """Show these lines; those that look as before are not sent again."""
        before = self.selected
        self.items = items
        if before is not None and (
            self._index >= len(items) or items[self._index].key != before.key
        ):
            found = (k for k, each in enumerate(items) if each.key == before.key)
            self._index = next(found, min(self._index, max(0, len(items) - 1)))
        size = Size(self._room, len(items))
        if size != self.virtual_size:
            self.virtual_size = size
        if self.follow:
            self._to_end()
        self._compare()

    def redraw(self) -> None:
        """Draw all lines anew."""
        self._drawn.clear()
        self.refresh()

    @property
    def _room(self) -> int:
        """Cells of a line."""
        return max(0, self.scrollable_content_region.width)

    def _compare(self) -> None:
        """Draw what is in sight, and mark what has changed."""
        top, room = self.scroll_offset.y, self._room
        if room != self._width:
            self._width = room
            self._drawn.clear()
            self.refresh()
        drawn: dict[int, Strip] = {}
        changed = []
        for index in range(top, min(top + self.size.height, len(self.items))):
            strip = self._draw(index)
            drawn[index] = strip
            if strip != self._drawn.get(index):
                changed.append(index)
        gone = [index for index in self._drawn if index >= len(self.items)]
        self._drawn = drawn
        if gone or 2 * len(changed) > self.size.height:
            self.refresh()
        else:
            for index in changed:
                self.refresh(Region(0, index - top, room, 1))

    def _draw(self, index: int) -> Strip:
        width = self._width or self._room
        item = self.items[index]
        if not self._selectable:
            return ink.line(item.draw(width), width)
        chosen = index == self._index
        mark = ("▌" if self.has_focus else "▏", "mark") if chosen else (" ", "ink")
        strip = ink.line([mark, *item.draw(width - 1)], width)
        return strip.apply_style(ink.style("name")) if chosen else strip

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        index = y + self.scroll_offset.y
        if not 0 <= index < len(self.items):
            return Strip.blank(self.size.width, self.rich_style)
        strip = self._drawn.get(index)
        if strip is None:
            strip = self._drawn[index] = self._draw(index)
        return strip.adjust_cell_length(self.size.width)

    def on_resize(self, event: events.Resize) -> None:
        """Lines are as wide as the screen."""
        self.virtual_size = Size(self._room, len(self.items))
        if self.follow:
            self._to_end()
        self._see()
        self._compare()

    # -- keys and mouse --------------------------------------------------------

    def select(self, index: int) -> None:
        """Select a line and bring it into sight."""
        index = max(0, min(index, len(self.items) - 1))
        before, self._index = self._index, index
        self.follow = self._follows and index == len(self.items) - 1
        for each in {before, index}:
            self._drawn.pop(each, None)
            self.refresh(Region(0, each - self.scroll_offset.y, self._room, 1))
        self._see()

    def _see(self) -> None:
        """Bring the selected line into sight."""
        height = self.size.height
        if not self._selectable or height <= 0:
            return
        top = self.scroll_offset.y
        if self._index < top:
            self.scroll_to(y=self._index, animate=False)
        elif self._index >= top + height:
            self.scroll_to(y=self._index - height + 1, animate=False)

    def _to_end(self) -> None:
        end = max(0, len(self.items) - self.size.height)
        if self._selectable:
            self._index = max(0, len(self.items) - 1)
        if end != self.scroll_offset.y:
            self.scroll_to(y=end, animate=False)

    def _scroll(self, lines: int) -> None:
        end = max(0, len(self.items) - self.size.height)
        top = max(0, min(end, self.scroll_offset.y + lines))
        self.follow = self._follows and top >= end
        self.scroll_to(y=top, animate=False)

    def action_move(self, lines: int) -> None:
        """Go up or down by lines."""
        if self._selectable:
            self.select(self._index + lines)
        else:
            self._scroll(lines)

    def action_page(self, pages: int) -> None:
        """Go up or down by pages."""
        self.action_move(pages * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """Go to the first line."""
        self.action_move(-len(self.items))

    def action_last(self) -> None:
        """Go to the last line."""
        self.action_move(len(self.items))

    def action_choose(self) -> None:
        """See more of the selected line."""
        item = self.selected
        if item is not None:
            self.post_message(self.Chosen(self, item))

    def on_click(self, event: events.Click) -> None:
        """A click selects; one on what is selected, or a double one, opens."""
        index = event.y + self.scroll_offset.y
        if not (self._selectable and 0 <= index < len(self.items)):
            return
        item = self.items[index].at(event.x - 1)
        again = index == self._index or event.chain > 1
        self.select(index)
        if again:
            self.post_message(self.Chosen(self, item))

    def on_focus(self) -> None:
        """Its selection shows where the keys go."""
        self._drawn.clear()
        self.refresh()

    def on_blur(self) -> None:
        """The keys go elsewhere."""
        self._drawn.clear()
        self.refresh()
