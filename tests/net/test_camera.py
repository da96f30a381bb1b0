"""The camera: whole copies in memory used again, and the check of the first frame."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from async_plot.errors import UnsupportedValueError
from async_plot.net.camera import Camera

from .test_feed import decoded


class Drawn:
    def draw(self, x: object, *, t: float = 0.0) -> None: ...


VALUES: list[tuple[Any, ...]] = [
    (),
    (1,),
    (1 << 70,),
    (np.arange(3.0), 2.5),
    (np.arange(4.0), 2.5),
    ("text", [1, {"a": None}]),
    (np.arange(4.0), 1 << 70),
    (np.empty(0), np.array(1)),
    ({1, 2}, np.arange(3)),
]


def test_any_sequence_of_frames_is_taken_whole() -> None:
    """Alike or not, by the short way or the long one, with memory given back."""
    camera = Camera("name", None)
    number = 0
    for _ in range(3):
        for args in [*VALUES, *VALUES[::-1], *(VALUES[3:4] * 3)]:
            number += 1
            taken = camera.take(number, args, {"k": number})
            frame, got, keywords = decoded(taken)
            assert (frame.plotter, frame.number) == ("name", number)
            assert keywords == {"k": number}
            assert repr(got) == repr(args)
            assert not taken.mid_step and taken.number == number
            camera.recycle(taken)


def test_a_snapshot_is_no_window_on_the_calculation() -> None:
    """What is changed afterwards is not seen in it."""
    camera = Camera("", None)
    x = np.zeros(5)
    for i in range(5):
        x[...] = i
        taken = camera.take(i + 1, (x,), {})
        x[...] = -1
        assert decoded(taken)[1][0].tolist() == [i] * 5
        camera.recycle(taken)


def test_a_frame_may_be_marked() -> None:
    """As taken after an exception."""
    taken = Camera("", None).take(3, (np.arange(2),), {}, mid_step=True)
    assert taken.mid_step and decoded(taken)[0].mid_step


def test_little_memory_is_kept() -> None:
    """Of what is given back: two snapshots' worth."""
    camera = Camera("", None)
    out = [camera.take(i, (np.zeros(10),), {}) for i in range(1, 10)]
    for taken in out:
        camera.recycle(taken)
    assert len(camera._free) == 2


def test_what_cannot_be_sent_is_an_error_that_leaves_the_camera_usable() -> None:
    """It names the argument."""
    camera = Camera("", None)
    with pytest.raises(UnsupportedValueError, match="argument 2"):
        camera.take(1, (1, threading.Lock()), {})
    assert decoded(camera.take(2, (1,), {}))[1] == (1,)


def test_arguments_are_checked_against_draw() -> None:
    """By its signature; without one, anything goes."""
    camera = Camera("", Drawn)
    camera.check((1,), {"t": 2.0})
    for args, kwargs in [((), {}), ((1, 2), {}), ((1,), {"u": 1})]:
        with pytest.raises(TypeError, match=r"do not fit Drawn\.draw\(self, x"):
            camera.check(args, kwargs)
    Camera("", None).check((1, 2, 3), {"any": 1})

    class Untold:
        draw = dict.fromkeys  # a built-in that tells nothing of itself, or little

    Camera("", Untold).check(([1],), {})
