"""The use that this package descends from: a class that opens pyplot windows."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from pathlib import Path

import pytest

from async_plot import Server
from async_plot.errors import PlotterError

from .helpers import eventually, processes, run_script

# What the class in the viewer writes, so that the test knows what was drawn there.
CLASS = """
import os

class PlotClient:
    def __init__(self):
        from matplotlib import pyplot as plt
        self.plt = plt
        self.figure, (self.above, self.below) = plt.subplots(2)

    def draw(self, x, y):
        for axes, values in ((self.above, y), (self.below, -y)):
            axes.clear()
            axes.plot(x, values)
        backend, figures = self.plt.get_backend(), self.plt.get_fignums()
        with open(os.environ["SEEN"], "a") as file:
            print(backend.lower(), len(figures), y[-1], os.getpid(), file=file)
"""

WATCHED = (
    CLASS
    + """
import json, sys, time
import numpy as np
from async_plot import Server

x = np.linspace(0, 1, 100)
deadline = time.monotonic() + 90
with Server(
    PlotClient, client_cmd=json.loads(sys.argv[1]), wait_for_client=120, on_exit="close"
) as s:
    step = 0.0
    while time.monotonic() < deadline:
        step += 1
        s.update(x, x * step)
        if any(viewer.frames >= 3 for viewer in s.viewers):
            break
    viewers = [viewer.view for viewer in s.viewers]
print(viewers, step)
"""
)

MILLION = (
    CLASS
    + """
import sys
import numpy as np
from async_plot import Server

x = np.linspace(0, 1, 100)
with Server(PlotClient, client_cmd=[sys.executable, "-c"]) as s:
    y = x.copy()
    for i in range(1_000_000):
        y[-1] = i
        s.update(x, y)
print(s.stats.updates, s.stats.snapshots)
"""
)


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """File to which the class in the viewer writes what it has drawn."""
    return tmp_path / "seen"


@pytest.fixture
def path() -> str:
    """``PATH`` on which the ipython of this Python comes first."""
    assert importlib.util.find_spec("IPython") is not None
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("command", "backends"),
    [
        ('["ipython", "--pylab", "-c"]', ("qtagg", "tkagg")),
        pytest.param(
            *('["ipython", "--pylab=qt", "-c"]', ("qtagg",)), marks=pytest.mark.slow
        ),
        ('["ipython", "--matplotlib=qt", "-c"]', ("qtagg",)),
        (f'["{sys.executable}", "-c"]', ("qtagg",)),
    ],
)
def test_the_seeds_own_use(
    command: str, backends: tuple[str, ...], xvfb: str, path: str, seen: Path
) -> None:
    """A class that opens pyplot windows is drawn by whatever interpreter is named.

    In a window, on its toolkit, in one process beside the calculation, and with the
    arguments of the last update at the end.
    """
    env = {"DISPLAY": xvfb, "PATH": path, "SEEN": str(seen)}
    # A session of a desktop that is not there would be looked for, and waited for.
    env |= {"XDG_RUNTIME_DIR": str(seen.parent), "QT_QPA_PLATFORM": "xcb"}
    done = run_script(WATCHED, command, env=env)
    views, last = done.stdout.split("]")
    assert "window" in views, done.stderr
    eventually(lambda: float(lines(seen)[-1][2]) == float(last), what="the last frame")
    drawn = lines(seen)
    assert {line[0] for line in drawn} <= set(backends)
    assert {line[1] for line in drawn} == {"1"}, "figures in the viewer"
    assert len({line[3] for line in drawn}) == 1, "one viewer"
    assert done.stderr == ""
    eventually(lambda: not processes(), what="the end of the viewer")


def test_without_a_display_the_client_draws_off_screen(path: str, seen: Path) -> None:
    """The seed's own command on a machine without a display draws, and ends."""
    env = {"PATH": path, "SEEN": str(seen)}
    done = run_script(WATCHED, '["ipython", "--pylab", "-c"]', env=env)
    last = float(done.stdout.split("]")[1])
    eventually(lambda: float(lines(seen)[-1][2]) == last, what="the last frame")
    assert {line[0] for line in lines(seen)} == {"agg"}


def test_a_million_updates(seen: Path) -> None:
    """A million updates are counted, and the last one is seen.

    Also when they take less time than the viewer needs to start: it finds the last
    frame in the record.
    """
    done = run_script(MILLION, env={"SEEN": str(seen)})
    updates, snapshots = map(int, done.stdout.split())
    assert updates == 1_000_000 and 1 <= snapshots < 10_000
    eventually(
        lambda: seen.exists() and lines(seen)[-1][2] == "999999.0",
        what="the last frame",
    )


# -- where a class can come from ---------------------------------------------------

DRAWS = """
def tell(plotter, name, x):
    import os, sys
    module = sys.modules.get(type(plotter).__module__)
    with open(os.environ["SEEN"], "a") as file:
        print(name, x, getattr(module, "__file__", None), file=file)
"""

SIBLING = (
    DRAWS
    + """
class Sibling:
    def __init__(self, figure):
        self.figure = figure
    def draw(self, x):
        tell(self, "sibling", x)
"""
)

ORIGINS = """
import os, sys, time
from async_plot import Plotter, Server
from sibling import Sibling, tell
from installed_here import Installed

class Main(Plotter):
    def draw(self, x):
        tell(self, "main", x)

def make(name):
    class Local(Plotter):
        def draw(self, x):
            tell(self, name, x)
    return Local

class WithLambda(Plotter):
    key = staticmethod(lambda x: x + 0)
    draw = lambda self, x: tell(self, "lambda", self.key(x))

plotters = {
    "main": Main, "sibling": Sibling, "local": make("local"), "lambda": WithLambda,
    "installed": Installed,
}
with Server(plotters, client_cmd=[sys.executable, "-c"], wait_for_client=120) as s:
    for name in plotters:
        s[name].update(42)
print("done")
"""


def test_a_class_can_come_from_anywhere(tmp_path: Path, seen: Path) -> None:
    """A class may stand in the script, beside it, in a function, or be installed.

    The script is started in another directory than its own, where the viewer could
    not import what stands beside it.
    """
    scripts, elsewhere, base = (tmp_path / n for n in ("scripts", "elsewhere", "base"))
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = base / "lib" / python / "site-packages"
    for directory in (scripts, elsewhere, site):
        directory.mkdir(parents=True)
    (scripts / "sibling.py").write_text(SIBLING)
    (site / "installed_here.py").write_text(
        SIBLING.replace("Sibling", "Installed").replace("sibling", "installed")
    )
    env = {
        "SEEN": str(seen),
        "PYTHONUSERBASE": str(base),  # whose site-packages count as installed
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), str(site)]),
    }
    run_script(ORIGINS, env=env, directory=scripts, cwd=elsewhere)
    names = {"main", "sibling", "local", "lambda", "installed"}
    eventually(
        lambda: seen.exists() and {line[0] for line in lines(seen)} == names,
        what="a frame of each",
    )
    for name, value, file in lines(seen):
        assert value == "42"
        if name == "installed":
            assert file == str(site / "installed_here.py")


# -- what cannot be sent -----------------------------------------------------------


def test_a_plotter_with_a_lock_names_its_attribute() -> None:
    """A class attribute that cannot be pickled is named at construction."""

    class Locked:
        guard = threading.Lock()

        def draw(self, x: float) -> None:
            pass

    with pytest.raises(PlotterError, match=r"Locked.*'guard'.*lock.*__init__"):
        Server(Locked, view=None)


def test_a_plotter_that_uses_a_lock_names_the_variable() -> None:
    """A variable of the enclosing function that cannot be pickled is named."""
    guard = threading.Lock()

    class Closure:
        def draw(self, x: float) -> None:
            with guard:
                pass

    with pytest.raises(PlotterError, match=r"Closure.*'guard'.*'draw'.*lock"):
        Server(Closure, view=None)


def test_a_plotter_of_a_dict_is_checked_too() -> None:
    """With several plotters, the one that cannot be sent is named."""

    class Fine:
        def draw(self, x: float) -> None:
            pass

    class Open:
        guard = threading.Lock()

        def draw(self, x: float) -> None:
            pass

    with pytest.raises(PlotterError, match=r"Open.*'guard'"):
        Server({"fine": Fine, "open": Open}, view=None)
