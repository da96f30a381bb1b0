"""Marks: where each worker of this machine notes the task that it has in hand.

A file in tmpfs that never has a name, mapped by the calculation and its local workers:
what a worker has stored there stays when it dies, so its death is named with the very
task. One store for each task, of a small number: those exist already, and nothing else
is as quick. Knows no pool.
"""

from __future__ import annotations

import contextlib
import hmac
import mmap
import os
import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

__all__ = ["BASE", "FIELDS", "NONE", "Board", "Mark", "Marks", "board"]

_CELLS = 4096
# 64-bit integers in a cell: task from BASE on, process, job's number, chunk, BASE.
FIELDS = 5
BASE = 4
_TOKEN = 32  # bytes
_SIZE = _TOKEN + _CELLS * FIELDS * 8
NONE = -1


@dataclass(frozen=True, slots=True)
class Mark:
    """What a worker had in hand.

    Attributes
    ----------
    job : int
        The number that its job goes by here.
    chunk, task : int
        Number of its chunk; index of the task, -1 if none was in hand.
    """

    job: int
    chunk: int
    task: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The board as it travels to a worker.

    Attributes
    ----------
    pid, descriptor : int
        Under ``/proc``, where it can be opened.
    token : bytes
        What it begins with.
    job : int
        The number of the job.
    """

    pid: int
    descriptor: int
    token: bytes
    job: int

    def cell(self) -> Any:
        """Find this process's cell to store into; one that nobody reads, if none."""
        known = _opened.get(self.token)
        if known is None:
            known = _opened[self.token] = _own_cell(self)
        return known

    def begin(self, cell: Any, chunk: int, first: int) -> None:
        """Note which chunk is in hand, and its first task."""
        cell[BASE] = first
        cell[0] = 0
        cell[3] = chunk
        cell[2] = self.job

    def end(self, cell: Any) -> None:
        """Note that none is."""
        cell[0] = NONE


class Board:
    """The board, as the calculation holds it."""

    def __init__(self) -> None:
        from ..net import slots  # and with it numpy, which a worker may not need

        flags = os.O_TMPFILE | os.O_RDWR | os.O_EXCL
        self._descriptor = os.open(slots.directory(), flags, 0o600)
        try:
            os.posix_fallocate(self._descriptor, 0, _SIZE)
            self._memory = mmap.mmap(self._descriptor, _SIZE)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._token = secrets.token_bytes(_TOKEN)
        self._memory[:_TOKEN] = self._token
        self._cells = memoryview(self._memory)[_TOKEN:].cast("q")
        self._jobs = 0

    def marks(self) -> Marks:
        """Make what travels to the workers of one more job."""
        self._jobs += 1
        return Marks(os.getpid(), self._descriptor, self._token, self._jobs)

    def read(self, pid: int) -> Mark | None:
        """What a process has, or had at its end, in hand; None if it never noted."""
        for place in _places(pid):
            cell = self._cells[place : place + FIELDS]
            if cell[1] == pid:
                task = NONE if cell[0] < 0 else cell[BASE] + cell[0]
                return Mark(cell[2], cell[3], task)
            if not cell[1]:
                return None
        return None

    def holders(self, job: int, chunks: Collection[int]) -> list[int]:
        """The processes, living or dead, that have noted one of these chunks last."""
        pids, jobs = self._cells[1::FIELDS].tolist(), self._cells[2::FIELDS].tolist()
        return [
            pid
            for place, pid in enumerate(pids)
            if pid and jobs[place] == job and self._cells[place * FIELDS + 3] in chunks
        ]


def board() -> Board | None:
    """The board of this process; None where there can be none."""
    global _board, _tried
    with _lock:
        if not _tried:
            _tried = True
            with contextlib.suppress(OSError, ValueError, AttributeError):
                _board = Board()
        return _board


# -- private -----------------------------------------------------------------------

_lock = threading.Lock()
_board: Board | None = None
_tried = False
_opened: dict[bytes, Any] = {}  # by token, in a worker


def _places(pid: int) -> list[int]:
    start = pid % _CELLS
    return [(start + i) % _CELLS * FIELDS for i in range(16)]


def _own_cell(marks: Marks) -> Any:
    with contextlib.suppress(OSError, ValueError):
        cells = _mapped(marks)
        pid = os.getpid()
        for place in _places(pid):
            owner = cells[place + 1]
            # A cell is free for good when the process that had it has gone.
            if owner in (0, pid) or not os.path.exists(f"/proc/{owner}"):
                cell = cells[place : place + FIELDS]
                cell[0] = NONE
                cell[1] = pid
                return cell
    return [0] * FIELDS


def _mapped(marks: Marks) -> Any:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK
    opened = os.open(f"/proc/{marks.pid}/fd/{marks.descriptor}", flags)
    try:
        if os.fstat(opened).st_size != _SIZE:
            raise OSError("another file")
        if not hmac.compare_digest(os.pread(opened, _TOKEN, 0), marks.token):
            raise OSError("another file")
        memory = mmap.mmap(opened, _SIZE)
    finally:
        os.close(opened)
    return memoryview(memory)[_TOKEN:].cast("q")


def _forked() -> None:
    global _board, _tried, _lock
    _lock = threading.Lock()
    _board, _tried = None, False
    _opened.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
