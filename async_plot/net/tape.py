"""What of a run is put into its recording, and when.

It is a viewer of its own kind: it takes frames at its rate, within the budget, and is
told what viewers are told. The thread for the disk writes; if it cannot keep up,
frames are left out and counted.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence

from ..wire.messages import Log, Message
from .disk import Disk, Task
from .recorder import Recorder
from .recording import Recording
from .snapshot import Snapshot
from .thinned import Thinned
from .warning import warn

__all__ = ["Tape"]

AHEAD = 2  # frames that may wait for the disk
MESSAGES = 5000  # other messages that may
PAUSE = 10.0  # seconds between tries after an error


class Tape:
    """Records one run.

    Parameters
    ----------
    recording : Recording or None
        Where and how; None records nothing.
    disk : Disk
        Who writes.
    """

    def __init__(self, recording: Recording | None, disk: Disk) -> None:
        self.known: dict[str, tuple[int, int]] = {}  # scalars, as a viewer has them
        self._recorder = Recorder(recording or Recording(os.devnull))
        self._disk = disk
        self._sent: dict[str, int] = {}  # number of the newest frame of each plotter
        self._frames = 0  # that wait for the disk
        self._waiting: list[Message] = []
        self._states = Thinned()
        self._writing = False  # other messages
        self._lost = 0  # of those
        self._left_out = 0  # frames that the disk was too slow for
        self._missed: dict[str, int] = {}  # number of the newest of them
        self._resume_at = 0.0
        self._gone = recording is None  # or it could not be opened
        self._said: set[str] = set()

    def begin(self, introduction: Sequence[Message]) -> None:
        """Make the file, and put in what every viewer is told first."""
        if self._gone:
            return
        recorder = self._recorder

        def write() -> None:
            recorder.open()
            recorder.add(introduction)

        self._put(write, self._opened)

    @property
    def records(self) -> bool:
        """Whether anything is recorded."""
        return not self._gone

    @property
    def idle(self) -> bool:
        """Whether the disk has taken what was flushed.

        Until then scalars had better stay in their histories, which are bounded.
        """
        return self.records and not self._writing

    # -- frames ----------------------------------------------------------------

    def next_at(self, plotter: str) -> float:
        """Instant from which a frame of a plotter is wanted, on the monotonic clock."""
        if self._gone or self._recorder.full:
            return math.inf
        return max(self._resume_at, self._recorder.next_at(plotter))

    def offer(self, snapshot: Snapshot, now: float) -> None:
        """Take a frame, if one is wanted and this one is new."""
        name = snapshot.plotter
        if snapshot.number <= self._sent.get(name, 0) or now < self.next_at(name):
            return
        if not self._recorder.wants(name, now):
            return
        if self._frames >= AHEAD:
            self._left_out += self._missed.get(name) != snapshot.number
            self._missed[name] = snapshot.number
            return
        self._sent[name] = snapshot.number
        self._frames += 1
        recorder = self._recorder

        def write() -> None:
            recorder.add_frame(snapshot.parts, plain=snapshot.plain or None)

        self._put(write, self._recorded, [snapshot])

    # -- the rest --------------------------------------------------------------

    def add(self, message: Message) -> None:
        """Note what viewers are told; of what is superseded soon, the newest."""
        if self._gone:
            return
        if self._states.take(message):
            return
        if len(self._waiting) < MESSAGES:
            self._waiting.append(message)
        else:
            self._lost += 1

    def flush(self) -> None:
        """Have what was noted written, unless the disk is still at it."""
        if self._writing or self._gone:
            return
        self._waiting += self._states.due(time.monotonic())
        if not self._waiting:
            return
        messages, self._waiting = self._waiting, []
        if self._lost:
            text = f"{self._lost} messages came too fast for the disk"
            messages.append(Log(time.time(), logging.WARNING, "async_plot", text))
            self._lost = 0
        self._writing = True
        recorder = self._recorder
        self._put(lambda: recorder.add(messages), self._added)

    def end(self, frames: Sequence[Snapshot], closing: Sequence[Message]) -> None:
        """Put in the last frames and words, and close the file."""
        if self._gone:
            return
        recorder = self._recorder
        messages = [*self._waiting, *self._states.rest(), *closing]
        new = [
            each
            for each in frames
            if each.mid_step or each.number > self._sent.get(each.plotter, 0)
        ]

        # The last frames are written in any case.
        made_up = sum(self._missed.get(each.plotter) == each.number for each in new)
        left_out = self._left_out - made_up

        def write() -> None:
            try:
                for snapshot in new:
                    recorder.add_frame(snapshot.parts, last=True)
                recorder.left_out += left_out
                recorder.add(messages, last=True)
            finally:
                recorder.close()

        self._put(write, self._added, new)

    def close(self) -> None:
        """Write nothing any more, whether or not there was an end."""
        if self._gone:
            return
        recorder = self._recorder

        def close() -> float:
            recorder.close()
            return 0.0

        self._disk.put(Task(close))

    def forked(self) -> None:
        """Drop the descriptor that a forked child inherited."""
        self._recorder.forked()

    # -- private ---------------------------------------------------------------

    def _put(
        self,
        write: Callable[[], object],
        done: Callable[[Task], object],
        snapshots: Sequence[Snapshot] = (),
    ) -> None:
        recorder = self._recorder

        def timed() -> float:
            before = recorder.beside
            write()
            return recorder.beside - before

        self._disk.put(Task(timed, done, list(snapshots)))

    def _opened(self, task: Task) -> None:
        if task.error is not None:
            self._gone = True
            self._waiting.clear()
            warn("the run is not recorded: %s", task.error)

    def _recorded(self, task: Task) -> None:
        self._frames -= 1
        self._failed(task)
        recorder = self._recorder
        limit = recorder.recording.limit
        if recorder.full:
            self._say(f"recording is full: no second frame fits into {limit} bytes")
        elif recorder.stride > 1:
            self._say(
                f"the recording has reached its {limit} bytes: from now on every "
                "second frame is dropped whenever it does, and the rate is halved"
            )

    def _added(self, task: Task) -> None:
        self._writing = False
        self._failed(task)

    def _failed(self, task: Task) -> None:
        if task.error is None or self._gone:
            return
        self._say(f"recording: {task.error}; it is tried again")
        now = time.monotonic()
        if now >= self._resume_at:
            self._resume_at = now + PAUSE
            self._left_out += int(PAUSE * self._recorder.recording.rate)

    def _say(self, text: str) -> None:
        if text not in self._said and len(self._said) < 10:
            self._said.add(text)
            warn("%s", text)
