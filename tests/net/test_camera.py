"""The camera: whole copies in memory used again, and the check of the first frame."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest

from async_plot.errors import UnsupportedValueError
from async_plot.net import camera as camera_module
from async_plot.net import snapshot as snapshot_module
from async_plot.net.camera import Camera

from ..helpers import on_the_brink
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


def interrupted(call: Callable[[], object], line: int) -> bool:
    """Let Ctrl-C come before that line of camera or memory; False if none is."""
    files = camera_module.__file__, snapshot_module.__file__
    passed = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal passed
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            passed += 1
            # Raised once: what is called is left by it then.
            if passed >= line and not on_the_brink(frame):
                raise KeyboardInterrupt
        return trace

    result = []

    def run() -> None:
        sys.settrace(trace)
        try:
            call()
            result.append(False)
        except KeyboardInterrupt:
            result.append(True)
        finally:
            sys.settrace(None)

    # In a thread of its own: where an exception is raised by a trace function inside
    # an ``except``, CPython goes on believing that the one before is being handled.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


@pytest.mark.parametrize(
    "args",
    [VALUES[3], VALUES[4], VALUES[5], VALUES[6]],
    ids=["same", "4", "text", "int"],
)
def test_frames_are_whole_after_an_interrupt_at_any_line(args: tuple[Any, ...]) -> None:
    """Whatever was half done to the memory, nothing of it is believed."""
    line = 0
    while True:
        line += 1
        camera = Camera("", None)
        for number in range(1, 4):  # until the memory is warm
            camera.recycle(camera.take(number, VALUES[3], {}))
        if not interrupted(lambda: camera.take(4, args, {}), line):  # noqa: B023
            break
        for number in range(5, 8):
            values = (np.arange(3.0) + number, float(number))
            taken = camera.take(number, values, {})
            assert repr(decoded(taken)[1]) == repr(values), f"line {line}"
            camera.recycle(taken)
    assert line > 10
