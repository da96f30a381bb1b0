"""A client of a run on another machine, for as long as a command needs it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import RunNotFoundError
from ..wire.framing import printable
from .pick import pick

if TYPE_CHECKING:
    import argparse

    from ..client import Client
    from ..net.ssh import Tunnel

__all__ = ["tunnelled"]


@contextlib.contextmanager
def tunnelled(options: argparse.Namespace, **asked: Any) -> Iterator[Client]:
    """Connect to the run that ``--ssh`` and the name say; hang up in the end.

    What is `asked` of it beside that is handed to `Client`.
    """
    from ..client import Client
    from ..net.ssh import Tunnel

    command = shlex.split(os.environ.get("ASYNC_PLOT_SSH", "")) or ["ssh"]
    tunnel = Tunnel(options.ssh, python=options.remote_python, command=command)
    with _ended_by_signals(tunnel), contextlib.closing(tunnel):
        try:
            found = tunnel.ask(options.run)
        except RunNotFoundError as error:
            # Not as one of this machine, whose runs would be offered instead.
            raise LookupError(str(error)) from None
        run = found[0] if options.run is not None else pick(found)
        if run.address is None or run.state == "lost":
            raise LookupError(
                f"{printable(run.name)} on {options.ssh} has ended ({run.state}); "
                f"look at it there: ssh {options.ssh} async-plot view --save FILE.png"
            )
        yield Client(run, tunnel=tunnel, **asked)


# -- private -----------------------------------------------------------------------


@contextlib.contextmanager
def _ended_by_signals(tunnel: Tunnel) -> Iterator[None]:
    """Take ssh along when we are told to end, also while it asks for a password."""

    def end(number: int, stack: Any) -> None:
        tunnel.close()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    before = {n: signal.signal(n, end) for n in numbers if n is not None}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
