"""A session: a run that was started, with its files, its thread and its viewer.

What `Server` promises at the start and at the end is kept here; the loop between
them knows nothing of it.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StopRequested
from ..wire import handshake
from ..wire.messages import Log, Message, PlotterCode, RunState, State, Welcome
from . import descent, launch, runs, sockets
from .annex import Annex, Way
from .budget import Budget
from .disk import Disk
from .fault import Fault
from .helm import Helm
from .keeper import Keeper
from .peer import Viewer
from .publisher import TICK, Ending, Publisher
from .recording import Recording
from .tape import Tape

if TYPE_CHECKING:
    from .feed import Feed
    from .gate import Gate
    from .inline import Inline
    from .screen import Farewell, Screen
    from .snapshot import Snapshot

__all__ = ["Session", "is_shortage", "outcome", "pickled", "wait_for_abandoned"]

# Seconds that a view may hold up the end of a calculation: half a second is promised,
# and waking up, closing and writing the files takes its part of it.
EXIT_DELAY = 0.45
_CLEAN = (RunState.FINISHED, RunState.STOPPED)  # not in the middle of a step
RETIREMENT = 0.04  # seconds; that a disk which hangs may add to it

logger = logging.getLogger("async_plot")


class Session:
    """A run from its start to its end.

    Parameters
    ----------
    name : str
        Name of the run for people.
    feeds : dict of {str: Feed}
        Its feeds by the names of their plotters.
    pickled : dict of {str: (str, bytes) or None}
        Class name and pickle of each plotter; None for the ready-made one.
    overhead : float
        The budget.
    on_exit : str
        What a launched window does at the end.
    stalled_after : float, optional
        Seconds without a sign of life after which the views are told.
    recording : Recording, optional
        Where the run is recorded, and how.
    annex : Annex, optional
        What is shown beside its frames.
    helm : Helm, optional
        How it is steered.
    """

    def __init__(
        self,
        name: str,
        feeds: dict[str, Feed],
        pickled: dict[str, tuple[str, bytes] | None],
        *,
        overhead: float,
        on_exit: str,
        stalled_after: float | None = None,
        recording: Recording | None = None,
        annex: Annex | None = None,
        helm: Helm | None = None,
    ) -> None:
        # Nothing is open yet, and `discard` takes back whatever `open` has opened,
        # wherever an interrupt may have stopped it.
        self.publisher: Publisher | None = None
        self.fault = Fault()
        self.run: runs.Run | None = None
        self.launched: launch.Launched | Inline | None = None
        self.screen: Screen | None = None  # on the terminal of this process
        self.gate: Gate | None = None
        self._name = name
        self._feeds = feeds
        self._pickled = pickled
        self._overhead = overhead
        self._on_exit = on_exit
        self._stalled_after = stalled_after
        self._recording = recording
        self._annex = annex
        self._helm = helm or Helm()
        self._deadline = 0.0

    # -- start -----------------------------------------------------------------

    def open(
        self,
        host: str,
        port: int,
        command: list[str] | None,
        *,
        remote: bool = False,
        shell: Any = None,
        on_screen: Farewell | None = None,
    ) -> None:
        """Listen, write the run's files, start the thread, launch the viewer.

        Parameters
        ----------
        host, port : str, int
            Where to listen.
        command : list of str or None
            Command line of the viewer's interpreter; None launches nothing.
        remote : bool
            Other machines reach that address: it speaks TLS. Viewers on this one
            get a loopback address of their own, without it.
        shell : ZMQInteractiveShell, optional
            Of the notebook in whose cell the view is to be.
        on_screen : callable, optional
            The view is on this process's terminal; gives the lines that stay there.

        Raises
        ------
        ListenError
            If the address cannot be listened on.
        OSError, RuntimeError
            If the system lacks something.
        """
        runs.clean_quietly()
        near = ("127.0.0.1", 0) if remote else (host, port)
        listener = sockets.listen(*near)
        try:
            key = handshake.new_key()
            address = listener.getsockname()[:2]
            outside, fingerprint = None, None
            if remote:
                from .gate import Gate

                self.gate = Gate()
                self.gate.open(host, port, address)
                # Its name costs no look-up, which could hang; where another one is
                # needed, the viewer is told (``--host``).
                everywhere = sockets.is_everywhere(self.gate.address[0])
                seen = socket.gethostname() if everywhere else host
                outside, fingerprint = (
                    (seen, self.gate.address[1]),
                    self.gate.fingerprint,
                )
            self.run, trouble = runs.create(
                self._name, address, key, outside, fingerprint
            )
            if trouble:
                logger.warning("%s", trouble)
            self.fault.open(self.run.fault_file)
            self._helm.run = self.run.run
            self._helm.note = functools.partial(runs.note_pause, self.run)
            if self._annex is not None:
                worker = handshake.worker_key(key)
                self._annex.open(
                    Way(
                        *(self.run.run, self.run.host, address),
                        *(outside, fingerprint, worker),
                    )
                )
            disk, retire = Disk(), functools.partial(_retire, self.run, self.fault)
            self.publisher = Publisher(
                listener,
                key,
                list(self._feeds.values()),
                self._introduction(self.run),
                Budget(self._overhead, time.monotonic()),
                Keeper(self.run.record_file, disk, retire, self._overhead),
                Tape(self._recording, disk),
                stalled_after=self._stalled_after,
                gate=self.gate,
                annex=self._annex,
                helm=self._helm,
            )
        except BaseException:
            listener.close()
            raise
        self.publisher.start()
        descent.announce(self.run.connection_file)
        if command is not None and on_screen is not None:
            self.show_screen(command, "page", on_screen)
        elif command is not None:
            self._launch(command, shell)

    def show_screen(self, command: list[str], kind: str, farewell: Farewell) -> None:
        """Show the run on the terminal of this process.

        Parameters
        ----------
        command : list of str
            Command line of the view's interpreter.
        kind : {"page", "bars"}
            What is shown.
        farewell : callable
            Gives the lines that stay there afterwards.
        """
        from .screen import Screen

        assert self.run is not None and self.publisher is not None
        files = self.run.connection_file, self.run.client_log
        try:
            screen = Screen(command, *files, kind=kind, farewell=farewell)
        except (OSError, RuntimeError) as error:
            logger.warning("the view cannot be launched: %s", error)
            return
        self.screen = screen  # first: then it is found, wherever Ctrl-C comes
        screen.divert()
        self.publisher.glance = screen.ended
        if self.launched is None:
            self.publisher.watch_process = screen.ended

    def settle(self) -> None:
        """Wait a moment until `tail` holds what has been begun and ended."""
        annex, deadline = self._annex, time.monotonic() + EXIT_DELAY
        while annex is not None and not annex.settled and time.monotonic() < deadline:
            time.sleep(0.002)

    def hide_screen(self, state: str, text: str = "") -> None:
        """Leave the terminal as it was, if the run was shown there."""
        screen, self.screen = self.screen, None
        if screen is None:
            return
        self.settle()
        self._leave(screen)
        screen.last_word(state, text, time.monotonic() + EXIT_DELAY)

    def wait_for_client(self, seconds: float) -> None:
        """Wait until a figure is open; afterwards the calculation goes on anyway."""
        publisher = self.publisher
        assert publisher is not None
        publisher.awaited = True
        deadline = time.monotonic() + seconds
        while not publisher.opened and not publisher.done:
            ended = publisher.process_ended
            left = deadline - time.monotonic()
            if ended or left <= 0:
                publisher.awaited = bool(ended)  # what comes later is said later
                why = ended or f"no figure was open after {seconds:g} s"
                logger.warning("going on without a viewer: %s", why)
                return
            publisher.alarm.alive()  # it waits for us, and has not stalled
            publisher.wait(min(left, TICK))

    # -- end -------------------------------------------------------------------

    def tell(self, state: RunState, text: str) -> None:
        """Say the last word; a second one is not heard.

        The last frame is that of the last call if the run has finished; after an
        interrupt or a failure its arguments are kept beside the last whole one.
        """
        publisher = self.publisher
        if publisher is not None and not publisher.ending:
            self._deadline = time.monotonic() + EXIT_DELAY
            last = self._last_snapshots(clean=state in _CLEAN)
            said = State(state.value, text, time.time())
            publisher.finish(Ending(said, self._deadline, last))

    def finish(self, state: RunState, text: str) -> None:
        """Say the last word, and wait a little until all viewers have it."""
        publisher = self.publisher
        assert publisher is not None
        try:
            self.tell(state, text)
            deadline = self._deadline
            if self.screen is not None:
                self._leave(self.screen)
            while not publisher.done and (left := deadline - time.monotonic()) > 0:
                publisher.wait(left)
            # It has said that it is done; its last instructions take microseconds.
            while (
                publisher.done and publisher.is_alive() and time.monotonic() < deadline
            ):
                time.sleep(0.0005)
            if self.screen is not None:
                self.screen.last_word(state.value, text, deadline)
            if self.launched is not None:
                self.launched.last_word(state.value, text, deadline)
        finally:
            # Also after an impatient second Ctrl-C: the thread ends by itself. If one
            # came before it was told, the end is still to come.
            if publisher.ending:
                publisher.abandoned = True
                self._withdraw()
                self.fault.close()
                if publisher.done:
                    publisher.notice.close()
                self._let_go()
                self._retire(state)

    def _retire(self, state: RunState) -> None:
        """See to it that the end is noted, also if the thread did not come to it."""
        assert self.publisher is not None
        keeper = self.publisher.keeper
        if not keeper.retired:
            keeper.retire(state.value)
            deadline = time.monotonic() + RETIREMENT
            while not keeper.retired and time.monotonic() < deadline:
                time.sleep(0.0005)

    def abandon(self) -> None:
        """End the run without waiting: nobody refers to its server any more."""
        publisher = self.publisher
        if publisher is None:
            return
        state = State(RunState.FINISHED.value, "", time.time())
        deadline = time.monotonic() + EXIT_DELAY
        last = self._last_snapshots(clean=True)
        remains = [feed.remains() for feed in self._feeds.values()]
        publisher.abandoned = True
        self._withdraw()
        self.fault.close()
        _abandoned[:] = [each for each in _abandoned if not each.done]
        _abandoned.append(publisher)
        publisher.finish(Ending(state, deadline, last, remains))
        self._let_go()

    def discard(self, error: BaseException) -> None:
        """Take back a start that an error or an interrupt broke off."""
        publisher = self.publisher
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
        if self.gate is not None:
            self.gate.close()
        self._let_go()
        self.fault.close()
        self._withdraw()
        if self.run is not None:
            with contextlib.suppress(OSError):
                _retire(self.run, self.fault, RunState.INTERRUPTED.value)

    def forked(self) -> None:
        """Drop what a forked child inherited."""
        self.fault.forked()
        if self.publisher is not None:
            self.publisher.forked()
        for view in (self.launched, self.screen):
            if view is not None:
                view.forked()

    # -- what is known ---------------------------------------------------------

    @property
    def connection_file(self) -> Path | None:
        """File by which a viewer finds the run."""
        return self.run.connection_file if self.run is not None else None

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens; of two, where other machines may come."""
        if self.gate is not None:
            return self.gate.address
        return self.run.address if self.run is not None else None

    @property
    def viewers(self) -> list[Viewer]:
        """Viewers connected now."""
        return self.publisher.viewers() if self.publisher is not None else []

    def tail(self) -> list[Message]:
        """How its jobs stand, as a viewer is told that comes now."""
        return self._annex.tail() if self._annex is not None else []

    def add_record(self, record: Log) -> None:
        """Show a log record in the views."""
        if self.publisher is not None:
            self.publisher.chronicle.add_record(record)

    # -- private ---------------------------------------------------------------

    def _introduction(self, run: runs.Run) -> list[Message]:
        welcome = Welcome(
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
        python = list(sys.version_info[:2])
        code = [
            PlotterCode(name, made[0], python, [made[1]])
            if made is not None
            else PlotterCode(name, "", python)
            for name, made in self._pickled.items()
        ]
        return [welcome, *code]

    def _launch(self, command: list[str], shell: Any) -> None:
        assert self.run is not None and self.publisher is not None
        files = self.run.connection_file, self.run.client_log
        try:
            if shell is None:
                self.launched = launch.Launched(command, *files)
            else:
                from . import cell, inline

                inside = inline.Inline(
                    command,
                    *files,
                    name=self._name,
                    plotters=list(self._feeds),
                    share=self._overhead,
                    cell=cell.Cell(shell),
                )
                self.launched = inside
                self.publisher.view_cost = lambda: inside.spent
        except OSError as error:
            logger.warning("the view cannot be launched: %s", error)
            return
        self.publisher.watch_process = self.launched.ended

    def _leave(self, screen: Screen) -> None:
        """Have a screen left; that its view ends is no news."""
        assert self.publisher is not None
        self.publisher.glance = str
        if self.launched is None:
            self.publisher.watch_process = str
        screen.leave()

    def _let_go(self) -> None:
        """Leave the views to themselves."""
        for view in (self.launched, self.screen):
            if view is not None:
                view.let_go()

    def _withdraw(self) -> None:
        """Let no process that is started from now on look for this run."""
        if self.run is not None:
            descent.withdraw(self.run.connection_file)

    def _last_snapshots(self, *, clean: bool) -> list[Snapshot]:
        made = [feed.last_snapshot(clean=clean) for feed in self._feeds.values()]
        return [snapshot for snapshot in made if snapshot is not None]


def _retire(run: runs.Run, fault: Fault, state: str) -> None:
    """Note on disk that a run has ended."""
    runs.end(run, state)
    fault.tidy()


# Threads that end a run without being waited for. At the exit of the interpreter
# they are, since they would die in the middle of it.
_abandoned: list[Publisher] = []


def wait_for_abandoned() -> None:
    """Wait a little for the ends that nobody waited for."""
    deadline = time.monotonic() + EXIT_DELAY
    while any(not each.done for each in _abandoned) and time.monotonic() < deadline:
        time.sleep(0.001)


def forked() -> None:
    """Drop what a forked child inherited of them; it waits for nobody's end."""
    for publisher in _abandoned:
        publisher.forked()
    _abandoned.clear()


def pickled(
    plotters: dict[str, type | None],
) -> dict[str, tuple[str, bytes] | None]:
    """Pickle the plotters now: an error here is seen, one in a week is not."""
    made: dict[str, tuple[str, bytes] | None] = {}
    for name, plotter in plotters.items():
        if plotter is None:
            made[name] = None
            continue
        from ..wire import pickles  # the ready-made plotter needs no cloudpickle

        made[name] = plotter.__name__, pickles.dump_plotter(plotter)
    return made


def is_shortage(error: BaseException) -> bool:
    """Whether the machine lacks something, rather than the caller asked for it."""
    if isinstance(error, OSError):
        return not isinstance(error, sockets.ListenError)
    # What `threading` says when the system gives it no thread.
    return isinstance(error, RuntimeError) and "thread" in str(error)


def outcome(error: BaseException | None) -> tuple[RunState, str]:
    """How a run ended that left its block, or the interpreter, with this exception."""
    if error is None:
        return RunState.FINISHED, ""
    if isinstance(error, KeyboardInterrupt) or _is_cancelled(error):
        return RunState.INTERRUPTED, ""
    if isinstance(error, StopRequested):
        return RunState.STOPPED, ""
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


def _is_cancelled(error: BaseException) -> bool:
    """Whether a task of asyncio was told to end, which is what Ctrl-C does to one."""
    exceptions = sys.modules.get("asyncio.exceptions")  # not imported for this
    return exceptions is not None and isinstance(error, exceptions.CancelledError)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted under the calculation
        return ""
