"""Memory that a viewer receives into."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["Memory"]

_SMALL = 1 << 16  # bytes below which fresh memory costs nothing
_KEPT = 6


class Memory:
    """Warm memory to receive into: pieces that nobody refers to are lent again."""

    def __init__(self) -> None:
        self._pieces: list[np.ndarray[Any, Any]] = []

    def allocate(self, size: int) -> np.ndarray[Any, Any]:
        """Lend a piece of so many bytes, for as long as somebody refers to it."""
        if size < _SMALL:
            return np.empty(size, np.uint8)
        pieces = self._pieces
        for index in range(len(pieces)):
            # Two references: the list's and the argument's. A piece in use has
            # more, since every view of it refers to it.
            if pieces[index].nbytes == size and sys.getrefcount(pieces[index]) == 2:
                pieces.append(pieces.pop(index))
                return pieces[-1][:]
        if len(pieces) >= _KEPT:
            del pieces[0]
        pieces.append(np.empty(size, np.uint8))
        return pieces[-1][:]
