"""How worker processes died, and with what in hand."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..net import death, runs
from .engines.base import Process
from .marks import Board, Mark

__all__ = ["Death", "Memory", "Unseen", "dead", "worded"]

UNKNOWN = 1 << 16  # status of a process that nobody has seen before its end
_PATIENCE = 0.5  # seconds that a process may take to be told as ended


@dataclass(frozen=True, slots=True)
class Death:
    """A worker process that has ended when it should not have.

    Attributes
    ----------
    pid, status : int
        Its number and exit status, negative the signal.
    mark : Mark or None
        What it had in hand, as far as is known.
    """

    pid: int
    status: int
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Unseen:
    """A worker process that ended before its pool could be asked for it.

    Attributes
    ----------
    pid : int
    exitcode : int
    """

    pid: int
    exitcode: int = UNKNOWN


class Memory:
    """What the kernel has killed for lack of memory, since this was made."""

    def __init__(self) -> None:
        self._file = runs.memory_file()
        self._before = runs.oom_kills(self._file)

    def short(self, pid: int) -> bool:
        """Whether a process that was killed was so for lack of memory."""
        if death.kernel_says_oom(pid):
            return True
        now = runs.oom_kills(self._file)
        return self._before is not None and now is not None and now > self._before


def dead(processes: Sequence[Process], board: Board | None) -> list[Death]:
    """Which of these have died just now: waits a moment until one is told of.

    Called when their pool has noticed, before it ends the others.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = [
            Death(pid, status, board.read(pid) if board is not None else None)
            for pid, status in map(_status, processes)
            if pid and status is not None
        ]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.01)


def worded(death: Death, memory: Memory) -> str:
    """Say how it died, for people."""
    if death.status == UNKNOWN:
        return "ended too soon for anybody to see how"
    if death.status >= 0:
        return f"left with exit status {death.status}"
    try:
        text = f"killed by {signal.Signals(-death.status).name}"
    except ValueError:
        text = f"killed by signal {-death.status}"
    if death.status == -getattr(signal, "SIGKILL", 9) and memory.short(death.pid):
        text += ": out of memory"
    return text


def _status(process: Process) -> tuple[int, int | None]:
    with contextlib.suppress(AssertionError, OSError, ValueError):
        return process.pid or 0, process.exitcode
    return 0, None
