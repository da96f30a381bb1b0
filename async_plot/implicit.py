"""For programs without a `Server` of their own: they borrow one, or make one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .jobs.desk import desk
from .jobs.lines import lines, plain_line
from .jobs.map import Results, begin
from .wire.messages import Message, Progress

if TYPE_CHECKING:
    from .server import Server

__all__ = ["fullscreen", "map"]

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


@contextlib.contextmanager
def fullscreen() -> Iterator[Server]:
    """Show bars on the whole terminal, at the places that they want.

    Those of this process and of processes that it starts, such as a bare
    ``multiprocessing.Pool``. Afterwards the screen is as it was before, with what was
    printed meanwhile and one last line for each bar.

    Yields
    ------
    Server
        The run that shows them: the one that goes on in this process, or a new one.

    Raises
    ------
    ValueError
        If there is a terminal, and the extra ``terminal`` is not installed.

    Notes
    -----
    Without a terminal, or with ``TERM=dumb``, there are lines on stderr: one for the
    begin and the end of each bar.

    Examples
    --------
    >>> from async_plot import fullscreen, tqdm
    >>> with fullscreen():
    ...     for _ in tqdm(range(100), position=(0, 3)):
    ...         pass
    """
    from .net import screen, surroundings
    from .net.session import outcome
    from .roster import running
    from .server import Server

    if screen.terminal() is not None and not surroundings.has_textual():
        raise ValueError(
            "fullscreen needs the extra 'terminal' (pip install 'async_plot[terminal]')"
        )
    server = running()
    own = server is None
    server = server or Server(view=None)
    if own:
        with contextlib.suppress(OSError):  # nothing can be shown, then
            server.start()
    session = server._session
    if session is None or session.screen is not None:
        yield server
        return
    try:
        session.settle()
        before = {each.bar for each in session.tail() if isinstance(each, Progress)}
        session.show_screen(
            [sys.executable, "-c"], "bars", lambda: _last_lines(session.tail(), before)
        )
        yield server
    except BaseException as error:
        if own:
            taken = server.__exit__(type(error), error, error.__traceback__)
        else:
            session.hide_screen(outcome(error)[0].value)
            taken = False
        if not taken:  # as any ``with`` block of that server would
            raise
    else:
        if own:
            server.close()
        else:
            session.hide_screen(outcome(None)[0].value)


def _last_lines(tail: list[Message], before: set[str]) -> list[str]:
    """A line for each bar that began meanwhile and stays, but those of tasks."""
    try:
        columns = os.get_terminal_size(2).columns - 1
    except OSError:
        columns = 79
    found = []
    for told in tail:
        if not isinstance(told, Progress) or told.bar in before:
            continue
        if told.leave and told.job in ("", told.bar):
            bare = told.total < 0 and not told.desc and not told.done
            text = told.postfix if bare else plain_line(told, columns)
            if text:
                found.append((told.place[::-1], text))
    return [line for _, line in sorted(found, key=lambda each: each[0])]
