"""What a launched interpreter does before it opens anything."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

import pytest

from async_plot.views import launched

from ..helpers import run_script

OURS = [sysconfig.get_path("stdlib"), *site.getsitepackages()]


def test_in_the_same_installation_the_order_is_the_calculations() -> None:
    """A module found first there is found first here; nothing of ours is lost."""
    theirs = ["/work", *OURS, "/last"]
    assert launched.merged_path(["", *OURS, "/own"], theirs) == [*theirs, "", "/own"]


def test_another_installation_keeps_its_own_modules_first() -> None:
    """Those of the calculation may be built for another Python."""
    theirs = ["/work", "/other/python3.11", "/other/site-packages"]
    merged = launched.merged_path(["", *OURS], theirs)
    assert merged == ["", *OURS, *theirs]


def test_a_run_that_is_gone_is_said_in_one_line(tmp_path: Path) -> None:
    """The exit status tells it too."""
    done = run_script(
        "from async_plot.views.launched import main; main('/no/such/file')",
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "/no/such/file" in done.stderr


def test_it_is_nice_and_runs_where_the_calculation_runs(tmp_path: Path) -> None:
    """Niceness 10, its directory, and a sibling module of its script."""
    (tmp_path / "far").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "sibling.py").write_text("VALUE = 7\n")
    run_script(
        """
import os, sys
from async_plot import Plotter, Server
class Where(Plotter):
    def draw(self, x):
        import sibling
        with open("told", "w") as file:
            file.write(f"{os.nice(0)} {os.getcwd()} {sibling.VALUE}")
with Server(Where, client_cmd=[sys.executable, "-c"], wait_for_client=120) as server:
    import time
    end = time.monotonic() + 60
    while not server.viewers[0].shown and time.monotonic() < end:
        server.update(1)
        time.sleep(0.01)
""",
        directory=tmp_path / "scripts",
        cwd=tmp_path / "far",
    )
    told = (tmp_path / "far" / "told").read_text()
    nice = min(19, os.nice(0) + launched.NICE)
    assert told == f"{nice} {tmp_path / 'far'} 7"


@pytest.mark.skipif(sys.platform == "win32", reason="no such directories there")
def test_a_directory_that_is_gone_stops_nothing() -> None:
    """The viewer stays where it is."""
    from async_plot.wire.messages import Welcome

    here, path = os.getcwd(), list(sys.path)
    try:
        launched.take_over(
            Welcome("r", "n", 1, "h", "3", 0.0, [""], "/no/such", path, 0.01, "keep")
        )
        assert os.getcwd() == here
    finally:
        sys.path[:] = path
