"""``async-plot top``: the runs of this user, or one of them, in the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import AsyncPlotError
from ..net import death, files, runs
from ..wire.framing import printable
from . import ENDED_SHOWN, Misuse, set_up_debug

if TYPE_CHECKING:
    import argparse

    from ..client import Client
    from ..views.terminal.runs import Listed

__all__ = ["listed", "run"]

EVERY = 1.0  # seconds between two looks for a run, where none is alive


def run(options: argparse.Namespace) -> int:
    """Show the runs."""
    set_up_debug()
    if options.plain or not _on_terminal():
        return _tell(options)
    need_textual()
    from ..client import Client
    from ..views.terminal import app

    with _reached(options) as client:
        plot = None
        if not options.no_plot:
            from ..views.terminal import plot as plots

            # After ssh has asked for a password, and before textual listens.
            plot = plots.maker(rate=options.max_rate or plots.RATE)
        top = app.Top(
            client=client,
            listing=None if options.ssh else listed,
            connect=lambda run: Client(run, **_rights(options)),
            plot=plot,
        )
        return app.run(top)


def need_textual() -> None:
    """Raise `Misuse` where what draws on the terminal is not installed."""
    try:
        import textual  # noqa: F401 - a question
    except ImportError:
        raise Misuse(
            "textual is not installed; pip install 'async_plot[terminal]', or see "
            "plain lines: async-plot top --plain"
        ) from None


def listed() -> list[Listed]:
    """Runs of this user on this machine, newest first: those alive, some that ended."""
    from ..views.terminal.runs import Listed

    found = []
    ended = 0
    everything = runs.list_runs()
    for each in everything:
        alive = each.alive
        ended += not alive
        if not alive and ended > ENDED_SHOWN:
            continue
        fate = death.fate(each)
        found.append(
            Listed(
                key=each.run,
                name=printable(each.name),
                host=each.host,
                pid=each.pid,
                started=each.started,
                alive=alive,
                state=fate.state,
                reason=fate.reason,
                run=each,
            )
        )
    return [*found, *_unreadable({each.run for each in everything})]


# -- private -----------------------------------------------------------------------


def _unreadable(known: set[str]) -> Iterator[Listed]:
    """Runs whose files say nothing that can be believed, and why."""
    from ..views.terminal.runs import Listed

    base = files.home() / files.hostname()
    for name in sorted(set(os.listdir(base)) - known) if base.is_dir() else ():
        if not (base / name / "connection.json").exists():  # it is being made
            continue
        try:
            runs.read(base / name)
        except (AsyncPlotError, OSError) as error:
            why = str(error).replace(f"{base / name}{os.sep}", "")
            name = printable(name)
            yield Listed(name, name, state="lost", error=why)


def _on_terminal() -> bool:
    """Whether there is a terminal that can be drawn on, and that gives keys."""
    if os.environ.get("TERM", "") == "dumb":
        return False
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # closed, or none
        return False


def _tell(options: argparse.Namespace) -> int:
    """Write lines about a run, the newest one if none is named, until it ends."""
    from ..client import Client
    from ..views.terminal import plain

    def write(line: str) -> None:
        print(line, end="", flush=True)

    with _reached(options) as reached:
        waits = reached is None
        while reached is None:
            alive = next((each for each in listed() if each.alive), None)
            if alive is not None:
                reached = Client(alive.run)
            elif waits:
                write("no run is alive: waiting for one\n")
                waits = False
            else:
                time.sleep(EVERY)
        with reached:
            try:
                plain.tell(reached, write)
            except BrokenPipeError:  # whoever read it has seen enough
                # Nor does the interpreter try again, at its end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def _reached(options: argparse.Namespace) -> Iterator[Client | None]:
    """Find the run that is named, here or on another machine."""
    if options.ssh is not None:
        if options.host is not None:
            raise Misuse("--host and --ssh are two ways to a run; give one")
        from .ssh import tunnelled

        with tunnelled(options, **_rights(options)) as client:
            yield client
        return
    if options.run is None:
        if options.host is not None:
            raise Misuse("--host is for one run; name it")
        yield None
        return
    from ..client import Client

    yield Client(options.run, host=options.host, **_rights(options))


def _rights(options: argparse.Namespace) -> dict[str, Any]:
    """What is asked of a run: to steer it, or only to look."""
    return {"control": not options.look_only, "view": "top"}
