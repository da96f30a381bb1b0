"""A plotter on an Agg canvas: made, drawn, blitted; its mistakes are told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import NavigationToolbar2
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from async_plot import Plotter
from async_plot.client import ReceivedFrame
from async_plot.errors import PlotterError
from async_plot.plotter import ByShape
from async_plot.views.figure import Painter, load
from async_plot.wire import pickles
from async_plot.wire.messages import PlotterCode

X = np.linspace(0, 1, 50)


@pytest.fixture(autouse=True)
def pyplot() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


def new_figure() -> Figure:
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure


def frame(*args: Any, number: int = 1, **kwargs: Any) -> ReceivedFrame:
    return ReceivedFrame("", number, 0.0, args, kwargs)


def made(plotter: type) -> Painter:
    painter = Painter("", new_figure)
    assert painter.make(plotter) is None
    return painter


def pixels(figure: Figure) -> np.ndarray[Any, Any]:
    return np.asarray(figure.canvas.buffer_rgba()).copy()


class Blitted(Plotter):
    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.axes = figure.subplots()
        self.axes.set(xlim=(-0.1, 1.1), ylim=(-2, 2))  # the frame is not crossed
        (self.line,) = self.axes.plot([], [])
        self.whole = 0
        figure.canvas.mpl_connect("draw_event", self._count)

    def _count(self, event: Any) -> None:
        self.whole += 1

    def draw(self, y: Any, top: float = 2.0) -> Any:
        self.line.set_data(X, y)
        if self.axes.get_ylim()[1] != top:
            self.axes.set_ylim(-2, top)
        return [self.line]


class Whole(Blitted):
    def draw(self, y: Any, top: float = 2.0) -> None:
        super().draw(y, top)


# -- making ------------------------------------------------------------------------


class NoArgument:
    def __init__(self) -> None:
        self.first, self.second = plt.figure(), plt.figure()
        self.lines = [f.gca().plot([])[0] for f in (self.first, self.second)]

    def draw(self, y: Any) -> None:
        self.lines[0].set_data(X, y)


def test_a_class_without_an_argument_opens_its_own_figures() -> None:
    """They are found, and only the one that changed is drawn."""
    other = plt.figure()
    painter = made(NoArgument)
    assert painter.figures == [painter.plotter.first, painter.plotter.second]
    painter.draw(frame(X))
    drawn = []
    for figure in painter.figures:
        figure.canvas.mpl_connect("draw_event", lambda e: drawn.append(e.canvas.figure))
    painter.draw(frame(X))
    assert drawn == [painter.plotter.first]
    assert other not in painter.figures


def test_a_class_that_opens_nothing_draws_into_a_window_of_ours() -> None:
    """Its pyplot calls find that window as the current figure."""

    class Lazy:
        def draw(self, y: Any) -> None:
            plt.plot(X, y)

    painter = Painter("", plt.figure)
    painter.make(Lazy)
    painter.draw(frame(X))
    assert len(painter.figures) == 1
    assert len(painter.figures[0].axes[0].lines) == 1


def test_a_closed_figure_is_drawn_no_more() -> None:
    """The plotter goes on with what is left."""
    painter = made(NoArgument)
    first, second = painter.figures
    first.canvas.callbacks.process("close_event", None)
    assert painter.figures == [second]
    assert painter.draw(frame(X)) is None


def test_a_class_that_asks_for_more_is_refused() -> None:
    """The text names what it asks for."""

    class Greedy:
        def __init__(self, figure: Figure, mesh: Any) -> None: ...

        def draw(self) -> None: ...

    painter = Painter("", new_figure)
    failure = painter.make(Greedy)
    assert failure is not None and "figure, mesh" in failure.text


# -- another class -----------------------------------------------------------------


class Red(Plotter):
    def __init__(self, figure: Figure) -> None:
        assert figure.canvas.manager is not None
        self.axes = figure.subplots()
        (self.line,) = self.axes.plot([], [], "r")

    def draw(self, y: Any) -> None:
        self.line.set_data(X, y)


class Stubborn(Red):
    def draw(self, y: Any) -> None:
        raise ValueError("not this frame")


class Unmade(Red):
    def __init__(self, figure: Figure) -> None:
        raise ValueError("not this figure")


class Changing(Blitted):
    """Leaves much behind."""

    def __init__(self, figure: Figure) -> None:
        figure.set_facecolor("black")
        figure.set_layout_engine("constrained")
        super().__init__(figure)


SENT = frame(X, number=7)


def replaced(before: type, after: type) -> tuple[Painter, Figure, Any]:
    """A painter whose class was replaced; its window, and what went wrong."""
    painter = Painter("", plt.figure)
    painter.make(before)
    painter.draw(frame(X))
    figure = painter.figures[0]
    return painter, figure, painter.replace(lambda: after, SENT)


def test_another_class_takes_over_the_window() -> None:
    """Cleared of all that the one before did to it, with the newest frame drawn."""
    painter, figure, failure = replaced(Changing, Red)
    assert failure is None
    assert painter.figures == [figure] == [plt.figure(n) for n in plt.get_fignums()]
    assert isinstance(painter.plotter, Red) and painter.plotter.axes.figure is figure
    assert painter.plotter.line.get_ydata().tolist() == X.tolist()
    assert figure.get_facecolor() == (1, 1, 1, 1)
    assert figure.get_layout_engine() is None
    assert len(figure.axes) == 1


def test_callbacks_of_the_class_before_are_gone() -> None:
    """Else it would go on as a ghost."""
    painter = Painter("", plt.figure)
    painter.make(Blitted)
    painter.draw(frame(X))
    ghost = painter.plotter
    drawn = ghost.whole
    assert drawn
    assert painter.replace(lambda: Red, SENT) is None
    painter.figures[0].canvas.draw()
    assert ghost.whole == drawn
    assert painter.replace(lambda: Blitted, SENT) is None
    assert painter.plotter.whole >= 1


@pytest.mark.parametrize("after", [Stubborn, Unmade])
def test_a_class_that_fails_leaves_the_one_before(after: type) -> None:
    """Untouched: its window, and all that it has learned."""
    painter, figure, failure = replaced(Blitted, after)
    assert failure is not None and "ValueError: not this" in failure.summary
    assert isinstance(painter.plotter, Blitted) and painter.broken is None
    assert painter.figures == [figure] and len(plt.get_fignums()) == 1
    assert painter.draw(frame(X, number=2)) is None


def test_what_could_not_be_made_can_be_mended() -> None:
    """By the next class."""
    painter = Painter("", plt.figure)
    assert painter.make(Unmade) is painter.broken is not None
    assert painter.replace(lambda: Red, SENT) is None
    assert painter.broken is None and len(plt.get_fignums()) == 1


def test_a_class_with_windows_of_its_own_opens_them_anew() -> None:
    """Those before are closed, whoever opened them."""
    painter, figure, failure = replaced(Red, NoArgument)
    assert failure is None and len(painter.figures) == 2
    assert figure not in painter.figures and len(plt.get_fignums()) == 2
    assert painter.replace(lambda: Red, SENT) is None
    assert len(painter.figures) == len(plt.get_fignums()) == 1


def test_a_class_that_draws_by_pyplot_draws_into_the_same_window() -> None:
    """Which is pyplot's current one again."""

    class Lazy:
        def draw(self, y: Any) -> None:
            plt.plot(X, y)

    painter, figure, failure = replaced(Red, Lazy)
    assert failure is None and painter.figures == [figure]
    assert len(figure.axes[0].lines) == 1


# -- what goes wrong ---------------------------------------------------------------


def test_a_failure_in_draw_is_returned_and_the_next_frame_is_drawn() -> None:
    """With the frame's number, and a traceback that begins in the user's code."""

    class Picky(Whole):
        def draw(self, y: Any, top: float = 2.0) -> None:
            if y[0] > 5:
                raise ValueError("too high\nby far")
            super().draw(y, top)

    painter = made(Picky)
    failure = painter.draw(frame(X + 9, number=7))
    assert failure is not None
    assert (failure.frame, failure.summary) == (7, "ValueError: too high")
    assert failure.text.count("File ") == 1 and "in draw" in failure.text
    assert painter.draw(frame(X)) is None
    assert painter.shown == 1


def test_arguments_that_do_not_fit_and_exits_are_failures_too() -> None:
    """Nothing that a draw does ends the viewer."""

    class Leaver(Whole):
        def draw(self, y: Any, top: float = 2.0) -> None:
            sys.exit(3)

    painter = made(Leaver)
    assert "SystemExit: 3" in (painter.draw(frame(X)) or "").text  # type: ignore[union-attr]
    failure = painter.draw(frame())
    assert failure is not None and failure.summary.startswith("TypeError")


def test_a_failure_while_rendering_is_the_plotters() -> None:
    """Such as a title that is no valid mathematics."""

    class Odd(Whole):
        def draw(self, y: Any, top: float = 2.0) -> None:
            self.axes.set_title(r"$\frac{$")

    failure = made(Odd).draw(frame(X))
    assert failure is not None and "frac" in failure.summary


def test_a_plotter_that_cannot_be_made_writes_the_reason_into_its_figure() -> None:
    """Its windows are not left half made."""

    class Broken:
        def __init__(self) -> None:
            plt.figure()
            plt.figure()
            raise RuntimeError("no such colour map")

    painter = Painter("p", new_figure)
    failure = painter.make(Broken)
    assert failure is painter.broken and failure is not None
    (figure,) = painter.figures
    assert "no such colour map" in figure.texts[1].get_text()
    assert len(plt.get_fignums()) == 1


def test_a_class_is_loaded_as_it_was_sent() -> None:
    """By value; without code it is the ready-made one."""
    here = list(sys.version_info[:2])
    data = pickles.dump_plotter(Blitted)
    assert load(PlotterCode("", "Blitted", here, [memoryview(data)])).draw
    assert load(PlotterCode("", "", here, [])) is ByShape


def test_code_of_another_python_is_refused_with_a_way_out() -> None:
    """Both versions are named, and what to do."""
    code = PlotterCode("", "Wave", [3, 9], [b""])
    with pytest.raises(PlotterError, match=r"3\.9.*--plotter file\.py:Wave") as caught:
        load(code)
    assert ".".join(map(str, sys.version_info[:2])) in str(caught.value)


def test_code_whose_modules_are_missing_names_them() -> None:
    """The text is the import error's."""
    data = b"cno_such_module\nWave\n."
    code = PlotterCode("", "Wave", list(sys.version_info[:2]), [data])
    with pytest.raises(PlotterError, match="no_such_module"):
        load(code)


def test_histories_are_drawn_by_the_ready_made_plotter_until_a_frame_comes() -> None:
    """Logged scalars are lines where nothing else is given."""
    painter = made(ByShape)
    painter.draw_histories({"energy": (X, X**2)})
    (axes,) = painter.figures[0].axes
    assert axes.get_ylabel() == "energy"
    painter.draw(frame(X, X))
    painter.draw_histories({"energy": (X, X**2)})
    assert painter.figures[0].axes[0].get_ylabel() != "energy"


# -- going back --------------------------------------------------------------------


class Gathers:
    """A plotter that draws all it has been given."""

    def __init__(self, figure: Figure) -> None:
        self.axes = figure.subplots()
        self.seen: list[float] = []

    def draw(self, value: float) -> None:
        self.seen.append(value)
        self.axes.set_title(str(self.seen))


def drawn(painter: Painter, value: Any) -> str:
    frame = ReceivedFrame("", 1, 0.0, (value,), {})
    assert painter.draw(frame) is None
    return painter.figures[0].axes[0].get_title()


def test_going_back_a_plotter_is_made_anew() -> None:
    """What it gathered of later frames is gone; its figure stays."""
    painter = Painter("", plt.figure)
    assert painter.make(Gathers) is None
    (figure,) = painter.figures
    figure.subplots_adjust(left=0.4)
    drawn(painter, 5)
    assert drawn(painter, 6) == "[5, 6]"
    assert painter.rewind() is None
    assert painter.figures == [figure] and len(figure.axes) == 1
    assert drawn(painter, 1) == "[1]"
    assert figure.subplotpars.left == plt.rcParams["figure.subplot.left"]


def test_going_back_its_own_windows_are_used_again() -> None:
    """A class that opens pyplot's windows is given those that it has."""

    class Two:
        def __init__(self) -> None:
            self.one, _ = plt.subplots(num="one")
            self.other = plt.figure()
            self.axes = self.other.add_subplot()
            self.seen: list[float] = []

        def draw(self, value: float) -> None:
            self.seen.append(value)
            self.axes.set_title(str(self.seen))
            self.one.axes[0].set_title(str(self.seen))

    painter = Painter("", plt.figure)
    assert painter.make(Two) is None
    figures = painter.figures
    drawn(painter, 1)
    made = plt.figure
    assert painter.rewind() is None
    assert plt.figure is made
    assert painter.figures == figures and len(plt.get_fignums()) == 2
    assert drawn(painter, 2) == "[2]"
    assert figures[1].axes[0].get_title() == "[2]"


def test_going_back_a_zoom_stays() -> None:
    """What its user looked at, and *home* leads to what the plotter made."""
    painter = Painter("", plt.figure)
    painter.make(Gathers)
    figure: Any = painter.figures[0]
    toolbar = NavigationToolbar2(figure.canvas)
    figure.canvas.manager.toolbar = toolbar
    drawn(painter, 1)
    assert painter.rewind() is None
    assert figure.axes[0].get_xlim() == (0, 1)
    toolbar.push_current()
    figure.axes[0].set_xlim(3, 4)
    toolbar.push_current()
    assert painter.rewind() is None
    assert figure.axes[0].get_xlim() == (3, 4)
    drawn(painter, 2)
    assert figure.axes[0].get_xlim() == (3, 4)
    toolbar.home()
    assert figure.axes[0].get_xlim() == (0, 1)


def test_a_plotter_that_can_rewind_is_kept() -> None:
    """It is told by ``rewind``, and what goes wrong there is a failure."""

    class Rewinds(Gathers):
        def rewind(self) -> None:
            if len(self.seen) > 1:
                raise RuntimeError("cannot")
            self.seen.clear()

    painter = Painter("", plt.figure)
    painter.make(Rewinds)
    drawn(painter, 1)
    plotter = painter.plotter
    assert painter.rewind() is None
    assert painter.plotter is plotter
    assert drawn(painter, 2) == "[2]"
    drawn(painter, 3)
    failure = painter.rewind()
    assert failure is not None and failure.summary == "RuntimeError: cannot"


def test_going_back_a_plotter_may_fail_and_recover() -> None:
    """As when it was made first."""
    fails = [False, True, False]

    class Moody(Gathers):
        def __init__(self, figure: Figure) -> None:
            if fails.pop(0):
                raise RuntimeError("not now")
            super().__init__(figure)

    painter = Painter("", plt.figure)
    assert painter.make(Moody) is None
    failure = painter.rewind()
    assert failure is not None and failure is painter.broken
    assert painter.rewind() is None and painter.broken is None
    assert drawn(painter, 4) == "[4]"


def test_going_back_what_could_not_be_loaded_stays_so() -> None:
    """Nothing is tried a second time."""
    painter = Painter("", plt.figure)
    assert painter.make(lambda: 1 / 0) is not None  # type: ignore[arg-type,return-value]
    assert painter.rewind() is None and painter.broken is not None


def test_the_ready_made_plotter_forgets_what_is_to_come() -> None:
    """Its histories end before the frame that is drawn."""
    painter = Painter("", plt.figure)
    painter.make(ByShape)
    for number in (1, 2, 3, 2):
        frame = ReceivedFrame("", number, 0.0, (), {"energy": float(number)})
        assert painter.draw(frame) is None
        if number == 3:
            assert painter.rewind() is None
    (line,) = painter.figures[0].axes[0].lines
    assert list(line.get_xdata()) == [1, 2]


def test_off_screen_only_what_is_saved_is_drawn() -> None:
    """A canvas that nobody looks at costs nothing."""
    painter = Painter("", plt.figure, on_screen=False)
    painter.make(Gathers)
    draws = []
    painter.figures[0].canvas.mpl_connect("draw_event", draws.append)
    drawn(painter, 1)
    assert not draws
