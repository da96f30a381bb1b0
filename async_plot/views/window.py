"""The window: a run's figures, live, with the strip under the first one.

Everything here happens in the GUI's thread, between its own events: a thread
receives (`Inbox`), and the event loop stays free for zoom, pan and resize while no
frame comes. Knows no socket and no toolkit by name.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..client import Client
from ..replay import Jumped, Replay
from ..wire.messages import Frame, Opened, RunState, Trouble, Welcome
from . import controls, hearing, playbar, toolkits
from .absence import Absence
from .figure import Failure, Painter, load
from .inbox import QUICK, Inbox
from .overdue import Alarm, Watchdog
from .reload import PlotterFile, Reloaded, Reloading, check_names
from .silence import Silence, explain, is_here
from .steering import Wheel
from .strip import StripState, standing
from .stripcanvas import EVERY, StripCanvas
from .titles import Titles
from .wording import moment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["show"]

REPLAY = "replay"  # what the strip shows as the state, up to the end of the run
_TROUBLES = 100  # different tracebacks that are told to the calculation


def show(
    client: Client | Replay,
    *,
    plotter: type | None = None,
    files: Mapping[str, PlotterFile] | None = None,
    max_rate: float = 30.0,
    launched: bool = False,
    inbox: Inbox | None = None,
    on_drawn: Callable[[str, int], None] | None = None,
) -> int:
    """Show a run in windows until the user has closed them all.

    Where no window can be opened the run is drawn off-screen.

    Parameters
    ----------
    client : Client or Replay
        The run, or what was recorded of one.
    plotter : class, optional
        Draws instead of the run's own plotters.
    files : dict of {str: PlotterFile}, optional
        Classes that draw instead of the plotters of these names, loaded again when
        their files change; that of ``""`` instead of all others.
    max_rate : float, default: 30
        Frames a second that are asked for at most, of each plotter; ``math.inf``
        is as fast as they can be drawn.
    launched : bool, default: False
        Whether the run launched this view: then its ``on_exit`` is obeyed.
    inbox : Inbox, optional
        Of that client, if it receives already.
    on_drawn : callable, optional
        ``on_drawn(plotter, number)`` is called after each frame drawn: a way to
        count them.

    Returns
    -------
    int
        Exit status: 0, or 1 if there was nothing to show.
    """
    inbox = inbox or Inbox(client)
    reason = "no window"
    try:
        while not inbox.wait_for_plotters(1.0):
            if inbox.ended:
                why = inbox.error or "the run is gone and left nothing to show"
                print(f"async_plot: {why}", flush=True)
                return 1
        assert inbox.welcome is not None
        check_names(files or {}, inbox.welcome.plotters)
        if not toolkits.choose_backend():
            if isinstance(client, Replay):  # it would be played to nobody, for ever
                return 1
            from . import offscreen

            offscreen.run(
                client,
                plotter=plotter,
                files=files,
                max_rate=max_rate,
                inbox=inbox,
                on_drawn=on_drawn,
            )
            return 0
        with toolkits.own_pyplot(playbar.KEYS if isinstance(client, Replay) else ()):
            _Window(inbox, plotter, files, max_rate, launched, on_drawn).run()
        reason = "window closed"
        return 0
    finally:
        inbox.close(reason)


@dataclass(slots=True)
class _Pane:
    """One plotter, and when it gets its next frame."""

    painter: Painter
    asked: bool = False
    turn: int = 0  # counts the times it was asked: a timer of before is void
    next_at: float = 0.0  # from when on the next frame may be asked for
    cost: float = float("inf")  # seconds of the last drawing
    number: int = 0  # newest frame shown


class _Window:
    """The windows of one run."""

    def __init__(
        self,
        inbox: Inbox,
        plotter: type | None,
        files: Mapping[str, PlotterFile] | None,
        max_rate: float,
        launched: bool,
        on_drawn: Callable[[str, int], None] | None,
    ) -> None:
        assert inbox.welcome is not None
        self._inbox = inbox
        self._client = inbox.client
        self._welcome = inbox.welcome
        self._replay = inbox.client if isinstance(inbox.client, Replay) else None
        self._interval = 1 / max_rate
        self._launched = launched
        self._on_drawn = on_drawn
        self._state = StripState(
            name=self._welcome.name,
            where=_where(self._welcome),
            budget=self._welcome.overhead,
        )
        if isinstance(self._client, Client) and self._client.control:
            self._state.controls = controls.Controls(Wheel(self._client.steer))
        if self._replay is not None:
            self._state.state = REPLAY
            self._state.replayed = True
            self._state.jobs.live = False
            self._state.foreign = self._replay.note
        self._toolkit: Any = None
        self._titles = Titles(self._welcome.name)
        self._drawing = False
        self._again = False
        self._over = False
        self._whole: set[str] = set()  # plotters that have a frame from between steps
        self._steered = 0  # revision of what the strip shows of the steering
        self._introduced = False
        self._numbered = False  # the titles say which of the run's viewers this is
        self._troubles: set[str] = set()
        self._shown_windows: set[int] = set()
        self._extended = 0  # how often the histories had changed when drawn last
        self._reloading = Reloading(files or {})
        self._unloaded: dict[str, Reloaded] = {}  # by plotter, files that are wrong
        self._panes = {
            name: self._make(name, plotter) for name in self._welcome.plotters
        }
        self._strip: StripCanvas | None = None
        self._silence = Silence(self._client)
        self._alarm = Alarm(self._overdue)
        self._watchdog = Watchdog(self._state, self._hung)

    def run(self) -> None:
        """Open the windows and serve them until they are closed."""
        first = self._figures()[0]
        manager: Any = first.canvas.manager
        self._toolkit = toolkits.of(manager)
        try:
            self._strip = StripCanvas(manager, self._toolkit, self._steer)
            self._refresh_strip()
            self._show_windows()
            for pane in self._panes.values():
                self._ask(pane)
            first.canvas.flush_events()
            self._client.say(Opened("window"))
            self._toolkit.watch(self._inbox.fileno(), self._arrived)
            self._toolkit.later(0, self._arrived)
            self._toolkit.later(EVERY, self._tick)
            self._watchdog.start()
            if self._figures():
                type(manager).start_main_loop()
        finally:
            if self._state.controls.leave(time.monotonic()):
                print("async_plot: it was paused from here and goes on", flush=True)
            self._watchdog.stop()
            self._alarm.close()
            self._toolkit.end()
            toolkits.close_all()

    # -- making ----------------------------------------------------------------

    def _make(self, name: str, plotter: type | None) -> _Pane:
        code = self._inbox.codes[name]
        file = self._reloading.of(name)
        title = name or (code.title if plotter is None else plotter.__name__)
        title = file.name if file and not name else title
        pane = _Pane(Painter(name, lambda: self._new_figure(title), self._after_draw))
        make = (file.kind or file.load) if file else plotter or (lambda: load(code))
        failure = pane.painter.make(make)
        if failure is not None:
            self._tell(failure, "the plotter could not be made")
        return pane

    def _new_figure(self, title: str) -> Figure:
        import matplotlib.pyplot as plt

        figure = plt.figure()
        manager: Any = figure.canvas.manager
        manager.set_window_title(self._titles.of(title))
        return figure

    def _number_titles(self, viewers: int) -> None:
        """Tell this window from those that the run has already, once."""
        if self._numbered or self._launched:
            return
        self._numbered = True
        if viewers > 1:
            self._titles.number(self._managers(), viewers)

    def _after_draw(self, canvas: Any) -> None:
        if self._toolkit is not None:
            self._toolkit.drawn(canvas)

    def _figures(self) -> list[Figure]:
        return [f for pane in self._panes.values() for f in pane.painter.figures]

    def _managers(self) -> list[Any]:
        return [figure.canvas.manager for figure in self._figures()]

    def _show_windows(self) -> None:
        """Show the windows that have not been shown; never one a second time."""
        for figure in self._figures():
            if id(figure) not in self._shown_windows:
                self._shown_windows.add(id(figure))
                figure.canvas.mpl_connect("close_event", self._closed)
                figure.canvas.mpl_connect("key_press_event", self._key)
                manager: Any = figure.canvas.manager
                manager.show()

    def _closed(self, event: Any) -> None:
        if self._strip is not None and event.canvas.manager is self._strip.manager:
            self._strip = None
        self._shown_windows.discard(id(event.canvas.figure))
        # Later: its painter, which takes the figure out, may hear of it after us.
        self._toolkit.later(0, self._quit_if_alone)

    def _quit_if_alone(self) -> None:
        if not self._figures():
            self._toolkit.quit()

    # -- what arrives ----------------------------------------------------------

    def _arrived(self) -> None:
        """Take what the inbox holds. Nothing may be raised into an event loop."""
        try:
            self._inbox.clear()
            if self._drawing:  # a plotter runs the event loop inside its draw
                self._again = True
                return
            # Before taking: what arrives meanwhile rings again, so that the last
            # word is read before the end is believed.
            ended = self._inbox.ended
            try:
                self._take_events()
                self._take_frames()
                self._take_histories()
                if self._state.controls.revision != self._steered:
                    self._refresh_strip()  # whoever has clicked waits for it
            finally:
                if ended and not self._over:
                    self._over = True
                    self._finish()
        except Exception:
            # Ours, so it goes where a developer looks: the viewer's log.
            traceback.print_exc()

    def _take_events(self) -> None:
        state, inbox = self._state, self._inbox
        while inbox.events:
            message = inbox.events.popleft()
            hearing.hear(state, message, time.monotonic())
            if isinstance(message, Absence):
                print(f"async_plot: {message}", flush=True)
            elif isinstance(message, Jumped):
                self._forget(message.generation)
            elif isinstance(message, Welcome) and self._introduced:
                hearing.connected_again(state)
                self._client.say(Opened("window"))
                for pane in self._panes.values():
                    pane.asked = False
                    self._ask(pane)
            elif isinstance(message, Welcome):
                self._introduced = True
        for stats in list(inbox.stats.values()):
            self._number_titles(stats.viewers)
        stalled, inbox.stalled = inbox.stalled, None
        if stalled is not None:
            state.take_stall(stalled, time.monotonic())
        hearing.take(state, inbox, time.monotonic(), time.time())

    def _take_frames(self) -> None:
        inbox = self._inbox
        for name, pane in self._panes.items():
            frame = inbox.frames.pop(name, None)
            if frame is not None and self._replay is None:
                # Of a run that was killed its record is told, which may be older.
                frame = frame if frame.number >= pane.number else None
            if frame is not None:
                self._whole.add(name)
                self._draw(pane, frame)
            mid_step = inbox.mid_step.pop(name, None)
            if mid_step is not None and (self._replay or name not in self._whole):
                self._draw(pane, mid_step)
        if self._again:
            self._again = False
            self._toolkit.later(0, self._arrived)

    def _take_histories(self) -> None:
        """Let a ready-made plotter without frames draw the logged scalars."""
        extended = self._inbox.extended
        if extended != self._extended and not self._state.frame:
            self._extended = extended
            histories = dict(self._inbox.histories)
            for pane in self._panes.values():
                if pane.painter.broken is None and pane.painter.figures:
                    pane.painter.draw_histories(histories)

    def _finish(self) -> None:
        state, error = self._state, self._inbox.error
        if state.state in (RunState.RUNNING.value, REPLAY):
            state.state = RunState.LOST.value
            state.state_text = str(error) if error else ""
            state.ended_at = time.monotonic()
            state.jobs.end(state.state)
        closes = self._launched and self._welcome.on_exit == "close"
        if closes and state.state != RunState.LOST.value:
            toolkits.close_all()
            self._toolkit.quit()
        self._refresh_strip()

    # -- frames ----------------------------------------------------------------

    def _ask(self, pane: _Pane) -> None:
        """Ask for one more frame, at its time."""
        if pane.asked or pane.painter.broken is not None or not pane.painter.figures:
            return
        pane.asked = True
        pane.turn += 1
        turn = pane.turn
        wait = pane.next_at - time.monotonic()
        if wait > 0.001:
            self._toolkit.later(wait, lambda: self._ask_now(pane, turn))
        else:
            self._ask_now(pane, turn)

    def _ask_now(self, pane: _Pane, turn: int) -> None:
        if turn == pane.turn:
            self._client.ready(pane.painter.name, pane.number)

    def _draw(self, pane: _Pane, frame: Frame) -> None:
        painter = pane.painter
        self._reloading.note(frame)
        if painter.broken is not None or not painter.figures:
            return
        pane.asked = False
        started = time.monotonic()
        # On a grid of instants, so that the way to and fro does not add up.
        pane.next_at = max(pane.next_at + self._interval, started + self._interval / 2)
        if self._interval < pane.cost < QUICK:
            # The next frame comes while this one is drawn: it is as old as one
            # drawing takes, which nobody sees, and the canvas never waits.
            self._ask(pane)
        with self._watched(frame.number):
            failure = painter.draw(frame)
        now = time.monotonic()
        pane.cost = now - started
        if failure is not None:
            self._tell(failure, f"draw failed at frame {frame.number}")
        else:
            self._count(pane, frame, now)
        self._show_windows()
        self._ask(pane)
        if self._on_drawn is not None:
            self._on_drawn(painter.name, frame.number)

    @contextlib.contextmanager
    def _watched(self, number: int) -> Iterator[None]:
        """Run a plotter's code, which may take long or never return."""
        state = self._state
        state.drawing, state.drawing_since = number, time.monotonic()
        self._drawing = True
        self._alarm.start()
        try:
            yield
        finally:
            self._alarm.stop()
            self._drawing = False
            state.drawing = 0

    def _count(self, pane: _Pane, frame: Frame, now: float) -> None:
        state = self._state
        if pane.number:
            state.dropped += max(0, frame.number - pane.number - 1)
        pane.number = state.frame = frame.number
        state.plotter = pane.painter.name if len(self._panes) > 1 else ""
        state.frame_at, state.mid_step = now, frame.mid_step
        state.shown += 1
        # Clocks of two machines may differ by more than a lag.
        lag = time.time() - frame.time
        known = self._replay is None and is_here(self._welcome)
        state.lag = max(0.0, lag) if known else None

    # -- plotters from files ---------------------------------------------------

    def _reload(self) -> None:
        """Draw with another class, where the file of one has changed."""
        changed = self._reloading.changed()
        if not changed:
            return
        painters = [pane.painter for pane in self._panes.values()]
        with self._watched(self._state.frame or 1):
            reloaded = list(self._reloading.reload(changed, painters))
        for each in reloaded:
            print(f"async_plot: {each}", flush=True)
            self._unloaded.pop(each.plotter, None)
            if each.failure is not None:
                self._unloaded[each.plotter] = each
                continue
            self._state.failure = ""  # it was another class's
            self._state.tell(str(each), time.monotonic(), 5.0)
            self._ask(self._panes[each.plotter])
        wrong = next(iter(self._unloaded.values()), None)
        self._state.unloaded = str(wrong) if wrong else ""
        self._state.unloaded_text = (
            wrong.failure.text if wrong and wrong.failure else ""
        )
        if self._strip is None and self._figures():  # it opens windows of its own
            manager: Any = self._figures()[0].canvas.manager
            self._strip = StripCanvas(manager, self._toolkit, self._steer)
        self._show_windows()
        self._toolkit.later(0, self._arrived)  # what came meanwhile
        self._refresh_strip()

    # -- what goes wrong -------------------------------------------------------

    def _tell(self, failure: Failure, what: str) -> None:
        """Show a failure in the strip, print it, and tell the calculation's log."""
        state = self._state
        state.failure = failure.text
        state.failure_title = f"{what}: {failure.summary}"
        state.failure_at = time.monotonic()
        state.failures += 1
        # The line numbers tell one failure from another, the values in it do not.
        key = failure.text.rpartition("\n  ")[0] or failure.text
        if key not in self._troubles and len(self._troubles) < _TROUBLES:
            self._troubles.add(key)
            print(f"async_plot: {what}\n{failure.text}", flush=True)
            self._client.say(Trouble(failure.plotter, failure.frame, failure.text))

    def _overdue(self) -> None:
        """Repaint the strip while a drawing goes on; called by the alarm."""
        if self._strip is not None:
            self._take_events()  # how the run stands does not wait for a plotter
            self._strip.refresh(self._state, now=True)

    def _hung(self, number: int, seconds: float, stack: str) -> None:
        """Tell of a drawing that does not return; called by the watchdog."""
        text = f"draw has not returned for {seconds:.0f} s; it is here:\n{stack}"
        print(f"async_plot: frame {number}: {text}", flush=True)
        self._client.say(Trouble(self._state.plotter, number, text))

    # -- a replay --------------------------------------------------------------

    def _steer(self, action: str, share: float = 0.0) -> None:
        """Do what was clicked, and show at once that it is done."""
        if self._replay is not None:
            playbar.act(self._replay, action, share)
            self._refresh_strip()

    def _key(self, event: Any) -> None:
        if self._replay is not None and event.key in playbar.KEYS:
            self._steer(playbar.KEYS[event.key])
        elif event.key in controls.KEYS:
            action, now = controls.KEYS[event.key], time.monotonic()
            self._state.controls.act(action, 0.0, now)
            self._refresh_strip()

    def _forget(self, generation: int) -> None:
        """Go back: what was told and drawn is not to be known yet."""
        assert self._replay is not None
        state = self._state
        state.state, state.state_text = REPLAY, ""
        state.frame, state.mid_step = 0, False
        state.log = state.failure = state.stalled = ""
        state.logs.clear()
        state.controls.forget()
        state.failures = state.missed = state.refused = 0
        state.jobs.forget()
        self._inbox.stats.clear()
        self._whole.clear()
        for pane in self._panes.values():
            pane.number, pane.asked = 0, False
            failure = pane.painter.rewind() if pane.painter.figures else None
            if failure is not None:
                self._tell(failure, "the plotter could not be made")
        self._replay.follow(generation)
        for pane in self._panes.values():
            self._ask(pane)

    # -- the strip -------------------------------------------------------------

    def _tick(self) -> None:
        try:
            state = self._state
            state.controls.tick(time.monotonic())
            state.silent = self._silence.seconds()
            if state.silent:
                state.silence = explain(self._welcome, far=self._client.is_far)
            if not self._drawing:
                hearing.take(state, self._inbox, time.monotonic(), time.time())
            self._refresh_strip()
            if not self._drawing:
                self._toolkit.settle()
                self._reload()
        except Exception:  # see `_arrived`
            traceback.print_exc()
        strip = self._strip
        pause = strip.pause(slider=self._replay is not None) if strip else EVERY
        self._toolkit.later(pause, self._tick)

    def _refresh_strip(self) -> None:
        if self._replay is not None and self._replay.can_move:
            self._state.place = self._replay.place
            self._state.times = self._replay.times
        self._steered = self._state.controls.revision
        if self._strip is not None:
            self._strip.refresh(self._state)
        key, word = standing(self._state, time.monotonic(), short=True)
        self._titles.mark(self._managers(), word.split()[0] if key == "paused" else "")


def _where(welcome: Welcome) -> str:
    started = moment(welcome.started, "%d %b %H:%M")
    return f"process {welcome.pid} on {welcome.host}, since {started}"


def _demo() -> None:
    """Show a wave that a thread of this process calculates."""
    import math

    from ..server import Server

    xs = [0.05 * k for k in range(200)]
    ended = threading.Event()

    def calculate(server: Server) -> None:
        with server:
            for step in range(2000):
                ys = [math.sin(x - 0.05 * step) for x in xs]
                server.update(xs, ys, energy=math.exp(-step / 700))
                server.log(step, norm=math.hypot(*ys))
                if ended.wait(0.01):
                    break

    server = Server(view=None, name="wave").start()
    thread = threading.Thread(target=calculate, args=(server,))
    thread.start()
    try:
        show(Client(server))
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    _demo()
