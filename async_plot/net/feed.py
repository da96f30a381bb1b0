"""A feed: what a calculation calls in its loop, and where its snapshots begin.

`Feed.update` is the hot path of the whole package. It must not wait, lock, or read
a clock unless a snapshot is due, and an interrupt at any of its instructions must
leave nothing torn: it only stores whole objects into single attributes, and hands
snapshots over through `collections.deque`, whose append is one step.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .camera import Camera
    from .slots import Shared
    from .snapshot import Snapshot

__all__ = ["Feed"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Feed:
    """Takes the newest arguments of one plotter's ``draw``.

    Parameters
    ----------
    name : str
        Name of the plotter.
    plotter : class or None
        Class whose ``draw`` the arguments must fit.
    count : int, default: 0
        Calls that there were before.
    """

    def __init__(self, name: str, plotter: type | None, count: int = 0) -> None:
        self.feed_name = name
        # Arguments and keywords of the last call, or the function that makes them.
        self._latest: Arguments | Callable[[], Any] | None = None
        self._count = count
        self._first = True
        # Set by the background thread when somebody may use a snapshot; true at
        # first, since the first call always takes one.
        self._due = True
        self._plotter = plotter
        self._published: deque[Snapshot] = deque()
        self._camera: Camera | None = None  # made by the first call that needs it
        self._snapshot_number = 0  # of the call that made the last snapshot
        self._refusals: deque[str] = deque(maxlen=100)
        self._told: set[str] = set()
        self.refused = 0
        self.caller = 0  # thread that made the last snapshot
        self.spent = 0.0  # seconds inside calls that did more than count
        self._begin: Callable[[], object] = _nothing
        self._wake: Callable[[], object] = _nothing

    # -- the calculation's thread ----------------------------------------------

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Hand over the newest arguments for ``draw``. Never waits.

        Most calls only note the arguments; when a viewer can use a frame and the
        budget allows, the arrays are copied once. The first call always copies.

        Parameters
        ----------
        *args, **kwargs
            The arguments of the plotter's ``draw``: arrays, numbers, strings,
            dates, containers of these, or anything that can be pickled.

        Raises
        ------
        UnsupportedValueError
            Until a first call has succeeded: if an argument cannot be sent. Later
            such frames are counted as refused, logged and shown.
        TypeError
            Until a first call has succeeded: if the arguments do not fit ``draw``.
        """
        self._latest = args, kwargs
        self._count += 1
        if self._due:
            self._take()

    def update_with(self, function: Callable[[], Any]) -> None:
        """Hand over a function that makes the arguments, if they will be used.

        Parameters
        ----------
        function : callable
            Called without arguments, at once, if a frame is taken now; and at the
            end of a run for its last frame. A tuple that it returns becomes the
            positional arguments of ``draw``, a dict its keywords, anything else
            its one argument.
        """
        self._latest = function
        self._count += 1
        if self._due:
            self._take()

    def _take(self) -> None:
        # Processor time: a moment that the system gave to somebody else, or that our
        # own thread had the GIL and is charged for, is not charged to this call.
        started = time.thread_time()
        first = self._first
        if first:
            self._begin()
            # Starting is not watching, and costs what a process costs.
            started = time.thread_time()
        self._due = False
        # The count before the arguments: another thread, or a signal handler, may
        # call in between, and the end must not take these for its arguments.
        number = self._count
        self.caller = threading.get_ident()
        try:
            args, kwargs = self._arguments()
            camera = self._camera or self._set_up()
            if first:
                camera.check(args, kwargs)
            self._published.append(camera.take(number, args, kwargs))
            self._snapshot_number = number
            self._first = False
        except Exception as error:  # of any argument's own reduction, or no memory
            if first:
                self._due = True  # the next call is a first one again
                raise
            self._refuse(error)
        self._wake()
        self.spent += time.thread_time() - started

    def _set_up(self) -> Camera:
        from .camera import Camera

        camera = self._camera = Camera(self.feed_name, self._plotter)
        return camera

    def _arguments(self) -> Arguments:
        latest = self._latest
        if type(latest) is tuple:
            return latest
        assert callable(latest)
        made = latest()
        if type(made) is tuple:
            return made, {}
        if type(made) is dict:
            return (), made
        return (made,), {}

    def show(self) -> None:
        """Have the newest arguments shown, if they were not; raises nothing of theirs.

        Called where the calculation pauses: what is looked at is where it stands. Not
        by another thread than the one that hands them over, which may be changing them.
        """
        own = self.caller == threading.get_ident()
        if own and not self._first and self._count != self._snapshot_number:
            self._take()

    def last_snapshot(self, *, clean: bool) -> Snapshot | None:
        """Snapshot of the last call's arguments for the end of a run, if it lacks one.

        After an interrupt or an exception (`clean` false) the calculation may have
        been changing them: they are marked so, and no function is called for them.
        """
        self._due = False
        latest = self._latest
        if latest is None or self._count == self._snapshot_number:
            return None
        if not clean and callable(latest):
            return None
        try:
            args, kwargs = self._arguments()
            camera = self._camera or self._set_up()
            return camera.take(self._count, args, kwargs, mid_step=not clean)
        except Exception as error:  # see `_take`
            self._refuse(error)
            return None

    def _refuse(self, error: Exception) -> None:
        try:
            text = str(error)
        except Exception:  # the calculation's own errors may be as broken as they like
            text = type(error).__name__
        self.refuse(text)

    def refuse(self, text: str) -> None:
        """Count something that cannot be sent; the background thread tells it."""
        self.refused += 1
        self._refusals.append(text)

    def silence(self) -> None:
        """Make every later call count and do nothing else."""
        self._first = False
        self._due = False
        self._begin = self._wake = _nothing

    def let_go(self) -> None:
        """Keep nothing of the calculation's data: the run has ended."""
        self._latest = None
        self._camera = None
        self._published.clear()

    def attach(self, wake: Callable[[], object]) -> None:
        """Tell whom to wake when there is a snapshot."""
        self._wake = wake

    def rearm(self) -> None:
        """Go back to before the start: it was broken off."""
        self._wake = _nothing
        self._due = self._first = True

    def remains(self) -> Feed:
        """What is known of this feed, for after its end."""
        feed = Feed(self.feed_name, None, self._count)
        feed.refused, feed.spent = self.refused, self.spent
        feed._refusals = self._refusals
        feed.silence()
        return feed

    # -- the background thread -------------------------------------------------

    @property
    def updates(self) -> int:
        """Calls of `update` so far; approximate while several threads call it."""
        return self._count

    @property
    def has_news(self) -> bool:
        """Whether `drain` or `drain_refusals` may have something to give."""
        return bool(self._published or self._refusals)

    def drain(self) -> list[Snapshot]:
        """Take the snapshots published since the last time, oldest first."""
        taken = []
        while self._published:
            taken.append(self._published.popleft())
        return taken

    def recycle(self, snapshot: Snapshot) -> None:
        """Give back the memory of a snapshot that nobody needs."""
        if self._camera is not None:
            self._camera.recycle(snapshot)

    def adopt(self, slots: list[Shared]) -> None:
        """Have the next snapshots taken into these slots."""
        camera = self._camera
        if camera is not None:
            camera.adopt(slots)

    def drain_refusals(self) -> list[str]:
        """Why frames were refused since the last time; each text is told once."""
        texts = []
        while self._refusals:
            text = self._refusals.popleft()
            if text not in self._told and len(self._told) < 100:
                self._told.add(text)
                texts.append(text)
        return texts

    @property
    def due(self) -> bool:
        """Whether the next call takes a snapshot."""
        return self._due

    def want(self) -> None:
        """Ask for a snapshot at the next call."""
        self._due = True


def _nothing() -> None:
    pass
