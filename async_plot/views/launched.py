"""What a launched viewer's interpreter runs. Knows its run by a file's name alone."""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterable

from ..client import Client, set_up_debug
from ..errors import AsyncPlotError
from ..wire.messages import Welcome
from .inbox import Inbox

__all__ = ["begin", "main"]

NICE = 10  # a viewer takes no core from the calculation


def main(connection_file: str) -> None:
    """Show the run of that connection file, as the view that it launched.

    Parameters
    ----------
    connection_file : str
        Its path.
    """
    inbox = begin(connection_file, control=True)
    # Only now: these import matplotlib, which the run's path may have of its own.
    from . import window

    status = window.show(inbox.client, launched=True, inbox=inbox)
    if status:
        sys.exit(status)


def begin(connection_file: str, *, control: bool = False) -> Inbox:
    """Reach the run, and live as it does, at a low priority.

    Parameters
    ----------
    connection_file : str
        Its path.
    control : bool, default: False
        Whether this view is to steer the run, and not only to look at it.

    Returns
    -------
    Inbox
        It knows the plotters, or has ended.
    """
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(NICE)
    set_up_debug()
    try:
        client = Client(connection_file, control=control, view="window")
    except (AsyncPlotError, OSError) as error:
        sys.exit(f"async_plot: {error}")
    inbox = Inbox(client)
    while not inbox.wait_for_plotters(1.0) and not inbox.ended:
        pass
    if inbox.welcome is not None:
        take_over(inbox.welcome)
    return inbox


def take_over(welcome: Welcome) -> None:
    """Import from where the calculation imports, and run where it runs.

    In the same installation the order is the calculation's; another one keeps its
    own modules first, since those of the calculation may be built for another
    Python.
    """
    sys.path[:] = merged_path(sys.path, welcome.path)
    with contextlib.suppress(OSError):  # it may be gone
        os.chdir(welcome.cwd)


def merged_path(ours: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """Join two module search paths."""
    ours, theirs = list(ours), list(theirs)
    first, second = (theirs, ours) if _same_installation(theirs) else (ours, theirs)
    return [*first, *(entry for entry in second if entry not in first)]


def _same_installation(path: list[str]) -> bool:
    """Whether a search path holds our library and our site-packages."""
    known = {os.path.realpath(entry) for entry in path if entry}
    needed = [sysconfig.get_path("stdlib"), *site.getsitepackages()]
    return all(
        os.path.realpath(entry) in known for entry in needed if os.path.isdir(entry)
    )
