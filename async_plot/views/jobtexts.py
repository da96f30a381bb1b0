"""Jobs as text: what a click on the strip opens, and what a view without one says."""

from __future__ import annotations

from ..wire.messages import Failure
from .jobfacts import facts, summary
from .jobparts import Seat, Shown
from .jobs import Jobs
from .wording import count, duration, moment, one_line, percent, size

__all__ = ["ACTIONS", "TIMES", "act", "base_name", "failure_line", "words"]

# The first words of `act`.
ACTIONS = ("fold", "unfold", "failures", "worker", "insights", "function")

# Where a worker's time goes, in words.
TIMES = {
    "startup": "start-up",
    "init": "init",
    "waiting": "waiting",
    "working": "working",
    "ending": "exit",
}
_TASKS = 30  # indices that are listed
_TEXT = 200_000  # characters of one text
_LINES = 12  # bars that are told in words


def act(jobs: Jobs, action: str, now: float) -> tuple[str, str] | None:
    """Do what a click stands for.

    Parameters
    ----------
    jobs : Jobs
        What was heard.
    action : str
        ``"fold KEY"``, ``"unfold KEY"``, ``"failures KEY INDEX"``, ``"worker ID"``,
        ``"insights KEY"`` or ``"function KEY"``.
    now : float
        Seconds, on the clock of `jobs`.

    Returns
    -------
    (str, str) or None
        Title and text to show, if there is one.
    """
    word, _, key = action.partition(" ")
    if word == "worker":
        seat = jobs.seat(key)
        return None if seat is None else _worker(seat, now, live=jobs.live)
    key, _, index = key.partition(" ")
    shown = jobs.find(key, now)
    if shown is None:  # gone since it was drawn
        return None
    if word in ("fold", "unfold"):
        jobs.fold(shown.title, word == "fold")
    elif word == "failures":
        return _failures(shown, int(index or 0))
    elif word == "insights":
        return f"{_title(shown)}: where the time went", _insights(shown)
    elif word == "function":
        return f"{_title(shown)}: what is called", _function(shown)
    return None


def words(jobs: Jobs, now: float) -> tuple[list[tuple[str, str]], str]:
    """Tell all of it as text.

    Returns
    -------
    pieces : list of (str, str)
        As those of `async_plot.views.strip.words`.
    whole : str
        The failures, if there are any.
    """
    pieces: list[tuple[str, str]] = []
    whole = ""
    for shown in jobs.shown(now):
        if sum(kind == "line" for _, kind in pieces) >= _LINES:
            break
        pieces += [("", "line"), (_title(shown), "name")]
        if shown.bar is not None:
            for _, text, _, kind in facts(shown.bar, shown.state, shown.failed, now):
                known = kind in ("ink", "faint", "alarm", "warning")
                pieces.append((text, kind if known else "faint"))
        if shown.running and shown.crew.seats:
            for weight, text, kind in summary(shown.crew, now, live=jobs.live):
                if weight < 4:
                    pieces.append((text, kind))
        for depth, label, bar in shown.inner[:_LINES]:
            name = f"{label}: " if label else ""
            dots = "\N{NO-BREAK SPACE}" * 2 * depth
            pieces += [("", "line"), (f"{dots}{name}{one_line(bar.told.desc)}", "ink")]
            pieces += [
                (text, "faint") for _, text, _, _ in facts(bar, shown.state, 0, now)
            ]
        groups = shown.failures.groups
        if groups:
            pieces += [("", "line"), (f"▲ {failure_line(groups[0][0])}", "alarm")]
            whole = whole or _failures(shown, 0)[1]
    return pieces, whole


def failure_line(failure: Failure) -> str:
    """Say on one line which task failed, and how."""
    what = one_line(failure.kind)
    said = one_line(failure.text)
    what = f"{what}: {said}" if said else what
    argument = f" ({one_line(failure.argument)[:80]})" if failure.argument else ""
    return f"{what}  {_task(failure)}{argument}"


def _task(failure: Failure) -> str:
    where = f" on worker {failure.number}" if failure.number else ""
    return f"task {failure.task}{where}" if failure.task >= 0 else where.strip()


def base_name(path: str) -> str:
    """Name of a file, whichever system it is on."""
    return path.replace("\\", "/").rpartition("/")[2]


# -- whole texts -------------------------------------------------------------------


def _title(shown: Shown) -> str:
    return one_line(shown.title) or "progress"


def _failures(shown: Shown, index: int) -> tuple[str, str]:
    """All failures of a job that are kept: those of that place first."""
    groups = shown.failures.groups
    if not groups:
        return _title(shown), "Nothing is kept of it."
    index = min(index, len(groups) - 1)
    chosen = [groups[index], *groups[:index], *groups[index + 1 :]]
    plural = "s" if shown.failed > 1 else ""
    title = f"{_title(shown)}: {count(shown.failed)} task{plural} failed"
    blocks = []
    kept = sum(map(len, groups))
    if kept < shown.failed:
        blocks.append(f"Of {shown.failed} failures {kept} are kept.")
    for group in chosen:
        newest = group[0]
        at = moment(newest.time)
        lines = [f"{_task(newest)}, {at}"]
        if newest.argument:
            lines.append(f"called with {newest.argument}")
        if len(group) > 1:
            tasks = sorted(each.task for each in group)
            told = ", ".join(map(str, tasks[:_TASKS]))
            told += ", ..." if len(tasks) > _TASKS else ""
            lines.append(f"{len(group)} tasks failed at this place: {told}")
        trace = newest.trace.strip("\n") or f"{newest.kind}: {newest.text}"
        blocks.append("\n".join([*lines, "", trace]))
        if sum(map(len, blocks)) > _TEXT:
            break
    rule = "\n\n" + "-" * 78 + "\n\n"
    return title, rule.join(blocks)[:_TEXT] + "\n"


def _worker(seat: Seat, now: float, *, live: bool) -> tuple[str, str]:
    told = seat.told
    rows = [
        ("state", f"{told.state}: {told.text}" if told.text else told.state),
        ("process", f"{told.pid} on {told.host}"),
        ("thread", told.thread),
        ("tasks", f"{count(told.done)} done, {count(told.failed)} failed"),
    ]
    if told.task >= 0 and told.state in ("working", "died"):
        for_ = f", for {duration(now - seat.since)}"
        going = live and told.state == "working"
        rows.append(("task", f"{told.task}{for_ if going else ''}"))
        rows.append(("called with", told.argument))
    if told.cpu >= 0:
        rows.append(("cpu", f"{100 * told.cpu:.0f} % of a core"))
    if told.memory >= 0:
        rows.append(("memory", size(told.memory)))
    rows += [(word, duration(getattr(told, name))) for name, word in TIMES.items()]
    return f"Worker {told.number or told.worker}", _table(rows)


def _insights(shown: Shown) -> str:
    """The totals, the slowest tasks, and a line for each worker."""
    crew, times = shown.crew, shown.crew.times
    total = sum(times.values())
    rows = [
        (word, f"{duration(times[name]):>8}  {percent(times[name] / total):>6}")
        for name, word in TIMES.items()
        if total
    ]
    blocks = ["All workers together\n" + _table(rows)] if rows else []
    slowest = shown.slowest
    if slowest is not None and slowest.tasks:
        lines = []
        parts = zip(slowest.tasks, slowest.seconds, slowest.arguments, slowest.numbers)
        for task, seconds, argument, number in parts:
            by = f"worker {number}" if number else ""
            line = f"  {duration(seconds):>8}  task {task:<8} {by:<11} {argument}"
            lines.append(line.rstrip())
        blocks.append("\n".join(["Slowest tasks", *lines]))
    if crew.seats:
        head = f"  {'worker':<8}{'tasks':>8}" + "".join(
            f"{word:>10}" for word in TIMES.values()
        )
        lines = ["Each worker", head]
        for seat in crew.seats[:1000]:
            told = seat.told
            parts_ = "".join(f"{duration(getattr(told, name)):>10}" for name in TIMES)
            lines.append(f"  {told.number!s:<8}{told.done:>8}{parts_}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _function(shown: Shown) -> str:
    job = shown.job
    if job is None:
        return ""
    began = moment(job.started, "%Y-%m-%d %H:%M:%S")
    rows = [
        ("function", job.function),
        ("written in", f"{job.file}:{job.line}" if job.file else ""),
        ("called at", f"{job.caller}:{job.caller_line}" if job.caller else ""),
        ("", job.call),
        ("workers", f"{job.workers or '?'}, by {job.engine}"),
        ("began", began),
    ]
    return "\n\n".join(part for part in (_table(rows), job.doc) if part) + "\n"


def _table(rows: list[tuple[str, str]]) -> str:
    rows = [(name, text) for name, text in rows if text]
    wide = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"  {name:<{wide}}  {text}" for name, text in rows)
