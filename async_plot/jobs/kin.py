"""Bars of processes that nobody sent: they are told the run that started them.

Children of a bare `multiprocessing.Pool`, of `os.fork`, programs that a calculation
runs. Whoever has a run of its own, or works for one, is no business of this module.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import time

from .desk import desk

__all__ = ["seek", "settle"]

AGAIN = 1.0  # seconds between two looks for a run

debug = logging.getLogger("async_plot.wire")

_looked = -math.inf  # when, on the monotonic clock
_found = False


def seek() -> None:
    """Report to the run that this process descends from, if nobody is told of its bars.

    To be called whenever a bar begins: one look for a run takes some 0.2 ms, and there
    is at most one a second. Raises nothing.
    """
    global _looked
    if desk.readers:
        return
    now = time.monotonic()
    if now - _looked < AGAIN:
        return
    _looked = now
    with contextlib.suppress(OSError, RuntimeError):  # the system has no more
        _report()


def settle() -> None:
    """Let what this process has told arrive, for a moment; see `reporter.settle`."""
    if _found:
        from . import reporter

        reporter.settle()


# -- private -----------------------------------------------------------------------


def _report() -> None:
    global _found
    from ..net import descent

    run = descent.find()
    if run is None or run.key is None or run.address is None:
        return
    from ..net import files
    from ..net.annex import Way
    from ..wire import handshake
    from ..wire.messages import Worker
    from .reporter import Reporter

    key = handshake.worker_key(run.key)
    way = Way(run.run, run.host, run.address, run.remote, run.fingerprint, key)
    known = Worker(
        worker=desk.new_key(),
        number=0,
        job="",
        pid=os.getpid(),
        host=files.hostname(),
        thread="",
        state="working",
        chunk=0,
        counted=0,
        task=-1,
        argument=_program(),
        since=time.time(),
        done=0,
        failed=0,
        cpu=-1.0,
        memory=-1.0,
        startup=0.0,
        init=0.0,
        waiting=0.0,
        working=0.0,
        ending=0.0,
        text="",
    )
    debug.debug("reporting to %s, which this process descends from", run.run)
    Reporter(way, "").adopt(known)
    _found = True


def _program() -> str:
    """What people call this process."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    name = str(multiprocessing.current_process().name) if multiprocessing else ""
    if name in ("", "MainProcess"):
        name = os.path.basename(sys.argv[0]) if sys.argv else ""
    return name


def _forked() -> None:
    global _looked, _found
    _looked, _found = -math.inf, False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
