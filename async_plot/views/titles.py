"""Titles of a run's windows: whose they are, which of several, how the run stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["Titles"]


class Titles:
    """What the windows of one view are called.

    Whatever a plotter calls its windows stays; what is said of the run stands behind.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._mark = ""

    def of(self, title: str) -> str:
        """Title of a window that is opened."""
        return f"{self._run}: {title}" if title else self._run

    def number(self, managers: Iterable[Any], number: int) -> None:
        """Tell the windows from those of the run's other views."""
        for manager in managers:
            self._retitle(manager, self._mark, f" ({number}){self._mark}")

    def mark(self, managers: Iterable[Any], word: str) -> None:
        """Say how the run stands, until something else is said; empty says nothing."""
        before, self._mark = self._mark, f" - {word}" if word else ""
        for manager in managers if before or self._mark else ():
            self._retitle(manager, before, self._mark, word)

    def _retitle(self, manager: Any, before: str, after: str, word: str = "") -> None:
        title = str(manager.get_window_title())
        changed = title.removesuffix(before or "\0")
        if not (word and word in changed):  # as where the strip itself is a title
            changed += after
        if changed != title:
            manager.set_window_title(changed)
