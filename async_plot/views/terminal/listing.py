"""The runs as lines of a table. Knows no widget."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.segment import Segment

from .. import strip
from ..jobparts import Shown
from ..wording import count, moment, one_line
from . import ink
from .bars import bar_pieces
from .ink import Piece
from .lines import Item
from .runs import Listed, Runs
from .watched import Watched

__all__ = ["items"]

HELD_BAR = 24  # cells below which no bar stands beside the word that a run is held


def items(runs: Runs, now: float) -> list[Item]:
    """A line for each run.

    Parameters
    ----------
    runs : Runs
        Those that there are.
    now : float
        Seconds, on the clock of what is watched.
    """
    return [_item(runs, each, now) for each in runs.listed]


# -- private -----------------------------------------------------------------------


def _item(runs: Runs, listed: Listed, now: float) -> Item:
    watched = runs.watched.get(listed.key)
    error = listed.error or runs.errors.get(listed.key, "")
    return Item(
        listed.key, lambda width: _draw(listed, watched, error, width, now), "run"
    )


def _draw(
    listed: Listed, watched: Watched | None, error: str, width: int, now: float
) -> Sequence[Piece | Segment]:
    state, reason = _state(listed, watched, now)
    first = max(12, min(28, width * 3 // 10))
    name = ink.cut(one_line(listed.name), first - 3)
    pieces: list[Piece] = [(f"{ink.MARKS.get(state, '?')} ", state), (name, "name")]
    pieces.append((" " * (first - 2 - ink.measure(name)), "ink"))
    room = width - first
    age = _age(listed, watched)
    right: list[Piece] = []
    if room >= 40:
        right = [(f"{ink.cut(age, 8):>8}", "faint")]
    if room >= 70:
        where = ink.cut(f"{listed.pid} {one_line(listed.host)}", 20)
        right += [(f"  {where:<20}", "faint")]
    room -= sum(ink.measure(text) for text, _ in right)
    middle = _middle(listed, watched, state, reason, error, room - 1, now)
    taken = sum(ink.measure(text) for text, _ in middle)
    return [*pieces, *middle, (" " * max(0, room - taken), "ink"), *right]


def _middle(
    listed: Listed,
    watched: Watched | None,
    state: str,
    reason: str,
    error: str,
    room: int,
    now: float,
) -> list[Piece]:
    """What is told of it between its name and its age."""
    if error:
        return [(ink.cut(one_line(error), room), "alarm")]
    shown = _newest(watched, now)
    if shown is not None and shown.bar is not None:
        # The sign alone does not say enough of a run that is held.
        held = f"{reason}  " if state in ("paused", "stalled") else ""
        room -= ink.measure(held)
        if room < HELD_BAR and held:
            return [(ink.cut(reason, room + ink.measure(held)), state)]
        row = bar_pieces(shown.title, shown.bar, shown.state, shown.failed, room, now)
        return [(held, state), *row] if held else row
    if state != "running":
        why = one_line(reason)
        text = f"{state}: {why}" if why and not why.startswith(state) else why or state
        return [(ink.cut(text, room), state)]
    if watched is None:
        return [("running", "faint")]
    if watched.inbox.welcome is None and not watched.over:
        return [("connecting", "faint")]
    if watched.updates:
        return [(f"{count(watched.updates)} updates", "ink")]
    return [("running", "faint")]


def _newest(watched: Watched | None, now: float) -> Shown | None:
    """The bar that says how far a run is."""
    if watched is None:
        return None
    shown = [each for each in watched.state.jobs.shown(now) if each.bar is not None]
    running = [each for each in shown if each.running]
    chosen = running or shown
    return chosen[0] if chosen else None


def _state(listed: Listed, watched: Watched | None, now: float) -> tuple[str, str]:
    if watched is not None and (watched.over or listed.alive):
        state = watched.state
        key, word = strip.standing(state, now, short=True)
        if key != state.state:
            return key, word
        reason = state.state_text.strip().rpartition("\n")[2]
        return state.state, reason
    return listed.state, listed.reason


def _age(listed: Listed, watched: Watched | None) -> str:
    ended = watched.ended if watched is not None and watched.over else 0.0
    if not (listed.alive or ended):
        days = [moment(at, "%Y-%m-%d") for at in (listed.started, time.time())]
        return moment(listed.started, "%H:%M" if days[0] == days[1] else "%d %b")
    seconds = max(0, int((ended or time.time()) - listed.started))
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}{seconds % length // part:02}{smaller}"
    return f"{seconds // 60}m{seconds % 60:02}s" if seconds >= 60 else f"{seconds}s"
