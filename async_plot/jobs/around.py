"""What tqdm's class gives beside its bar: printing, locks, files, pandas, asyncio.

Knows of the bar that it is part of only that it can be made and counts.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from . import meter
from .bars import Bar
from .lines import lines

__all__ = ["Around", "Wrapped"]


class Around(Bar):
    """The methods of tqdm's class that are about no bar in particular."""

    _lock: ClassVar[Any]

    # -- printing --------------------------------------------------------------

    @classmethod
    def write(
        cls, s: str, file: Any = None, end: str = "\n", nolock: bool = False
    ) -> None:
        """Print a text above the bars.

        Parameters
        ----------
        s : str
            The text.
        file : text stream, optional
            Where to. Default: ``sys.stdout``.
        end : str, default: a line's end
            What comes behind.
        nolock : bool, default: False
            Accepted.
        """
        file = sys.stdout if file is None else file
        with cls.external_write_mode(file, nolock):
            file.write(s)
            file.write(end)

    @classmethod
    @contextlib.contextmanager
    def external_write_mode(
        cls, file: Any = None, nolock: bool = False
    ) -> Iterator[None]:
        """Within, no bar is in the way of what is written.

        Parameters
        ----------
        file : text stream, optional
            Where that is.
        nolock : bool, default: False
            Accepted.
        """
        file = sys.stdout if file is None else file
        with lines.aside():
            yield
            flush = getattr(file, "flush", None)
            if flush is not None:
                flush()

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """Make a function that writes a text over the one before.

        Parameters
        ----------
        file : text stream
            Where to.

        Returns
        -------
        callable
            Takes the text.
        """
        longest = 0

        def print_status(s: str) -> None:
            nonlocal longest
            now = meter.width(s)
            file.write("\r" + s + " " * max(0, longest - now))
            file.flush()
            longest = now

        return print_status

    # -- locks -----------------------------------------------------------------

    @classmethod
    def set_lock(cls, lock: Any) -> None:
        """Have a lock held while lines are written, also by other processes.

        Parameters
        ----------
        lock : lock
            Of `threading` or `multiprocessing`.
        """
        cls._lock = lines.lock = lock

    @classmethod
    def get_lock(cls) -> Any:
        """The lock that is held while lines are written.

        Returns
        -------
        lock
            One for all processes, made when it is first asked for.
        """
        if not hasattr(cls, "_lock"):
            import multiprocessing

            try:
                cls.set_lock(multiprocessing.RLock())
            except (ImportError, OSError):  # no semaphores here
                cls.set_lock(threading.RLock())
        return cls._lock

    # -- around other things ---------------------------------------------------

    @classmethod
    @contextlib.contextmanager
    def wrapattr(
        cls,
        stream: Any,
        method: str,
        total: float | None = None,
        bytes: bool = True,
        **tqdm_kwargs: Any,
    ) -> Iterator[Any]:
        """Count what is read from, or written to, something like a file.

        Parameters
        ----------
        stream : file-like
            What is wrapped.
        method : {"read", "write"}
            What is counted.
        total : float, optional
            How much it will be.
        bytes : bool, default: True
            Whether the unit is that of bytes.
        **tqdm_kwargs
            For the bar.

        Yields
        ------
        file-like
            To be used instead.
        """
        if bytes:
            tqdm_kwargs = {
                **{"unit": "B", "unit_scale": True, "unit_divisor": 1024},
                **tqdm_kwargs,
            }
        make: Any = cls  # with tqdm's parameters
        with make(total=total, **tqdm_kwargs) as bar:
            yield Wrapped(bar.update, stream, method)

    @classmethod
    def pandas(cls, **tqdm_kwargs: Any) -> None:
        """Give objects of pandas ``progress_apply`` and its like.

        Parameters
        ----------
        **tqdm_kwargs
            For the bars.
        """
        from .frames import register

        register(cls, tqdm_kwargs)

    @classmethod
    def as_completed(
        cls,
        fs: Iterable[Any],
        *,
        loop: Any = None,
        timeout: float | None = None,
        total: float | None = None,
        **tqdm_kwargs: Any,
    ) -> Iterator[Any]:
        """``asyncio.as_completed`` with a bar.

        Parameters
        ----------
        fs, timeout
            As there.
        loop : object, optional
            Accepted.
        total, **tqdm_kwargs
            For the bar.

        Yields
        ------
        awaitable
            As there.
        """
        import asyncio

        awaitables = list(fs)
        if total is None:
            total = len(awaitables)
        done: Any = iter(asyncio.as_completed(awaitables, timeout=timeout))
        make: Any = cls  # with tqdm's parameters
        yield from make(done, total=total, **tqdm_kwargs)

    @classmethod
    async def gather(
        cls,
        *fs: Any,
        loop: Any = None,
        timeout: float | None = None,
        total: float | None = None,
        **tqdm_kwargs: Any,
    ) -> list[Any]:
        """``asyncio.gather`` with a bar.

        Parameters
        ----------
        *fs : awaitable
            As there.
        loop : object, optional
            Accepted.
        timeout : float, optional
            Seconds.
        total, **tqdm_kwargs
            For the bar.

        Returns
        -------
        list
            As there.
        """

        async def numbered(index: int, awaitable: Any) -> tuple[int, Any]:
            return index, await awaitable

        waiting = [numbered(*each) for each in enumerate(fs)]
        done = cls.as_completed(waiting, timeout=timeout, total=total, **tqdm_kwargs)
        results = [await each for each in done]
        return [result for _, result in sorted(results, key=lambda each: each[0])]


class Wrapped:
    """A file whose reading or writing is counted."""

    def __init__(self, told: Callable[[float], None], stream: Any, method: str) -> None:
        if method not in ("read", "write"):
            raise KeyError(f"Can only wrap read/write methods, not {method!r}")
        self._stream = stream
        called = getattr(stream, method)

        def read(*args: Any, **kwargs: Any) -> Any:
            data = called(*args, **kwargs)
            told(len(data))
            return data

        def write(data: Any, *args: Any, **kwargs: Any) -> Any:
            result = called(data, *args, **kwargs)
            told(len(data))
            return result

        setattr(self, method, read if method == "read" else write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)
