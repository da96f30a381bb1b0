"""A bar: something that is counted, and may be looked at from outside at any time.

Whoever counts stores a number and does nothing else. Knows no socket and no view.
"""

from __future__ import annotations

import math
import operator
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from ..errors import StopRequested
from ..net import surroundings
from ..wire.messages import Progress
from . import kin
from .counting import Counter, count, redeliver
from .desk import desk
from .estimate import Estimate
from .lines import Style, lines

__all__ = ["Bar", "Handle", "Track", "progress", "track"]

T = TypeVar("T")
B = TypeVar("B", bound="Bar")

LONGEST = 1000  # characters of a text that is told
FARTHEST = 9999  # column or row where a bar may be wanted
_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~])?")  # colours, and worse


class Bar:
    """Something that is counted, and shown in every view.

    Parameters
    ----------
    total : float, optional
        How much there is to do.
    desc : str, default: ""
        What is counted.
    unit : str, default: "it"
        In what it is counted.
    initial : float, default: 0
        How much is done already; it does not count for the rate.
    job : str, default: ""
        The job whose tasks it counts.
    leave : bool, optional
        Whether it stays in sight after its end. Default: if it is inside of no other.
    place : sequence of int, default: ()
        Where it is wanted: nothing, a row, or column and row.
    shown : bool, default: True
        Whether anybody is told of it.
    smoothing : float, default: 0.3
        Weight of the newest increment in the rate, in ``[0, 1]``; 0: the mean.
    clock : callable, default: time.monotonic
        Seconds.

    Attributes
    ----------
    n : float
        How much is done. May be set.
    total, desc, unit, place, leave
        As given; each may be set.
    postfix : str
        What else is to be shown behind it.
    failed : int
        How many of those that are done have failed.
    state : str
        ``"running"``, then ``"finished"``, ``"stopped"`` (left before its end),
        ``"interrupted"`` or ``"failed"``.
    key, parent : str
        Identifiers of the bar, and of that inside of which it was begun, if any.

    Notes
    -----
    In a ``with`` block an exception ends it as ``"failed"``, Ctrl-C as
    ``"interrupted"``. A bar that nobody holds any more is ended, too.

    With ``ASYNC_PLOT=off`` in the environment it counts, and nobody is told.

    Examples
    --------
    >>> from async_plot import progress
    >>> with progress(total=100, desc="cells") as bar:
    ...     for i in range(100):
    ...         bar.update()
    >>> bar.n, bar.state
    (100, 'finished')
    """

    # Slots: a dictionary of more than 30 attributes, as `tqdm` would have, makes each
    # access half as quick.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_counters",
        "_n",
        "clock",
        "desc",
        "estimate",
        "failed",
        "job",
        "key",
        "leave",
        "parent",
        "place",
        "postfix",
        "state",
        "total",
        "unit",
    )

    _handle: Handle | None = None  # for ``__del__`` of one that was never made
    _within = False  # a ``with`` block
    _seen = False  # since the last `update` of one that tells so

    def __init__(
        self,
        total: float | None = None,
        *,
        desc: str = "",
        unit: str = "it",
        initial: float = 0,
        job: str = "",
        leave: bool | None = None,
        place: Iterable[int] = (),
        shown: bool = True,
        smoothing: float = 0.3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._n = initial
        self._counters: tuple[Counter, ...] = ()
        self.total = total
        self.desc = desc
        self.unit = unit
        self.job = job
        self.postfix = ""
        self.place = place
        self.leave = leave is None or leave
        self.failed = 0
        self.state = "running"
        self.clock = clock
        self.key = desk.new_key()
        self.parent = ""
        self.estimate = Estimate(clock(), initial, smoothing=smoothing)
        if shown and not surroundings.is_inert():
            self.parent = _innermost()
            self.leave = not self.parent if leave is None else leave
            self._handle = Handle(self)
            _opened(self._handle)
            self._handle.style = self._style()
            kin.seek()
            desk.add(self._handle)
            lines.begin(self._handle)

    def _style(self) -> Style | None:
        """How it wants to be written in a line; None: as any other."""
        return None

    # -- counting --------------------------------------------------------------

    def update(self, n: float = 1) -> None:
        """Count more.

        Parameters
        ----------
        n : float, default: 1
            How much; may be negative.
        """
        self._n = n + self._n  # two instructions less than +=

    @property
    def n(self) -> float:
        """How much is done."""
        counters = self._counters
        if not counters:
            return self._n
        return self._n + sum(counter.done() for counter in counters)

    @n.setter
    def n(self, value: float) -> None:
        self._n = value - sum(counter.done() for counter in self._counters)

    def loop(self, iterable: Iterable[T]) -> Iterator[T]:
        """Count the items of a loop, at no cost inside of it.

        Parameters
        ----------
        iterable : iterable
            What is looped over.

        Returns
        -------
        iterator
            To be looped over instead. The bar ends with the loop.
        """
        if self.ended:
            return iter(iterable)
        iterator, counter = count(iterable, self._loop_ended)
        self._counters = (*self._counters, counter)
        return iterator

    def _loop_ended(self, counter: Counter, exhausted: bool) -> None:
        if exhausted:
            self.close("finished")
        elif not self._within:  # else the block will know why it was left
            self.close("stopped")

    # -- the end ---------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether it has been closed."""
        return self.state != "running"

    def close(self, state: str | None = None) -> None:
        """End it; a second time does nothing.

        Parameters
        ----------
        state : {"finished", "stopped", "interrupted", "failed"}, optional
            How. Default: finished, or stopped if less than the total was done.
        """
        if self.state != "running":
            return
        for counter in self._counters:
            counter.freeze()
        if state is None:
            total = number(self.total)
            short = 0 <= self.n < total < math.inf
            state = "stopped" if short else "finished"
        handle = self._handle
        if handle is not None:
            handle.end(self._told(self.clock(), state))
            desk.remove(handle)
            lines.end(handle)
            if self.leave:
                kin.settle()
        self.state = state  # last: an interrupt before, and it is done again

    def __enter__(self: B) -> B:
        self._within = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, GeneratorExit):
            self.close()
        elif issubclass(kind, KeyboardInterrupt):
            self.close("interrupted")
        elif issubclass(kind, StopRequested):
            self.close("stopped")
        else:
            self.close("failed")

    def __del__(self) -> None:
        # An interrupt that comes just when this is entered is lost: once in a million
        # bars. What ends a loop is safe, see `counting`.
        try:
            if self._handle is not None:
                self.close()
        except KeyboardInterrupt:
            redeliver()
        except Exception:  # of a subclass, or of an interpreter that ends
            pass

    def __repr__(self) -> str:
        total = "" if self.total is None else f"/{self.total}"
        return f"<{type(self).__name__} {self.desc!r} {self.n}{total} {self.state}>"

    # -- the reader's thread ---------------------------------------------------

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""
        return (
            number(self.n),
            number(self.total),
            self.failed,
            text(self.desc),
            text(self.unit),
            text(self.postfix),
            tuple(_place(self.place)),
            bool(self.leave),
            self.job,
            self.state,
        )

    def look(self, now: float) -> Progress:
        """Tell how it stands, at this instant of its clock."""
        return self._told(now, self.state)

    def _told(self, now: float, state: str) -> Progress:
        done = number(self.n)
        total = number(self.total)
        if not 0 <= total < math.inf:
            total = -1.0
        estimate = self.estimate
        elapsed = max(0.0, now - estimate.began)
        ended = state != "running"
        rate = (estimate.overall if ended else estimate.rate)(now, done)
        left = 0.0 if state == "finished" else math.inf
        if not ended and total >= 0:
            left = estimate.remaining(now, done, total)
        return Progress(
            bar=self.key,
            parent=self.parent,
            job=self.job,
            worker="",
            desc=text(self.desc),
            unit=text(self.unit),
            done=done,
            total=total,
            failed=self.failed,
            elapsed=elapsed,
            rate=rate,
            remaining=left,
            state=state,
            postfix=text(self.postfix),
            place=_place(self.place),
            leave=bool(self.leave),
        )


class Track(Bar, Generic[T]):
    """A bar of the items of one iterable: what `track` gives.

    Parameters
    ----------
    iterable : iterable
        What is looped over.
    total, **options
        As for `Bar`. Default: the iterable's length, if it has one.
    """

    def __init__(
        self, iterable: Iterable[T], total: float | None = None, **options: Any
    ) -> None:
        self._iterable = iterable
        super().__init__(length(iterable) if total is None else total, **options)

    def __iter__(self) -> Iterator[T]:
        return self.loop(self._iterable)

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]  # as the iterable does

    def __length_hint__(self) -> int:
        return length(self._iterable) or 0

    def __bool__(self) -> bool:
        return True

    def close(self, state: str | None = None) -> None:
        """End it, see `Bar.close`."""
        super().close(state)
        if hasattr(self._iterable, "__next__"):
            # A generator is closed where the loop is left, in the loop's own thread.
            self._iterable = ()


class Handle:
    """Stands for a bar on the desk: it is no reason for the bar to live.

    Attributes
    ----------
    key : str
        Identifier of the bar.
    style : Style or None
        How the bar wants to be written in a line.
    """

    def __init__(self, bar: Bar) -> None:
        self.key = bar.key
        self.style: Style | None = None
        self._bar = weakref.ref(bar)
        self._mark: Hashable = None
        self._last = bar.look(bar.clock())
        self._final = False

    @property
    def ended(self) -> bool:
        """Whether the bar will not change any more."""
        return self._final

    def end(self, message: Progress) -> None:
        """Take over how it ended."""
        if not self._final:
            self._last = message
            self._final = True

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""
        if self._final:
            return "ended"
        bar = self._bar()
        if bar is not None:  # else it is being closed just now
            self._mark = bar.mark()
        return self._mark

    def look(self, now: float) -> Progress:
        """Tell how it stands, at this instant of the monotonic clock."""
        bar = None if self._final else self._bar()
        if bar is not None:
            told = bar.look(bar.clock())
            bar._seen = True
            if not self._final:
                self._last = told
        return self._last


def track(
    iterable: Iterable[T], total: float | None = None, *, desc: str = "", **options: Any
) -> Track[T]:
    """Count the items of a loop, and show how far it is.

    Parameters
    ----------
    iterable : iterable
        What is looped over.
    total : float, optional
        How many items there are. Default: the iterable's length, if it has one.
    desc : str, default: ""
        What is counted.
    **options
        As for `progress`.

    Returns
    -------
    Track
        To be looped over. The loop is slowed by some nanoseconds an item.

    Examples
    --------
    >>> from async_plot import track
    >>> sum(track(range(100), desc="adding"))
    4950
    """
    return Track(iterable, total, desc=desc, **options)


def progress(total: float | None = None, *, desc: str = "", **options: Any) -> Bar:
    """Make a bar that is moved by its `update`.

    Parameters
    ----------
    total : float, optional
        How much there is to do.
    desc : str, default: ""
        What is counted.
    **options
        ``unit``, ``initial``, ``leave``, ``place``: see `Bar`.

    Returns
    -------
    Bar
        To be closed, best by ``with``.
    """
    return Bar(total, desc=desc, **options)


def location(name: str, place: Any) -> list[int]:
    """Column and row as integers.

    Raises
    ------
    ValueError
        If they are no two integers from 0 on; the text names the argument.
    """
    try:
        column, row = (operator.index(each) for each in place)
    except (TypeError, ValueError):
        column = row = -1
    if not (0 <= column <= FARTHEST and 0 <= row <= FARTHEST):
        raise ValueError(
            f"{name} must be column and row, two integers from 0 to {FARTHEST}, not "
            f"{place!r}"
        )
    return [column, row]


def length(iterable: Any) -> int | None:
    """Length of an iterable, None if it tells none."""
    try:
        return len(iterable)
    except Exception:  # whatever an object's own length raises
        return None


def number(value: Any) -> float:
    """Anything as a float: what is none is -1, as a total that is not known."""
    try:
        value = float(value)
    except Exception:
        return -1.0
    return -1.0 if math.isnan(value) else value


def text(value: Any) -> str:
    """Anything as a text of one line, of bounded length."""
    try:
        short = str(value)[: 2 * LONGEST]
    except Exception:
        return ""
    if "\x1b" in short:
        short = _ESCAPE.sub("", short)
    short = short[:LONGEST]
    if short.isprintable():
        return short
    return "".join(each if each.isprintable() else " " for each in short)


# -- private -----------------------------------------------------------------------


class _Here(threading.local):
    """The bars that were begun in this thread and go on, the innermost last."""

    def __init__(self) -> None:
        self.open: list[Handle] = []


_here = _Here()


def _innermost() -> str:
    opened = _here.open
    while opened and opened[-1].ended:
        opened.pop()
    return opened[-1].key if opened else ""


def _opened(handle: Handle) -> None:
    if len(_here.open) > 64:  # some in the middle may have ended
        _here.open = [each for each in _here.open if not each.ended]
    _here.open.append(handle)


def _place(place: Any) -> list[int]:
    try:
        wanted = [place] if isinstance(place, int) else list(place)
        return [int(each) for each in wanted[:2]]
    except Exception:
        return []


def _forked() -> None:
    """Begin anew: the parent's bars go on in the parent."""
    _here.open = []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
