"""`Plotter`, and the one that draws by shape. Imports no matplotlib by itself.

These classes run in the viewer; a calculation only names them.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import PlotterError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ByShape", "Plotter", "check_plotter", "takes_figure"]


class Plotter:
    """Base of the classes that draw a calculation. Both methods run in the viewer.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A whole, empty figure. Make axes and artists here: this runs once.

    Notes
    -----
    A class need not derive from this one: any class with ``draw`` will do. One
    whose ``__init__`` takes no argument may open its own pyplot windows.

    What the class uses must be importable or picklable; a file, a lock or a
    connection is to be opened in ``__init__``, in the viewer.

    When a replay jumps back, the plotter is made anew, so that nothing stays of frames
    that are still to come. One that has a method ``rewind()`` is kept and called
    instead: there it forgets what it has gathered.

    Examples
    --------
    >>> from async_plot import Plotter
    >>> class Wave(Plotter):
    ...     def __init__(self, figure):
    ...         self.axes = figure.subplots()
    ...         (self.line,) = self.axes.plot([], [])
    ...
    ...     def draw(self, x, y):
    ...         self.line.set_data(x, y)
    ...         self.axes.relim()
    ...         self.axes.autoscale_view()
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def draw(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the newest frame: the arguments of the newest ``update``.

        Frames that came in the meantime are skipped, so draw all that is to be
        seen from these arguments alone.

        Returns
        -------
        None or sequence of Artist
            If the artists that changed are returned, as functions for
            `matplotlib.animation.FuncAnimation` do, only they are drawn (blitting).
            Whatever else changed, limits or a title, makes this frame a whole one.
        """
        raise NotImplementedError(f"{type(self).__qualname__} does not define draw")


class ByShape(Plotter):
    """Draws what it is given by its shape, for runs without a plotter.

    ``(x, y)`` and further pairs are lines; one vector is a line over its index; an
    odd number of vectors is ``x`` and several ``y``; a matrix is an image with a
    colour bar, with a third axis of 3 or 4 a colour image. Vectors by keyword are
    lines with a label, numbers by keyword a history each, texts a caption.
    Anything else is named in the figure.

    Attributes
    ----------
    number : int
        Number of the frame that is drawn next: the abscissa of the histories.
    """

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure)
        self.number = 0
        self._layout: tuple[Any, ...] = ()
        self._panels: dict[str, Any] = {}
        self._histories: dict[str, _History] = {}

    def draw(self, *args: Any, **kwargs: Any) -> None:
        """Draw the arguments by their shapes."""
        self.number = self.number or 1
        for history in self._histories.values():
            history.cut(self.number)
        parts = _sort(args, kwargs)
        for name, value in parts.scalars.items():
            history = self._histories.setdefault(name, _History())
            history.append(self.number, value)
        histories = {name: self._histories[name].points() for name in parts.scalars}
        self._show(parts.lines, parts.images, histories)
        caption = ", ".join(parts.captions)
        if parts.unknown:
            cannot = "; ".join(parts.unknown)
            caption = f"{caption}\ncannot be shown: {cannot}".strip()
        self._caption(caption)
        if not (parts.lines or parts.images or histories or parts.captions):
            self._explain(parts.unknown)

    def rewind(self) -> None:
        """Stay: what is later than the next frame is cut off when that is drawn."""

    def draw_histories(self, histories: Mapping[str, tuple[Any, Any]]) -> None:
        """Draw logged scalars, steps and values by name, as lines."""
        self._show([], {}, dict(histories))

    # -- private ---------------------------------------------------------------

    def _show(
        self,
        lines: list[tuple[str, Any, Any]],
        images: dict[str, Any],
        histories: dict[str, tuple[Any, Any]],
    ) -> None:
        layout = (
            len(lines),
            tuple((name, image.ndim) for name, image in images.items()),
            tuple(histories),
        )
        if layout != self._layout or not self._panels:
            self._build(layout)
        panels = self._panels
        if lines:
            panels["lines"].draw(lines)
        for name, image in images.items():
            panels[f"image {name}"].draw(image)
        for name, (steps, values) in histories.items():
            panels[f"history {name}"].draw([(name, steps, values)])

    def _build(self, layout: tuple[Any, ...]) -> None:
        """Lay out the panels: big ones in a grid, histories in thin rows below."""
        self._layout = layout
        self._panels = {}
        self.figure.clear()
        self.figure.set_layout_engine("constrained")
        lines, images, histories = layout
        makers: list[tuple[str, Callable[[Axes], Any]]] = []
        if lines:
            makers.append(("lines", lambda axes: _Lines(axes, legend=True)))
        for name, ndim in images:
            make_image = functools.partial(_Image, name=name, ndim=ndim)
            makers.append((f"image {name}", make_image))
        columns = math.ceil(math.sqrt(len(makers))) or 1
        rows = math.ceil(len(makers) / columns)
        thin = len(histories)
        if not rows and not thin:
            return
        heights = [3.0] * rows + [1.0] * thin
        grid = self.figure.add_gridspec(rows + thin, columns, height_ratios=heights)
        for index, (key, make) in enumerate(makers):
            axes = self.figure.add_subplot(grid[index // columns, index % columns])
            self._panels[key] = make(axes)
        above = None
        for index, name in enumerate(histories):
            axes = self.figure.add_subplot(grid[rows + index, :], sharex=above)
            above = above or axes
            axes.set_ylabel(name)
            if index < thin - 1:
                axes.tick_params(labelbottom=False)
            self._panels[f"history {name}"] = _Lines(axes, legend=False)

    def _caption(self, text: str) -> None:
        if text or getattr(self.figure, "_suptitle", None) is not None:
            self.figure.suptitle(text, fontsize="medium", parse_math=False)

    def _explain(self, unknown: list[str]) -> None:
        self._layout = ()
        self._panels = {}
        self.figure.clear()
        what = "\n".join(unknown) or "update() was called without arguments"
        self.figure.text(
            0.5,
            0.5,
            f"{what}\n\nThe ready-made plotter draws vectors, matrices and numbers;\n"
            "for anything else give Server a Plotter class.",
            ha="center",
            va="center",
            parse_math=False,
        )


def check_plotter(plotter: object) -> None:
    """Raise `PlotterError` unless this is a class that draws, and can be made."""
    if not isinstance(plotter, type):
        raise PlotterError(
            f"plotter must be a class, a dict of classes or None, not {plotter!r}; "
            "give the class itself, its objects are made in the viewer"
        )
    if not callable(getattr(plotter, "draw", None)):
        raise PlotterError(f"plotter {plotter.__qualname__} has no method draw")
    takes_figure(plotter)


def takes_figure(plotter: type) -> bool:
    """Whether ``__init__`` is given a figure; else it opens its own windows.

    Raises
    ------
    PlotterError
        If it asks for more.
    """
    try:
        parameters = inspect.signature(plotter).parameters.values()
    except (TypeError, ValueError):  # a class that tells nothing of itself
        return issubclass(plotter, Plotter)
    required = [
        p
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if len(required) > 1 or any(p.kind is p.KEYWORD_ONLY for p in required):
        names = ", ".join(p.name for p in required)
        raise PlotterError(
            f"{plotter.__qualname__}.__init__ asks for {names}; it is given one "
            "matplotlib figure, or nothing"
        )
    if required:
        return True
    # Without a required one: only if it is plainly meant for a figure.
    return any(p.name in ("figure", "fig") for p in parameters) or (
        issubclass(plotter, Plotter)
        and any(p.kind is p.VAR_POSITIONAL for p in parameters)
    )


# -- private: what goes where ------------------------------------------------------


class _Parts:
    """The arguments of one frame, sorted by how they are drawn."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Any, Any]] = []  # label, x, y
        self.images: dict[str, Any] = {}
        self.scalars: dict[str, float] = {}
        self.captions: list[str] = []
        self.unknown: list[str] = []


def _sort(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Parts:
    import numpy as np

    parts = _Parts()
    vectors: list[tuple[str, np.ndarray[Any, Any]]] = []
    for name, value in [
        *((f"argument {i}", value) for i, value in enumerate(args, 1)),
        *kwargs.items(),
    ]:
        by_keyword = name in kwargs
        if isinstance(value, str):
            parts.captions.append(f"{name} = {value}" if by_keyword else value)
            continue
        try:
            array = np.ma.asanyarray(value) if np.ma.isMA(value) else np.asarray(value)
        except Exception as error:  # ragged lists, and whatever __array__ may do
            parts.unknown.append(f"{name}: {error}")
            continue
        if array.dtype.kind not in "biufcmM" or array.dtype.names:
            kind = f"{type(value).__name__}" if array.ndim == 0 else f"{array.dtype}"
            parts.unknown.append(f"{name}: {kind}")
            continue
        if array.dtype.kind == "b":
            array = array.astype(np.uint8)
        if array.dtype.kind == "c":
            array, name = np.abs(array), f"|{name}|"
        if array.ndim == 0 and array.dtype.kind not in "mM":
            parts.scalars[name] = float(array)
        elif array.ndim == 0:
            parts.captions.append(f"{name} = {array}")
        elif array.ndim == 1 and by_keyword:
            parts.lines.append((name, np.arange(len(array)), array))
        elif array.ndim == 1:
            vectors.append((name, array))
        elif (
            array.ndim == 2
            and vectors
            and len(vectors) == 1
            and not by_keyword
            and (len(vectors[0][1]) == array.shape[0] and 1 <= array.shape[1] <= 20)
        ):
            x = vectors.pop()[1]  # one abscissa and the columns of a table
            parts.lines += [
                (f"column {k}", x, array[:, k]) for k in range(array.shape[1])
            ]
        elif array.dtype.kind not in "mM" and (
            array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
        ):
            parts.images[name] = array
        else:
            parts.unknown.append(f"{name}: an array of shape {array.shape}")
    _pair(vectors, parts)
    return parts


def _pair(vectors: list[tuple[str, Any]], parts: _Parts) -> None:
    """Make lines of the vectors given by position."""
    import numpy as np

    arrays = [array for _, array in vectors]
    if len(arrays) == 1:
        parts.lines.append(("", np.arange(len(arrays[0])), arrays[0]))
        return
    pairs = list(zip(arrays[::2], arrays[1::2]))
    abscissas = list(zip([arrays[0]] * len(arrays), arrays[1:])) if arrays else []
    chosen = pairs if len(arrays) % 2 == 0 else abscissas
    for index, (x, y) in enumerate(chosen, 1):
        if len(x) != len(y):
            parts.unknown.append(
                f"x of {len(x)} values with y of {len(y)} (line {index})"
            )
        else:
            label = f"line {index}" if len(chosen) > 1 else ""
            parts.lines.append((label, x, y))


class _History:
    """Numbers seen so far; of too many, every other one is kept."""

    _CAPACITY = 8192

    def __init__(self) -> None:
        self._steps: list[float] = []
        self._values: list[float] = []

    def append(self, step: float, value: float) -> None:
        if len(self._steps) >= self._CAPACITY:
            del self._steps[1::2], self._values[1::2]
        self._steps.append(step)
        self._values.append(value)

    def cut(self, step: float) -> None:
        """Forget this step and later ones: a replay has gone back."""
        while self._steps and self._steps[-1] >= step:
            del self._steps[-1], self._values[-1]

    def points(self) -> tuple[list[float], list[float]]:
        return self._steps, self._values


# -- private: panels ---------------------------------------------------------------


class _Lines:
    """Lines in one axes, its limits following the data until the user zooms."""

    def __init__(self, axes: Axes, *, legend: bool) -> None:
        self._axes = axes
        self._legend = legend
        self._lines: list[Any] = []
        self._labels: list[str] = []
        axes.grid(visible=True, alpha=0.3)
        axes.margins(x=0.02)

    def draw(self, lines: list[tuple[str, Any, Any]]) -> None:
        axes = self._axes
        while len(self._lines) < len(lines):
            self._lines += axes.plot([], [], linewidth=1.5)
        for artist, (_, x, y) in zip(self._lines, lines):
            artist.set_data(x, y)
            # One point alone would be a line of no length.
            artist.set_marker("o" if len(x) == 1 else "")
        labels = [label for label, _, _ in lines]
        if self._legend and labels != self._labels and any(labels):
            self._labels = labels
            axes.legend(self._lines, labels, loc="upper right")
        axes.relim()
        axes.autoscale_view()  # leaves an axis alone whose limits were set by a zoom


class _Image:
    """One image with its colour bar."""

    def __init__(self, axes: Axes, name: str, ndim: int) -> None:
        self._axes = axes
        self._ndim = ndim
        self._image: Any = None
        if not name.startswith("argument"):
            axes.set_title(name, parse_math=False)

    def draw(self, array: np.ndarray[Any, Any]) -> None:
        import numpy as np

        if array.size == 0:
            return
        if self._image is None or self._image.get_array().shape != array.shape:
            axes = self._axes
            if self._image is not None:
                colour_bar = self._image.colorbar
                if colour_bar is not None:  # first: it looks for its image
                    colour_bar.remove()
                self._image.remove()
            wide = max(array.shape[:2]) > 8 * min(array.shape[:2])
            self._image = axes.imshow(
                array,
                origin="lower" if self._ndim == 2 else "upper",
                aspect="auto" if wide else "equal",
                interpolation="nearest",
            )
            if self._ndim == 2:
                axes.figure.colorbar(self._image, ax=axes)
        self._image.set_data(array)
        if self._ndim == 2:
            finite = array[np.isfinite(array)]
            if finite.size:
                low, high = float(finite.min()), float(finite.max())
                self._image.set_clim(low, high if high > low else low + 1e-12)


def _demo() -> None:
    """Show what `ByShape` makes of an image, lines and a number."""
    import matplotlib.pyplot as plt
    import numpy as np

    plotter = ByShape(plt.figure(figsize=(8, 6)))
    x = np.linspace(0, 10, 400)
    for step in range(1, 50):
        plotter.number = step
        plotter.draw(
            x,
            np.sin(x + 0.1 * step),
            field=np.outer(np.sin(x[::4]), np.cos(x[::4] + 0.1 * step)),
            energy=np.exp(-0.05 * step),
        )
    plt.show()


if __name__ == "__main__":
    _demo()
