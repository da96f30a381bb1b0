"""Logged scalars in a terminal: the newest values in a line, all of them on a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..wording import count, one_line, value
from . import ink
from .ink import Piece

__all__ = ["pieces", "text"]

NARROWEST = 22  # cells of one scalar in the line
WIDEST = 40


def pieces(histories: Mapping[str, tuple[Any, Any]], width: int) -> list[Piece]:
    """Tell as many scalars as there is room for: name, newest value, history.

    Parameters
    ----------
    histories : dict of {str: (steps, values)}
        Of every scalar.
    width : int
        Cells.
    """
    total = len(histories)
    if not total or width < NARROWEST:
        return []
    fit = min(total, max(1, width // NARROWEST))
    rest = total - fit
    more = f"+{rest}" if rest else ""
    cell = min(WIDEST, (width - len(more) - 1) // fit)
    found: list[Piece] = []
    for name, (_, values) in list(histories.items())[:fit]:
        newest = value(values[-1]) if len(values) else "-"
        label = ink.cut(one_line(name), max(4, cell // 2 - 4))
        room = cell - ink.measure(label) - ink.measure(newest) - 4
        drawn = ink.spark(values[-512:], min(room, 16))
        pad = cell - ink.measure(label) - ink.measure(newest) - len(drawn) - 2
        found += [(f" {label}", "faint"), (f" {newest}", "ink")]
        found += [(f" {drawn}", "spark"), (" " * max(0, pad - 1), "ink")]
    if more:
        found.append((more, "faint"))
    return found


def text(histories: Mapping[str, tuple[Any, Any]], width: int = 80) -> str:
    """Tell all scalars: newest value, least, most, how many, and the history."""
    if not histories:
        return "No scalar has been logged.\n"
    names = [one_line(name) for name in histories]
    wide = min(30, max(map(ink.measure, names)))
    room = max(8, width - wide - 50)
    lines = [
        f"{'':{wide}}  {'newest':>11} {'least':>11} {'most':>11} {'points':>9}",
    ]
    for name, (_, values) in zip(names, histories.values()):
        known = [float(each) for each in values if math.isfinite(each)]
        least, most = (value(f(known)) if known else "-" for f in (min, max))
        newest = value(values[-1]) if len(values) else "-"
        label = ink.cut(name, wide)
        label += " " * (wide - ink.measure(label))
        numbers = f"{newest:>11} {least:>11} {most:>11} {count(len(values)):>9}"
        lines.append(f"{label}  {numbers}  {ink.spark(values, room)}")
    return "\n".join(lines) + "\n"
