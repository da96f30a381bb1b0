"""What a view missed while its connection was cut. Knows no socket and no clock."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.messages import Frame, Log, Message, RunState, State, Stats, Welcome

__all__ = ["Absence", "Cuts"]


@dataclass(frozen=True, slots=True)
class Absence:
    """One time without a connection.

    Attributes
    ----------
    seconds : float
        How long it lasted.
    updates : int
        Calls of ``update`` meanwhile, of all plotters.
    records : int
        Log records of that time that the run could not tell afterwards.
    """

    seconds: float
    updates: int
    records: int

    def __str__(self) -> str:
        passed = [
            f"{count} {what}{'s' if count > 1 else ''}"
            for count, what in ((self.updates, "update"), (self.records, "log record"))
            if count
        ]
        what = " and ".join(passed) + " passed" if passed else "nothing was missed"
        return f"{_duration(self.seconds)} without connection: {what}"


class Cuts:
    """Listens to the messages of a run, and tells after each cut what passed."""

    def __init__(self) -> None:
        self._updates: dict[str, int] = {}  # as far as each plotter is known to be
        self._record = 0  # number of the newest log record
        self._since: float | None = None  # of the cut that lasts
        self._until = 0.0  # when it was over
        self._before: dict[str, int] = {}
        self._awaited: set[str] = set()  # plotters whose counts were not told since
        self._records = 0

    def hear(self, message: Message, now: float) -> Absence | None:
        """Note a message; what passed, once all is known of it.

        Parameters
        ----------
        message : Message
            The next one of the run, as `async_plot.Client.messages` gives them.
        now : float
            Seconds, on one clock.
        """
        if isinstance(message, (Frame, Stats)):
            count = message.number if isinstance(message, Frame) else message.updates
            self._count(message.plotter, count)
            if self._awaited and isinstance(message, Stats):
                self._awaited.discard(message.plotter)
                if not self._awaited:
                    return self._over()
        elif isinstance(message, Log):
            if self._since is not None and self._record and message.number:
                self._records += max(0, message.number - self._record - 1)
            self._record = max(self._record, message.number)
        elif isinstance(message, State):
            if message.state == RunState.LOST.value and self._since is None:
                self._since = now
                self._before = dict(self._updates)
        elif isinstance(message, Welcome) and self._since is not None:
            # Its counts follow, after the log.
            self._until = now
            self._awaited = set(message.plotters)
        return None

    def _count(self, plotter: str, count: int) -> None:
        self._updates[plotter] = max(count, self._updates.get(plotter, 0))

    def _over(self) -> Absence:
        assert self._since is not None
        updates = sum(self._updates.values()) - sum(self._before.values())
        absence = Absence(self._until - self._since, updates, self._records)
        self._since, self._records = None, 0
        return absence


def _duration(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
