"""Counting the items of a loop from outside: the loop itself runs in C alone.

The count is read out of the iterator (`operator.length_hint`) where that is exact,
else out of an `itertools.repeat` that advances beside it. Knows no bar.
"""

from __future__ import annotations

import _thread
import contextlib
import itertools
import operator
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, GeneratorType
from typing import Any, Protocol, TypeVar

__all__ = ["Counter", "count", "redeliver"]

T = TypeVar("T")

# Whose own iterator tells exactly what is left, whatever happens to them meanwhile.
# Not dict, set and deque: once changed, they tell 0. No subclasses: these may have an
# ``__iter__`` or a length of their own.
_TELLING = (list, tuple, range, str, bytes)


class Counter(Protocol):
    """Counts the items of one loop; may be asked by any thread."""

    def done(self) -> int:
        """Items that the loop is done with; the one in hand is not counted."""

    def freeze(self, *, exhausted: bool = False) -> None:
        """Count no further; a second time does nothing."""


def count(
    iterable: Iterable[T], ended: Callable[[Counter, bool], None]
) -> tuple[Iterator[T], Counter]:
    """Make an iterator whose items are counted.

    Parameters
    ----------
    iterable : iterable
        What is looped over.
    ended : callable
        Called with the counter, which is frozen, and whether the items were exhausted:
        before the loop statement ends, also when it is left by ``break`` or by an
        exception. It may be called in any thread, wherever the last reference is given
        up.

    Returns
    -------
    iterator, Counter
        What to loop over instead, and who counts it.
    """
    iterator = iter(iterable)
    counter: _Counter
    if iterator is not iterable and _tells(iterable):
        counter = _Asked(iterable, iterator)
    else:
        beside = itertools.repeat(True, sys.maxsize)
        counter = _Beside(beside, iterator)
        iterator = itertools.compress(iterator, beside)
    # `chain` comes to the end when the iterator is exhausted, and drops it otherwise.
    # A generator would do as well, but not if two threads shared the iterator.
    return itertools.chain(iterator, _End(counter, ended)), counter


def redeliver() -> None:
    """Let Ctrl-C come again when the finalizer has ended in which it came.

    Python prints what is raised in a finalizer, and goes on. To be called in it.
    """
    finalizer = sys._getframe(1).f_code
    with contextlib.suppress(RuntimeError):  # no thread any more: the interpreter ends
        _thread.start_new_thread(_interrupt, (finalizer,))


# -- private -----------------------------------------------------------------------


def _interrupt(finalizer: CodeType) -> None:
    main = threading.main_thread().ident
    if main is None:
        return
    inside = True
    while inside:
        time.sleep(0.002)
        frame = sys._current_frames().get(main)
        inside = False
        while frame is not None:
            inside = inside or frame.f_code is finalizer
            frame = frame.f_back
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)  # wakes a sleep, too
    else:
        _thread.interrupt_main()


def _tells(iterable: object) -> bool:
    if type(iterable) in _TELLING:
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(iterable) is getattr(numpy, "ndarray", None)


class _End:
    """Stands behind the last item, and goes when the loop is left before."""

    __slots__ = ("_counter", "_ended", "_guard")

    def __init__(
        self, counter: _Counter, ended: Callable[[Counter, bool], None]
    ) -> None:
        self._counter = counter
        self._ended = ended
        self._guard = _guard(counter, ended)
        next(self._guard)

    def __iter__(self) -> Iterator[Any]:
        self._counter.freeze(exhausted=True)
        _tell(self._counter, self._ended)
        return iter(())


def _guard(counter: _Counter, ended: Callable[[Counter, bool], None]) -> Iterator[None]:
    """Tell of the end when it is given up itself.

    Not by ``__del__``: Python asks for interrupts when it enters a function, and what
    is raised there is lost. A suspended generator is entered at its handler.
    """
    try:
        yield
    finally:
        try:
            counter.freeze()
            _tell(counter, ended)
        except KeyboardInterrupt:
            redeliver()
        except Exception:  # whatever it is, it must not be printed in a loop
            pass


def _tell(counter: _Counter, ended: Callable[[Counter, bool], None]) -> None:
    if not counter.told:
        ended(counter, counter.exhausted)
        counter.told = True  # last: an interrupt before, and it is told again


class _Counter:
    """What both kinds share: the end."""

    def __init__(self) -> None:
        self.exhausted = self.told = False
        self._frozen: int | None = None

    def done(self) -> int:
        frozen = self._frozen
        return self._done() if frozen is None else frozen

    def freeze(self, *, exhausted: bool = False) -> None:
        if self._frozen is None:
            self.exhausted = exhausted
            self._frozen = self._taken() if exhausted else self._done()

    def _taken(self) -> int:
        raise NotImplementedError

    def _done(self) -> int:
        return max(0, self._taken() - 1)


class _Asked(_Counter):
    """Asks the iterator how many items are left.

    Parameters
    ----------
    iterable, iterator
        The iterator was made of the iterable just now, and nobody else has it.
    """

    def __init__(self, iterable: Any, iterator: Iterator[Any]) -> None:
        super().__init__()
        self._list: list[Any] | None = iterable if type(iterable) is list else None
        self._iterator: Iterator[Any] | None = iterator
        self._all = operator.length_hint(iterator)
        self._most = 0

    def freeze(self, *, exhausted: bool = False) -> None:
        super().freeze(exhausted=exhausted)
        self._iterator = self._list = None

    def _taken(self) -> int:
        growing, iterator = self._list, self._iterator
        if iterator is None:  # frozen meanwhile, by another thread
            return self._frozen or 0
        if growing is None:
            return self._all - operator.length_hint(iterator)
        for _ in range(8):  # it may change its length between these
            size = len(growing)
            left = operator.length_hint(iterator)
            if len(growing) == size:
                break
        taken = size - left
        if left == 0 and size < self._all:  # shorter: then the hint says nothing
            taken = max(self._most, _position(iterator, size))
        self._most = max(self._most, taken)
        return taken


def _position(iterator: Any, default: int) -> int:
    """How many items a list's iterator has given; the default if it is exhausted."""
    try:
        return int(iterator.__reduce__()[2])
    except Exception:  # not told by this Python
        return default


class _Beside(_Counter):
    """Sees how far something has advanced that advances with the iterator.

    Parameters
    ----------
    beside : itertools.repeat
        Advances after each item that the iterator has given.
    iterator : iterator
        Not kept, so that a generator is closed where the loop is left. A generator
        tells whether it is at work: then no item is in hand.
    """

    def __init__(self, beside: itertools.repeat[bool], iterator: Any) -> None:
        super().__init__()
        self._beside = beside
        self._generator: Callable[[], Any] | None = None
        if type(iterator) is GeneratorType:
            self._generator = weakref.ref(iterator)

    def _taken(self) -> int:
        return sys.maxsize - operator.length_hint(self._beside)

    def _done(self) -> int:
        generator = self._generator() if self._generator is not None else None
        if generator is None:
            return super()._done()
        before = self._taken()
        working = not _suspended(generator)
        del generator  # this may be any thread: never be the last one to hold it
        taken = self._taken()
        # Not if it gave one just then.
        return taken if working and taken == before else max(0, taken - 1)


def _suspended(generator: Any) -> bool:
    if sys.version_info >= (3, 11):
        return bool(generator.gi_suspended)
    return generator.gi_frame is not None and not generator.gi_running
