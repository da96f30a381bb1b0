"""The camera: takes the snapshots of one feed, in memory that it uses again.

Everything that only a snapshot needs is imported here, so that importing the
package, and calling ``update`` when nothing is due, costs none of it.
"""

from __future__ import annotations

import inspect
import struct
import time
from collections import deque
from typing import Any

from ..wire import codec, framing, pickles
from ..wire.layout import Layout, likeness
from ..wire.messages import Frame
from .slots import Shared
from .snapshot import MAX_FRAME, Arena, Snapshot

__all__ = ["Camera"]


class Camera:
    """Takes snapshots of one plotter's frames.

    Parameters
    ----------
    name : str
        Name of the plotter.
    plotter : class or None
        Class whose ``draw`` the arguments must fit.
    """

    def __init__(self, name: str, plotter: type | None) -> None:
        self._name = name
        self._plotter = plotter
        self._layout: Layout | None = None
        self._free: deque[Arena] = deque()  # memory that the thread gave back
        self._slots: list[Arena] = []  # those that viewers map, if there are any

    def take(
        self,
        number: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        mid_step: bool = False,
    ) -> Snapshot:
        """Copy the arguments of one call.

        Parameters
        ----------
        number : int
            How many calls there were, this one included.
        args, kwargs : tuple, dict
            Its arguments and keywords.
        mid_step : bool, default: False
            The calculation may have been changing them.

        Raises
        ------
        UnsupportedValueError
            If an argument cannot be sent; the error names it.
        """
        arena = self._take_arena()
        try:
            slot = arena.slot
            if slot is not None:
                slot.begin()
            head = None if mid_step else self._write(args, kwargs, number, arena)
            if head is not None:
                parts = [memoryview(head), *(b for b in arena.buffers if len(b))]
            else:
                arena.clear()
                payload = codec.encode(args, kwargs, arena.store, pickles.dumps)
                parts = framing.encode(
                    Frame(
                        self._name,
                        number,
                        time.time(),
                        mid_step,
                        payload,
                        arena.buffers,
                    )
                )
            sequence = arena.finish()
        except BaseException:  # an argument that cannot be sent, or Ctrl-C
            self._give_back(arena)
            raise
        snapshot = Snapshot(
            self._name, number, mid_step, time.monotonic(), parts, arena, sequence
        )
        snapshot.plain = head is not None
        return snapshot

    def _take_arena(self) -> Arena:
        try:
            # The memory used last is the warmest; but of slots, viewers may still be
            # copying from that one.
            return self._free.popleft() if self._slots else self._free.pop()
        except IndexError:
            return Arena()

    def _write(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], number: int, arena: Arena
    ) -> bytes | None:
        """Take the short way of a frame that is like the last one, if it is plain."""
        alike = likeness(args, kwargs)
        if alike is None:
            return None
        look, arrays, numbers = alike
        layout = self._layout
        if layout is None or layout.look != look:
            if sum(array.nbytes for array in arrays) > MAX_FRAME:
                return None  # the long way says which argument
            layout = self._layout = Layout(self._name, args, kwargs, look)
        arena.fill(layout, arrays)
        try:
            return layout.write(number, time.time(), numbers)
        except struct.error:  # an int beyond 64 bits
            return None

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise `TypeError` unless the arguments fit ``draw``."""
        if self._plotter is None:
            return
        try:
            signature = inspect.signature(self._plotter.draw)  # type: ignore[attr-defined]
        except (TypeError, ValueError):  # a callable that tells nothing of itself
            return
        static = inspect.getattr_static(self._plotter, "draw")
        bound = () if isinstance(static, (staticmethod, classmethod)) else (None,)
        try:
            signature.bind(*bound, *args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"the arguments of update do not fit "
                f"{self._plotter.__qualname__}.draw{signature}: {error}"
            ) from None

    def recycle(self, snapshot: Snapshot) -> None:
        """Take back the memory of a snapshot that nobody needs."""
        self._give_back(snapshot.arena)

    def _give_back(self, arena: Arena) -> None:
        if arena in self._slots or (not self._slots and len(self._free) < 2):
            self._free.append(arena)

    def adopt(self, slots: list[Shared]) -> None:
        """Take these slots for the next snapshots, and no other memory."""
        arenas = [Arena(slot) for slot in slots]
        self._slots, self._free = arenas, deque(arenas)
