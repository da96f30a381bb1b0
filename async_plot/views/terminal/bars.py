"""The bars of a run as lines: its jobs, their workers, the bars inside of them.

What is told of each, in which words, is `async_plot.views.jobfacts`'; here it is put
on a line of cells. Knows no widget and no terminal.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment

from ...wire.framing import printable
from ..jobfacts import LONG, doing, facts, summary
from ..jobparts import Bar, Seat, Shown
from ..jobs import Jobs
from ..jobtexts import TIMES, base_name, failure_line
from ..wording import count, duration, one_line, percent, size
from . import ink
from .ink import Piece
from .lines import Item

__all__ = ["bar_pieces", "items", "with_facts"]

GROUPS = 3  # lines of failures of a job
_GAP = 2  # cells between facts


def items(jobs: Jobs, now: float) -> list[Item]:
    """All lines of a run's jobs.

    Parameters
    ----------
    jobs : Jobs
        What was heard.
    now : float
        Seconds, on the clock of `jobs`.
    """
    found: list[Item] = []
    for shown in jobs.shown(now):
        _add(found, jobs, shown, now)
    return found


def bar_pieces(
    title: str,
    bar: Bar,
    state: str,
    failed: int,
    width: int,
    now: float,
    *,
    indent: int = 0,
    mark: Sequence[Piece] = (),
    bold: bool = False,
) -> list[Piece]:
    """Put a bar on a line: title, bar, and as many facts as there is room for.

    Parameters
    ----------
    title, bar, state, failed
        As in `async_plot.views.jobparts.Shown`.
    width : int
        Cells.
    now : float
        Seconds.
    indent : int
        Cells before the title.
    mark : list of Piece
        What stands between.
    bold : bool
        Whether it is one of the first rank.
    """
    told = bar.told
    text = one_line(title)
    if told.total < 0 and not text and told.postfix:
        # Somebody else's bar, which is text already.
        return [(" " * indent, "ink"), *mark, (printable(told.postfix), "ink")]
    # So wide in all lines, that bars stand below each other.
    first = max(8, min(34, width * 3 // 10))
    found = [(w, t, m, k) for w, t, m, k in facts(bar, state, failed, now)]
    room = width - first
    last = max(room * 45 // 100, room - 46) if room >= 30 else 0
    right = with_facts(found, room - last - 1)
    before = indent + sum(ink.measure(each) for each, _ in mark)
    text = ink.cut(text or "progress", first - before - 1)
    pieces: list[Piece] = [(" " * indent, "ink"), *mark]
    pieces.append((text, "name" if bold else "ink"))
    pieces.append((" " * (first - before - ink.measure(text)), "ink"))
    share = failed / told.total if failed and told.total > 0 else 0.0
    pieces += ink.bar(bar.share, last, state, failed=share, turns=bar.turns)
    taken = sum(ink.measure(each) for each, _ in right)
    pieces.append((" " * max(1 if last else 0, room - last - taken), "ink"))
    return [*pieces, *right]


def with_facts(found: Sequence[tuple[int, str, str, str]], room: int) -> list[Piece]:
    """Choose the weightiest facts for so many cells, in their order.

    Parameters
    ----------
    found : list of (int, str, str, str)
        As `async_plot.views.jobfacts.facts` gives them.
    room : int
        Cells.
    """
    chosen = []
    for index, (weight, text, widest, kind) in sorted(
        enumerate(found), key=lambda item: (item[1][0], item[0])
    ):
        wide = max(ink.measure(text), ink.measure(widest))
        if wide > room:
            if weight > 1:
                continue
            break
        room -= wide + _GAP
        chosen.append((index, text, kind, wide))
    chosen.sort()
    pieces: list[Piece] = []
    for _, text, kind, wide in chosen:
        # What changes its length is aligned at its end, as numbers are.
        pad = wide - ink.measure(text) + (_GAP if pieces else 0)
        pieces += [(" " * pad, "ink"), (text, kind)]
    return pieces


# -- private -----------------------------------------------------------------------


def _add(found: list[Item], jobs: Jobs, shown: Shown, now: float) -> None:
    """All lines of one bar or job."""
    seats = shown.crew.seats
    whole = bool(seats or shown.job or shown.failed)
    wide = jobs.folds.get(shown.title, shown.running)
    live = jobs.live and not jobs.ended
    fold = f"{'fold' if wide else 'unfold'} {shown.key}" if whole else ""
    found.append(_head(shown, now, wide, whole, fold))
    groups = shown.failures.groups
    for index, group in enumerate(groups[: GROUPS if wide else 1]):
        more = len(groups) > 1 and not wide
        found.append(_failure(shown, index, len(group), failure_line(group[0]), more))
    if seats and (shown.running or wide):
        found.append(_crew(shown, now, live, fold))
    inner: dict[str, list[tuple[int, str, Bar]]] = {}
    for each in shown.inner:
        inner.setdefault(each[2].told.worker, []).append(each)
    if wide:
        for seat in seats:
            found.append(_worker(seat, now, live))
            for depth, _, bar in inner.pop(seat.told.worker, ()):
                found.append(_inner(shown, bar, "", depth + 2, now))
    for worker, bars in inner.items():
        for depth, label, bar in bars:
            if wide or not worker:
                found.append(_inner(shown, bar, label, depth, now))
    if wide and shown.job is not None:
        if sum(shown.crew.times.values()) > 0:
            found.append(_times(shown))
        found.append(_function(shown))


def _head(shown: Shown, now: float, wide: bool, whole: bool, action: str) -> Item:
    mark = [("▾ " if wide else "▸ ", "link")] if whole else []

    def draw(width: int) -> Sequence[Piece]:
        if shown.bar is None:
            return [*mark, (one_line(shown.title), "name")]
        return bar_pieces(
            shown.title,
            shown.bar,
            shown.state,
            shown.failed,
            width,
            now,
            mark=mark,
            bold=True,
        )

    return Item(shown.key, draw, action)


def _failure(shown: Shown, index: int, number: int, text: str, more: bool) -> Item:
    def draw(width: int) -> Sequence[Piece]:
        times = f"{count(number)}\N{MULTIPLICATION SIGN} " if number > 1 else ""
        rest = "  (and other failures)" if more else ""
        return [(f"  ▲ {times}", "alarm"), (f"{text}{rest}", "alarm")]

    key = f"failures {shown.key} {index}"
    return Item(key, draw, key)


def _crew(shown: Shown, now: float, live: bool, action: str) -> Item:
    def draw(width: int) -> Sequence[Piece]:
        told = summary(shown.crew, now, live=live)
        found = [(weight, text, "", kind) for weight, text, kind in told]
        return [("  ", "ink"), *with_facts(found, width - 2)]

    return Item(f"crew {shown.key}", draw, action)


def _worker(seat: Seat, now: float, live: bool) -> Item:
    told = seat.told

    def draw(width: int) -> Sequence[Piece]:
        state = told.state
        busy = state == "working"
        look = state if state in ("working", "died") else "faint"
        left: list[Piece] = [("    ", "ink"), ("● ", look)]
        left.append((f"{told.number or '?':<3} ", "name"))
        facts: list[tuple[int, str, str, str]] = []
        if busy and live and now - seat.since >= LONG:
            facts.append((1, duration(now - seat.since), "999 ms", "ink"))
        if told.cpu >= 0 and state not in ("ended", "died"):
            text = f"{100 * min(told.cpu, 999.0):.0f} % cpu"
            facts.append((2, text, "100 % cpu", "faint"))
        if told.memory >= 0 and state not in ("ended", "died"):
            facts.append((3, size(told.memory), "999 MB", "faint"))
        facts.append((4, f"{count(told.done)} done", "9999 done", "faint"))
        right = with_facts(facts, width * 45 // 100)
        task, argument = doing(seat)
        room = width - sum(ink.measure(t) for t, _ in (*left, *right)) - 1
        task = ink.cut(task, room)
        kind = "alarm" if state == "died" else "ink" if busy else "faint"
        left.append((task, kind))
        room -= ink.measure(task)
        if argument and room > 6:
            argument = ink.cut(f"  {argument}", room)
            left.append((argument, "faint"))
            room -= ink.measure(argument)
        return [*left, (" " * (room + 1), "ink"), *right]

    key = f"worker {told.worker}"
    return Item(key, draw, key)


def _inner(shown: Shown, bar: Bar, label: str, depth: int, now: float) -> Item:
    state = bar.told.state if shown.running else shown.state
    mark = [(f"{label} ", "faint")] if label else []

    def draw(width: int) -> Sequence[Piece]:
        return bar_pieces(
            bar.told.desc,
            bar,
            state,
            bar.told.failed,
            width,
            now,
            indent=2 * min(depth, 6),
            mark=mark,
        )

    return Item(bar.told.bar, draw)


def _times(shown: Shown) -> Item:
    times = shown.crew.times
    total = sum(times.values())

    def draw(width: int) -> Sequence[Piece | Segment]:
        parts = sorted(
            ((times[name] / total, word) for name, word in TIMES.items()), reverse=True
        )
        told = "  ".join(f"{word} {percent(part)}" for part, word in parts if part)
        pieces: list[Piece] = [("  time: ", "faint"), (told, "faint")]
        slowest = shown.slowest
        if slowest is not None and slowest.tasks and slowest.seconds:
            text = f"slowest: task {slowest.tasks[0]}, {duration(slowest.seconds[0])}"
            pieces.append((f"  {text}", "faint"))
        return pieces

    key = f"insights {shown.key}"
    return Item(key, draw, key)


def _function(shown: Shown) -> Item:
    job = shown.job
    assert job is not None

    def draw(width: int) -> Sequence[Piece]:
        pieces: list[Piece] = [(f"  {one_line(job.function)}", "link")]
        if job.file:
            pieces.append((f"  {one_line(base_name(job.file))}:{job.line}", "faint"))
        if job.caller:
            called = f"{one_line(base_name(job.caller))}:{job.caller_line}"
            text = f"  called at {called}  {one_line(job.call)}"
            pieces.append((text, "faint"))
        return pieces

    key = f"function {shown.key}"
    return Item(key, draw, key)
