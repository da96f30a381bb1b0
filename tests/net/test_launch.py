"""Launching: a session of its own, no secret on the command line, its last word."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from async_plot.net import launch

from ..helpers import ROOT, eventually


def launched(tmp_path: Path, code: str) -> launch.Launched:
    """Launch Python with a program of the test's before the viewer's code."""
    return launch.Launched(
        [sys.executable, "-c", code], tmp_path / "connection.json", tmp_path / "log"
    )


def test_the_code_finds_this_package_and_names_only_the_file(tmp_path: Path) -> None:
    """From any directory, in any interpreter that has its dependencies."""
    file = tmp_path / 'it\'s a "file"\n.json'
    code = launch.code(file, "async_plot.errors")
    assert repr(str(file)) in code and str(ROOT) in code
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code.replace("import main; main(", "import *; print(")],
        cwd=tmp_path / "elsewhere",
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{file}\n", done.stderr


def test_the_viewer_has_a_session_of_its_own_and_no_terminal(tmp_path: Path) -> None:
    """Its output goes to a file that only this user can read."""
    viewer = launched(
        tmp_path, "import os, sys; print(os.getsid(0), sys.stdin.read() == '')"
    )
    eventually(viewer.ended)
    assert viewer.log.read_text() == f"{viewer.pid} True\n"
    assert stat.S_IMODE(viewer.log.stat().st_mode) == 0o600


def test_a_viewer_that_lives_has_not_ended(tmp_path: Path) -> None:
    """Then it has, with its signal."""
    viewer = launched(tmp_path, "import time; time.sleep(60)")
    assert viewer.ended() == ""
    os.kill(viewer.pid, 15)
    assert eventually(viewer.ended) == "the viewer ended with signal 15"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("pass", "exit status 0"),
        ("raise SystemExit(3)", "exit status 3"),
        ("raise SystemExit('no toolkit')", "exit status 1: no toolkit"),
        ("1 / 0", "exit status 1: ZeroDivisionError: division by zero"),
        ("print('x' * 1000); exit(2)", "exit status 2: " + "x" * 300),
    ],
)
def test_the_reason_of_an_end_is_its_status_and_last_line(
    code: str, why: str, tmp_path: Path
) -> None:
    """Of whatever it printed."""
    viewer = launched(tmp_path, code)
    assert eventually(viewer.ended) == f"the viewer ended with {why}"


def test_a_deleted_log_costs_the_last_line_only(tmp_path: Path) -> None:
    """As when the run's files were removed meanwhile."""
    viewer = launched(tmp_path, "raise SystemExit('gone')")
    viewer.log.unlink()
    assert eventually(viewer.ended) == "the viewer ended with exit status 1"


def test_a_program_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    """For the caller to tell."""
    with pytest.raises(OSError, match="no such program"):
        launch.Launched(["./no such program"], tmp_path / "c.json", tmp_path / "log")


def test_viewers_that_outlive_their_run_are_waited_for_later(tmp_path: Path) -> None:
    """When the next one is launched; so none is a zombie for ever."""
    viewer = launched(tmp_path, "import sys; sys.stdout.flush(); input()")
    viewer.let_go()
    viewer.let_go()
    sleeper = launched(tmp_path, "import time; time.sleep(60)")
    sleeper.let_go()
    assert launch._released.count(sleeper.process) == 1
    eventually(viewer.ended)
    last = launched(tmp_path, "pass")
    assert viewer.process not in launch._released
    assert sleeper.process in launch._released
    eventually(last.ended)
    os.kill(sleeper.pid, 9)
    eventually(sleeper.ended)
    last.let_go()
    assert last.process not in launch._released
    launch.release()
    assert launch._released == []


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="it tells of ends beforehand")
def test_what_is_let_go_looks_after_those_before(tmp_path: Path) -> None:
    """Gates are started in another way, and maybe nothing else ever is."""
    ended = launched(tmp_path, "pass")
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    launch._released.append(ended.process)  # it had not ended when it was let go
    sleeper = launched(tmp_path, "import time; time.sleep(60)")
    launch._released.append(ended.process)
    sleeper.let_go()
    assert launch._released == [sleeper.process]
    sleeper.kill()
    eventually(sleeper.ended)
    launch.release()
