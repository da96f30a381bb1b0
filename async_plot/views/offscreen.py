"""A run drawn without a screen, into memory or into a picture. Opens nothing."""

from __future__ import annotations

import math
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..client import Client
from ..replay import Jumped, Replay
from ..wire.framing import printable
from ..wire.messages import (
    Frame,
    Message,
    Opened,
    RunState,
    Stalled,
    State,
    Trouble,
    Welcome,
)
from .absence import Absence
from .figure import Failure, Painter, load
from .inbox import QUICK, Inbox
from .reload import LOOK_EVERY, PlotterFile, Reloading, check_names
from .steering import Wheel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Drawer", "Sink", "run"]

SAVE_EVERY = 1.0  # seconds between two pictures


def run(
    client: Client | Replay,
    *,
    plotter: type | None = None,
    files: Mapping[str, PlotterFile] | None = None,
    save: str | os.PathLike[str] | None = None,
    max_rate: float = 30.0,
    inbox: Inbox | None = None,
    on_drawn: Callable[[str, int], None] | None = None,
) -> int:
    """Draw a run off-screen until it ends.

    Parameters
    ----------
    client : Client or Replay
        The run, or what was recorded of one.
    plotter : class, optional
        Draws instead of the run's own plotters.
    files : dict of {str: PlotterFile}, optional
        As for `async_plot.views.window.show`.
    save : path, optional
        Picture to write: at most once a second, at the end, and never seen half
        written. With several figures each gets ``-`` and its name after the stem.
    max_rate : float, default: 30
        Frames a second that are asked for at most, of each plotter.
    inbox : Inbox, optional
        Of that client, if it receives already.
    on_drawn : callable, optional
        ``on_drawn(plotter, number)`` is called after each frame drawn.

    Returns
    -------
    int
        Frames drawn, of all plotters.

    Raises
    ------
    FileNotFoundError
        If the directory of `save` does not exist.
    ValueError
        If matplotlib cannot write pictures of that kind.
    HandshakeError
        If whatever listens at the run's address is not the run.
    """
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    picture = _Picture(Path(save)) if save is not None else None
    own = inbox is None
    inbox = inbox or Inbox(client)
    try:
        drawer = Drawer(inbox, plotter, files, max_rate, picture, on_drawn)
        return drawer.run()
    finally:
        plt.close("all")
        if own:
            inbox.close("drawn")


class Sink(Protocol):
    """Where a `Drawer` puts its figures.

    Attributes
    ----------
    changed : bool
        They were drawn since.
    next_at : float
        From when on it takes them again, on the monotonic clock.
    """

    changed: bool
    next_at: float

    def due(self) -> bool:
        """Whether it takes them now, and they would differ."""

    def write(self, figures: dict[str, list[Figure]]) -> None:
        """Take the figures of each plotter."""


class Drawer:
    """The loop of one run.

    Parameters
    ----------
    inbox, plotter, max_rate, on_drawn
        As for `run`.
    picture : Sink, optional
        Gets the figures when it is due, and at the end.
    """

    surface = "off-screen"

    def __init__(
        self,
        inbox: Inbox,
        plotter: type | None,
        files: Mapping[str, PlotterFile] | None,
        max_rate: float,
        picture: Sink | None,
        on_drawn: Callable[[str, int], None] | None,
    ) -> None:
        self._inbox = inbox
        self._client = inbox.client
        self._plotter = plotter
        self._files = files or {}
        self._reloading = Reloading(self._files)
        self._interval = 1 / max_rate
        self._picture = picture
        self._on_drawn = on_drawn
        self._painters: dict[str, Painter] = {}
        self._numbers: dict[str, int] = {}
        self._wanting: set[str] = set()  # plotters that can take one more frame
        self._costs: dict[str, float] = {}  # seconds of the last drawing
        self._next_at: dict[str, float] = {}  # from when on they may ask for it
        self._introduced = False
        self._extended = 0  # how often the histories had changed when drawn last
        self._told: set[str] = set()
        self._stalled = False
        self._wheel = Wheel()
        self._steered = ""  # how it stands, as it was told

    def run(self) -> int:
        """Draw until the run ends, and say how many frames were drawn."""
        inbox = self._inbox
        while not inbox.wait_for_plotters(1.0):
            if inbox.ended:
                self._end()
                return 0
        assert inbox.welcome is not None
        check_names(self._files, inbox.welcome.plotters)
        for name in inbox.welcome.plotters:
            self._painters[name] = self._make(name)
        self._introduce()
        try:
            while not inbox.ended:
                inbox.wait(self._pause())
                inbox.clear()
                self._take()
                self._ask()
                self._reload()
                if self._picture is not None and self._picture.due():
                    self._save()
            self._take()
        finally:  # also when Ctrl-C ends it
            self._save()
        self._end()
        return sum(painter.shown for painter in self._painters.values())

    def _make(self, name: str) -> Painter:
        import matplotlib.pyplot as plt

        code = self._inbox.codes[name]
        painter = Painter(name, plt.figure)
        file = self._reloading.of(name)
        make = (
            (file.kind or file.load) if file else self._plotter or (lambda: load(code))
        )
        failure = painter.make(make)
        if failure is not None:
            self._tell(failure)
        return painter

    def _reload(self) -> None:
        """Draw with another class, where the file of one has changed."""
        changed = self._reloading.changed()
        for each in self._reloading.reload(changed, self._painters.values()):
            print(f"async_plot: {each}", flush=True)
            if each.failure is not None:
                print(each.failure.text, flush=True)
            elif self._picture is not None:
                self._picture.changed = True
            if not each.failure and each.plotter not in self._numbers:
                self._wanting.add(each.plotter)  # it could not be made before

    def _introduce(self) -> None:
        self._wanting = {n for n, p in self._painters.items() if p.broken is None}
        self._ask()
        self._client.say(Opened(self.surface))

    def _take(self) -> None:
        inbox = self._inbox
        while inbox.events:
            self._hear(inbox.events.popleft())
        stalled, inbox.stalled = inbox.stalled, None
        if stalled is not None:
            self._tell_stall(stalled)
        self._tell_steering()
        for name, painter in self._painters.items():
            frame = inbox.frames.pop(name, None)
            if frame is None and not painter.shown:
                frame = inbox.mid_step.pop(name, None)
            if frame is not None:
                self._reloading.note(frame)
            if frame is not None and painter.broken is None:
                self._draw(painter, frame)
        extended = inbox.extended
        if extended != self._extended:
            self._extended = extended
            histories = dict(inbox.histories)
            for painter in self._painters.values():
                painter.draw_histories(histories)
                if self._picture is not None:
                    self._picture.changed = True

    def _hear(self, message: Message | Absence | Jumped) -> None:
        if isinstance(message, Welcome):
            if self._introduced:  # connected again
                self._introduce()
            self._introduced = True
        elif isinstance(message, Absence):
            print(f"async_plot: {message}", flush=True)
        elif isinstance(message, State) and message.state == RunState.LOST.value:
            if not isinstance(self._client, Replay):  # of these the reader knows
                print(f"async_plot: the run is lost: {message.text}", flush=True)

    def _draw(self, painter: Painter, frame: Frame) -> None:
        name, started = painter.name, time.monotonic()
        on_grid = self._next_at.get(name, 0.0) + self._interval
        self._next_at[name] = max(on_grid, started + self._interval / 2)
        # As in a window: the next frame comes while this one is drawn, if that is
        # soon done, and the drawing never waits.
        early = self._interval < self._costs.get(name, 0.0) < QUICK
        if early:
            self._client.ready(name, self._numbers.get(name, 0))
        failure = painter.draw(frame)
        self._costs[name] = time.monotonic() - started
        if failure is not None:
            self._tell(failure)
        else:
            self._numbers[name] = frame.number
        if not early:
            self._wanting.add(name)
        if self._picture is not None:
            self._picture.changed = True
        if self._on_drawn is not None:
            self._on_drawn(name, frame.number)

    def _ask(self) -> None:
        now = time.monotonic()
        for name in list(self._wanting):
            if self._next_at.get(name, 0.0) <= now:
                self._wanting.remove(name)
                self._client.ready(name, self._numbers.get(name, 0))

    def _pause(self) -> float:
        """How long there is nothing to do unless something arrives."""
        until = [self._next_at.get(name, 0.0) for name in self._wanting]
        if self._picture is not None and self._picture.changed:
            until.append(self._picture.next_at)
        longest = LOOK_EVERY if self._files else 1.0
        return min([longest, *(at - time.monotonic() for at in until)])

    def _tell_stall(self, message: Stalled) -> None:
        """Print one line when it begins, and one when it is over."""
        where = printable(message.text.partition("\n")[0])
        if bool(where) != self._stalled:
            self._stalled = bool(where)
            told = f"no sign of life for {message.seconds:.0f} s, {where}"
            if not where:
                told = f"the run goes on, after {message.seconds:.0f} s"
            print(f"async_plot: {told}", flush=True)

    def _tell_steering(self) -> None:
        """Print a line when it is paused or stopped from a view, or goes on."""
        for message in self._inbox.take_steering():
            self._wheel.hear(message, time.monotonic())
        words = printable(self._wheel.words())
        if words != self._steered:
            self._steered = words
            print(f"async_plot: the run is {words or 'going on'}", flush=True)

    def _tell(self, failure: Failure) -> None:
        key = failure.text.rpartition("\n  ")[0] or failure.text
        if key not in self._told and len(self._told) < 100:
            self._told.add(key)
            where = f"frame {failure.frame}" if failure.frame else "the plotter"
            print(f"async_plot: {where} failed\n{failure.text}", flush=True)
            self._client.say(Trouble(failure.plotter, failure.frame, failure.text))

    def _save(self) -> None:
        if self._picture is None:
            return
        if self._told and not any(p.shown for p in self._painters.values()):
            # No plotter has drawn: that is no picture of the run, until one has.
            self._picture.changed = False
        else:
            self._picture.write({name: p.figures for name, p in self._painters.items()})

    def _end(self) -> None:
        error = self._inbox.error
        if error is not None:
            raise error


class _Picture:
    """The file, or files, that figures are written to."""

    def __init__(self, path: Path) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no directory {path.parent}")
        self._path = path
        self._kind = path.suffix[1:].lower() or "png"
        kinds = FigureCanvasAgg.get_supported_filetypes()
        if self._kind not in kinds:
            known = ", ".join(sorted(kinds))
            raise ValueError(f"no picture can be written to {path}: known are {known}")
        self._warned = False
        self.changed = True
        self.next_at = -math.inf

    def due(self) -> bool:
        """Whether one may be written now, and would differ."""
        return self.changed and time.monotonic() >= self.next_at

    def write(self, figures: dict[str, list[Figure]]) -> None:
        """Write them; a full disk is said once and stops nothing."""
        self.changed = False
        several = sum(map(len, figures.values())) > 1
        for name, group in figures.items():
            for index, figure in enumerate(group, 1):
                parts = [name, str(index) if len(group) > 1 else ""]
                label = "-".join(part for part in parts if part) if several else ""
                try:
                    self._write(figure, re.sub(r"[/\\]", "_", label))
                except Exception as error:  # of the disk, or of the user's artists
                    if not self._warned:
                        self._warned = True
                        print(f"async_plot: {self._path}: {error!r}", flush=True)
        self.next_at = time.monotonic() + SAVE_EVERY

    def _write(self, figure: Figure, label: str) -> None:
        path = self._path
        if label:
            path = path.with_name(f"{path.stem}-{label}{path.suffix}")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            figure.savefig(temporary, format=self._kind)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _demo() -> None:
    """Draw a run of one second into a picture."""
    from ..server import Server

    with Server(view=None, name="off-screen") as server:
        for step in range(10):
            server.update([0, 1, 2], [0, step, 1])
        client = Client(server)
    print(run(client, save="async-plot-off-screen.png"), "frames drawn")


if __name__ == "__main__":
    _demo()
