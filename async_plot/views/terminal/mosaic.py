"""Pixels as characters of two colours each. Knows no figure and no terminal.

A cell is cut into four quarters; of all ways to part these into ink and ground the
one that is nearest to the pixels is taken, so that edges stay where they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["CELL", "HEIGHT", "WIDTH", "mosaic", "packed", "unpacked"]

# Pixels of one cell, of which each character is made; multiples of two.
WIDTH, HEIGHT = 8, 16

CELL = np.dtype([("character", ">u4"), ("ink", "u1", 3), ("ground", "u1", 3)])

# By which quarters are ink: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
_BLOCKS = np.array([ord(c) for c in " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"], np.uint32)
# What differs from these by an exchange of ink and ground is the same.
_MASKS = {
    "quarters": [0, 3, 5, 1, 2, 4, 7, 6],
    "halves": [0, 3],
    "spaces": [0],
}
_TINY = 60.0  # a gain in squared error that nobody sees: then fewer characters
_DEPTH = 2.0
_STEP = 4  # of a colour; finer ones only make cells differ that look the same

Cells = np.ndarray[Any, Any]


def mosaic(
    pixels: np.ndarray[Any, Any],
    form: str,
    paper: tuple[float, float, float] | None = None,
) -> Cells:
    """Make cells of a picture.

    Parameters
    ----------
    pixels : (rows * HEIGHT, columns * WIDTH, 3 or more) array of uint8
        Red, green and blue.
    form : str
        ``"quarters"``, ``"halves"`` or ``"spaces"``.
    paper : (float, float, float), optional
        Colour of the ground, 0 to 255: thin lines on it are seen better.

    Returns
    -------
    (rows, columns) array of CELL
    """
    rows, columns = pixels.shape[0] // HEIGHT, pixels.shape[1] // WIDTH
    parts = pixels[..., :3].reshape(rows, 2, HEIGHT // 2, columns, 2, WIDTH // 2, 3)
    # Rows of pixels first: that sum runs along the memory.
    sums = parts.sum(2, dtype=np.uint16).sum(4, dtype=np.uint16)
    values = sums.astype(np.float32) / (HEIGHT * WIDTH // 4)
    if paper is not None:
        values = _deepened(values, parts, np.array(paper, np.float32))
    values = values.transpose(0, 2, 1, 3, 4).reshape(rows, columns, 4, 3)
    masks = _MASKS[form]
    bits = np.array([[mask >> k & 1 for k in range(4)] for mask in masks], np.float32)
    count = bits.sum(1)
    inked = np.einsum("mk,rckv->rcmv", bits, values)
    total = values.sum(2)
    rest = total[:, :, None] - inked
    gain = (inked**2).sum(3) / np.maximum(count, 1) + (rest**2).sum(3) / (4 - count)
    gain[:, :, 0] += _TINY
    best = gain.argmax(2)
    at = best[:, :, None, None]
    ink = (
        np.take_along_axis(inked, at, 2)[:, :, 0]
        / np.maximum(count, 1)[best][..., None]
    )
    ground = np.take_along_axis(rest, at, 2)[:, :, 0] / (4 - count)[best][..., None]
    cells = np.zeros((rows, columns), CELL)
    cells["character"] = _BLOCKS[np.array(masks)[best]]
    cells["ground"] = _rounded(ground)
    # Where nothing is inked its colour is that of the ground: runs stay long.
    cells["ink"] = np.where((best == 0)[..., None], cells["ground"], _rounded(ink))
    return cells


def _deepened(
    values: np.ndarray[Any, Any],
    parts: np.ndarray[Any, Any],
    paper: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """Let what covers a part of a quarter count for more, up to its own colour."""
    highest = parts.max(2).max(4).astype(np.float32)
    lowest = parts.min(2).min(4).astype(np.float32)
    deepened: np.ndarray[Any, Any] = paper + _DEPTH * (values - paper)
    np.clip(deepened, lowest, highest, out=deepened)
    return deepened


def packed(cells: Cells) -> bytes:
    """Cells as the bytes that `unpacked` reads."""
    return cells.tobytes()


def unpacked(data: Any, columns: int, rows: int) -> Cells:
    """Read cells.

    Raises
    ------
    ValueError
        If there are more or fewer.
    """
    return np.frombuffer(data, CELL).reshape(rows, columns)


def _rounded(colours: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    steps = np.rint(colours / _STEP) * (_STEP * 255 / (255 // _STEP * _STEP))
    return np.clip(np.rint(steps), 0, 255).astype(np.uint8)
