"""The way to the process that draws a run's figures for a terminal.

It is handed what the run has said, and asked for one picture at a time; what it asks
of the run is passed on. It may hang, crash or be ended at any moment: nothing here
waits for it. Knows no widget.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import AsyncPlotError
from ...net import launch
from ...wire import framing
from ...wire.messages import (
    FROM_VIEWER,
    Drawn,
    Frame,
    Goodbye,
    Look,
    Message,
    Ready,
    Scalars,
    Trouble,
    Welcome,
)
from ..inbox import Inbox

__all__ = ["Easel"]

MAIN = "async_plot.views.terminal.renderer"
HISTORIES_EVERY = 1.0  # seconds
PICTURES = 4  # that wait to be taken; each was asked for, so there is one at most
TROUBLES = 100  # that are passed on


class Easel:
    """A process that draws.

    Parameters
    ----------
    inbox : Inbox
        Of the run; of what it holds, frames are taken, and the rest is looked at.
    paper, ink : str
        Colours of the ground and of what is written on it, ``"#rrggbb"``; empty for
        matplotlib's own.
    rate : float
        Most frames a second.
    clock : callable
        Seconds; only differences count.

    Attributes
    ----------
    ended : str
        Why it has ended; empty while it lives.
    waiting : float
        Since when it has a frame that it has not said a word of; 0 if it has none.
    number : int
        Number of that frame.
    """

    def __init__(
        self,
        inbox: Inbox,
        paper: str = "",
        ink: str = "",
        rate: float = 10.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ended = ""
        self.waiting = 0.0
        self.number = 0
        self._inbox = inbox
        self._clock = clock
        self._closed = False
        self._welcome: Welcome | None = None
        self._codes: set[str] = set()
        self._extended = 0
        self._told_at = -HISTORIES_EVERY
        self._newest: dict[str, Frame] = {}
        self._looks = 0
        self._troubles = 0
        self._changed = threading.Condition(threading.Lock())
        self._to_say: deque[Message] = deque()
        self._frames: dict[str, Frame] = {}
        self._look: Look | None = None
        self._drawn: deque[Drawn] = deque(maxlen=PICTURES)
        command = [sys.executable, "-c", launch.program(MAIN, paper, ink, str(rate))]
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is not for it
        )
        self.pid = self._process.pid
        self._threads = [
            threading.Thread(target=task, name=f"async_plot easel {name}", daemon=True)
            for name, task in (("says", self._say), ("hears", self._hear))
        ]
        for thread in self._threads:
            thread.start()

    def begin_anew(self, make: Callable[..., Easel], *how: Any) -> Easel:
        """End this process, and give one that begins with the frames of this one.

        Parameters
        ----------
        make : callable
            Takes the arguments of `Easel`.
        *how
            Its arguments after the inbox.
        """
        self.close()
        easel = make(self._inbox, *how)
        for name, frame in self._newest.items():
            self._inbox.frames.setdefault(name, frame)
        return easel

    def feed(self) -> None:
        """Hand on what the inbox holds."""
        inbox = self._inbox
        welcome = inbox.welcome
        if welcome is None or not inbox.ready:
            return
        with self._changed:
            if welcome is not self._welcome:
                self._welcome = welcome
                self._to_say.append(welcome)
            for name in welcome.plotters:
                if name not in self._codes:
                    self._codes.add(name)
                    self._to_say.append(inbox.codes[name])
            extended, now = inbox.extended, self._clock()
            # Only plotters without a frame draw them; and one that has stopped is told
            # nothing that would wait here beside what was told before.
            late = now >= self._told_at + HISTORIES_EVERY and not self._to_say
            if extended != self._extended and late and not self._newest:
                self._extended, self._told_at = extended, now
                self._to_say += _scalars(dict(inbox.histories))
            for name in welcome.plotters:
                frame = inbox.frames.pop(name, None)
                mid_step = inbox.mid_step.pop(name, None)
                if frame is None and name not in self._newest:
                    frame = mid_step
                if frame is not None:
                    self._frames[name] = self._newest[name] = frame
                    self.number = frame.number
                    self.waiting = self._clock()
            self._changed.notify_all()

    def look(self, **how: Any) -> int:
        """Ask for a picture; of several requests the newest counts.

        Parameters
        ----------
        **how
            The fields of `Look` but the number, which is given back.
        """
        self._looks += 1
        with self._changed:
            self._look = Look(number=self._looks, **how)
            self._changed.notify_all()
        return self._looks

    def take(self) -> list[Drawn]:
        """What was drawn since the last time."""
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._drawn.popleft())
        return taken

    def close(self) -> None:
        """End the process, whatever it is about."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(5.0)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    # -- threads ---------------------------------------------------------------

    def _say(self) -> None:
        """Hand it everything in order; of frames and requests, the newest."""
        pipe: Any = self._process.stdin
        with contextlib.suppress(OSError, ValueError):
            while True:
                with self._changed:
                    self._changed.wait_for(self._has_something)
                    if self._closed:
                        return
                    batch: list[Message] = list(self._to_say)
                    batch += self._frames.values()
                    batch += [self._look] if self._look is not None else []
                    self._to_say.clear()
                    self._frames = {}
                    self._look = None
                for message in batch:
                    for part in framing.encode(message):
                        while part:
                            part = part[pipe.write(part) :]

    def _has_something(self) -> bool:
        return bool(self._closed or self._to_say or self._frames or self._look)

    def _hear(self) -> None:
        """Take what it says, until it ends."""
        pipe: Any = self._process.stdout
        reader = framing.Reader((Drawn, *FROM_VIEWER), framing.FROM_RENDERER_LIMITS)
        trouble = ""
        try:
            while count := pipe.readinto(reader.get_buffer()):
                for message in reader.received(count):
                    self._take(message)
        except (OSError, ValueError):  # the pipe broke
            pass
        except AsyncPlotError as error:
            trouble = f"what draws said what is no picture: {error}"
            self._process.kill()
        finally:
            if not self._closed:
                status = self._process.wait()
                how = f"signal {-status}" if status < 0 else f"exit status {status}"
                self.ended = trouble or f"what draws it ended with {how}"

    def _take(self, message: Message) -> None:
        client = self._inbox.client
        if isinstance(message, Drawn):
            # What it said before it took the frame up may come after that was sent.
            begun = self.waiting or self._clock()
            self.waiting = begun if message.drawing else 0.0
            self._drawn.append(message)
        elif isinstance(message, Ready):
            with contextlib.suppress(OSError):
                client.ready(message.plotter, message.shown)
        elif isinstance(message, (Trouble, Goodbye)) and self._troubles < TROUBLES:
            self._troubles += 1
            if isinstance(message, Trouble):
                with contextlib.suppress(OSError):
                    client.say(message)


def _scalars(histories: dict[str, tuple[Any, Any]]) -> list[Message]:
    """Histories as a run tells them to somebody who comes late."""
    return [
        Scalars(
            name,
            True,
            [np.ascontiguousarray(each, np.float64) for each in (steps, values)],
        )
        for name, (steps, values) in histories.items()
    ]
