"""The servers of this process, and what becomes of them at a fork and at the exit."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import weakref
from typing import TYPE_CHECKING

from .errors import StopRequested

if TYPE_CHECKING:
    from .server import Server

__all__ = ["remember", "running"]

# No `WeakSet`: its callback would run at any moment, and swallow a Ctrl-C there.
_servers: dict[int, weakref.ref[Server]] = {}


def remember(server: Server) -> None:
    """Take note of a server, for as long as it is there."""
    for number, known in list(_servers.items()):
        if known() is None:
            _servers.pop(number, None)
    _servers[id(server)] = weakref.ref(server)


def running() -> Server | None:
    """The newest server of this process that runs; None if none does."""
    found = [
        server
        for server in _remembered()
        if server._session is not None and not (server._ended or server._inert)
    ]
    return found[-1] if found else None


def _remembered() -> list[Server]:
    known = [server() for server in list(_servers.values())]
    return [server for server in known if server is not None]


def _after_fork() -> None:
    for server in _remembered():
        server._forked()
    _servers.clear()
    session = sys.modules.get("async_plot.net.session")
    if session is not None:
        session.forked()


def _at_exit() -> None:
    # Where no ``with`` block told how the run ended, the interpreter knows: it keeps
    # the exception that ended the main script, but also every one of a prompt.
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    if "async_plot.net.session" not in sys.modules:
        return
    from .net import launch, session

    # Tell all, then wait: the time that a view may take is for all of them together.
    servers = _remembered()
    for server in servers:
        if server._session is not None and not (server._ended or server._inert):
            with contextlib.suppress(KeyboardInterrupt):
                stop = StopRequested() if server._helm.stopped else None
                server._session.tell(*session.outcome(error or stop))
    with contextlib.suppress(KeyboardInterrupt):
        for server in servers:
            server._finish(error)
        session.wait_for_abandoned()
    if "async_plot.net.inline" in sys.modules:
        from .net import inline

        inline.end_all()
    launch.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
