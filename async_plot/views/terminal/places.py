"""Where bars stand on a screen: at the places that they want, or where there is room.

Pure: knows no widget and no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Placed", "Wish", "arrange"]


@dataclass(frozen=True, slots=True)
class Wish:
    """A bar, as far as its place is concerned.

    Attributes
    ----------
    place : sequence of int
        Nothing, a row, or column and row.
    running : bool
        Those that do come first where there is not room for all.
    """

    place: Sequence[int]
    running: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one stands.

    Attributes
    ----------
    index : int
        Which of the wishes.
    column, row : int
        Where it begins.
    width : int
        Cells that it may take.
    """

    index: int
    column: int
    row: int
    width: int


def arrange(
    wishes: Sequence[Wish], width: int, height: int
) -> tuple[list[Placed], int]:
    """Give each bar a place.

    One that wants a place which is taken, or is not on the screen, stands in the next
    row that is free, as do those that want none.

    Parameters
    ----------
    wishes : sequence of Wish
        In the order in which they are served.
    width, height : int
        Of the screen, in cells.

    Returns
    -------
    list of Placed
        By row and column.
    int
        How many have found no room; then the last row is free, to tell it.
    """
    if width <= 0 or height <= 0:
        return [], len(wishes)
    taken, homeless = _settle(wishes, range(len(wishes)), width, height)
    rows = {row for _, row in taken}
    free = [row for row in range(height) if row not in rows]
    if len(homeless) > len(free):
        # Not all have room: those that have ended give way, whatever place they had.
        order = sorted(range(len(wishes)), key=lambda i: not wishes[i].running)
        taken, homeless = _settle(wishes, order, width, height - 1)
        rows = {row for _, row in taken}
        free = [row for row in range(height - 1) if row not in rows]
        if len(homeless) > len(free):
            ended = [at for at, i in taken.items() if not wishes[i].running]
            waiting = sum(wishes[i].running for i in homeless) - len(free)
            for at in ended[: max(0, waiting)]:
                homeless.append(taken.pop(at))
            rows = {row for _, row in taken}
            free = [row for row in range(height - 1) if row not in rows]
            homeless.sort(key=lambda i: not wishes[i].running)
    for index, row in zip(homeless, free):
        taken[0, row] = index
    left = max(0, len(homeless) - len(free))
    found = []
    for (column, row), index in sorted(taken.items(), key=lambda it: it[0][::-1]):
        right = [x - 1 for x, y in taken if y == row and x > column]
        found.append(Placed(index, column, row, min([width, *right]) - column))
    return found, left


# -- private -----------------------------------------------------------------------


def _settle(
    wishes: Sequence[Wish], order: Sequence[int] | range, width: int, height: int
) -> tuple[dict[tuple[int, int], int], list[int]]:
    """Those that get what they want, by column and row; and the others."""
    taken: dict[tuple[int, int], int] = {}
    homeless = []
    for index in order:
        place = list(wishes[index].place)
        column, row = (0, place[0]) if len(place) == 1 else (place or [-1, -1])[:2]
        fits = 0 <= column < width and 0 <= row < height
        if place and fits and (column, row) not in taken:
            taken[column, row] = index
        else:
            homeless.append(index)
    return taken, homeless
