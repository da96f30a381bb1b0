"""`Server`: what a calculation holds. Knows sockets and threads only through `net`."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat, TypeVar

from . import launching
from .errors import StopRequested, UnsupportedValueError
from .net import surroundings
from .net.feed import Feed
from .net.points import point
from .net.recording import Recording
from .net.statistics import Statistics
from .options import check
from .roster import remember
from .steered import UNSTEERED, Steered

if TYPE_CHECKING:
    # Whatever a calculation needs only once it is watched is imported then.
    from pathlib import Path

    from .jobs.bars import Bar, Track
    from .jobs.map import Results
    from .net.peer import Viewer
    from .net.session import Session
    from .wire.messages import Log

R = TypeVar("R")
T = TypeVar("T")

__all__ = ["Server"]

logger = logging.getLogger("async_plot")


class Server(Feed, Steered):
    """Shows the newest data of a calculation in a viewer, at a bounded cost.

    Parameters
    ----------
    plotter : class, dict of {str: class}, or None, default: None
        The class that draws, see `Plotter`. It is sent to the viewer and made
        there. With a dict each name has a figure of its own and is updated by
        ``server[name].update(...)``. With None a ready-made plotter draws by shape.
    host : str, default: "127.0.0.1"
        Address or name to listen on. Beyond loopback, as with ``"0.0.0.0"``, the
        channel is TLS, with a certificate made for the run and known by the connection
        file; this needs the extra ``tls``.
    port : int, default: 0
        Port to listen on; 0 lets the system choose.
    client_cmd : list of str, optional
        Command line of the interpreter that runs the viewer; the code that starts
        it is appended as the last item. Given, a viewer is always launched. Default
        ``[sys.executable, "-c"]``.
    view : {"auto", "window", "notebook", "browser", "terminal", None}, default: "auto"
        What to launch. ``"auto"``: in a notebook, the figure in the cell; else a
        window where there is a display and a GUI toolkit, and this is no secondary
        process of a parallel run; else one printed line says how to look. None:
        nothing, viewers come by themselves.
        ``"terminal"`` takes the whole terminal that this process prints to until the
        run ends, when all that was printed meanwhile is on it; without one, it is
        lines on stderr, one for each event. ``"browser"`` is refused by this version.
    wait_for_client : bool or float, default: False
        Wait at the start until the launched viewer's figure is open: True for at
        most 30 s, or a number of seconds.
    overhead : float, default: 0.01
        The budget: share of the calculation's time that watching may cost, in
        ``(0, 1]``.
    name : str, optional
        Name of the run for people; default: the script's.
    on_exit : {"keep", "close"}, default: "keep"
        Whether a launched window stays open on the last frame after the run.
    stalled_after : float, optional
        Seconds without ``update`` or ``log`` after which the views say that the
        calculation has stalled, and show where all its threads are. Nothing is
        stopped by it. Default: never.
    record : str, path or Recording, optional
        File to record the run into: its frames at 30 a second at most, within the
        budget, in at most 4 GiB. A `Recording` chooses both. A recording that is
        there already is kept as ``FILE~``; any other file is refused.

    Attributes
    ----------
    address : (str, int) or None
        Host and port it listens on, while it runs.
    connection_file : Path or None
        File by which a viewer of this user finds the run.

    Raises
    ------
    PlotterError
        If a plotter is no class with ``draw``, or cannot be pickled; the text names
        the attribute.
    FileExistsError, FileNotFoundError
        If nothing can be recorded into that file.
    ValueError, TypeError
        If another argument is wrong; the text says what would be accepted.

    Notes
    -----
    With ``ASYNC_PLOT=off`` in the environment all of it does nothing.

    A run that is not ended by ``with`` or `close` ends with the interpreter, and is
    told as failed or interrupted if an exception ended the script. Python does not
    tell of ``sys.exit(1)`` then: only ``with`` sees that.

    Examples
    --------
    >>> from async_plot import Server
    >>> with Server(view=None) as server:
    ...     for i in range(1000):
    ...         server.update([0, 1, 2], [i, i, i])
    >>> server.stats.updates
    1000
    """

    def __init__(
        self,
        plotter: type | Mapping[str, type] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        client_cmd: list[str] | None = None,
        view: Literal["auto", "window", "notebook", "browser", "terminal"]
        | None = "auto",
        wait_for_client: bool | float = False,
        overhead: float = 0.01,
        name: str | None = None,
        on_exit: Literal["keep", "close"] = "keep",
        stalled_after: float | None = None,
        record: str | os.PathLike[str] | Recording | None = None,
    ) -> None:
        # First of all: `close` and ``__del__`` must find these after any error.
        self._session: Session | None = None
        self._helm = UNSTEERED
        # For two threads whose first calls both start it; a signal handler's call
        # inside `start` must come through.
        self._starting = threading.RLock()
        self._ended = False
        self._inert = False
        self._logged = False
        self._counts: Statistics | None = None  # the last ones, once closed
        self._feeds: dict[str, Feed] = {}
        options = self._options = check(
            plotter,
            host=host,
            port=port,
            client_cmd=client_cmd,
            view=view,
            wait_for_client=wait_for_client,
            overhead=overhead,
            name=name,
            on_exit=on_exit,
            stalled_after=stalled_after,
            record=record,
        )
        super().__init__("", options.plotters.get(""))
        self._feeds = (
            {"": self}
            if options.single
            else {key: Feed(key, each) for key, each in options.plotters.items()}
        )
        self._inert = options.inert
        self._pickled: dict[str, tuple[str, bytes] | None] = {}
        if not self._inert:
            try:
                # All that a run will need is imported now, and not in its loop.
                from .jobs import ledger  # noqa: F401
                from .net import camera, helm, session  # noqa: F401

                self._helm = helm.Helm()
                self._pickled = session.pickled(options.plotters)
            except OSError as error:  # not even a file can be opened
                logger.warning("going on unwatched: %s", error.strerror)
                self._inert = True
        for feed in self._feeds.values():
            feed._begin = self.start
        self._begin = self.start if options.single else self._which
        if self._inert:
            self._silence_all()
        remember(self)

    # -- the loop --------------------------------------------------------------

    def __getitem__(self, name: str) -> Feed:
        """Feed of one of the plotters of a dict.

        Parameters
        ----------
        name : str
            Its key in the dict.

        Returns
        -------
        Feed
            To be updated by ``server[name].update(...)``.

        Raises
        ------
        KeyError
            If there is no such plotter; the text lists those that there are.
        """
        try:
            return self._feeds[name]
        except KeyError:
            known = ", ".join(map(repr, self._feeds))
            if self._options.single:
                raise KeyError("there is one plotter: use server.update") from None
            raise KeyError(f"no plotter {name!r}; there are {known}") from None

    def log(self, step: float | None = None, **scalars: SupportsFloat) -> None:
        """Add a point to the history of each scalar. Never waits, never drops.

        The histories are bounded: a long one is thinned so that its peaks stay.

        Parameters
        ----------
        step : float, optional
            Abscissa; without it the number of the call.
        **scalars : float
            Values by name.

        Raises
        ------
        UnsupportedValueError
            At the first call only: if a value is no real number.
        """
        try:
            at, values = point(step, scalars)
        except UnsupportedValueError as error:
            if not self._logged:
                raise
            next(iter(self._feeds.values())).refuse(f"log: {error}")
            return
        if not self._logged:
            self._logged = True
            self.start()
        session = self._session
        if self._ended or self._inert:
            return
        if session is not None and session.publisher is not None:
            session.publisher.chronicle.add_point(at, values)

    def track(
        self,
        iterable: Iterable[T],
        total: float | None = None,
        *,
        desc: str = "",
        **options: Any,
    ) -> Track[T]:
        """Count the items of a loop, and show how far it is in every view.

        Parameters
        ----------
        iterable, total, desc, **options
            As for `async_plot.track`.

        Returns
        -------
        Track
            To be looped over. The loop is slowed by some nanoseconds an item.
        """
        from .jobs import bars

        self.start()
        return bars.track(iterable, total, desc=desc, **options)

    def progress(
        self, total: float | None = None, *, desc: str = "", **options: Any
    ) -> Bar:
        """Make a bar that every view shows, and that is moved by its ``update``.

        Parameters
        ----------
        total, desc, **options
            As for `async_plot.progress`.

        Returns
        -------
        Bar
            To be closed, best by ``with``.
        """
        from .jobs import bars

        self.start()
        return bars.progress(total, desc=desc, **options)

    def map(
        self,
        function: Callable[..., R],
        *iterables: Iterable[Any],
        workers: int | None = None,
        executor: Any = None,
        chunksize: int | None = None,
        ordered: bool = True,
        errors: Literal["raise", "return"] = "raise",
        desc: str | None = None,
    ) -> Results[R]:
        """Call a function for each item in the workers of a pool, seen in all views.

        The first tasks are handed out at once, more of them when results are asked for:
        endless iterables work, and only so much is ever in flight.

        Parameters
        ----------
        function : callable
            Called as ``function(*items)``, with an item of each iterable. With
            processes it travels by cloudpickle: lambdas, closures and functions of the
            main script work.
        *iterables : iterable
            Taken from until the shortest is exhausted, in the calling thread.
        workers : int, optional
            Number of processes, without `executor`. Default: one for each processor
            that this process may use. Never more are started than have anything to do.
        executor : Executor or pool, optional
            What performs the tasks: a ``concurrent.futures.Executor``, a
            ``dask.distributed.Client``, an ``MPIPoolExecutor``, a
            ``multiprocessing.Pool`` or an ``mpire.WorkerPool``. It stays open; but
            Ctrl-C ends its local processes. Default: processes of our own, by loky
            (the extra ``jobs``), kept warm for the next job.
        chunksize : int, optional
            Tasks that are handed to a worker together. Default: as many as take some
            50 ms; and what a worker has not begun after 0.2 s is given to others.
        ordered : bool, default: True
            Give the results in the order of the items, not as they come.
        errors : {"raise", "return"}, default: "raise"
            Whether a failed task raises its exception, with a `TaskError` as its cause
            that tells worker, task, argument and the traceback there, and ends the job;
            or whether that `TaskError` is given in the place of its result.
        desc : str, optional
            What the job is called. Default: the function's name.

        Returns
        -------
        Results
            An iterator, with ``progress``, ``failures`` and ``insights``. Leaving it
            before its end ends the job. One that is never asked for a result is
            finished when the server is closed, and its results are not kept; one over
            an endless iterable of `itertools` is stopped then.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong; the text names it.
        ImportError
            If there is no loky and no `executor`.

        Examples
        --------
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> from async_plot import Server
        >>> with ThreadPoolExecutor(2) as pool, Server(view=None) as server:
        ...     list(server.map(abs, [-1, 2, -3], executor=pool))
        [1, 2, 3]
        """
        from .jobs.map import begin

        if not self._ended:
            self.start()
        return begin(
            function,
            iterables,
            workers=workers,
            executor=executor,
            chunksize=chunksize,
            ordered=ordered,
            errors=errors,
            desc=desc,
            owner=None if self._ended else self,
        )

    def handler(self, level: int = logging.NOTSET) -> logging.Handler:
        """Make a `logging.Handler` that shows records in the views.

        Parameters
        ----------
        level : int, default: logging.NOTSET
            Lowest level that is shown.

        Returns
        -------
        logging.Handler
            To be added to a logger; it never waits.
        """
        from .jobs.logs import Handler

        handler = Handler(functools.partial(_show, weakref.ref(self)))
        handler.setLevel(level)
        return handler

    # -- start and end ---------------------------------------------------------

    def start(self) -> Server:
        """Listen, and launch the view. A second call does nothing.

        Returns
        -------
        Server
            This one.

        Raises
        ------
        OSError
            If the host and port cannot be listened on.
        """
        before = sys.exc_info()[1]
        with self._starting:
            session = self._start(before)
        # Viewers may come by themselves; else, why none was launched has been said.
        options = self._options
        nothing_asked = options.view is None and options.client_cmd is None
        if session is not None and options.wait:
            if session.launched or session.screen or nothing_asked:
                session.wait_for_client(options.wait)
        return self

    def _start(self, before: BaseException | None) -> Session | None:
        """Start the session; None if that was done, or cannot be."""
        if self._session is not None or self._ended or self._inert:
            return None
        from .jobs.ledger import Ledger
        from .net.session import Session, is_shortage

        surroundings.set_up_debug()
        options = self._options
        shell = launching.shell(options)
        command = launching.command(options, shell)
        session = Session(
            options.name,
            self._feeds,
            self._pickled,
            overhead=options.overhead,
            on_exit=options.on_exit,
            stalled_after=options.stalled_after,
            recording=options.record,
            annex=Ledger(),
            helm=self._helm,
        )
        try:
            self._session = session
            session.open(
                options.host,
                options.port,
                command,
                remote=options.remote,
                shell=shell,
                on_screen=list if options.view == "terminal" else None,
            )
        except BaseException as error:
            # Also when Ctrl-C comes here: nothing half open stays behind, and a
            # later call may try again.
            self._session = None
            session.discard(error)
            for feed in self._feeds.values():
                feed.rearm()
            hidden = error.__context__  # by a clean-up; `before` is older than us
            if isinstance(hidden, KeyboardInterrupt) and hidden is not before:
                raise hidden from None
            if not is_shortage(error):
                raise
            # No plot is worth a calculation, and this is not its fault.
            logger.warning("going on unwatched: %s", error)
            self._inert = True
            self._silence_all()
            return None
        return session

    def close(self) -> None:
        """Deliver the last frame, say that the run has finished, and hang up.

        Returns within 0.5 s whatever the viewers do. A second call does nothing.
        """
        self._finish(None)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._finish(error)
        # Whoever stops a run wants the script to save what it has.
        return isinstance(error, StopRequested) and self._helm.has_stopped(error)

    def __del__(self) -> None:
        session = getattr(self, "_session", None)
        if session is not None and not self._ended and not self._inert:
            session.abandon()  # never waits: this may run anywhere

    # -- what is known ---------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the run for people."""
        return self._options.name

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port it listens on; None before the start and after the end."""
        session = self._session
        return session.address if session is not None and not self._ended else None

    @property
    def connection_file(self) -> Path | None:
        """File by which a viewer of this user finds the run; None before the start."""
        return self._session.connection_file if self._session is not None else None

    @property
    def viewers(self) -> list[Viewer]:
        """Viewers connected now."""
        return self._session.viewers if self._session is not None else []

    @property
    def stats(self) -> Statistics:
        """What watching did and cost so far."""
        if self._counts is not None:
            return self._counts
        publisher = self._session.publisher if self._session is not None else None
        return Statistics.of(self._feeds.values(), publisher)

    def __repr__(self) -> str:
        where = (
            "not listening" if self.address is None else "{}:{}".format(*self.address)
        )
        return f"<Server {self._options.name!r} {where}>"

    # -- private ---------------------------------------------------------------

    def _which(self) -> None:
        # The feed of a server with several plotters: its first call, and so every
        # call, ends here.
        known = ", ".join(map(repr, self._feeds))
        raise TypeError(f"say which plotter: server[name].update(...), one of {known}")

    def _finish(self, error: BaseException | None) -> None:
        """End the run that left its block, or the interpreter, with this exception."""
        if self._ended:
            return
        if error is None and self._helm.stopped:
            error = StopRequested()  # which the script has taken itself
        try:
            self._end_jobs(error)
        except BaseException as interrupt:  # of a job that was being finished
            self._finish(interrupt)
            raise
        session = self._session
        if session is None or session.publisher is None or self._inert:
            self._ended = True
            self._silence_all()
            return
        from .net.session import outcome

        try:
            session.finish(*outcome(error))
        finally:
            # Not if an interrupt came before the thread was told: then a repeated
            # call, at the latest that at exit, does all of it.
            if session.publisher.ending:
                self._counts = self.stats
                self._silence_all()
                self._helm.end()
                self._ended = True  # last: for the same reason
                for feed in self._feeds.values():
                    feed.let_go()

    def _end_jobs(self, error: BaseException | None) -> None:
        """End what `map` began; what nobody has asked a result of is finished."""
        watch = sys.modules.get("async_plot.jobs.watch")
        for job in watch.watched() if watch is not None else ():
            if job.owner is self:
                job.leave(error)

    def _silence_all(self) -> None:
        for feed in self._feeds.values():
            feed.silence()

    def _forked(self) -> None:
        """Become inert: this is a forked child, the run belongs to its parent."""
        self._inert = True
        self._silence_all()
        for feed in self._feeds.values():
            feed.let_go()
        if self._session is not None:
            self._session.forked()


def _show(server: weakref.ref[Server], record: Log) -> None:
    """Show a log record in the views of a server that is there."""
    known = server()
    if known is None or known._ended or known._inert or known._session is None:
        return
    known._session.add_record(record)
