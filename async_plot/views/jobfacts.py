"""Facts of a bar, a worker, a crew, in words, by weight: what any view may tell.

Knows no pen: how much room there is, and how it looks, is the view's.
"""

from __future__ import annotations

import math

from .jobparts import Bar, Crew, Seat
from .wording import count, duration, one_line, quantity, rate, size, span

__all__ = ["LONG", "ORDER", "STUCK", "doing", "facts", "summary"]

LONG = 1.0  # seconds of a task from which on they are told
STUCK = 60.0  # seconds of one task, while others take far less, that are pointed out

# The states of workers.
ORDER = ("working", "waiting", "starting", "ended", "died")


def facts(
    bar: Bar, state: str, failed: int, now: float
) -> list[tuple[int, str, str, str]]:
    """Weight, text, widest text that may follow, and colour of each fact.

    In their order on the screen; the colour is a name of the pen's palette, or a
    state.
    """
    told = bar.told
    found: list[tuple[int, str, str, str]] = []
    if told.postfix:
        found.append((6, one_line(told.postfix)[:60], "", "faint"))
    unit = told.unit if told.unit == "B" else ""
    done = quantity(told.done, unit)
    if told.total >= 0:
        total = quantity(told.total, unit)
        found.append((3, f"{done} / {total}", f"{total} / {total}", "ink"))
    else:
        name = "" if told.unit in ("it", "B") else f" {one_line(told.unit)[:12]}"
        found.append((1, f"{done}{name}", "", "ink"))
    share = bar.share
    if share is not None:
        found.append((1, f"{int(100 * share)} %", "100 %", "ink"))
    if state == "running":
        speed = rate(told.rate, told.unit)
        if speed:
            found.append((4, speed, "", "faint"))
        left = bar.remaining(now)
        if told.total >= 0 and left < float("inf"):
            found.append((2, f"{span(math.ceil(left))} left", "0:00 left", "ink"))
        else:
            found.append((5, f"for {span(bar.elapsed(now))}", "", "faint"))
    else:
        speed = rate(told.done / told.elapsed if told.elapsed > 0 else 0.0, told.unit)
        if speed and state == "finished":
            found.append((5, speed, "", "faint"))
        found.append((3, f"in {span(told.elapsed)}", "", "faint"))
        if not (failed and state == "failed"):
            found.append((1, state, "", state))
    if failed:
        found.append((1, f"{count(failed)} failed", "", "alarm"))
    return found


def doing(seat: Seat) -> tuple[str, str]:
    """What a worker is about, and its argument."""
    told = seat.told
    if told.state == "working" and told.task >= 0:
        return f"task {told.task}", one_line(told.argument)
    if told.state == "died":
        return one_line(told.text) or "died", ""
    if told.state == "ended":
        return f"ended, {count(told.done)} done", ""
    return told.state, ""


def summary(crew: Crew, now: float, *, live: bool) -> list[tuple[int, str, str]]:
    """Weight, text and colour of what there is to say of all workers."""
    total = len(crew.seats)
    plural = "s" if total > 1 else ""
    found = [(0, f"{count(total)} worker{plural}", "ink")]
    for state in ORDER:
        number = crew.states.get(state, 0)
        if number and not (state == "working" and number == total):
            weight, kind = (0, "alarm") if state == "died" else (3, "faint")
            found.append((weight, f"{count(number)} {state}", kind))
    if crew.cores >= 0 and crew.memory >= 0:
        found.append((2, f"{crew.cores:.3g} cores", "faint"))
        found.append((2, size(crew.memory), "faint"))
    longest = crew.longest
    if longest is not None and live and now - longest.since >= LONG:
        lasted = duration(now - longest.since)
        text = f"longest: task {longest.told.task} for {lasted}"
        found.append((4, text, "ink" if now - longest.since >= STUCK else "faint"))
    return found
