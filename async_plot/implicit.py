"""`map` for a program that holds no `Server`: it borrows one, or makes one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from .jobs.desk import desk
from .jobs.lines import lines
from .jobs.map import Results, begin

__all__ = ["map"]

R = TypeVar("R")


def map(
    function: Callable[..., R],
    *iterables: Iterable[Any],
    workers: int | None = None,
    executor: Any = None,
    chunksize: int | None = None,
    ordered: bool = True,
    errors: Literal["raise", "return"] = "raise",
    desc: str | None = None,
) -> Results[R]:
    """Call a function for each item in the workers of a pool, in sight of all views.

    Where a `Server` runs in this process, it is that server's job; else
    ``async-plot view`` finds it for as long as it lasts.

    Parameters
    ----------
    function, *iterables, workers, executor, chunksize, ordered, errors, desc
        As in `Server.map`.

    Returns
    -------
    Results
        An iterator.

    Examples
    --------
    >>> import async_plot
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(async_plot.map(pow, [2, 3, 4], [5, 2, 3], executor=pool))
    [32, 9, 64]
    """
    options: dict[str, Any] = {
        "workers": workers,
        "executor": executor,
        "chunksize": chunksize,
        "ordered": ordered,
        "errors": errors,
        "desc": desc,
    }
    from .roster import running
    from .server import Server

    server = running()
    if server is not None:
        return server.map(function, *iterables, **options)
    if desk.seat.worker:  # in a worker: it tells for us
        return begin(function, iterables, **options)
    own = Server(view=None)
    with contextlib.suppress(OSError):  # nobody can look, then
        own.start()

    lines.asked += 1  # nobody may be looking at a server that nobody asked for
    asked = [True]

    def end(error: BaseException | None) -> None:
        own.__exit__(type(error) if error else None, error, None)
        if asked:  # once, though both the job and what made it may end it
            asked.clear()
            lines.asked -= 1

    try:
        return begin(function, iterables, on_end=end, **options)
    except BaseException as error:
        end(error)
        raise
