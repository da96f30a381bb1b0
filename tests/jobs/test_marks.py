"""The board on which workers note the task that they have in hand."""

from __future__ import annotations

import array
import multiprocessing
import os

import pytest

from async_plot.jobs import marks

from ..helpers import AMPLE


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> marks.Board:
    monkeypatch.setattr(marks, "_board", None)
    monkeypatch.setattr(marks, "_tried", False)
    monkeypatch.setattr(marks, "_opened", {})
    board = marks.board()
    assert board is not None
    return board


def _work(given: marks.Marks) -> None:
    cell = given.cell()
    given.begin(cell, 4, 10)
    cell[0] = 7
    os._exit(1)


def test_what_a_worker_had_in_hand_stays(board: marks.Board) -> None:
    """After its end, however it ended."""
    context = multiprocessing.get_context("fork")
    given = board.marks()
    process = context.Process(target=_work, args=(given,))
    process.start()
    process.join(AMPLE)
    assert process.pid is not None
    assert board.read(process.pid) == marks.Mark(given.job, 4, 17)
    process.close()


def test_between_two_chunks_there_is_none(board: marks.Board) -> None:
    """And of a stranger nothing is known."""
    given = board.marks()
    cell = given.cell()
    given.begin(cell, 1, 0)
    cell[0] = 3
    given.end(cell)
    mark = board.read(os.getpid())
    assert mark is not None and mark.task == marks.NONE
    assert board.read(1) is None


def test_two_processes_of_one_remainder_have_two_cells(
    board: marks.Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell of one that lives is not taken."""
    monkeypatch.setattr(marks, "_places", lambda pid: [0, 5])
    board._cells[1] = os.getppid()
    board.marks().cell()[0] = 9
    assert board._cells[5] == 9 and board._cells[6] == os.getpid()
    mark = board.read(os.getpid())
    assert mark is not None and mark.task == 9


def test_another_file_is_not_written_into(board: marks.Board) -> None:
    """A number may mean another file on another machine."""
    given = board.marks()
    wrong = marks.Marks(given.pid, given.descriptor, bytes(32), 1)
    assert wrong.cell() is None
    nowhere = marks.Marks(given.pid, 9999, bytes(31), 1)
    assert nowhere.cell() is None
    assert board.read(os.getpid()) is None


def test_what_is_revoked_is_not_begun(board: marks.Board) -> None:
    """Of this job; the others, and what was begun before, go on."""
    given, other = board.marks(), board.marks()
    cell = given.cell()
    assert given.begin(cell, 1, 0)
    assert board.noted(given.job) == {1} and board.noted(other.job) == set()
    board.revoke(given.job, 2)
    assert not given.begin(cell, 2, 0)
    assert given.begin(cell, 1, 0) and other.begin(cell, 2, 0)


def test_a_place_that_is_taken_over_notes_nothing(board: marks.Board) -> None:
    """What a dead process had noted there is none of the new one's."""
    given = board.marks()
    place = marks._places(os.getpid())[0]
    board._cells[place + 1 : place + 4] = memoryview(
        array.array("q", [1 << 30, given.job, 8])
    )
    assert board.noted(given.job) == {8}
    assert given.cell() is not None
    assert board.noted(given.job) == set()
