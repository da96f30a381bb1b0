"""Nothing at all comes from a run that is connected: how long, and what is known of it.

A calculation says something every few seconds, whatever it does. If not even that
comes, its Python cannot run: only the view is left to tell it. Draws nothing.
"""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import time
from collections.abc import Callable

from ..client import Client
from ..replay import Replay
from ..wire.messages import Welcome

__all__ = ["Silence", "explain", "is_here"]

AFTER = 10.0  # seconds from which on it is told
GAP = 2.0  # seconds between two looks after which this view may have been stopped


class Silence:
    """How long a run has said nothing.

    Parameters
    ----------
    client : Client or Replay
        The run.
    clock : callable
        Seconds; only differences count.
    """

    def __init__(
        self, client: Client | Replay, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock
        self._awake = self._looked = clock()

    def seconds(self) -> float:
        """Seconds without a byte, or 0 if that is nothing to tell."""
        now = self._clock()
        if now - self._looked > GAP:  # what came meanwhile may not be read yet
            self._awake = now
        self._looked = now
        quiet = now - max(self._client.heard_at, self._awake)
        return quiet if quiet >= AFTER else 0.0


def explain(welcome: Welcome, *, far: bool = False) -> str:
    """What is known of a process that says nothing; first of all in one line.

    Parameters
    ----------
    welcome : Welcome
        The run's.
    far : bool
        A network lies between. Then it may be the silent one, and another machine may
        have the name of this one.
    """
    pid = welcome.pid
    held = "C code keeps its Python from running"
    where = f"To see where it is, on {welcome.host}: py-spy dump --native --pid {pid}\n"
    state = _process_state(pid) if is_here(welcome) and not far else ""
    if state in ("T", "t"):
        return f"process {pid} is stopped\n\nTo let it go on: kill -CONT {pid}\n"
    if state == "D":
        return f"process {pid} waits for a disk or another device\n\n{where}"
    if state:
        return f"process {pid}: {held}\n\n{where}"
    line = "the connection is cut, or " if far else ""
    return f"{line}{held}, or the process is stopped\n\n{where}"


def is_here(welcome: Welcome) -> bool:
    """Whether a run is on this machine."""
    return welcome.host == re.sub(r"[^\w.-]", "_", socket.gethostname())


def _process_state(pid: int) -> str:
    """Letter for how a process of this machine stands, where the system tells."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, IndexError):
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                return file.read().rpartition(")")[2].split()[0]
    return ""
