"""``async-plot view --record``: what a viewer is told, written into a recording."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from ..net.recorder import Recorder
from ..net.recording import Recording
from ..net.thinned import Thinned
from ..wire.framing import describe_size, encode
from ..wire.messages import (
    Failure,
    Frame,
    Job,
    Log,
    Message,
    Missed,
    Opened,
    Parameter,
    PlotterCode,
    Progress,
    Scalars,
    Slowest,
    Stalled,
    State,
    Stats,
    Steering,
    Welcome,
    Worker,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..client import Client
    from ..views.inbox import Inbox

__all__ = ["Tap", "record"]

# Frames come at the pace that the view asks for, give or take a little.
_SPARE = 1.25
_TOLD = (
    *(Welcome, PlotterCode, Stats, State, Log, Scalars, Missed, Stalled),
    *(Job, Failure, Steering, Parameter),
)
_THINNED = (Progress, Worker, Slowest)


class Tap:
    """Writes what an inbox receives, in the thread that receives it.

    A disk that is full or slow ends or delays the recording, and at most this view.

    Parameters
    ----------
    path : path
        The file; a recording that is there already is kept as ``FILE~``.
    rate : float
        Frames a second that are asked for at most.

    Raises
    ------
    OSError
        If it cannot be made there.
    """

    def __init__(self, path: str | os.PathLike[str], rate: float) -> None:
        self._recorder = Recorder(Recording(path, rate=_SPARE * rate))
        self._recorder.open()
        self._skipped: dict[str, Frame] = {}  # newest ones that came too early
        self._states = Thinned()
        self._over = False

    def __call__(self, message: Message) -> None:
        """Write a message; what goes wrong is said once and ends the recording."""
        self._guarded(lambda: self._take(message))

    def close(self) -> None:
        """Write the last frames, close the file, and say what is in it."""
        recorder = self._recorder
        self._guarded(self._finish)
        size = recorder.size
        recorder.close()
        lost = f", {recorder.left_out} left out" if recorder.left_out else ""
        print(
            f"async-plot: {recorder.path}: {recorder.frames} frames, "
            f"{describe_size(size)}{lost}",
            file=sys.stderr,
        )

    # -- private ---------------------------------------------------------------

    def _guarded(self, write: Callable[[], object]) -> None:
        if self._over:
            return
        try:
            write()
        except OSError as error:
            self._over = True
            path = self._recorder.path
            print(f"async-plot: {path}: {error}; recorded no further", file=sys.stderr)
            self._recorder.close()

    def _finish(self) -> None:
        for frame in self._skipped.values():
            self._add(frame, last=True)
        self._recorder.add(self._states.rest(), last=True)

    def _take(self, message: Message) -> None:
        recorder, last = self._recorder, isinstance(message, State)
        if not isinstance(message, Frame):
            if isinstance(message, _THINNED):
                self._states.take(message)
            elif isinstance(message, _TOLD):
                states = self._states.rest() if last else []
                recorder.add([*states, message], last=last)
            recorder.add(self._states.due(time.monotonic()))
        elif message.mid_step:
            self._add(message, last=True)
        elif recorder.wants(message.plotter, time.monotonic()):
            self._skipped.pop(message.plotter, None)
            self._add(message)
        else:
            self._skipped[message.plotter] = message

    def _add(self, frame: Frame, *, last: bool = False) -> None:
        self._recorder.add_frame(encode(frame), last=last)


def record(client: Client, inbox: Inbox, rate: float) -> None:
    """Ask for frames until the run has ended; draw nothing.

    Parameters
    ----------
    client : Client
        The run.
    inbox : Inbox
        Of that client, with a `Tap`.
    rate : float
        Frames a second, of each plotter.

    Raises
    ------
    Exception
        What ended the inbox, if it was not the end of the run.
    """
    due: dict[str, float] = {}
    greeted: Welcome | None = None
    while not inbox.ended:
        now = time.monotonic()
        if inbox.welcome is not greeted and inbox.ready:  # also after a cut
            greeted = inbox.welcome
            assert greeted is not None
            client.say(Opened("recorder"))
            due = dict.fromkeys(greeted.plotters, now)
        for name in [name for name, at in due.items() if at <= now]:
            del due[name]
            client.ready(name)
        inbox.wait(min([1.0, *(at - now for at in due.values())]))
        inbox.clear()
        for name in list(inbox.frames):
            del inbox.frames[name]
            due[name] = max(now + 1 / rate, time.monotonic())
        inbox.events.clear()
        inbox.logs.clear()
    if inbox.error is not None:
        raise inbox.error
