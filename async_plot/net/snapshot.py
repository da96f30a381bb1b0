"""Snapshots: the copy of a frame's arrays, in memory that is kept warm.

Fresh memory costs twice as much as warm memory and more, so the memory of a
snapshot that nobody needs any more is used again. Knows no viewer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..wire import framing
from ..wire.layout import Layout
from ..wire.messages import SlotFrame
from .slots import Shared

__all__ = ["Arena", "Snapshot"]

_ALIGN = 64  # bytes; a cache line
MAX_FRAME = 1 << 32  # bytes of one frame's arrays


class Arena:
    """Memory that holds the arrays of one snapshot after another.

    Parameters
    ----------
    slot : Shared, optional
        Memory of fixed size that viewers map; else it is private, and grows.

    Attributes
    ----------
    buffers : list of memoryview
        The arrays' memory.
    starts : list of int
        Where each of them begins in the arena's memory.
    """

    def __init__(self, slot: Shared | None = None) -> None:
        self.slot = slot
        self.buffers: list[memoryview] = []
        self.starts: list[int] = []
        self._memory = np.empty(0, np.uint8) if slot is None else slot.memory
        self._view = memoryview(self._memory)
        self._used = 0
        self._layout: Layout | None = None  # for which `_copies` stand ready
        self._copies: list[np.ndarray[Any, Any]] = []

    def clear(self) -> None:
        """Forget the arrays; keep memory for as many bytes."""
        self._layout = None  # first: Ctrl-C may come in between, and the memory stay
        self.buffers = []
        self.starts = []
        self._copies = []
        if self._used > len(self._view) and self.slot is None:
            self._memory = np.empty(self._used, np.uint8)
            self._view = memoryview(self._memory)
        self._used = 0

    def finish(self) -> int:
        """Tell that the arrays are whole; give the slot's sequence number.

        It is 0 where there is no slot, or not all arrays are in it.
        """
        if self.slot is None:
            return 0
        sequence = self.slot.finish()
        return sequence if self._used <= len(self._view) else 0

    def fill(self, layout: Layout, arrays: list[np.ndarray[Any, Any]]) -> None:
        """Copy all arrays of a frame in, over those of the last one if it was alike."""
        if layout is self._layout:
            for copy, array in zip(self._copies, arrays):
                np.copyto(copy, array)
            return
        self.clear()
        for array in arrays:
            self.store(array)
        # Arrays with memory of their own, this once, must not be kept.
        if self._used <= len(self._view):
            self._layout = layout

    def store(self, array: np.ndarray[Any, Any]) -> int:
        """Copy an array in; return the number of its buffer.

        An array that does not fit gets memory of its own, this once.
        """
        size = array.nbytes
        start, end = self._used, self._used + size
        if end > MAX_FRAME:
            raise ValueError(f"a frame holds at most {MAX_FRAME >> 30} GiB of arrays")
        memory, view = self._memory, self._view
        if end > len(view):
            memory, start = np.empty(size, np.uint8), 0
            view = memoryview(memory)
        copy: np.ndarray[Any, Any] = np.ndarray(
            array.shape,
            array.dtype,
            memory,
            start,
            order="F" if array.flags.fnc else "C",
        )
        np.copyto(copy, array)
        self.buffers.append(view[start : start + size])
        self.starts.append(start)
        self._copies.append(copy)
        self._used = -(-end // _ALIGN) * _ALIGN
        return len(self.buffers) - 1


class Snapshot:
    """A frame whose arrays are ours, ready to be sent.

    Attributes
    ----------
    plotter : str
    number : int
    mid_step : bool
        As in `async_plot.wire.messages.Frame`.
    taken : float
        When, in seconds on the monotonic clock.
    parts : list of memoryview
        The frame's message as it goes over the wire, written once for all viewers.
    size : int
        Bytes of all parts.
    arena : Arena
        Holds the arrays.
    sequence : int
        Of the arena's slot, if viewers may copy the arrays from there, else 0.
    plain : bool
        Its buffers are arrays and nothing that pickle is fed.
    users : int
        Viewers that it is being sent to; counted by the background thread alone.
    """

    __slots__ = (
        "_near",
        "arena",
        "mid_step",
        "number",
        "parts",
        "plain",
        "plotter",
        "sequence",
        "size",
        "taken",
        "users",
    )

    def __init__(
        self,
        plotter: str,
        number: int,
        mid_step: bool,
        taken: float,
        parts: list[memoryview],
        arena: Arena,
        sequence: int = 0,
    ) -> None:
        self.plotter = plotter
        self.number = number
        self.mid_step = mid_step
        self.taken = taken
        self.parts = parts
        self.size = sum(map(len, parts))
        self.arena = arena
        self.sequence = sequence
        self.plain = False
        self.users = 0
        self._near: list[memoryview] | None = None

    @property
    def slot(self) -> int:
        """Number of the slot that the arrays lie in, 0 if they do not."""
        slot = self.arena.slot
        return slot.number if slot is not None and self.sequence else 0

    @property
    def near(self) -> list[memoryview]:
        """The message for a viewer that has mapped the slot."""
        if self._near is None:
            frame = SlotFrame(
                self.slot, self.sequence, self.arena.starts, bytes(self.parts[0])
            )
            self._near = framing.encode(frame)
        return self._near

    def describe(self) -> str:
        """One line for a debug log."""
        buffers = self.parts[1:]
        size = framing.describe_size(sum(map(len, buffers)))
        return f"frame #{self.number} [{len(buffers)} buffers, {size}]"
