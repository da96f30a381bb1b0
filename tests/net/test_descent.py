"""The run that a process belongs to: named by its environment, or an ancestor's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from async_plot import Server
from async_plot.net import descent, runs


def test_what_an_interrupted_end_has_left_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else every later run would name it again at its own end."""
    monkeypatch.delenv(descent.ENVIRONMENT, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(descent, "withdraw", lambda connection_file: None)
        with Server(view=None):
            pass
    assert descent._announced
    monkeypatch.delenv(descent.ENVIRONMENT)
    with Server(view=None) as server:
        assert descent._announced == [str(server.connection_file)]
    assert descent.ENVIRONMENT not in os.environ


def planted(pid: int, **changes: Any) -> runs.Run:
    """Connection file of a run of that process."""
    run, trouble = runs.create("waves", ("127.0.0.1", 4000), bytes(range(32)))
    assert trouble == ""
    name = run.run.replace(f"-{os.getpid()}-", f"-{pid}-")
    directory = run.directory.rename(run.directory.with_name(name))
    run = replace(run, run=name, pid=pid, birth=runs.birth(pid), directory=directory)
    run = replace(run, **changes)
    runs._write(run)
    return run


def test_the_environment_names_the_newest_run_of_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And says what it said before, when that has ended; also out of order."""
    # An interrupted end, as tests of these bring about, may have left its own.
    monkeypatch.setattr(descent, "_announced", [])
    os.environ[descent.ENVIRONMENT] = "outer"
    with Server(view=None) as first:
        with Server(view=None) as second:
            told = os.environ[descent.ENVIRONMENT]
            assert told == str(second.connection_file)
        assert os.environ[descent.ENVIRONMENT] == str(first.connection_file)
        third = Server(view=None).start()
    assert os.environ[descent.ENVIRONMENT] == str(third.connection_file)
    third.close()
    assert os.environ.pop(descent.ENVIRONMENT) == "outer"
    with Server(view=None):
        assert descent.ENVIRONMENT in os.environ
    assert descent.ENVIRONMENT not in os.environ


def test_what_somebody_else_says_there_is_left_alone() -> None:
    """A program may point its children elsewhere."""
    with Server(view=None):
        os.environ[descent.ENVIRONMENT] = ""
    assert os.environ.pop(descent.ENVIRONMENT) == ""


def test_a_run_is_found_by_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever process it is of; but it must be there, on this machine."""
    run = planted(os.getppid())
    monkeypatch.setenv(descent.ENVIRONMENT, str(run.connection_file))
    assert descent.find() == run
    monkeypatch.setattr(descent, "_of_ancestors", lambda: None)
    for change in ({"birth": 1}, {"host": "elsewhere"}, {"key": None}):
        runs._write(replace(run, **change))  # type: ignore[arg-type]
        assert descent.find() is None, change
    monkeypatch.setenv(descent.ENVIRONMENT, str(run.directory / "absent"))
    assert descent.find() is None


def test_a_run_of_an_ancestor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest one's newest, if the environment names none that is alive."""
    assert descent.find() is None  # there is no directory yet
    planted(1)
    ended = planted(os.getppid())
    runs.end(ended, "finished")
    parent = planted(os.getppid())
    assert descent.find() == parent
    monkeypatch.setenv(descent.ENVIRONMENT, str(ended.connection_file))
    assert descent.find() == parent
    monkeypatch.setenv(descent.ENVIRONMENT, "")
    assert descent.find() is None


def test_a_number_that_is_used_again_is_another_process() -> None:
    """Its run was that of a process that was born at another time."""
    planted(os.getppid(), birth=1)
    assert descent.find() is None


def test_own_runs_and_foreign_files_are_none() -> None:
    """A process is not its own child; what others may write to is not believed."""
    with Server(view=None):
        assert descent.find() is None
    run = planted(os.getppid())
    run.connection_file.chmod(0o666)
    assert descent.find() is None


def test_without_a_system_that_tells_there_is_the_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on macOS."""

    def absent(path: Path) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_bytes", absent)
    assert descent._ancestors() == [os.getppid()]
