"""A Plotter on any canvas: made, drawn, blitted. Knows no window and no network.

What goes wrong in a user's class becomes a `Failure`, never an exception here: a
viewer outlives the mistakes of what it draws.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.artist import Artist

from ..client import ReceivedFrame, decode_frame
from ..errors import PlotterError
from ..plotter import ByShape, takes_figure
from ..wire import messages, pickles
from .sheet import Sheet, open_figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Failure", "Painter", "load"]

# What stands between the event loop and a user's class, in a traceback.
_OURS = (os.path.dirname(__file__), "<frozen importlib")


@dataclass(frozen=True, slots=True)
class Failure:
    """One exception in a plotter.

    Attributes
    ----------
    plotter : str
        Name of the plotter among the run's.
    frame : int
        Number of the frame that was being drawn; 0 while it was being made.
    text : str
        The traceback, without our own part of it.
    """

    plotter: str
    frame: int
    text: str

    @property
    def summary(self) -> str:
        """The line that names the exception."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        # What follows the name may be many lines long: take the first of them that
        # stands at the margin, after the last frame of the stack.
        for index in range(len(lines) - 1, -1, -1):
            if lines[index].startswith("  "):
                lines = lines[index + 1 :]
                break
        return lines[0].strip() if lines else "unknown failure"


def load(code: messages.PlotterCode) -> type:
    """Load the class that a calculation sent. Runs its code.

    Returns
    -------
    type
        The class; `ByShape` where the run has none.

    Raises
    ------
    PlotterError
        If it was pickled by another Python, or what it needs is missing here.
    """
    if not code.buffers:
        return ByShape
    ours = list(sys.version_info[:2])
    if list(code.python) != ours:
        raise PlotterError(
            f"plotter {code.title} was sent by Python {_version(code.python)} and this "
            f"viewer is Python {_version(ours)}, which cannot read it; draw with a "
            f"class of your own: async-plot view --plotter file.py:{code.title}"
        )
    try:
        loaded = pickles.load_plotter(code.buffers[0])
    except Exception as error:  # of whatever its modules do when imported
        raise PlotterError(
            f"plotter {code.title} cannot be loaded in the viewer: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(loaded, type):
        raise PlotterError(f"plotter {code.title} is no class but {loaded!r}")
    return loaded


class Painter:
    """One plotter, made and drawn.

    Parameters
    ----------
    name : str
        Its name among the run's plotters.
    new_figure : callable
        ``new_figure()`` makes the figure that ``__init__`` is given, with a canvas.
    after_draw : callable, optional
        ``after_draw(canvas)`` is called when a canvas was drawn whole.
    on_screen : bool, default: True
        Whether the canvas is drawn; false where only what is saved of it counts.

    Attributes
    ----------
    figures : list of Figure
        What it draws on, in the order of opening; those closed are taken out.
    kind : class or None
        Class of the plotter.
    broken : Failure or None
        Why it cannot draw at all.
    shown : int
        Frames drawn without a failure.
    """

    def __init__(
        self,
        name: str,
        new_figure: Callable[[], Figure],
        after_draw: Callable[[Any], None] | None = None,
        *,
        on_screen: bool = True,
    ) -> None:
        self.name = name
        self._on_screen = on_screen
        self.plotter: Any = None
        self.kind: type | None = None
        self.broken: Failure | None = None
        self.shown = 0
        self._new_figure = new_figure
        self._after_draw = after_draw or _nothing
        self._sheets: list[Sheet] = []
        self._given = False  # it draws into a figure of ours

    @property
    def figures(self) -> list[Figure]:
        """What it draws on, without the figures that were closed."""
        self._sheets = [sheet for sheet in self._sheets if not sheet.closed]
        return [sheet.figure for sheet in self._sheets]

    def make(self, plotter: type | Callable[[], type]) -> Failure | None:
        """Make the plotter, and its figures.

        Parameters
        ----------
        plotter : class, or callable
            The class, or a function without arguments that loads it.

        Returns
        -------
        Failure or None
            Why it could not be made; the figure then shows the reason.
        """
        before = set(open_figures())
        try:
            self.kind = plotter if isinstance(plotter, type) else plotter()
            if takes_figure(self.kind):
                if not self._sheets:
                    self._adopt_new()
                self.plotter = self._sheets[0].make(self.kind)
            else:
                self.plotter = self.kind()
            self._find_figures(before)
            if not self._sheets:
                # It opens its window when it draws: this one becomes pyplot's
                # current figure, so that such a plotter draws into it.
                self._adopt_new()
        except (Exception, SystemExit) as error:  # anything a user's class may do
            self.broken = Failure(self.name, 0, _traceback(error))
            self._find_figures(before)
            for sheet in self._sheets[1:]:
                _close(sheet.figure)
            del self._sheets[1:]
            if not self._sheets:
                self._adopt_new()
            figure = self._sheets[0].figure
            figure.clear()
            write_message(figure, "This plotter could not be made", self.broken.summary)
        return self.broken

    def replace(
        self,
        plotter: Callable[[], type],
        frame: messages.Frame | ReceivedFrame | None = None,
    ) -> Failure | None:
        """Draw with another class from now on, if it can be made and draws that frame.

        It is tried on a window that nobody sees, so that the one before goes on
        where it fails. The first window stays where it is and is cleared; a class
        that opens its own opens them anew.

        Parameters
        ----------
        plotter : callable
            Loads the class.
        frame : Frame, optional
            The newest one.

        Returns
        -------
        Failure or None
            Why it was not taken.
        """
        trial = Painter(self.name, self._new_figure, self._after_draw)
        failure = trial.make(plotter)
        if failure is None and frame is not None:
            failure = trial.draw(frame)
        if failure is not None or trial.kind is None:
            trial.close()
            return failure
        if not trial._given:
            self.close()
            self.plotter, self.kind = trial.plotter, trial.kind
            self.broken, self._sheets, self._given = None, trial._sheets, False
            return None
        trial.close()
        for sheet in self._sheets[1:]:
            _close(sheet.figure)
        del self._sheets[1:]
        for sheet in self._sheets:
            sheet.clear()
        self.broken = None
        failure = self.make(trial.kind)
        if failure is None and frame is not None:
            failure = self.draw(frame)
        return failure

    def close(self) -> None:
        """Close its figures."""
        for figure in self.figures:
            _close(figure)

    def rewind(self) -> Failure | None:
        """Forget what was drawn: the frames go on from an earlier one.

        A plotter that has a method ``rewind`` is told by that; any other is made
        anew, on the windows that it has, with the zoom that they have. Whatever it
        gathered of later frames is then gone, as it must be.

        Returns
        -------
        Failure or None
            What went wrong.
        """
        if self.kind is None:
            return None  # it could not be loaded and will not be now
        told = getattr(self.plotter, "rewind", None)
        if callable(told) and self.broken is None:
            try:
                told()
            except (Exception, SystemExit) as error:  # anything a user's class may do
                return Failure(self.name, 0, _traceback(error))
            return None
        zooms = [(sheet, sheet.limits()) for sheet in self._sheets if not sheet.closed]
        for sheet, _ in zooms:
            sheet.clear()
        self.broken = None
        with _reused(self.figures[self._given :]):
            failure = self.make(self.kind)
        if failure is None:
            for sheet, limits in zooms:
                sheet.zoom(limits)
        return failure

    def draw(self, frame: messages.Frame | ReceivedFrame) -> Failure | None:
        """Draw a frame, and as much of the canvas as that needs.

        Returns
        -------
        Failure or None
            What went wrong; the next frame can be tried all the same.
        """
        before = set(open_figures())
        try:
            if not isinstance(frame, ReceivedFrame):
                frame = decode_frame(frame)
            if isinstance(self.plotter, ByShape):
                self.plotter.number = frame.number
            returned = self.plotter.draw(*frame.args, **frame.kwargs)
            self._find_figures(before)
            self._refresh(returned)
        except (Exception, SystemExit) as error:  # anything a user's class may do
            return Failure(self.name, frame.number, _traceback(error))
        self.shown += 1
        return None

    def draw_histories(self, histories: Mapping[str, tuple[Any, Any]]) -> None:
        """Draw logged scalars, where a ready-made plotter has no frame to draw."""
        if isinstance(self.plotter, ByShape) and not self.shown:
            self.plotter.draw_histories(histories)
            self._refresh(None)

    # -- private ---------------------------------------------------------------

    def _refresh(self, returned: Any) -> None:
        if not self._on_screen:
            return
        artists = _artists(returned)
        for sheet in list(self._sheets):
            if not sheet.closed:
                sheet.refresh([a for a in artists if _figure_of(a) is sheet.figure])

    def _find_figures(self, before: set[int]) -> None:
        """Adopt the pyplot windows that it has opened by itself."""
        known = {id(sheet.figure) for sheet in self._sheets}
        for number, figure in open_figures().items():
            if number not in before and id(figure) not in known:
                self._adopt(figure)

    def _adopt_new(self) -> None:
        self._given = True
        self._adopt(self._new_figure())

    def _adopt(self, figure: Figure) -> None:
        self._sheets.append(Sheet(figure, self._after_draw))


# -- helpers -----------------------------------------------------------------------


def write_message(figure: Figure, title: str, text: str) -> None:
    """Write a title and a paragraph in the middle of an empty figure."""
    dark = luminance(figure.get_facecolor()) < 0.4
    colour, faint = ("white", "#c8ccd4") if dark else ("#202226", "#565b66")
    style: dict[str, Any] = {"ha": "center", "parse_math": False, "usetex": False}
    figure.text(0.5, 0.54, title, va="bottom", color=colour, size=13, **style)
    figure.text(0.5, 0.5, text, va="top", color=faint, size=10, wrap=True, **style)


def luminance(colour: Any) -> float:
    """Relative luminance of a colour over white paper, 0 to 1."""
    from matplotlib.colors import to_rgba

    red, green, blue, alpha = to_rgba(colour)
    value = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return value * alpha + 1 - alpha


def _version(version: Iterable[int]) -> str:
    return ".".join(map(str, version))


def _artists(returned: Any) -> list[Artist]:
    """Artists that ``draw`` returned, in a sequence or alone; else none."""
    if returned is None:
        return []
    if isinstance(returned, Artist):
        return [returned]
    if not isinstance(returned, (list, tuple, set)):
        return []
    found: list[Artist] = []
    for item in returned:
        inner = _artists(item)
        if not inner:
            return []
        found += inner
    return list(dict.fromkeys(found))


def _figure_of(artist: Artist) -> Any:
    figure: Any = artist.figure
    while figure is not None and (parent := getattr(figure, "figure", None)):
        if parent is figure:
            break
        figure = parent
    return figure


@contextlib.contextmanager
def _reused(figures: list[Figure]) -> Iterator[None]:
    """Let pyplot give these figures, one after the other, before it opens new ones."""
    import matplotlib.pyplot as plt

    made, exists, left = plt.figure, plt.fignum_exists, list(figures)

    def figure(num: Any = None, *args: Any, **kwargs: Any) -> Any:
        again: Any = None
        if num is None and left:
            again = left.pop(0)
        elif num is not None and exists(num):
            again = made(num)
            left[:] = [each for each in left if each is not again]
        return made(num, *args, **kwargs) if again is None else made(again.number)

    plt.figure = figure
    # ``subplots`` makes none where there is one already.
    plt.fignum_exists = lambda num: False
    try:
        yield
    finally:
        plt.figure, plt.fignum_exists = made, exists


def _close(figure: Figure) -> None:
    with contextlib.suppress(Exception):  # a toolkit may refuse half-made windows
        import matplotlib.pyplot as plt

        plt.close(figure)


def _traceback(error: BaseException) -> str:
    """Write a traceback that begins in the user's code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    if trace is None and isinstance(error, PlotterError):
        return str(error)
    return "".join(traceback.format_exception(type(error), error, trace))


def _nothing(canvas: Any) -> None:
    pass
