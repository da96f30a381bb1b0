"""Which runs there are, and those of them that are looked at. Knows no widget.

Files are read in a thread, for a disk may take its time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...client import Client
from ...errors import AsyncPlotError
from .watched import Watched

__all__ = ["LIGHT", "Listed", "Runs"]

LIGHT = 32  # runs that are listened to although nobody looks at their page
EVERY = 1.0  # seconds between two looks for runs
ENDED = 200  # runs that ended and stay listed
PATIENCE = 0.7  # seconds that leaving all of them may take


@dataclass(frozen=True, slots=True)
class Listed:
    """A run, as its files tell.

    Attributes
    ----------
    key : str
        Its identifier.
    name, host : str
        As in `async_plot.wire.messages.Welcome`.
    pid : int
        Its process.
    started : float
        Seconds since the epoch.
    alive : bool
        Whether its process is there.
    state, reason : str
        How it stands, and of one that was lost or killed, why.
    error : str
        Why its files cannot be read.
    run : object
        What `async_plot.Client` is given.
    """

    key: str
    name: str
    host: str = ""
    pid: int = 0
    started: float = 0.0
    alive: bool = False
    state: str = "running"
    reason: str = ""
    error: str = ""
    run: Any = field(default=None, repr=False, compare=False)


class Runs:
    """All runs, polled, and a `Watched` of each that is looked at.

    Parameters
    ----------
    listing : callable or None
        Gives the runs, newest first; called in a thread. None: only what `watch` is
        given.
    connect : callable
        ``connect(run)`` gives its client.
    """

    def __init__(
        self,
        listing: Callable[[], list[Listed]] | None = None,
        connect: Callable[[Any], Client] = Client,
    ) -> None:
        self.listed: list[Listed] = []
        self.watched: dict[str, Watched] = {}
        self.errors: dict[str, str] = {}
        self.error = ""  # why none can be listed
        self.resumed: list[str] = []  # runs that the end of this view let go on
        self.looked = False  # whether there has been a first look
        self._listing = listing
        self._connect = connect
        self._found: list[Listed] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look for runs."""
        if self._listing is not None:
            self._thread = threading.Thread(
                target=self._look, name="async_plot runs", daemon=True
            )
            self._thread.start()

    def take(self, kept: str = "") -> None:
        """Take what is new of all that are looked at.

        Parameters
        ----------
        kept : str
            Identifier of the run whose page is open.
        """
        found, self._found = self._found, None
        if found is not None:
            self.looked = True
            self._merge(found)
            self._choose(kept)
        for watched in list(self.watched.values()):
            watched.take()

    def watch(self, listed: Listed) -> Watched | None:
        """Look at a run; None if it cannot be reached, `errors` says why."""
        known = self.watched.get(listed.key)
        if known is not None:
            return known
        try:
            watched = Watched(self._connect(listed.run))
        except (AsyncPlotError, OSError, ValueError) as error:
            self.errors[listed.key] = str(error)
            return None
        self.errors.pop(listed.key, None)
        self.watched[listed.key] = watched
        return watched

    def forget_ended(self) -> None:
        """List those that are alive, and those that the files hold."""
        if self._listing is not None:
            self.listed = [each for each in self.listed if each.alive]

    def close(self) -> None:
        """Leave all of them, within a second whatever they do."""
        self._stopped.set()
        # Nobody would be left to end it, but the time that it may last.
        self.resumed = [
            each.state.name for each in self.watched.values() if each.let_go()
        ]
        closers = [_leave(each, "view closed") for each in self.watched.values()]
        deadline = time.monotonic() + PATIENCE
        for closer in closers:
            closer.join(max(0.0, deadline - time.monotonic()))
        if self._thread is not None:
            self._thread.join(max(0.1, deadline - time.monotonic()))

    # -- private ---------------------------------------------------------------

    def _look(self) -> None:
        assert self._listing is not None
        while True:
            try:
                self._found = self._listing()
                self.error = ""
            except (AsyncPlotError, OSError) as error:
                self.error = str(error)
                self._found = []
            if self._stopped.wait(EVERY):
                return

    def _merge(self, found: list[Listed]) -> None:
        """Keep those whose files are gone: they ended while somebody looked."""
        known = {each.key for each in found}
        gone = [each for each in self.listed if each.key not in known]
        kept = [*found, *(each for each in gone if each.key in self.watched)]
        self.listed = sorted(kept, key=lambda r: (r.started, r.key), reverse=True)

    def _choose(self, kept: str) -> None:
        """Listen to the newest that are alive, and leave those that are too many."""
        alive = [each for each in self.listed if each.alive]
        wanted = {each.key for each in alive[:LIGHT]}
        for each in alive[:LIGHT]:
            if each.key not in self.errors:
                self.watch(each)
        spare = [
            key
            for key, watched in self.watched.items()
            if key not in wanted and key != kept and not watched.over
        ]
        for key in spare:
            _leave(self.watched.pop(key), "not in sight")
        over = [k for k, w in self.watched.items() if w.over and k != kept]
        for key in over[: max(0, len(over) - ENDED)]:
            _leave(self.watched.pop(key), "ended")


def _leave(watched: Watched, reason: str) -> threading.Thread:
    """Leave a run, in a thread: it may be about to connect."""
    thread = threading.Thread(target=watched.close, args=(reason,), daemon=True)
    thread.start()
    return thread
