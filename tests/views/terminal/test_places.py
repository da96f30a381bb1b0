"""Where bars stand: as they want, else where there is room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_plot.views.terminal.places import Placed, Wish, arrange


def at(*places: tuple[int, ...], height: int = 5, width: int = 40) -> list[object]:
    """Column and row of each, None for one that has no room."""
    placed, left = arrange([Wish(place) for place in places], width, height)
    found: list[object] = [None] * len(places)
    for each in placed:
        found[each.index] = (each.column, each.row)
    assert found.count(None) == left
    return found


def test_bars_stand_where_they_want() -> None:
    """By column and row, or by row."""
    assert at((3, 1), (2,), (0, 4)) == [(3, 1), (0, 2), (0, 4)]


def test_bars_without_a_wish_take_free_rows() -> None:
    """From the top, in their order, between those that have a place."""
    assert at((), (0, 1), ()) == [(0, 0), (0, 1), (0, 2)]


def test_the_second_at_a_place_goes_on() -> None:
    """To the next free row."""
    assert at((0, 2), (0, 2), (4, 2)) == [(0, 2), (0, 0), (4, 2)]


def test_a_place_that_is_not_on_the_screen_is_another_one() -> None:
    """As on a smaller terminal."""
    assert at((0, 50), (90, 1), (0, 0)) == [(0, 1), (0, 2), (0, 0)]


def test_bars_on_one_row_share_it() -> None:
    """Each has the cells up to the next."""
    placed, _ = arrange([Wish((10, 0)), Wish((0, 0)), Wish((30, 0))], 40, 3)
    assert placed == [
        Placed(1, 0, 0, 9),
        Placed(0, 10, 0, 19),
        Placed(2, 30, 0, 10),
    ]


def test_those_that_run_come_first() -> None:
    """Where there is not room for all; the last row tells how many more there are."""
    wishes = [Wish((), running=index >= 3) for index in range(6)]
    placed, left = arrange(wishes, 40, 4)
    assert [each.index for each in placed] == [3, 4, 5] and left == 3
    wishes = [Wish((0, row), running=False) for row in range(3)] + [Wish(())] * 2
    placed, left = arrange(wishes, 40, 3)
    assert {each.index for each in placed} == {3, 4} and left == 3


@given(
    st.lists(
        st.tuples(st.lists(st.integers(-2, 12), max_size=2).map(tuple), st.booleans()),
        max_size=30,
    ),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_nothing_overlaps_or_is_lost(
    wanted: list[tuple[tuple[int, ...], bool]], width: int, height: int
) -> None:
    """Whatever is wanted, on whatever screen."""
    wishes = [Wish(place, running) for place, running in wanted]
    placed, left = arrange(wishes, width, height)
    assert len(placed) + left == len(wishes)
    assert len({each.index for each in placed}) == len(placed)
    cells = set()
    for each in placed:
        assert 0 <= each.row < height - bool(left)
        assert each.width >= 0 and 0 <= each.column
        assert each.column + each.width <= width
        for x in range(each.column, each.column + each.width):
            assert (x, each.row) not in cells
            cells.add((x, each.row))


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_no_screen_holds_nothing(size: tuple[int, int]) -> None:
    """And that is no error."""
    assert arrange([Wish(())], *size) == ([], 1)
