"""A frame as programs see it: with its arguments as objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..wire import codec, pickles
from ..wire.messages import Frame

__all__ = ["ReceivedFrame", "decode_frame"]


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """One frame, as a program sees it.

    Attributes
    ----------
    plotter : str
        Which plotter it is for; ``""`` where there is one alone.
    number : int
        How many times ``update`` had been called; numbers between two frames that
        were received are frames that nobody needed.
    time : float
        When it was taken, seconds since the epoch.
    args : tuple
        Positional arguments of ``update``; arrays may be written to.
    kwargs : dict
        Its keywords.
    mid_step : bool
        Taken after an exception: the calculation may have been changing it.
    """

    plotter: str
    number: int
    time: float
    args: tuple[Any, ...] = field(repr=False)
    kwargs: dict[str, Any] = field(repr=False)
    mid_step: bool = False


def decode_frame(frame: Frame) -> ReceivedFrame:
    """Unpack a frame of a proven calculation; its pickles run code.

    Parameters
    ----------
    frame : Frame
        As `async_plot.Client.messages` gives it.

    Returns
    -------
    ReceivedFrame
        The same frame with its arguments as objects.

    Raises
    ------
    ProtocolError
        If it cannot be unpacked here.
    """
    args, kwargs = codec.decode(frame.payload, frame.buffers, pickles.loads)
    return ReceivedFrame(
        frame.plotter, frame.number, frame.time, args, kwargs, frame.mid_step
    )
