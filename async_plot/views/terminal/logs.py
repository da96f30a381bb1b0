"""The log of a run: its records, what it prints, what the view has to say."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ...wire.messages import Log
from ..wording import moment, one_line
from .ink import Piece
from .lines import Item, Lines
from .watched import LOGS, Watched

__all__ = ["LogPane", "record_text"]


class LogPane(Lines):
    """The newest records of a run, the end in sight until somebody goes up."""

    DEFAULT_CSS = "LogPane { border-top: solid ansi_bright_black; }"

    def __init__(self, **options: Any) -> None:
        super().__init__(follows=True, **options)
        self._known: deque[Item] = deque(maxlen=LOGS)
        self._records: dict[str, Log] = {}
        self._seen = 0

    def tell(self, watched: Watched) -> None:
        """Show what has come since the last time."""
        new = min(watched.logged - self._seen, len(watched.logs))
        first = watched.logged - new
        for index, record in enumerate(list(watched.logs)[len(watched.logs) - new :]):
            key = str(first + index)
            if len(self._known) == self._known.maxlen:
                self._records.pop(self._known[0].key, None)
            self._known.append(Item(key, _drawing(record), "log"))
            self._records[key] = record
        self._seen = watched.logged
        self.show(list(self._known) if new else self.items)

    def record(self, item: Item) -> Log | None:
        """The record of a line."""
        return self._records.get(item.key)


def record_text(record: Log) -> tuple[str, str]:
    """Title and whole text of a record."""
    at = moment(record.time, "%Y-%m-%d %H:%M:%S")
    level = logging.getLevelName(record.level) if record.level else "printed"
    return f"{at}  {level}  {record.name}", record.text


def _drawing(record: Log) -> Callable[[int], Sequence[Piece]]:
    first, _, more = record.text.strip("\n").partition("\n")
    text = one_line(first) + ("  …" if more else "")
    if not record.level:
        return lambda width: [(text, "ink")]
    at = moment(record.time)
    kind = (
        "alarm"
        if record.level >= 40
        else "warning"
        if record.level >= 30
        else "faint"
        if record.level < 20
        else "ink"
    )
    name = "" if record.name in ("root", "") else f"{one_line(record.name)}: "

    def draw(width: int) -> Sequence[Piece]:
        pieces: list[Piece] = [(f"{at} ", "faint")] if width >= 40 else []
        return [*pieces, (name if width >= 60 else "", "faint"), (text, kind)]

    return draw
