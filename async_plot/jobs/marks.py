"""Marks: where each worker of this machine notes the task that it has in hand.

A file in tmpfs that never has a name, mapped by the calculation and its local workers:
what a worker has stored there stays when it dies, so its death is named with the very
task. One store for each task, of a small number: those exist already, and nothing else
is as quick. And where a worker sees which chunks are expected no longer, before it
begins them. Knows no pool.
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
_REVOKED = 256  # chunks that may be remembered as expected no longer
_CELL = _CELLS * FIELDS  # where those begin, behind their count
_SIZE = _TOKEN + (_CELL + 1 + _REVOKED) * 8
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
        """Find this process's cell to store into; None if it has none."""
        if self.token not in _opened:
            _opened[self.token] = _own_cell(self)
        return _opened[self.token][0]

    def begin(self, cell: Any, chunk: int, first: int) -> bool:
        """Note which chunk is in hand, and its first task.

        Returns
        -------
        bool
            Whether it is still expected: else it may be in other hands by now.
        """
        cell[BASE] = first
        cell[0] = 0
        cell[3] = chunk
        cell[2] = self.job
        # Only now: whoever revokes a chunk looks at the cells afterwards.
        revoked = _opened[self.token][1]
        return not revoked[0] or _code(self.job, chunk) not in revoked.tolist()

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
        numbers = memoryview(self._memory)[_TOKEN:].cast("q")
        self._cells, self._revoked = numbers[:_CELL], numbers[_CELL:]
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

    def noted(self, job: int) -> set[int]:
        """The chunks of a job that each process, living or dead, has noted last."""
        jobs, chunks = self._cells[2::FIELDS].tolist(), self._cells[3::FIELDS].tolist()
        return {chunk for its, chunk in zip(jobs, chunks) if its == job}

    def revoke(self, job: int, chunk: int) -> None:
        """Let no worker begin this chunk that has not noted it yet."""
        count = self._revoked[0]
        self._revoked[1 + count % _REVOKED] = _code(job, chunk)
        self._revoked[0] = count + 1


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
_opened: dict[bytes, tuple[Any, Any]] = {}  # by token, in a worker


def _places(pid: int) -> list[int]:
    start = pid % _CELLS
    return [(start + i) % _CELLS * FIELDS for i in range(16)]


def _code(job: int, chunk: int) -> int:
    return job << 40 | chunk


def _own_cell(marks: Marks) -> tuple[Any, Any]:
    with contextlib.suppress(OSError, ValueError):
        numbers = _mapped(marks)
        cells, revoked = numbers[:_CELL], numbers[_CELL:]
        pid = os.getpid()
        for place in _places(pid):
            owner = cells[place + 1]
            # A cell is free for good when the process that had it has gone.
            if owner in (0, pid) or not os.path.exists(f"/proc/{owner}"):
                cell = cells[place : place + FIELDS]
                cell[0] = NONE
                cell[2] = cell[3] = 0  # what was noted by who had it before
                cell[1] = pid
                return cell, revoked
    return None, None


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
