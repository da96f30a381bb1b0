"""What stays of a run: its record, written while it goes on and at its end.

Decides when, and what of it; the writing is done by the thread for the disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from ..wire import framing
from ..wire.messages import Message
from . import files
from .disk import Disk, Task
from .snapshot import Snapshot
from .warning import warn
from .writer import Writer

__all__ = ["Keeper"]

FIRST = 1.0  # seconds at least before the second writing; doubled each time, up to
EVERY = 10.0  # seconds at least between two writings while the run goes on
RATE = 1 << 20  # bytes a second on average: 16 MiB every 16 s, 1 GiB every 17 minutes
BUSY = 0.01  # share of the time that writing may take
SHARE = 0.1  # of the budget, that writing may cost
MOST = 1 << 30  # bytes of a record; frames that would make it bigger are left out


class Keeper:
    """Keeps the record of a run.

    Parameters
    ----------
    path : Path
        The record.
    disk : Disk
        Who writes.
    retire : callable
        ``retire(state)`` notes that the run has ended, beside the record.
    share : float
        The run's budget.
    """

    def __init__(
        self,
        path: Path,
        disk: Disk,
        retire: Callable[[str], object],
        share: float,
    ) -> None:
        self.path = path
        self.due_at = 0.0
        self.disk = disk
        self._retire = retire
        self._share = share
        self.writing = False
        self._asked_at = 0.0
        self._pause = FIRST  # most crashes are early ones
        self._size = 0
        self._unkept = False  # it was said that there is no room for a record
        self._too_big = False  # or that the frames are too big for it
        self.retired = False  # the end is noted
        self._kept: tuple[int, ...] = ()
        self._frames = 0
        # The record as it is, to be appended to, and the one that is being written;
        # used by the disk's thread alone, and closed by a forked child.
        self._writer: Writer | None = None
        self._next: Writer | None = None

    def due(self, now: float, frames: int, news: tuple[int, ...]) -> bool:
        """Whether the record should be written now.

        Parameters
        ----------
        now : float
            The present, on the monotonic clock.
        frames : int
            How many there are to be kept; the first of a plotter is kept at once.
        news : tuple of int
            Counts of what is worth writing.
        """
        if self.writing or news == self._kept or not any(news):
            return False
        if now < self.due_at and frames <= self._frames:
            return False
        self._kept, self._frames = news, frames
        self._asked_at = now
        return True

    def keep(
        self,
        told: Sequence[Message],
        frames: Sequence[Snapshot],
        closing: Sequence[Message],
    ) -> None:
        """Write a record in the place of the present one.

        Parameters
        ----------
        told, frames, closing : sequence
            What it holds, in this order.
        """
        self.writing = True
        size = sum(snapshot.size for snapshot in frames)
        if size > MOST:
            if not self._too_big:
                self._too_big = True
                warn(
                    "frames of %s are not kept on disk: more than %s",
                    framing.describe_size(size),
                    framing.describe_size(MOST),
                )
            frames = []

        def write() -> float:
            messages = [
                *(framing.encode(message) for message in told),
                *(snapshot.parts for snapshot in frames),
                *(framing.encode(message) for message in closing),
            ]
            return self._write(messages)

        self.disk.put(Task(write, self._written, list(frames)))

    def end(self, told: Sequence[Message], closing: Sequence[Message]) -> None:
        """Put down how the run ended, before anything that may take long.

        A record that is there gets the last words, and keeps its frames; `keep` then
        writes all of it, and `retire` sends viewers to it.
        """

        def write() -> float:
            last = [framing.encode(message) for message in closing]
            if self._writer is None:
                return self._write([*map(framing.encode, told), *last])
            return self._append(last)

        self.disk.put(Task(write, self._written))

    def retire(self, state: str) -> None:
        """Note that the run has ended, in its connection file; from any thread.

        A second time does nothing.
        """
        self.disk.put(Task(lambda: self._note(state)))

    def close(self) -> None:
        """Write nothing any more."""
        self.disk.put(Task(self._close))

    def forked(self) -> None:
        """Drop the descriptors that a forked child inherited."""
        for writer in (self._writer, self._next):
            if writer is not None:
                writer.forked()

    # -- private: told by the disk ---------------------------------------------

    def _written(self, task: Task) -> None:
        self.writing = False
        if task.error is not None and not self._unkept:
            self._unkept = True
            warn("the run's record is not kept on disk: %s", task.error)
        self.due_at = self._asked_at + max(
            self._pause,
            self._size / RATE,
            task.seconds / BUSY,
            task.cost / (SHARE * self._share),
        )
        self._pause = min(2 * self._pause, EVERY)

    # -- private: the disk's thread --------------------------------------------

    def _write(self, messages: list[list[memoryview]]) -> float:
        """Write a record beside the present one, and put it in its place."""
        fresh = self._next = Writer(files.beside(self.path))
        try:
            for parts in messages:
                fresh.append(parts)
            fresh.rename(self.path)
        except BaseException:
            fresh.close()
            with contextlib.suppress(OSError):
                fresh.path.unlink()
            raise
        old, self._writer = self._writer, fresh
        if old is not None:
            old.close()
        self._size = fresh.size
        return fresh.beside

    def _append(self, messages: list[list[memoryview]]) -> float:
        assert self._writer is not None
        before = self._writer.beside
        for parts in messages:
            self._writer.append(parts)
        return self._writer.beside - before

    def _note(self, state: str) -> float:
        if not self.retired:
            self._retire(state)
            self.retired = True
        return 0.0

    def _close(self) -> float:
        if self._writer is not None:
            self._writer.close()
        return 0.0
