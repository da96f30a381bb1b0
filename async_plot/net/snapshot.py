"""Snapshots: the copy of a frame's arrays, in memory that is kept warm.

Fresh memory costs twice as much as warm memory and more, so the memory of a
snapshot that nobody needs any more is used again. Knows no viewer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..wire import framing
from ..wire.messages import Frame

__all__ = ["Arena", "Snapshot"]

_ALIGN = 64  # bytes; a cache line
MAX_FRAME = 1 << 32  # bytes of one frame's arrays


class Arena:
    """Memory that holds the arrays of one snapshot after another."""

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []
        self._memory = np.empty(0, np.uint8)
        self._view = memoryview(self._memory)
        self._used = 0

    def clear(self) -> None:
        """Forget the arrays; keep memory for as many bytes."""
        self.buffers = []
        if self._used > len(self._view):
            self._memory = np.empty(self._used, np.uint8)
            self._view = memoryview(self._memory)
        self._used = 0

    def store(self, array: np.ndarray[Any, Any]) -> int:
        """Copy an array in; return the number of its buffer.

        An array that does not fit gets memory of its own, this once.
        """
        size = array.nbytes
        start = self._used
        end = start + size
        if end > MAX_FRAME:
            raise ValueError(f"a frame holds at most {MAX_FRAME >> 30} GiB of arrays")
        if end <= len(self._view):
            memory, offset, view = self._memory, start, self._view
        else:
            memory, offset = np.empty(size, np.uint8), 0
            view = memoryview(memory)
        copy: np.ndarray[Any, Any] = np.ndarray(
            array.shape,
            array.dtype,
            memory,  # type: ignore[arg-type]  # numpy's stubs omit arrays here
            offset,
            order="F" if array.flags.fnc else "C",
        )
        np.copyto(copy, array)
        self._used = -(-end // _ALIGN) * _ALIGN
        self.buffers.append(view[offset : offset + size])
        return len(self.buffers) - 1


class Snapshot:
    """A frame whose arrays are ours.

    Attributes
    ----------
    frame : Frame
    arena : Arena
        Holds the frame's arrays.
    taken : float
        When, in seconds on the monotonic clock.
    users : int
        Viewers that it is being sent to; counted by the background thread alone.
    """

    __slots__ = ("_parts", "arena", "frame", "taken", "users")

    def __init__(self, frame: Frame, arena: Arena, taken: float) -> None:
        self.frame = frame
        self.arena = arena
        self.taken = taken
        self.users = 0
        self._parts: list[memoryview] | None = None

    @property
    def parts(self) -> list[memoryview]:
        """The frame as it goes over the wire, encoded once for all viewers."""
        if self._parts is None:
            self._parts = framing.encode(self.frame)
        return self._parts
