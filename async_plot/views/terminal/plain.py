"""A run as plain lines, where there is no terminal: one for each event.

Runs, jobs and bars begin and end, tasks fail, records are logged, commands are given;
no line for progress between. Knows no textual and no colours.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from ...client import Client
from ...errors import AsyncPlotError
from ...wire.messages import (
    Failure,
    Job,
    Log,
    Message,
    Missed,
    Opened,
    Progress,
    RunState,
    Stalled,
    State,
    Welcome,
)
from ..jobtexts import failure_line
from ..wording import count, duration, one_line

__all__ = ["Teller", "main", "tell"]

LEAST = 20  # level of records that are told
KNOWN = 10_000  # bars that are remembered
LONGEST = 1000  # characters of a line
DAY = 86400.0  # seconds after which the time alone would be taken for today's


class Teller:
    """Makes lines of messages.

    Parameters
    ----------
    clock : callable
        Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._bars: dict[str, str] = {}  # states of those that are known
        self._jobs: dict[str, Job] = {}
        self._name = ""
        self._state = ""

    def lines(self, message: Message) -> Iterator[str]:
        """Lines that tell a message; none for most."""
        for text in self._texts(message):
            yield f"{self._at(message)} {one_line(text)}"[:LONGEST].rstrip()

    # -- private ---------------------------------------------------------------

    def _at(self, message: Message) -> str:
        """When it was: a record may be older than this view of the run."""
        now = self._clock()
        then = message.time if isinstance(message, Log) else now
        with contextlib.suppress(OverflowError, ValueError, OSError):
            day = "%Y-%m-%d " if now - then > DAY else ""
            return time.strftime(f"{day}%H:%M:%S", time.localtime(then))
        return time.strftime("%H:%M:%S", time.localtime(now))

    def _texts(self, message: Message) -> Iterator[str]:
        if isinstance(message, Welcome):
            again = self._name
            self._name, self._state = message.name, RunState.RUNNING.value
            if again:
                yield f"{message.name}: connected again"
            else:
                where = f"process {message.pid} on {message.host}"
                yield f"{message.name}: running, {where}"
        elif isinstance(message, State):
            if message.state != self._state:
                self._state = message.state
                last = message.text.strip().rpartition("\n")[2]
                yield f"{self._name}: {message.state}" + (f": {last}" if last else "")
        elif isinstance(message, Job):
            self._jobs[message.job] = message
            while len(self._jobs) > KNOWN:
                self._jobs.pop(next(iter(self._jobs)))
        elif isinstance(message, Progress):
            yield from self._bar(message)
        elif isinstance(message, Failure):
            yield f"{self._name_of(message.job) or 'a job'}: {failure_line(message)}"
        elif isinstance(message, Log):
            if message.level >= LEAST:
                yield from (f"{message.name}: {x}" for x in message.text.splitlines())
        elif isinstance(message, Missed):
            yield f"{message.count} lines were too many for this view"
        elif isinstance(message, Stalled):
            yield _stalled(message)

    def _name_of(self, key: str) -> str:
        """What people call a job."""
        job = self._jobs.get(key)
        return (job.desc or job.function) if job is not None else ""

    def _bar(self, told: Progress) -> Iterator[str]:
        """How a bar begins or ends, if it is of the first rank."""
        inside = told.parent or (told.job and told.job != told.bar)
        if inside or not told.leave or self._bars.get(told.bar) == told.state:
            return
        known = told.bar in self._bars
        self._bars[told.bar] = told.state
        while len(self._bars) > KNOWN:
            self._bars.pop(next(iter(self._bars)))
        title = told.desc or self._name_of(told.bar)
        if told.state == "running":
            if title and not known:
                total = (
                    f" of {_number(told.total)} {told.unit}" if told.total >= 0 else ""
                )
                yield f"{title}: begins{total}"
            return
        if not title and told.total < 0 and told.postfix:
            yield told.postfix
            return
        total = f"/{_number(told.total)}" if told.total >= 0 else ""
        failed = f", {count(told.failed)} failed" if told.failed else ""
        done = f"{_number(told.done)}{total} {told.unit}{failed}"
        yield f"{title or 'progress'}: {told.state}, {done} in {duration(told.elapsed)}"


def tell(client: Client, write: Callable[[str], Any]) -> str:
    """Write a line for each event of a run until it ends.

    Parameters
    ----------
    client : Client
        The run.
    write : callable
        Takes a line, with its end.

    Returns
    -------
    str
        How it stood last.

    Raises
    ------
    OSError
        As `write` does: nobody reads any more.
    """
    teller = Teller()
    state = ""
    for message in client.messages():
        if isinstance(message, Welcome):
            client.say(Opened("lines"))
        if isinstance(message, State):
            state = message.state
        for line in teller.lines(message):
            write(f"{line}\n")
    return state


def main(connection_file: str, kind: str = "page") -> None:
    """Tell of a run on standard output, where a calculation has launched this.

    Parameters
    ----------
    connection_file : str
        The run's.
    kind : str
        Not asked for.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)
    try:
        tell(Client(connection_file), _write)
    except (AsyncPlotError, OSError) as error:  # a closed pipe, too
        print(f"the view ended: {error}", file=sys.stderr)


# -- private -----------------------------------------------------------------------


def _number(value: float) -> str:
    return count(int(value)) if float(value).is_integer() else f"{value:g}"


def _write(line: str) -> None:
    data = line.encode(sys.stdout.encoding or "utf-8", "replace")
    while data:
        data = data[os.write(1, data) :]


def _stalled(message: Stalled) -> str:
    if not message.text:
        return f"goes on again after {duration(message.seconds)}"
    first = message.text.splitlines()[0]
    return f"no sign of life for {duration(message.seconds)}: {first}"
