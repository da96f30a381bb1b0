"""The messages on the pipes of a terminal's renderer: what to draw, and what it drew.

They are on no connection: a terminal view starts the renderer, hands it what the run
says, and passes on what it asks of the run. Knows no bytes, socket or clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .lanes import Lane, Memory

__all__ = ["FORMS", "Drawn", "Look"]

# What a terminal can show: blocks of two colours in each cell, four or two to a cell;
# its background alone; files of pixels.
FORMS = ("quarters", "halves", "spaces", "sixel", "kitty")


@dataclass(frozen=True, slots=True)
class Look:
    """Asks for the next picture, and says how it must be. Newest lane.

    Attributes
    ----------
    number : int
        Counts them, from 1; a picture tells which one it answers.
    picture : int
        Which of the run's figures, counted over all plotters and without end.
    columns, rows : int
        Cells of the pane; without any nothing is drawn.
    width, height : int
        Pixels of one cell.
    form : str
        One of `FORMS`.
    colours : int
        The most that a sixel picture may have.
    """

    code: ClassVar[int] = 23
    lane: ClassVar[Lane] = Lane.NEWEST

    number: int
    picture: int
    columns: int
    rows: int
    width: int
    height: int
    form: str
    colours: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as a terminal shows it, or only how drawing goes on. Kept lane.

    Attributes
    ----------
    look : int
        The request that it answers; 0 if this is no picture.
    form : str
        One of `FORMS`.
    columns, rows : int
        Cells that it covers.
    title : str
        Name of the plotter, and which of its figures, if there are several.
    picture, count : int
        Which of the run's figures, from 0, and how many there are.
    frame : int
        Number of the frame that it shows, 0 for none.
    time : float
        When that was taken, seconds since the epoch.
    drawing : int
        Number of the frame that is being drawn, 0 for none.
    note : str
        Why it is drawn otherwise than the run meant.
    failure, details : str
        What the plotter does wrong just now, in one line and as a traceback.
    buffers : list of memory
        The picture, in one buffer, or nothing.
    """

    code: ClassVar[int] = 24
    lane: ClassVar[Lane] = Lane.KEPT

    look: int
    form: str
    columns: int
    rows: int
    title: str
    picture: int
    count: int
    frame: int
    time: float
    drawing: int
    note: str
    failure: str
    details: str
    buffers: list[Memory] = field(default_factory=list, repr=False)
