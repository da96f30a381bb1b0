"""A recording: the frames of a run at a chosen rate, in one file of bounded size.

Where a run outgrows the limit, every second frame is dropped and the rate halves: a
recording covers its run from the start to the end, however long that takes. What
was dropped is counted. Knows no run and no thread: `Server` writes it by way of
`async_plot.net.tape`, a viewer by itself.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from ..wire import framing
from ..wire.messages import Frame, Message, Missed
from . import files
from .recording import Recording
from .records import is_records
from .writer import Writer

__all__ = ["Recorder", "check_target"]

_OTHERS = 0.25  # share of the limit that messages which are no frames may take
_SLACK = 1e-3  # seconds that a frame may be early, so that clocks need not agree


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise unless a recording may be written there.

    Raises
    ------
    FileExistsError
        If there is something that is no recording.
    FileNotFoundError
        If there is no such directory.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {path.parent} to record into")
    if path.is_symlink() or (path.exists() and not is_records(path)):
        raise FileExistsError(
            f"{path} is there and is no recording; remove it, or record into another "
            "file"
        )


class Recorder:
    """Writes a recording.

    One thread may ask `wants` and `next_at` while another one writes.

    Parameters
    ----------
    recording : Recording
        Where and how. Nothing is done before `open`.

    Attributes
    ----------
    frames : int
        How many the file holds.
    left_out : int
        How many it should hold at its rate, and does not.
    stride : int
        For how many frames at the chosen rate one is written; doubled each time the
        file is full.
    full : bool
        There is not even room for a second frame.

    Examples
    --------
    A program that records what it receives:

    >>> from async_plot import Client, Recording, Server
    >>> with Server(view=None, name="waves") as server:
    ...     server.update(1)
    >>> with Recorder(Recording("seen.aplot")) as recorder:
    ...     for number, message in enumerate(Client(server).messages()):
    ...         recorder.add_message(message, now=float(number))
    >>> recorder.frames
    1
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.path = Path(recording.file)
        self.frames = 0
        self.left_out = 0
        self.stride = 1
        self.full = False
        self._next: dict[str, float] = {}
        # Begin and end of each frame in the file, by plotters.
        self._at: dict[str, array[int]] = {}
        self._others = 0  # bytes of what is no frame
        self._writer: Writer | None = None

    def open(self) -> None:
        """Make the file; a recording that is there already is kept as ``FILE~``.

        Raises
        ------
        OSError
            If it cannot be written there; see also `check_target`.
        FileExistsError
            If somebody else is writing it.
        """
        check_target(self.path)
        files.keep_beside(self.path)
        self._writer = Writer(self.path)

    def __enter__(self) -> Recorder:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- pace ------------------------------------------------------------------

    def next_at(self, plotter: str) -> float:
        """Instant from which another frame of a plotter is wanted."""
        return self._next.get(plotter, 0.0)

    def wants(self, plotter: str, now: float) -> bool:
        """Whether a frame is to be written now; if so, the next one only later.

        Parameters
        ----------
        plotter : str
            Whose.
        now : float
            Seconds on any clock that runs evenly, the same for all calls.
        """
        at = self._next.get(plotter, now)
        if now < at - _SLACK:
            return False
        period = self.stride / self.recording.rate
        # Steps of one period from where it began, unless it fell behind.
        self._next[plotter] = max(at + period, now + period / 2)
        return True

    # -- writing ---------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._writer.size if self._writer is not None else 0

    @property
    def beside(self) -> float:
        """Processor seconds spent without the GIL."""
        return self._writer.beside if self._writer is not None else 0.0

    def add_frame(
        self,
        parts: Sequence[memoryview],
        *,
        plain: bool | None = None,
        last: bool = False,
    ) -> bool:
        """Write a frame that `wants` has asked for.

        Parameters
        ----------
        parts, plain
            As for `Writer.append`.
        last : bool, default: False
            It is one of the last: room is made for it whatever it takes.

        Returns
        -------
        bool
            Whether it was written; else it is counted as left out.

        Raises
        ------
        OSError
            If the disk does not take it; it is counted too.
        """
        self.left_out += 1
        size = sum(map(len, parts))
        while self.size + size > self.recording.limit and not last:
            if self.full or not self._thin():
                self.full = True
                return False
        begin = self.size
        self._open_writer.append(parts, plain=plain)
        self.left_out -= 1
        self.frames += 1
        frame, _ = framing.without_buffers(bytes(parts[0]))
        if not frame.mid_step:  # that one is never dropped
            self._at.setdefault(frame.plotter, array("q")).extend((begin, self.size))
        return True

    def add(self, messages: Sequence[Message], *, last: bool = False) -> None:
        """Write what is no frame, as long as there is room for it.

        Parameters
        ----------
        messages : sequence of Message
            As they are told to viewers.
        last : bool, default: False
            They are the last, and written beyond the limit too.
        """
        for message in messages:
            if self._others > _OTHERS * self.recording.limit and not last:
                return
            self._others += self._open_writer.append(framing.encode(message))

    def add_message(self, message: Message, now: float) -> None:
        """Write any message that a viewer is told, a frame if one is wanted."""
        if not isinstance(message, Frame):
            self.add([message])
        elif self.wants(message.plotter, now):
            self.add_frame(framing.encode(message))

    def close(self) -> None:
        """Say how many frames were left out, and close the file."""
        writer = self._writer
        if writer is None:
            return
        try:
            with contextlib.suppress(OSError):
                if self.left_out and not writer.closed:
                    writer.append(framing.encode(Missed(self.left_out)))
        finally:
            writer.close()

    def forked(self) -> None:
        """Drop the descriptor that a forked child inherited; write nothing."""
        if self._writer is not None:
            self._writer.forked()

    # -- private ---------------------------------------------------------------

    @property
    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise OSError(f"{self.path} is not open")
        return self._writer

    def _thin(self) -> bool:
        """Drop every second frame of each plotter; False if there is none to drop."""
        thinned = self.path.with_name(f".{self.path.name}.thinned")
        with contextlib.suppress(FileNotFoundError):  # of a run that was killed
            thinned.unlink()
        # Two numbers for each frame, and no look into the file: there are millions of
        # them in a recording of days, and this is the calculation's process.
        spans = {name: np.array(each).reshape(-1, 2) for name, each in self._at.items()}
        dropped = np.concatenate(
            [np.empty((0, 2), int), *(s[1::2] for s in spans.values())]
        )
        if not len(dropped):
            return False
        dropped = dropped[dropped[:, 0].argsort()]
        gone = np.concatenate([[0], (dropped[:, 1] - dropped[:, 0]).cumsum()])
        self._open_writer.copy_without(
            thinned, ((int(begin), int(end)) for begin, end in dropped)
        )
        for name, each in spans.items():
            kept = each[::2]
            before = gone[dropped[:, 0].searchsorted(kept[:, 0])]
            self._at[name] = array("q", (kept - before[:, np.newaxis]).tobytes())
        self.frames -= len(dropped)
        self.left_out += len(dropped)
        self.stride *= 2
        return True
