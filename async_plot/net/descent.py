"""The run that a process descends from: by its environment, or by its ancestors.

A pool that was made before the run has none of its environment. Opens no connection.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..errors import AsyncPlotError
from . import files, runs

__all__ = ["ENVIRONMENT", "announce", "find", "withdraw"]

ENVIRONMENT = "ASYNC_PLOT_RUN"
DEPTH = 32  # generations that are looked at

_announced: list[str] = []  # runs of this process, the newest last
_before: list[str | None] = []  # what the environment said before the first of them


def announce(connection_file: Path) -> None:
    """Have the processes that are started from now on find this run."""
    # A Ctrl-C in the moment of its end may have left one there.
    _announced[:] = [each for each in _announced if not _has_ended(each)]
    if not _announced:
        _before[:] = [os.environ.get(ENVIRONMENT)]
    _announced.append(str(connection_file))
    os.environ[ENVIRONMENT] = _announced[-1]


def withdraw(connection_file: Path) -> None:
    """Take that back, unless somebody has said something else meanwhile."""
    with contextlib.suppress(ValueError):  # it has been
        _announced.remove(str(connection_file))
    if os.environ.get(ENVIRONMENT) != str(connection_file):
        return
    inherited = _announced[-1] if _announced else _before[-1]
    if inherited is None:
        os.environ.pop(ENVIRONMENT, None)
    else:
        os.environ[ENVIRONMENT] = inherited


def find() -> runs.Run | None:
    """The run of this machine, alive, whose process started this one, maybe indirectly.

    The nearest one that the environment or the ancestors tell of; an environment that
    says nothing between its quotes forbids to look.
    """
    told = os.environ.get(ENVIRONMENT)
    if told == "":
        return None
    found = _read(Path(told)) if told is not None else None
    return found or _of_ancestors()


# -- private -----------------------------------------------------------------------


def _of_ancestors() -> runs.Run | None:
    """The newest run of the nearest ancestor that has one."""
    base = files.home() / files.hostname()
    named: dict[str, list[str]] = {}
    try:
        names = sorted(os.listdir(base), reverse=True)
    except OSError:  # there never was a run
        return None
    for name in names:
        parts = name.split("-")
        if len(parts) == 4:  # as `runs.create` names them
            named.setdefault(parts[2], []).append(name)
    for pid in _ancestors():
        for name in named.get(str(pid), ()):
            run = _read(base / name)
            if run is not None and run.pid == pid:
                return run
    return None


def _ancestors() -> list[int]:
    """Process numbers of parent, grandparent and so on."""
    found = [os.getppid()]
    with contextlib.suppress(OSError, ValueError, IndexError):  # no such system
        while found[-1] > 1 and len(found) < DEPTH:
            status = Path(f"/proc/{found[-1]}/stat").read_bytes()
            found.append(int(status.rpartition(b")")[2].split()[1]))
    return found


def _read(path: Path) -> runs.Run | None:
    """A run that goes on here, in another process."""
    try:
        run = runs.read(path)
    except (AsyncPlotError, OSError):
        return None
    if run.host != files.hostname():  # as where an environment travels by ssh
        return None
    return run if run.alive and run.key is not None and run.pid != os.getpid() else None


def _has_ended(connection_file: str) -> bool:
    """Whether a run of this process has ended, or its file is gone."""
    try:
        return runs.read(connection_file).key is None
    except (AsyncPlotError, OSError):
        return True


def _forked() -> None:
    """A child has no runs; what its environment says is its parent's."""
    _announced.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
