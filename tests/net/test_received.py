"""Frames as programs see them."""

from __future__ import annotations

import numpy as np
import pytest

from async_plot.errors import ProtocolError
from async_plot.net.received import decode_frame
from async_plot.wire.messages import Frame

from ..recordings import frame


def test_arguments_are_objects_again() -> None:
    """With all that is known of the frame."""
    sent = frame(7, np.arange(3.0), "text", name="a", mid_step=True, t=0.5)
    seen = decode_frame(sent)
    assert (seen.plotter, seen.number, seen.mid_step) == ("a", 7, True)
    assert seen.time == sent.time
    array, text = seen.args
    assert array.tolist() == [0, 1, 2] and text == "text" and seen.kwargs == {"t": 0.5}


def test_what_makes_no_sense_is_refused() -> None:
    """As bytes of a peer are."""
    with pytest.raises(ProtocolError):
        decode_frame(Frame("", 1, 0.0, False, b"\x93", []))
