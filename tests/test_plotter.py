"""`Plotter`, and what the ready-made one makes of each shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from async_plot import Server
from async_plot.errors import PlotterError
from async_plot.plotter import ByShape, Plotter, check_plotter, takes_figure

from .helpers import run_script

X = np.linspace(0, 1, 20)


@pytest.fixture
def plotter() -> ByShape:
    figure = Figure()
    FigureCanvasAgg(figure)
    return ByShape(figure)


def texts(plotter: ByShape) -> str:
    """Everything written in the figure."""
    figure = plotter.figure
    found = [text.get_text() for text in figure.texts]
    if figure._suptitle is not None:  # type: ignore[attr-defined]
        found.append(figure._suptitle.get_text())  # type: ignore[attr-defined]
    return " ".join(found)


def lines(plotter: ByShape) -> list[tuple[Any, Any]]:
    return [line.get_data() for axes in plotter.figure.axes for line in axes.lines]


def draw(plotter: ByShape, *args: Any, **kwargs: Any) -> None:
    plotter.draw(*args, **kwargs)
    plotter.figure.canvas.draw()


def test_importing_it_loads_no_matplotlib() -> None:
    """Nor does the package: a calculation needs neither."""
    run_script(
        "import sys\n"
        "from async_plot import Plotter, Server\n"
        "assert 'matplotlib' not in sys.modules, 'matplotlib is loaded'\n"
    )


def test_the_base_keeps_its_figure_and_asks_for_draw() -> None:
    """A class that forgets to define ``draw`` is told its own name."""

    class Forgetful(Plotter):
        pass

    figure = Figure()
    assert Forgetful(figure).figure is figure
    with pytest.raises(NotImplementedError, match="Forgetful"):
        Forgetful(figure).draw()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((X,), [(np.arange(20), X)]),
        ((X, X**2), [(X, X**2)]),
        ((X, X**2, X[:5], X[:5]), [(X, X**2), (X[:5], X[:5])]),
        ((X, X**2, X**3), [(X, X**2), (X, X**3)]),
        ((X, np.stack([X, X**2], axis=1)), [(X, X), (X, X**2)]),
        (([1, 2, 3], [4, 5, 6]), [([1, 2, 3], [4, 5, 6])]),
    ],
)
def test_vectors_are_lines(plotter: ByShape, args: Any, expected: Any) -> None:
    """Pairs of x and y; one alone over its index; one x with several y."""
    draw(plotter, *args)
    found = lines(plotter)
    assert len(found) == len(expected)
    for (x, y), (wanted_x, wanted_y) in zip(found, expected):
        assert np.array_equal(x, wanted_x) and np.array_equal(y, wanted_y)


def test_vectors_by_keyword_are_named_lines(plotter: ByShape) -> None:
    """Their names stand in a legend."""
    draw(plotter, density=X, pressure=X**2)
    legend = plotter.figure.axes[0].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["density", "pressure"]


def test_a_matrix_is_an_image_with_a_colour_bar_that_follows_the_values(
    plotter: ByShape,
) -> None:
    """Also when its values, and then its shape, change."""
    draw(plotter, np.outer(X, X))
    draw(plotter, 5 * np.outer(X, X))
    (image,) = plotter.figure.axes[0].images
    assert image.get_clim() == (0, 5)
    assert len(plotter.figure.axes) == 2
    draw(plotter, np.outer(X, X[:7]))
    (image,) = plotter.figure.axes[0].images
    assert image.get_array().shape == (20, 7)
    assert len(plotter.figure.axes) == 2


def test_a_colour_image_has_no_colour_bar(plotter: ByShape) -> None:
    """A third axis of three is red, green and blue."""
    draw(plotter, np.zeros((5, 6, 3), np.uint8))
    assert len(plotter.figure.axes) == 1


def test_numbers_by_keyword_are_histories(plotter: ByShape) -> None:
    """One line each, over the numbers of the frames."""
    for number in (1, 4, 9):
        plotter.number = number
        draw(plotter, energy=number**2, norm=np.float32(1))
    first, second = lines(plotter)
    assert np.array_equal(first[0], [1, 4, 9])
    assert np.array_equal(first[1], [1, 16, 81])
    assert np.array_equal(second[1], [1, 1, 1])


def test_everything_together(plotter: ByShape) -> None:
    """Lines, an image and a history have a panel each; a text is a caption."""
    draw(plotter, X, X, field=np.outer(X, X), energy=1.0, phase="warm-up")
    assert len(plotter.figure.axes) == 4  # one of them the colour bar
    assert "phase = warm-up" in texts(plotter)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((np.zeros((2, 3, 4, 5)),), "(2, 3, 4, 5)"),
        ((X, X[:3]), "20 values with y of 3"),
        (({"a": 1},), "dict"),
        ((None,), "NoneType"),
        ((np.zeros(3, [("a", int)]),), "argument 1"),
        (([[1, 2], [3]],), "argument 1"),
        ((), "without arguments"),
    ],
)
def test_what_cannot_be_shown_is_named_in_the_figure(
    plotter: ByShape, args: Any, told: str
) -> None:
    """No shape makes it fail; the next good frame is shown."""
    draw(plotter, *args)
    assert told in texts(plotter)
    draw(plotter, X, X)
    assert len(lines(plotter)) == 1


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(0),
        np.zeros((0, 5)),
        np.array([np.nan, 1.0]),
        np.full((3, 3), np.nan),
        np.array([True, False]),
        np.arange(4, dtype=">i2"),
        np.exp(1j * X),
        np.array([1 + 2j, 3]).reshape(1, 2),
        np.ma.masked_greater(X, 0.5),
        np.arange("2020-01", "2020-05", dtype="datetime64[M]"),
        np.float64(3),
        np.full((4, 4), 7.0),
        np.array([5.0]),
    ],
)
def test_awkward_arrays_are_drawn(plotter: ByShape, array: Any) -> None:
    """Empty, masked, not finite, complex, dates: no warning and no failure."""
    draw(plotter, array)
    draw(plotter, array)


def test_a_long_history_stays_bounded(plotter: ByShape) -> None:
    """Of too many numbers every other one is kept, the newest always."""
    plotter._histories.clear()
    for number in range(1, 20001):
        plotter.number = number
        parts_limit = number in (1, 20000)
        if parts_limit:
            plotter.draw(energy=number)
        else:
            plotter._histories["energy"].append(number, number)
    (x, y), *_ = lines(plotter)
    assert len(x) <= 8192
    assert x[-1] == y[-1] == 20000


def test_a_zoom_is_left_alone(plotter: ByShape) -> None:
    """Limits that the user has set are not changed by the next frame."""
    draw(plotter, X, X)
    axes = plotter.figure.axes[0]
    axes.set_xlim(0.2, 0.3)
    draw(plotter, X, 5 * X)
    assert axes.get_xlim() == (0.2, 0.3)
    assert axes.get_ylim()[1] > 4


# -- what is a plotter -------------------------------------------------------------


def test_a_plotter_is_a_class_that_draws() -> None:
    """Anything else is said at once."""
    check_plotter(ByShape)
    wrong = ((ByShape(Figure()), "give the class itself"), (int, "no method draw"))
    for given, says in wrong:
        with pytest.raises(PlotterError, match=says):
            check_plotter(given)


def test_a_plotter_is_made_of_a_figure_or_of_nothing() -> None:
    """What it asks for beyond that is named, where the class is given."""

    class Greedy:
        def __init__(self, figure: Figure, mesh: Any) -> None: ...

        def draw(self) -> None: ...

    with pytest.raises(PlotterError, match="__init__ asks for figure, mesh; it is"):
        check_plotter(Greedy)
    with pytest.raises(PlotterError, match="__init__ asks for figure, mesh"):
        Server(Greedy, view=None)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("def __init__(self, figure): pass", True),
        ("def __init__(self, f, *, size=3): pass", True),
        ("def __init__(self, fig=None): pass", True),
        ("def __init__(self): pass", False),
        ("def __init__(self, colour='red'): pass", False),
        ("def __init__(self, *args): pass", False),
        ("pass", False),
    ],
)
def test_who_is_given_a_figure(source: str, wanted: bool) -> None:
    """A class that takes one argument; one with none, or only options, is not."""
    space: dict[str, Any] = {}
    exec(f"class Some:\n    {source}", space)
    assert takes_figure(space["Some"]) is wanted
