"""What tqdm's ``contrib`` and ``utils`` give beside the bar, for this one.

Logging and printing above the bars, files that are counted, wrapped built-ins.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .bars import length
from .tqdm import Wrapped as CallbackIOWrapper
from .tqdm import tqdm

__all__ = [
    "CallbackIOWrapper",
    "DummyTqdmFile",
    "logging_redirect_tqdm",
    "tenumerate",
    "tmap",
    "tqdm_logging_redirect",
    "tzip",
]


class DummyTqdmFile:
    """A stream that writes whole lines above the bars.

    Parameters
    ----------
    wrapped : text stream
        Where they are written in the end.
    """

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped
        self._begun = ""

    def write(self, text: str) -> None:
        """Write what is whole; keep the rest.

        Parameters
        ----------
        text : str
            Any part of the output.
        """
        lines = (self._begun + text).splitlines(keepends=True)
        self._begun = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        if lines:
            tqdm.write("".join(lines), file=self._wrapped, end="")

    def flush(self) -> None:
        """Write what was kept."""
        if self._begun:
            begun, self._begun = self._begun, ""
            tqdm.write(begun, file=self._wrapped, end="")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.flush()


@contextlib.contextmanager
def logging_redirect_tqdm(
    loggers: Iterable[logging.Logger] | None = None, tqdm_class: Any = tqdm
) -> Iterator[None]:
    """Within, log records on the console are printed above the bars.

    Parameters
    ----------
    loggers : iterable of Logger, optional
        Which ones. Default: the root.
    tqdm_class : class, default: tqdm
        Whose ``write`` prints.
    """
    changed = list(loggers) if loggers is not None else [logging.root]
    before = [list(logger.handlers) for logger in changed]
    try:
        for logger in changed:
            console = [each for each in logger.handlers if _on_console(each)]
            handler = _Above(tqdm_class)
            if console:
                handler.setFormatter(console[0].formatter)
                handler.setLevel(console[0].level)
                handler.stream = console[0].stream  # type: ignore[attr-defined]
            rest = [each for each in logger.handlers if each not in console]
            logger.handlers = [*rest, handler]
        yield
    finally:
        for logger, handlers in zip(changed, before):
            logger.handlers = handlers


@contextlib.contextmanager
def tqdm_logging_redirect(
    *args: Any,
    loggers: Iterable[logging.Logger] | None = None,
    tqdm_class: Any = tqdm,
    **kwargs: Any,
) -> Iterator[Any]:
    """A bar, and `logging_redirect_tqdm` as long as it is open.

    Parameters
    ----------
    *args, **kwargs
        For the bar.
    loggers, tqdm_class
        As for `logging_redirect_tqdm`.

    Yields
    ------
    tqdm
        The bar.
    """
    with tqdm_class(*args, **kwargs) as bar:
        with logging_redirect_tqdm(loggers, tqdm_class):
            yield bar


def tenumerate(
    iterable: Any,
    start: int = 0,
    total: float | None = None,
    tqdm_class: Any = tqdm,
    **tqdm_kwargs: Any,
) -> Iterator[Any]:
    """``enumerate`` with a bar; ``numpy.ndenumerate`` of an array.

    Parameters
    ----------
    iterable, start
        As there.
    total, tqdm_class, **tqdm_kwargs
        The bar.

    Returns
    -------
    iterator
        As there.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(iterable, numpy.ndarray):
        size = total or iterable.size
        return iter(tqdm_class(numpy.ndenumerate(iterable), total=size, **tqdm_kwargs))
    return enumerate(tqdm_class(iterable, total=total, **tqdm_kwargs), start)


def tzip(iter1: Iterable[Any], *iter2plus: Iterable[Any], **tqdm_kwargs: Any) -> Any:
    """``zip`` with a bar, as long as the first iterable.

    Parameters
    ----------
    iter1, *iter2plus
        As there.
    **tqdm_kwargs
        For the bar; ``tqdm_class`` is its class.

    Returns
    -------
    iterator
        As there.
    """
    make = tqdm_kwargs.pop("tqdm_class", tqdm)
    tqdm_kwargs.setdefault("total", length(iter1))
    return iter(make(zip(iter1, *iter2plus), **tqdm_kwargs))


def tmap(
    function: Callable[..., Any], *sequences: Iterable[Any], **tqdm_kwargs: Any
) -> Any:
    """``map`` with a bar.

    Parameters
    ----------
    function, *sequences
        As there.
    **tqdm_kwargs
        For the bar; ``tqdm_class`` is its class.

    Returns
    -------
    iterator
        As there.
    """
    make = tqdm_kwargs.pop("tqdm_class", tqdm)
    tqdm_kwargs.setdefault("total", length(sequences[0]) if sequences else None)
    return iter(make(map(function, *sequences), **tqdm_kwargs))


# -- private -----------------------------------------------------------------------


class _Above(logging.StreamHandler):  # type: ignore[type-arg]
    """Prints records above the bars."""

    def __init__(self, tqdm_class: Any) -> None:
        super().__init__()
        self._class = tqdm_class

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._class.write(self.format(record), file=self.stream)
            self.flush()
        except Exception:  # as every handler
            self.handleError(record)


def _on_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in (
        sys.stdout,
        sys.stderr,
    )
