"""How words and bars look in a terminal: styles, cells, pieces on a line.

Only the terminal's own sixteen colours are used, and its own ground: they are
readable on whatever its owner has chosen, light or dark. Knows no run and no widget.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

__all__ = [
    "MARKS",
    "Piece",
    "bar",
    "cut",
    "line",
    "measure",
    "pill",
    "spark",
    "style",
    "wrap",
]

# A text on one line, and how it is to look: a name that `style` knows.
Piece = tuple[str, str]

MARKS = {
    "running": "▶",
    "finished": "✔",
    "interrupted": "■",
    "stopped": "■",
    "failed": "✖",
    "killed": "?",
    "lost": "?",
    "stalled": "‖",
    "paused": "‖",
    "replay": "↺",
}

_STYLES = {
    "ink": Style.null(),
    "name": Style(bold=True),
    "faint": Style(dim=True),
    "alarm": Style(color="red"),
    "warning": Style(color="yellow"),
    "link": Style(color="cyan"),
    "mark": Style(color="cyan", bold=True),
    "title": Style(reverse=True),
    "trough": Style(dim=True),
    "running": Style(color="green"),
    "working": Style(color="green"),
    "finished": Style(color="blue"),
    "interrupted": Style(color="yellow"),
    "stopped": Style(color="yellow"),
    "paused": Style(color="yellow"),
    "stalled": Style(color="yellow"),
    "failed": Style(color="red"),
    "died": Style(color="red"),
    "lost": Style(color="magenta"),
    "killed": Style(color="magenta"),
    "spark": Style(color="cyan"),
}
_PILLS = {
    "running": Style(color="black", bgcolor="green"),
    "finished": Style(color="bright_white", bgcolor="blue"),
    "interrupted": Style(color="black", bgcolor="yellow"),
    "stopped": Style(color="black", bgcolor="yellow"),
    "paused": Style(color="black", bgcolor="yellow", bold=True),
    "stalled": Style(color="black", bgcolor="yellow"),
    "failed": Style(color="bright_white", bgcolor="red"),
    "lost": Style(color="bright_white", bgcolor="magenta"),
    "killed": Style(color="bright_white", bgcolor="magenta"),
}
# What moves a cursor, or cannot be written; other spaces than the usual one may.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPARKS = "▁▂▃▄▅▆▇█"


def style(name: str) -> Style:
    """The look of that name; plain if there is none."""
    return _STYLES.get(name, _STYLES["ink"])


def measure(text: str) -> int:
    """How many cells a text takes."""
    return cell_len(text)


def cut(text: str, width: int) -> str:
    """Cut a text to so many cells; what was cut says so."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def line(pieces: Iterable[Piece | Segment], width: int) -> Strip:
    """Put pieces on a line of exactly so many cells.

    Whoever made them, no control character comes to the terminal by them.
    """
    segments = []
    room = width
    for piece in pieces:
        if isinstance(piece, Segment):
            text, look = piece.text, piece.style
        else:
            text, look = piece[0], style(piece[1])
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
        size = cell_len(text)
        if size > room:  # nothing follows what was cut
            segments.append(Segment(set_cell_size(cut(text, room), room), look))
            room = 0
        elif size:
            segments.append(Segment(text, look))
            room -= size
        if room <= 0:
            break
    if room > 0:
        segments.append(Segment(" " * room))
    return Strip(segments, width)


def pill(text: str, state: str) -> Segment:
    """A word on a ground of its own colour."""
    mark = MARKS.get(state, "")
    found = _PILLS.get(state, Style(reverse=True))
    return Segment(f" {mark} {text} " if mark else f" {text} ", found)


def bar(
    share: float | None, width: int, state: str, *, failed: float = 0.0, turns: int = 0
) -> list[Piece]:
    """Draw a bar of so many cells.

    Parameters
    ----------
    share : float or None
        How much is done, 0 to 1; None if nobody knows.
    width : int
        Cells.
    state : str
        Gives the colour.
    failed : float, default: 0
        The share that failed; its end is in the colour of alarms.
    turns : int, default: 0
        Where share is None, what moves on with everything that is heard.
    """
    if width <= 0:
        return []
    if share is None:
        if state != "running":
            return [("━" * width, state)]
        piece = max(1, width // 5)
        at = turns % max(1, width - piece + 1)
        rest = width - piece - at
        return [("─" * at, "trough"), ("━" * piece, state), ("─" * rest, "trough")]
    halves = int(share * 2 * width)
    if share > 0 and not halves:
        halves = 1
    if share < 1 and halves >= 2 * width:  # only what is done is full
        halves = 2 * width - 1
    whole, half = divmod(halves, 2)
    bad = 0
    if failed > 0 and whole:
        bad = min(whole, max(1, math.ceil(failed * width)))
    pieces = [("━" * (whole - bad), state), ("━" * bad, "alarm")]
    if half:
        pieces.append(("╸", state))
    pieces.append(("─" * (width - whole - half), "trough"))
    return [piece for piece in pieces if piece[0]]


def spark(values: Sequence[float], width: int) -> str:
    """Draw a history in so many cells, the newest at the end."""
    known = [float(v) for v in values if math.isfinite(v)]
    if not known or width <= 0:
        return ""
    if len(known) > width:  # the mean of each part
        step = len(known) / width
        parts = (known[int(k * step) : int((k + 1) * step)] for k in range(width))
        known = [sum(part) / len(part) for part in parts if part]
    low, high = min(known), max(known)
    if not high - low > 0 or not math.isfinite(high - low):
        return _SPARKS[0] * len(known)
    top = len(_SPARKS) - 1
    return "".join(_SPARKS[round(top * ((v - low) / (high - low)))] for v in known)


def wrap(text: str, width: int) -> list[str]:
    """Break one line into lines of at most so many cells, at any place."""
    if width <= 0:
        return []
    if cell_len(text) <= width:
        return [text]
    lines = []
    begin = size = 0
    for index, character in enumerate(text):
        wide = cell_len(character)
        if size + wide > width and index > begin:
            lines.append(text[begin:index])
            begin, size = index, 0
        size += wide
    lines.append(text[begin:])
    return lines
