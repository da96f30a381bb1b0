"""A figure drawn for cells: its texts are texts, and stand where they belong."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from async_plot.views.terminal.canvas import DPI, FigureCanvas, Label, labelled
from async_plot.views.terminal.mosaic import CELL, HEIGHT, WIDTH


def figure(columns: int, rows: int, **options: Any) -> Figure:
    """A figure of so many cells."""
    size = (columns * WIDTH / DPI, rows * HEIGHT / DPI)
    made = Figure(size, dpi=DPI, **options)
    FigureCanvas(made).for_cells = True
    return made


def lines(cells: Any) -> list[str]:
    """What is to be read."""
    return ["".join(map(chr, row)).replace("\0", "") for row in cells["character"]]


def drawn(made: Figure) -> list[str]:
    canvas: Any = made.canvas
    return lines(canvas.cells("quarters"))


def test_texts_are_texts() -> None:
    """Titles, labels, numbers at the ticks and a legend, in few cells, each in full."""
    made = figure(60, 15, layout="constrained")
    axes = made.subplots()
    axes.plot([0, 10], [0, 1], label="mean")
    axes.set(title="t = 0.25", xlabel="x [m]", ylabel="amp")
    axes.legend(loc="upper left")
    said = drawn(made)
    assert "t = 0.25" in said[0]
    assert "x [m]" in said[-1]
    assert any("mean" in line for line in said)
    ticks = next(line for line in said if " 10" in line and " 0" in line)
    assert said.index(ticks) in (11, 12, 13)
    down = "".join(line[0] + line[1] + line[2] for line in said).replace(" ", "")
    assert "amp" in down
    assert [line for line in said if "1.0" in line]


def test_a_line_is_a_line() -> None:
    """It is as wide as can be seen, and has its colour."""
    made = figure(30, 10)
    axes = made.add_axes((0, 0, 1, 1))
    axes.plot([0, 1], [0.5, 0.5], color="#ff0000")
    axes.axis("off")
    canvas: Any = made.canvas
    cells = canvas.cells("quarters")
    reds = [max(row["ink"][:, 0].astype(int) - row["ink"][:, 1]) for row in cells]
    assert max(reds) > 150


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$10^{-3}$", "10⁻³"),
        (r"$\alpha^2$ [m]", "α² [m]"),
        (r"5 \$ and $x$", "5 $ and x"),
        (r"$\mathdefault{10^{4}}$", "10⁴"),
        ("a\x1b[31mb\x07c", "a[31mbc"),
        ("名前 e\u0301", "名前 é"),
        (r"$\frac{1}{2}$", "frac12"),
    ],
)
def test_a_formula_is_written_in_letters(text: str, said: str) -> None:
    """As far as there are letters for it; what moves a cursor is none."""
    made = figure(40, 4)
    made.text(0.1, 0.5, text)
    assert said in "\n".join(drawn(made))


def test_wide_letters_take_two_cells() -> None:
    """What stands after them is where it would be on the terminal."""
    cells = labelled(np.zeros((1, 6), CELL), [Label(0.0, 12.0, "名a", 0.0, (1, 1, 1))])
    assert cells["character"][0].tolist() == [ord("名"), 0, ord("a"), 0, 0, 0]


def test_a_label_outside_is_brought_in_or_left_out() -> None:
    """And one that is too long is cut."""
    cells = np.zeros((3, 8), CELL)
    cells["character"] = ord(" ")
    cells["ground"] = 255
    white = (1.0, 1.0, 1.0)
    labels = [
        Label(60.0, 12.0, "edge", 0.0, white),
        Label(0.0, 900.0, "below", 0.0, white),
        Label(-20.0, 44.0, "much too long", 0.0, white),
    ]
    said = lines(labelled(cells, labels))
    assert said == ["    edge", "        ", "much too"]
    # White on white could not be read.
    assert cells[0, 5]["ink"].tolist() == [0, 0, 0]


def test_an_upright_label_is_read_downwards() -> None:
    """One letter in each row, and an ellipsis where rows are too few."""
    cells = np.zeros((4, 3), CELL)
    cells["character"] = ord(" ")
    said = lines(labelled(cells, [Label(14.0, 64.0, "amplitude", 90.0, (1, 1, 1))]))
    assert "".join(said).split() == ["a", "m", "p", "…"]


def test_what_is_saved_has_letters() -> None:
    """A plotter that writes a file gets the picture that it means."""
    made = figure(40, 10)
    made.text(0.1, 0.5, "saved", fontsize=30)
    file = io.BytesIO()
    drawn(made)
    made.savefig(file, format="png")
    picture = np.asarray(Image.open(file).convert("L"))
    assert picture.shape == (10 * HEIGHT, 40 * WIDTH)
    assert (picture < 100).sum() > 200
    assert "saved" in "\n".join(drawn(made))


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 1), (1, 5), (10, 3)])
@pytest.mark.filterwarnings("ignore:constrained_layout")
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    """Also one that has room for nothing."""
    made = figure(*size, layout="constrained")
    axes = made.subplots()
    axes.plot([1, 2], [3, 4])
    axes.set_title("title")
    said = drawn(made)
    assert [len(line) for line in said] == [size[0]] * size[1]


def test_pixels_are_drawn_as_ever() -> None:
    """Where the terminal shows these, the letters are in them."""
    made = figure(40, 10)
    canvas: Any = made.canvas
    canvas.for_cells = False
    made.text(0.1, 0.5, "pixels", fontsize=30)
    canvas.draw()
    assert (np.asarray(canvas.buffer_rgba())[..., 0] < 100).sum() > 200
    canvas.for_cells = True
    assert "pixels" in "\n".join(drawn(made))
    canvas.for_cells = False
    canvas.draw()
    assert (np.asarray(canvas.buffer_rgba())[..., 0] < 100).sum() > 200
