"""What is known of a run that has ended: gathered from its record and run files.

Reads, and writes it into one file for another machine. Draws nothing, prints nothing.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .errors import AsyncPlotError
from .net import death, files, records
from .net.records import Records
from .net.runs import Run
from .net.stands import KINDS, Stands
from .wire import framing
from .wire.framing import describe_size, printable
from .wire.messages import (
    Failure,
    Frame,
    Log,
    Message,
    Parameter,
    PlotterCode,
    Progress,
    RunState,
    Scalars,
    Stalled,
    State,
    Stats,
    Steering,
    Welcome,
    Worker,
)

__all__ = ["Kept", "Report", "examine", "save"]

M = TypeVar("M")

LINES = 20  # log records that are printed
_FAULT = "fault"  # what faulthandler wrote, in a run's directory
_MOST = 1 << 20  # bytes of it that are read


@dataclass(slots=True)
class Kept:
    """What is kept of one plotter's frames.

    Attributes
    ----------
    plotter : str
        Its name.
    updates : int
        Calls of ``update``, as far as they are known.
    whole, mid_step : int
        Number of the last whole frame, and of the one that may be mid-step; 0 for none.
    at : float
        When the whole one was taken, seconds since the epoch.
    frames : int
        Whole frames in the file.
    """

    plotter: str
    updates: int = 0
    whole: int = 0
    mid_step: int = 0
    at: float = 0.0
    frames: int = 0


@dataclass(slots=True)
class Report:
    """How a run ended, and what it left.

    Attributes
    ----------
    welcome : Welcome
        Who it was.
    file : Path or None
        Its record, or the recording.
    state : str
        One of `RunState`'s values.
    reason : str
        In one line: the exception, what killed it, or that nobody knows.
    traceback, native : str
        Of Python where it failed; of a crash in C, as faulthandler wrote it.
    ended : float or None
        When, seconds since the epoch; None if it is not known.
    seen : float
        Its last sign of life that is known.
    kept : list of Kept
        Of each plotter.
    logs : list of Log
        Those that are kept, oldest first.
    histories : dict of {str: (steps, values)}
        Logged scalars.
    jobs : list of Message
        How its jobs, bars and workers stood last, the tasks that failed, its parameters
        and how it was steered.
    stalled : str
        Where its threads were, if it gave no sign of life before.
    size : int
        Bytes of the file.
    damage : str
        What is wrong with the file.
    own : bool
        Whether the file is this user's.
    """

    welcome: Welcome
    file: Path | None = None
    state: str = RunState.LOST.value
    reason: str = ""
    traceback: str = ""
    native: str = ""
    ended: float | None = None
    seen: float = 0.0
    kept: list[Kept] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    histories: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    jobs: list[Message] = field(default_factory=list)
    stalled: str = ""
    size: int = 0
    damage: str = ""
    own: bool = True

    @property
    def ending(self) -> State:
        """The end as a view is told it."""
        text = self.traceback
        if self.state == RunState.LOST.value:
            text = "\n\n".join(part for part in (self.reason, self.native) if part)
        return State(self.state, text, self.ended or self.seen)

    def text(self) -> str:
        """Write it for a terminal, without control sequences."""
        blocks = [self._head()]
        stacks = (
            ("Traceback", self.traceback),
            ("Native stack", _current_first(self.native)),
            ("It had stalled", self.stalled),
        )
        blocks += [f"{title}\n{_indented(stack)}" for title, stack in stacks if stack]
        blocks += self._failed_tasks()
        if self.logs:
            shown = self.logs[-LINES:]
            count = f" (the last {len(shown)} of {len(self.logs)} that are kept)"
            title = "Log" + (count if len(shown) < len(self.logs) else "")
            blocks.append(f"{title}\n{_indented(chr(10).join(map(_log_line, shown)))}")
        return "\n\n".join(printable(block, keep="\n") for block in blocks)

    def facts(self) -> dict[str, Any]:
        """The same for programs: what JSON can hold."""
        welcome = self.welcome
        return {
            "name": welcome.name,
            "run": welcome.run,
            "host": welcome.host,
            "pid": welcome.pid,
            "python": welcome.python,
            "cwd": welcome.cwd,
            "started": welcome.started,
            "ended": self.ended,
            "seen": self.seen,
            "state": self.state,
            "reason": self.reason,
            "traceback": self.traceback,
            "native": self.native,
            "stalled": self.stalled,
            "file": str(self.file) if self.file is not None else None,
            "damage": self.damage,
            "own": self.own,
            "plotters": [
                {
                    "plotter": kept.plotter,
                    "updates": kept.updates,
                    "frame": kept.whole or None,
                    "time": kept.at or None,
                    "mid_step": kept.mid_step or None,
                    "frames": kept.frames,
                }
                for kept in self.kept
            ],
            "scalars": {
                name: {"step": float(steps[-1]), "value": _plain(values[-1])}
                for name, (steps, values) in self.histories.items()
                if len(values)
            },
            "parameters": {
                each.name: {
                    "value": _loaded(each.value),
                    "default": _loaded(each.default),
                    "unit": each.unit,
                }
                for each in self._of(Parameter)
            },
            "jobs": [
                {
                    "bar": bar.bar,
                    "name": bar.desc,
                    "worker": bar.worker,
                    "done": _plain(bar.done),
                    "total": _plain(bar.total) if bar.total >= 0 else None,
                    "failed": bar.failed,
                    "elapsed": _plain(bar.elapsed),
                    "state": bar.state,
                }
                for bar in self._of(Progress)
            ],
            "failures": [
                {
                    "job": each.job,
                    "task": each.task,
                    "worker": each.number,
                    "argument": each.argument,
                    "error": f"{each.kind}: {each.text}",
                    "traceback": each.trace,
                    "time": each.time,
                }
                for each in self._of(Failure)
            ],
            "log": [
                {"time": r.time, "level": r.level, "name": r.name, "text": r.text}
                for r in self.logs
            ],
        }

    def _of(self, kind: type[M]) -> list[M]:
        return [each for each in self.jobs if isinstance(each, kind)]

    def _job_rows(self) -> list[tuple[str, str]]:
        """How each bar of the calculation stood, and what each worker was about."""
        rows = []
        for bar in self._of(Progress):
            if bar.worker or (bar.parent and bar.bar != bar.job):
                continue
            of = f" of {bar.total:g}" if bar.total >= 0 else ""
            failed = f", {bar.failed} failed" if bar.failed else ""
            left = self.state == RunState.LOST.value and bar.state == "running"
            state = "running when it was lost" if left else bar.state
            lasted = _lasted(bar.elapsed if np.isfinite(bar.elapsed) else 0.0)
            text = f"{bar.done:g}{of} done{failed}, {state}, after {lasted}"
            rows.append((f"job {bar.desc}".strip(), text))
        if self.state == RunState.FINISHED.value:
            return rows
        busy = [each for each in self._of(Worker) if each.state == "working"]
        for worker in busy[:LINES]:
            argument = f" ({worker.argument})" if worker.argument else ""
            where = f"process {worker.pid} on {worker.host}"
            text = f"was in task {worker.task}{argument}, {where}"
            rows.append((f"worker {worker.number}", text))
        if len(busy) > LINES:
            rows.append(("", f"and {len(busy) - LINES} more workers were working"))
        return rows

    def _steered_rows(self) -> list[tuple[str, str]]:
        """What its parameters were, and whether it waited for somebody."""
        rows: list[tuple[str, str]] = []
        for each in sorted(self._of(Parameter), key=lambda each: each.order):
            unit = f" {each.unit}" if each.unit else ""
            first = f", {each.default} at first" if each.default != each.value else ""
            wanted = f", {each.wanted} was wanted" if each.wanted else ""
            text = f"{each.name} = {each.value}{unit}{first}{wanted}"
            rows.append(("" if rows else "parameters", text))
        for told in self._of(Steering)[-1:]:
            if told.state != "running" and self.state != RunState.STOPPED.value:
                by = f", asked by {told.by}" if told.by else ""
                rows.append(("steering", f"it was {told.state}{by}"))
        return rows

    def _failed_tasks(self) -> list[str]:
        """The tasks that failed: a line each, and the newest traceback."""
        failures = self._of(Failure)
        if not failures:
            return []
        shown = failures[-LINES:]
        kept = f" (the last {len(shown)} of {len(failures)} that are kept)"
        title = "Failed tasks" + (kept if len(shown) < len(failures) else "")
        lines = [
            f"task {each.task} on worker {each.number}, {_one_line(each.argument)}: "
            f"{_one_line(f'{each.kind}: {each.text}')}"
            for each in shown
        ]
        newest = f"Traceback of task {shown[-1].task}\n{_indented(shown[-1].trace)}"
        return ["\n".join([title, *(f"  {line}" for line in lines)]), newest]

    def _head(self) -> str:
        welcome = self.welcome
        end = self.ended or self.seen
        lasted = _lasted(end - welcome.started) if end > welcome.started else ""
        when = _moment(self.ended) if self.ended else f"not before {_moment(self.seen)}"
        rows = [
            ("state", f"{self.state}: {self.reason}" if self.reason else self.state),
            ("ended", f"{when}, {lasted} after its start" if lasted else when),
            ("process", f"{welcome.pid} on {welcome.host}, Python {welcome.python}"),
            ("directory", welcome.cwd),
        ]
        rows += [(f"frames {k.plotter}".strip(), self._frames(k)) for k in self.kept]
        if not self.kept:
            rows.append(("frames", "none is kept"))
        rows += self._job_rows()
        for index, (name, (steps, values)) in enumerate(self.histories.items()):
            if len(values):
                text = f"{name} = {values[-1]:.6g} at step {steps[-1]:.15g}"
                rows.append(("" if index else "scalars", text))
        rows += self._steered_rows()
        if self.file is not None:
            rows.append(("file", f"{self.file}, {describe_size(self.size)}"))
        if not self.own:
            rows.append(("trust", "another user's file; --trust runs its plotters"))
        if self.damage:
            rows.append(("damage", self.damage))
        wide = max(len(name) for name, _ in rows)
        lines = [f"  {name:<{wide}}  {_one_line(text)}" for name, text in rows if text]
        return "\n".join([f"{_one_line(welcome.name)} ({welcome.run})", *lines])

    def _frames(self, kept: Kept) -> str:
        said = []
        if kept.updates:
            least = "at least " if self.state == RunState.LOST.value else ""
            times = f"{kept.updates} times" if kept.updates > 1 else "once"
            said.append(f"update was called {least}{times}")
        if kept.frames > 1:
            said.append(f"{kept.frames} whole frames")
        if kept.whole:
            before = (self.ended or 0.0) - kept.at
            when = f", {_lasted(before)} before the end" if before >= 0 else ""
            said.append(f"the last whole one is {kept.whole}{when}")
        if kept.mid_step:
            said.append(f"{kept.mid_step} is kept too and may be mid-step")
        return "; ".join(said) or "none is kept"


def examine(
    path: Path | None, run: Run | None = None, *, trust: bool = False
) -> Report:
    """Find out how a run ended.

    Parameters
    ----------
    path : Path or None
        Its record, a recording, or what `save` wrote; None for a run that has none.
    run : Run, optional
        Its run files, if they are here.
    trust : bool, default: False
        As for `async_plot.net.records.Records`.

    Returns
    -------
    Report

    Raises
    ------
    AsyncPlotError
        If nothing in the file says what run it is of.
    OSError
        If the file cannot be read.
    """
    report = Report(_unknown(run))
    if path is not None:
        mine = run is not None
        with Records(path, trust=trust or mine, private=mine) as read:
            _read(report, read)
            known = read.welcome is not None
        if not known and run is None:
            raise AsyncPlotError(
                f"{path} holds no run: {report.damage or 'it is empty'}"
            )
        status = path.stat()
        report.file, report.size = path, status.st_size
        report.seen = max(report.seen, status.st_mtime if mine else 0.0)
    if run is not None:
        _look_beside(report, run)
    if report.state == RunState.FAILED.value and not report.reason:
        report.reason = _last_line(report.traceback)
    if report.state == RunState.LOST.value and not report.reason:
        report.reason = (
            _fault(report.native)
            or report.damage
            or "its process is gone and left no word: killed, or ended by os._exit"
        )
    return report


def save(report: Report, target: Path) -> int:
    """Write all that is known of a run into one file.

    Parameters
    ----------
    report : Report
        Of the run.
    target : Path
        The file; one of ours that is there is kept as ``FILE~``: it may be a recording
        of days.

    Returns
    -------
    int
        Its bytes.

    Raises
    ------
    FileExistsError
        If something else is there.
    OSError
        If it cannot be written; nothing is left of it.
    """
    if target.exists() and not records.is_records(target):
        raise FileExistsError(f"{target} is there and is no file of ours; name another")
    for each in (target, Path(f"{target}~")):
        if report.file is not None and each.exists() and each.samefile(report.file):
            raise FileExistsError(f"{each} is what is to be saved; name another file")
    files.keep_beside(target)
    if report.file is not None and not report.own:
        return _copy(report.file, target)
    if report.file is None:
        said: list[Message] = [report.welcome, report.ending]
        return records.write_whole(target, (framing.encode(m) for m in said))
    with Records(report.file, trust=True) as read:
        entries = list(read.entries)
        ended = any(entry.kind is State for entry in entries)
        messages = (framing.encode(read.read(entry)) for entry in entries)
        last = [] if ended else [framing.encode(report.ending)]
        if read.welcome is None:
            last = [framing.encode(report.welcome), *last]
        return records.write_whole(target, _chained(messages, last))


# -- reading -----------------------------------------------------------------------


def _unknown(run: Run | None) -> Welcome:
    """A welcome that says what the run files say."""
    return Welcome(
        run=run.run if run else "",
        name=run.name if run else "",
        pid=run.pid if run else 0,
        host=run.host if run else "",
        python=run.python if run else "",
        started=run.started if run else 0.0,
        plotters=[],
        cwd="",
        path=[],
        overhead=0.01,
        on_exit="keep",
    )


def _read(report: Report, read: Records) -> None:
    report.own, report.damage = read.own, read.damage
    kept: dict[str, Kept] = {}
    for entry in read.entries:
        if entry.kind is Frame:
            one = kept.setdefault(entry.plotter, Kept(entry.plotter))
            one.updates = max(one.updates, entry.number)
            report.seen = max(report.seen, entry.time)
            if entry.mid_step:
                one.mid_step = entry.number
            else:
                one.whole, one.at = entry.number, entry.time
                one.frames += 1
            continue
        if entry.kind is PlotterCode or entry.kind in KINDS:
            continue
        with contextlib.suppress(AsyncPlotError, OSError):
            _take(report, read.read(entry), kept)
    report.kept = list(kept.values())
    report.jobs = Stands(read).at(len(read.entries))


def _take(report: Report, message: Any, kept: dict[str, Kept]) -> None:
    if isinstance(message, Welcome):
        report.welcome = message
        report.seen = max(report.seen, message.started)
    elif isinstance(message, State):
        if message.state == RunState.RUNNING.value:
            return
        report.state, report.ended = message.state, message.time
        if message.state == RunState.LOST.value:  # of a file that `save` wrote
            report.reason, _, report.native = message.text.partition("\n\n")
        else:
            report.traceback = message.text
    elif isinstance(message, Log):
        report.logs.append(message)
        report.seen = max(report.seen, message.time)
    elif isinstance(message, Stats):
        one = kept.setdefault(message.plotter, Kept(message.plotter))
        one.updates = max(one.updates, message.updates)
        report.seen = max(report.seen, report.welcome.started + message.elapsed)
    elif isinstance(message, Stalled):
        report.stalled = message.text
    elif isinstance(message, Scalars):
        steps, values = (np.frombuffer(b, np.float64) for b in message.buffers)
        known = report.histories.get(message.name)
        if known is not None and not message.whole:
            steps = np.concatenate([known[0], steps])
            values = np.concatenate([known[1], values])
        report.histories[message.name] = steps, values


def _look_beside(report: Report, run: Run) -> None:
    """Take what lies beside a record: how the process died, as far as anybody saw."""
    report.native = report.native or _small(run.directory / _FAULT)
    if report.state != RunState.LOST.value:
        return
    seen = death.fate(run)
    if seen.state != death.KILLED:  # views know it as lost, with the reason
        report.state = seen.state
    report.reason = seen.reason or report.reason
    report.ended = seen.time or None
    if report.native and not report.ended:  # written by the process as it died
        with contextlib.suppress(OSError):
            report.ended = (run.directory / _FAULT).stat().st_mtime


def _small(path: Path) -> str:
    """Content of a small private file; empty if there is none."""
    try:
        with files.open_owned(path) as file:
            return (file.read(_MOST) or b"").decode(errors="replace").strip()
    except OSError:
        return ""


def _copy(source: Path, target: Path) -> int:
    """Copy a foreign file as it is: this user does not stand for what is in it."""
    temporary = files.beside(target)
    try:
        with (
            source.open("rb") as old,
            open(temporary, "xb", opener=files.open_private) as new,
        ):
            shutil.copyfileobj(old, new, 1 << 20)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target.stat().st_size


def _chained(messages: Any, last: list[Any]) -> Any:
    yield from messages
    yield from last


# -- words -------------------------------------------------------------------------


def _fault(native: str) -> str:
    """First line of what faulthandler wrote."""
    return _one_line(native.partition("\n")[0].removeprefix("Fatal Python error: "))


def _current_first(native: str) -> str:
    """Put the thread that crashed before the others."""
    first, *blocks = native.split("\n\n")
    blocks.sort(key=lambda block: not block.startswith("Current thread"))
    return "\n\n".join([first, *blocks])


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return _one_line(lines[-1]) if lines else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip("\n").splitlines())


def _moment(at: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    try:
        return time.strftime(form, time.localtime(at))
    except (ValueError, OverflowError, OSError):  # whoever said so was wrong
        return "?"


def _lasted(seconds: float) -> str:
    """Write how long something lasted, in two units at most."""
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.3g} s"
    whole = int(seconds)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole // 60} min {whole % 60} s"


def _log_line(record: Log) -> str:
    at = _moment(record.time, "%H:%M:%S")
    return f"{at} {_LEVELS.get(record.level, str(record.level)):<8} {record.text}"


_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def _loaded(text: str) -> float | int | bool | str:
    """The value of a parameter; its text, where that is none: a file may lie."""
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text)
        if isinstance(value, (str, int)) or (
            isinstance(value, float) and np.isfinite(value)
        ):
            return value
    return text


def _plain(value: float) -> float | str:
    """A number that JSON can hold."""
    return float(value) if np.isfinite(value) else str(float(value))
