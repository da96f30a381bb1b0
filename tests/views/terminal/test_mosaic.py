"""Pixels as characters: shapes, colours, sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from async_plot.views.terminal.mosaic import (
    HEIGHT,
    WIDTH,
    mosaic,
    packed,
    unpacked,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


def cell(upper_left: Any, upper_right: Any, lower_left: Any, lower_right: Any) -> Any:
    """Pixels of one cell, by the colours of its quarters."""
    quarters = np.array(
        [[upper_left, upper_right], [lower_left, lower_right]], np.uint8
    )
    return quarters.repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)


def shown(cells: Any) -> Any:
    """What somebody before it sees of a cell: colours of its quarters."""
    blocks = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
    mask = blocks.index(chr(cells["character"]))
    return [
        tuple(cells["ink" if mask >> k & 1 else "ground"].tolist()) for k in range(4)
    ]


@pytest.mark.parametrize("mask", range(16))
def test_quarters_are_where_their_pixels_are(mask: int) -> None:
    """Whatever two colours parts of a cell have."""
    quarters = [RED if mask >> k & 1 else BLUE for k in range(4)]
    cells = mosaic(cell(*quarters), "quarters")
    assert shown(cells[0, 0]) == quarters


def test_halves_and_spaces_do_with_less() -> None:
    """Where a font, or an encoding, has no more."""
    halves = mosaic(cell(RED, RED, BLUE, BLUE), "halves")[0, 0]
    assert shown(halves) == [RED, RED, BLUE, BLUE]
    beside = mosaic(cell(RED, BLUE, RED, BLUE), "halves")[0, 0]
    assert chr(beside["character"]) == " "
    assert max(abs(beside["ground"].astype(int) - (128, 0, 128))) <= 4
    spaces = mosaic(cell(RED, RED, BLUE, BLUE), "spaces")[0, 0]
    assert chr(spaces["character"]) == " "


def test_cells_stand_where_they_stood() -> None:
    """By rows and columns; black stays black and white white."""
    pixels = np.zeros((3 * HEIGHT, 5 * WIDTH, 4), np.uint8)
    pixels[HEIGHT : 2 * HEIGHT, 4 * WIDTH :] = 255
    cells = mosaic(pixels, "quarters")
    assert cells.shape == (3, 5)
    assert cells[1, 4]["ground"].tolist() == [255, 255, 255]
    assert not cells["ground"].sum(axis=2)[0].any()
    assert (cells["character"] == ord(" ")).all()


def test_a_shade_that_nobody_sees_makes_no_character() -> None:
    """Characters that look like blanks would cost bytes and nothing else."""
    nearly = mosaic(cell((100,) * 3, (100,) * 3, (102,) * 3, (102,) * 3), "quarters")
    assert chr(nearly[0, 0]["character"]) == " "
    assert (nearly["ink"] == nearly["ground"]).all()


def test_cells_are_read_as_they_were_written() -> None:
    """And no other number of them."""
    cells = mosaic(np.random.default_rng(1).integers(0, 255, (32, 24, 3)), "quarters")
    again = unpacked(packed(cells), 3, 2)
    assert (again == cells).all()
    assert len(packed(cells)) == 10 * cells.size
    with pytest.raises(ValueError, match="reshape"):
        unpacked(packed(cells), 3, 3)
