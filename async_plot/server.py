"""`Server`: what a calculation holds. Knows sockets and threads only through `net`."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import math
import os
import sys
import time
import traceback
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, SupportsFloat

from .errors import UnsupportedValueError
from .net import launch, runs, sockets, surroundings
from .net.budget import Budget
from .net.feed import Feed, check_plotter
from .net.peer import Viewer
from .net.publisher import Ending, Publisher
from .net.snapshot import Snapshot
from .wire import handshake, pickles
from .wire.messages import (
    Log,
    Message,
    PlotterCode,
    RunState,
    State,
    Welcome,
)

__all__ = ["Server", "Statistics"]

# Seconds that a view may hold up the end of a calculation: half a second is promised,
# and waking up, closing and writing the files takes its part of it.
EXIT_DELAY = 0.45
WAIT = 30.0  # seconds of ``wait_for_client=True``
_VIEWS = ("auto", "window", "browser", "terminal", None)
_EXTRAS = {"browser": "hub", "terminal": "terminal"}

logger = logging.getLogger("async_plot")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What watching did and cost so far.

    Attributes
    ----------
    updates : int
        Calls of ``update``, of all feeds.
    snapshots : int
        Frames that were copied, at most one for many updates.
    sent : int
        Frames sent, over all viewers.
    refused : int
        Frames that could not be sent, because of their arguments.
    overhead : float
        Share of the time since the start that watching cost: the processor time of
        calls that did more than count, and that of the background thread while it
        kept Python from running. Dimensionless.
    kernel_time : float
        Processor seconds of copying to sockets. They run beside the calculation
        and are not charged to it.
    sent_bytes : int
        Bytes sent, over all viewers.
    elapsed : float
        Seconds since the start.
    """

    updates: int
    snapshots: int
    sent: int
    refused: int
    overhead: float
    kernel_time: float
    sent_bytes: int
    elapsed: float


class Server(Feed):
    """Shows the newest data of a calculation in a viewer, at a bounded cost.

    Parameters
    ----------
    plotter : class, dict of {str: class}, or None, default: None
        The class that draws, see `Plotter`. It is sent to the viewer and made
        there. With a dict each name has a figure of its own and is updated by
        ``server[name].update(...)``. With None a ready-made plotter draws by shape.
    host : str, default: "127.0.0.1"
        Address to listen on; a loopback one.
    port : int, default: 0
        Port to listen on; 0 lets the system choose.
    client_cmd : list of str, optional
        Command line of the interpreter that runs the viewer; the code that starts
        it is appended as the last item. Given, a viewer is always launched. Default
        ``[sys.executable, "-c"]``.
    view : {"auto", "window", "browser", "terminal", None}, default: "auto"
        What to launch. ``"auto"``: a window where there is a display and a GUI
        toolkit, and this is no secondary process of a parallel run; else one
        printed line says how to look. None: nothing, viewers come by themselves.
        ``"browser"`` and ``"terminal"`` are refused by this version.
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
    ValueError, TypeError
        If another argument is wrong; the text says what would be accepted.

    Notes
    -----
    With ``ASYNC_PLOT=off`` in the environment all of it does nothing.

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
        view: Literal["auto", "window", "browser", "terminal"] | None = "auto",
        wait_for_client: bool | float = False,
        overhead: float = 0.01,
        name: str | None = None,
        on_exit: Literal["keep", "close"] = "keep",
    ) -> None:
        # First of all: `close` and ``__del__`` must find these after any error.
        self._publisher: Publisher | None = None
        self._run: runs.Run | None = None
        self._launched: launch.Launched | None = None
        self._ended = False
        self._starting = False
        self._counts: Statistics | None = None  # the last ones, once closed
        plotters = _plotters(plotter)
        single = not isinstance(plotter, Mapping)
        super().__init__("", plotters[""] if single else None)
        self._feeds: dict[str, Feed] = (
            {"": self} if single else {n: Feed(n, p) for n, p in plotters.items()}
        )
        self._single = single
        self._host, self._port = _checked_address(host, port)
        self._client_cmd = _checked_command(client_cmd)
        self._inert = surroundings.is_inert()
        self._view = _checked_view(view, inert=self._inert)
        self._wait = _checked_wait(wait_for_client)
        self._overhead = _checked_overhead(overhead)
        if on_exit not in ("keep", "close"):
            raise ValueError(f"on_exit must be 'keep' or 'close', not {on_exit!r}")
        self._on_exit = on_exit
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise ValueError(f"name must be a non-empty string or None, not {name!r}")
        self._name = name or _script_name()
        self._code = [] if self._inert else _code(plotters)
        for feed in self._feeds.values():
            feed._begin = self.start
        self._begin = self.start if single else self._which
        if self._inert:
            self._silence_all()
        _remember(self)

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
            values = {name: float(value) for name, value in scalars.items()}
            at = None if step is None else float(step)
        except Exception as error:  # of any object's own conversion
            if self._logged:
                next(iter(self._feeds.values())).refuse(f"log: {error}")
                return
            raise UnsupportedValueError(
                f"log's scalar among {', '.join(map(repr, scalars)) or 'step'}",
                str(error),
            ) from None
        if not self._logged:
            self._logged = True
            self.start()
        publisher = self._publisher
        if publisher is not None:
            publisher.chronicle.add_point(at, values)

    _logged = False

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
        handler = _Handler(weakref.ref(self))
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
        if self._starting or self._ended or self._inert:
            return self
        try:
            self._starting = True
            self._start()
        except BaseException as error:
            # Also when Ctrl-C comes here: nothing half open stays behind, and a
            # later call may try again.
            self._undo_start(error)
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None  # a clean-up hid it
            if not _is_shortage(error):
                raise
            # No plot is worth a calculation, and this is not its fault.
            logger.warning("going on unwatched: %s", error)
            self._inert = True
            self._silence_all()
            return self
        if self._wait:
            self._wait_for_client(self._wait)
        return self

    def close(self) -> None:
        """Deliver the last frame, say that the run has finished, and hang up.

        Returns within 0.5 s whatever the viewers do. A second call does nothing.
        """
        self._finish(RunState.FINISHED, "", clean=True)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        state, text = _state_of(error)
        self._finish(state, text, clean=state is RunState.FINISHED)

    def __del__(self) -> None:
        publisher = getattr(self, "_publisher", None)
        if publisher is not None and not self._ended and not self._inert:
            # Never wait in here: it may run anywhere. The thread says the rest.
            state = State(RunState.FINISHED.value, "", time.time())
            deadline = time.monotonic() + EXIT_DELAY
            last = self._last_snapshots(clean=True)
            remains = [feed.remains() for feed in self._feeds.values()]
            publisher.abandoned = True
            publisher.finish(Ending(state, deadline, last, remains))
            if self._launched is not None:
                self._launched.let_go()

    # -- what is known ---------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the run for people."""
        return self._name

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port it listens on; None before the start and after the end."""
        return self._run.address if self._run and not self._ended else None

    @property
    def connection_file(self) -> Path | None:
        """File by which a viewer of this user finds the run; None before the start."""
        return self._run.connection_file if self._run is not None else None

    @property
    def viewers(self) -> list[Viewer]:
        """Viewers connected now."""
        return self._publisher.viewers() if self._publisher is not None else []

    @property
    def stats(self) -> Statistics:
        """What watching did and cost so far."""
        if self._counts is not None:
            return self._counts
        publisher = self._publisher
        feeds = self._feeds.values()
        return Statistics(
            updates=sum(feed.updates for feed in feeds),
            snapshots=publisher.snapshots if publisher else 0,
            sent=publisher.traffic.frames if publisher else 0,
            refused=sum(feed.refused for feed in feeds),
            overhead=publisher.overhead if publisher else 0.0,
            kernel_time=publisher.traffic.kernel_time if publisher else 0.0,
            sent_bytes=publisher.traffic.bytes if publisher else 0,
            elapsed=publisher.elapsed if publisher else 0.0,
        )

    def __repr__(self) -> str:
        where = (
            "not listening" if self.address is None else "{}:{}".format(*self.address)
        )
        return f"<Server {self._name!r} {where}>"

    # -- private ---------------------------------------------------------------

    def _which(self) -> None:
        # The feed of a server with several plotters: its first call, and so every
        # call, ends here.
        known = ", ".join(map(repr, self._feeds))
        raise TypeError(f"say which plotter: server[name].update(...), one of {known}")

    def _start(self) -> None:
        surroundings.set_up_debug()
        launched = self._what_to_launch()
        runs.clean_quietly()
        listener = sockets.listen(self._host, self._port)
        try:
            key = handshake.new_key()
            address = listener.getsockname()[:2]
            self._run, trouble = runs.create(self._name, address, key)
            if trouble:
                logger.warning("%s", trouble)
            self._publisher = Publisher(
                listener,
                key,
                list(self._feeds.values()),
                [self._welcome(self._run), *self._code],
                Budget(self._overhead, time.monotonic()),
                functools.partial(runs.write_record, self._run),
                functools.partial(runs.end, self._run),
            )
        except BaseException:
            listener.close()
            raise
        for feed in self._feeds.values():
            feed._wake = self._publisher.bell.ring
        self._publisher.start()
        if launched is not None:
            self._launch(launched)

    def _what_to_launch(self) -> list[str] | None:
        """Command line of the view, or None after saying why there is none."""
        if self._client_cmd is not None:
            return self._client_cmd
        if self._view is None:
            return None
        if self._view == "auto" and (why := surroundings.secondary()):
            logger.info("no view is launched: this is %s", why)
            return None
        if not surroundings.display():
            self._hint("there is no display")
        elif not surroundings.toolkit():
            self._hint("no GUI toolkit is installed: pip install 'async_plot[window]'")
        else:
            return [sys.executable, "-c"]
        return None

    def _hint(self, why: str) -> None:
        # The one line that a user without a window needs; stdout may be data.
        print(
            f"async_plot: {why}; look with: async-plot view {self._name}",
            file=sys.stderr,
        )

    def _welcome(self, run: runs.Run) -> Welcome:
        return Welcome(
            run=run.run,
            name=run.name,
            pid=run.pid,
            host=run.host,
            python=run.python,
            started=run.started,
            plotters=list(self._feeds),
            cwd=_cwd(),
            path=[entry for entry in sys.path if isinstance(entry, str)],
            overhead=self._overhead,
            on_exit=self._on_exit,
        )

    def _launch(self, command: list[str]) -> None:
        assert self._run is not None and self._publisher is not None
        try:
            self._launched = launch.Launched(
                command, self._run.connection_file, self._run.client_log
            )
        except OSError as error:
            logger.warning("the view cannot be launched: %s", error)
            return
        self._publisher.watch_process = self._launched.ended

    def _wait_for_client(self, seconds: float) -> None:
        """Wait until a figure is open; afterwards the calculation goes on anyway."""
        publisher = self._publisher
        assert publisher is not None
        if self._launched is None and (self._client_cmd or self._view is not None):
            return  # why there is none was said already
        deadline = time.monotonic() + seconds
        while not publisher.opened and not publisher.done:
            ended = publisher.process_ended
            left = deadline - time.monotonic()
            if ended or left <= 0:
                why = ended or f"no figure was open after {seconds:g} s"
                logger.warning("going on without a viewer: %s", why)
                return
            publisher.notice.wait(left)
            publisher.notice.clear()

    def _finish(self, state: RunState, text: str, *, clean: bool) -> None:
        """Hand the end to the background thread and wait for it, a little."""
        if self._ended:
            return
        publisher = self._publisher
        if publisher is None or self._inert:
            self._ended = True
            self._silence_all()
            return
        deadline = time.monotonic() + EXIT_DELAY
        if not publisher.ending:
            last = self._last_snapshots(clean=clean)
            said = State(state.value, text, time.time())
            publisher.finish(Ending(said, deadline, last))
        try:
            while not publisher.done and (left := deadline - time.monotonic()) > 0:
                publisher.notice.wait(left)
                publisher.notice.clear()
            # It has said that it is done; its last instructions take microseconds.
            while (
                publisher.done and publisher.is_alive() and time.monotonic() < deadline
            ):
                time.sleep(0.0005)
        finally:
            # Also after an impatient second Ctrl-C: the thread ends by itself.
            self._counts = self.stats
            publisher.abandoned = True
            if publisher.done:
                publisher.notice.close()
            self._silence_all()
            if self._launched is not None:
                self._launched.let_go()
            if self._run is not None:
                with contextlib.suppress(OSError):
                    runs.end(self._run, state.value)
            self._ended = True  # last: a repeated call does what was broken off

    def _last_snapshots(self, *, clean: bool) -> list[Snapshot]:
        made = [feed.last_snapshot(clean=clean) for feed in self._feeds.values()]
        return [snapshot for snapshot in made if snapshot is not None]

    def _undo_start(self, error: BaseException) -> None:
        """Take back a start that an error or an interrupt broke off."""
        publisher, self._publisher = self._publisher, None
        launched, self._launched = self._launched, None
        run, self._run = self._run, None
        for feed in self._feeds.values():
            feed.rearm()
        self._starting = False
        if publisher is not None:
            # Its thread may be running, or about to run, or never run.
            publisher.discarded = publisher.abandoned = True
            publisher.finish(Ending(State("interrupted", "", time.time()), 0.0))
            deadline = time.monotonic() + EXIT_DELAY
            if publisher.ident is not None or not isinstance(error, Exception):
                while not publisher.done and time.monotonic() < deadline:
                    time.sleep(0.001)
            if not publisher.done:
                publisher.forked()
        if launched is not None:
            launched.let_go()
        if run is not None:
            with contextlib.suppress(OSError):
                runs.end(run, RunState.INTERRUPTED.value)

    def _silence_all(self) -> None:
        for feed in self._feeds.values():
            feed.silence()

    def _forked(self) -> None:
        """Become inert: this is a forked child, the run belongs to its parent."""
        self._inert = True
        self._silence_all()
        if self._publisher is not None:
            self._publisher.forked()


class _Handler(logging.Handler):
    """Hands log records to a server's views."""

    def __init__(self, server: weakref.ref[Server]) -> None:
        super().__init__()
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        server = self._server()
        publisher = server._publisher if server is not None else None
        if publisher is None or record.name.startswith("async_plot"):
            return
        try:
            text = self.format(record)[:16384]
        except Exception:  # a wrong format string must not stop a calculation
            self.handleError(record)
            return
        publisher.chronicle.add_record(
            Log(record.created, record.levelno, record.name, text)
        )


# -- checking what was given -------------------------------------------------------


def _plotters(plotter: object) -> dict[str, type | None]:
    if plotter is None:
        return {"": None}
    if not isinstance(plotter, Mapping):
        check_plotter(plotter)
        return {"": plotter}  # type: ignore[dict-item]  # checked to be a class
    if not plotter:
        raise ValueError("plotter is an empty dict; give {name: class, ...}")
    for name, each in plotter.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"names of plotters are non-empty strings, not {name!r}")
        if each is not None:
            check_plotter(each)
    return dict(plotter)


def _code(plotters: Mapping[str, type | None]) -> list[Message]:
    python = list(sys.version_info[:2])
    return [
        PlotterCode(
            plotter=name,
            title=each.__name__ if each is not None else "",
            python=python,
            buffers=[pickles.dump_plotter(each)] if each is not None else [],
        )
        for name, each in plotters.items()
    ]


def _checked_address(host: object, port: object) -> tuple[str, int]:
    if not isinstance(host, str) or not sockets.is_loopback(host):
        raise ValueError(
            f"host must be a loopback address such as '127.0.0.1', not {host!r}: "
            "beyond this machine the channel would need TLS, which is not there yet"
        )
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65536:
        raise ValueError(f"port must be an integer from 0 to 65535, not {port!r}")
    return host, port


def _checked_command(command: object) -> list[str] | None:
    if command is None:
        return None
    if (
        isinstance(command, (str, bytes))
        or not isinstance(command, (list, tuple))
        or not command
        or not all(isinstance(item, str) for item in command)
    ):
        raise TypeError(
            "client_cmd must be a list of strings such as "
            f"['ipython', '--pylab', '-c'], not {command!r}"
        )
    return list(command)


def _checked_view(view: Any, *, inert: bool) -> str | None:
    if view not in _VIEWS:
        known = ", ".join(map(repr, _VIEWS))
        raise ValueError(f"view must be one of {known}, not {view!r}")
    if inert:  # a machine where nobody looks needs no extra either
        return view  # type: ignore[no-any-return]
    if view in _EXTRAS:
        raise ValueError(
            f"view={view!r} needs the extra {_EXTRAS[view]!r}, which this version of "
            "async_plot does not have yet; use 'window', 'auto' or None"
        )
    if view == "window" and not surroundings.toolkit():
        raise ValueError(
            "view='window' needs a GUI toolkit: install the extra 'window' "
            "(pip install 'async_plot[window]') or your system's tkinter"
        )
    return view  # type: ignore[no-any-return]


def _checked_wait(wait: object) -> float:
    if isinstance(wait, bool):
        return WAIT if wait else 0.0
    if not isinstance(wait, (int, float)) or not 0 <= wait < math.inf:
        raise ValueError(
            f"wait_for_client must be True, False or seconds >= 0, not {wait!r}"
        )
    return float(wait)


def _checked_overhead(overhead: object) -> float:
    if (
        isinstance(overhead, bool)
        or not isinstance(overhead, (int, float))
        or not 0 < overhead <= 1
    ):
        raise ValueError(f"overhead must be a number in (0, 1], not {overhead!r}")
    return float(overhead)


def _is_shortage(error: BaseException) -> bool:
    """Whether the machine lacks something, rather than the caller asked for it."""
    if isinstance(error, OSError):
        return not isinstance(error, sockets.ListenError)
    # What `threading` says when the system gives it no thread.
    return isinstance(error, RuntimeError) and "thread" in str(error)


def _script_name() -> str:
    script = sys.argv[0] if sys.argv else ""
    stem = Path(script).stem if script not in ("", "-c", "-m", "-") else ""
    return stem or "python"


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted under the calculation
        return ""


def _state_of(error: BaseException | None) -> tuple[RunState, str]:
    """How a run ended that left its block, or the interpreter, with this exception."""
    if error is None:
        return RunState.FINISHED, ""
    if isinstance(error, KeyboardInterrupt):
        return RunState.INTERRUPTED, ""
    if isinstance(error, SystemExit):
        code = error.code
        return (
            (RunState.FINISHED, "")
            if code in (None, 0)
            else (RunState.FAILED, f"SystemExit: {code}")
        )
    if isinstance(error, GeneratorExit):
        return RunState.FINISHED, ""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # an exception whose own __str__ fails
        text = type(error).__name__
    return RunState.FAILED, text[-100_000:]


# -- fork and exit -----------------------------------------------------------------

# No `WeakSet`: its callback would run at any moment, and swallow a Ctrl-C there.
_servers: dict[int, weakref.ref[Server]] = {}


def _remember(server: Server) -> None:
    for number, known in list(_servers.items()):
        if known() is None:
            _servers.pop(number, None)
    _servers[id(server)] = weakref.ref(server)


def _remembered() -> list[Server]:
    known = [server() for server in list(_servers.values())]
    return [server for server in known if server is not None]


def _after_fork() -> None:
    for server in _remembered():
        server._forked()
    _servers.clear()


def _at_exit() -> None:
    # Where no ``with`` block told how the run ended, the interpreter knows: it keeps
    # the exception that ended the main script, but also every one of a prompt.
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    state, text = _state_of(error)
    for server in _remembered():
        with contextlib.suppress(KeyboardInterrupt):
            server._finish(state, text, clean=state is RunState.FINISHED)
    launch.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
