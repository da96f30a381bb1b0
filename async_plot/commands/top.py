"""``async-plot top``: the runs of this user, or one of them, in the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..net import death, runs
from ..wire.framing import printable
from . import ENDED_SHOWN, Misuse, set_up_debug

if TYPE_CHECKING:
    import argparse

    from ..client import Client
    from ..views.terminal.runs import Listed

__all__ = ["listed", "run"]


def run(options: argparse.Namespace) -> int:
    """Show the runs."""
    set_up_debug()
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
    for each in runs.list_runs():
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
    return found


# -- private -----------------------------------------------------------------------


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
