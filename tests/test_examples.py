"""Every example runs to its end, and what it shows can be drawn."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from matplotlib import image
from nbclient import NotebookClient

from async_plot import Server, cli
from async_plot.net import runs

from .helpers import AMPLE, ROOT, eventually, processes, run_script
from .ptys import on_terminal

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
READER = "08_read_frames.py"
CLASS = "11_another_plotter.py"
PLACES = "15_bars_at_places.py"
STEPS = {"07_pyplot_windows.py": 2000}

pytestmark = pytest.mark.usefixtures("home")


def names(path: Path) -> str:
    return path.name


def test_they_are_short_and_numbered() -> None:
    """The examples are numbered without a gap, and each has fewer than 40 lines."""
    assert [path.name[:3] for path in EXAMPLES] == [
        f"{number:02}_" for number in range(1, len(EXAMPLES) + 1)
    ]
    for path in EXAMPLES:
        assert len(path.read_text().splitlines()) < 40, path.name
        assert path.read_text().startswith('"""'), path.name


@pytest.mark.parametrize(
    "path",
    [path for path in EXAMPLES if path.name not in (READER, CLASS, PLACES)],
    ids=names,
)
def test_an_example_runs_and_its_last_frame_can_be_drawn(
    path: Path, tmp_path: Path
) -> None:
    """The example ends by itself without a word of trouble; its record is drawn."""
    bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = run_script(
        path.read_text(),
        str(STEPS.get(path.name, 200)),
        name=path.name,
        env={"PATH": bin_first},
        timeout=2 * AMPLE,
    )
    assert not [
        line for line in done.stderr.splitlines() if "async-plot view" not in line
    ]
    eventually(lambda: not processes(), what="the end of the viewer")
    (run,) = runs.list_runs()
    assert run.state == "finished"
    assert cli.main(["view", run.run, "--save", str(tmp_path / "picture.png")]) == 0
    pictures = list(tmp_path.glob("picture*.png"))
    assert pictures
    for picture in pictures:
        assert image.imread(picture)[..., :3].std() > 0.01, "an empty picture"


def test_the_reader_reads() -> None:
    """The example that reads frames prints what arrives, and ends with the run."""
    import numpy as np

    path = ROOT / "examples" / READER
    with Server(view=None, name="calculation") as server:
        server.update(np.zeros((2, 3)), t=1)
        server.update(np.zeros((2, 3)), t=2)
    done = run_script(path.read_text(), "calculation", name=READER)
    assert "#2 at" in done.stdout and "(2, 3)" in done.stdout and "'t'" in done.stdout


def test_another_plotter_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class in a file of its own draws the frames that it is made for."""
    import numpy as np

    monkeypatch.setattr(sys, "path", [*sys.path])
    x = np.linspace(0, 1, 401)
    with Server(view=None, name="string") as server:
        server.update(x, np.sin(9 * x), t=1.0)
    picture = tmp_path / "picture.png"
    given = f"{ROOT / 'examples' / CLASS}:Spectrum"
    assert cli.main(["view", "--save", str(picture), "--plotter", given]) == 0
    assert image.imread(picture)[..., :3].std() > 0.01, "an empty picture"


def test_bars_stand_at_their_places() -> None:
    """On a screen that is gone at the end, with one last line for each bar."""
    source = (ROOT / "examples" / PLACES).read_text()
    call = "            pool.map(job, locations)\n"
    assert call in source
    # Until they have been seen, however slow that is.
    source = source.replace(call, call + "            input()\n")
    with on_terminal(source, "40") as terminal:
        places = {1: 0, 6: 0, 7: 5, 9: 10}

        def at_their_places() -> bool:
            lines = terminal.lines
            return terminal.full and all(
                "of 40)" in lines[row] and "%" in lines[row][column : column + 4]
                for row, column in places.items()
            )

        terminal.until(at_their_places)
        terminal.type(b"\n")
        assert terminal.wait() == 0
        terminal.until(lambda: not terminal.full and "done" in terminal.text)
        last = [line for line in terminal.lines if line]
    assert all(line.startswith("100% (40 of 40)") for line in last[:4]), last
    assert last[4] == "done"


def test_without_a_terminal_bars_at_places_are_lines() -> None:
    """As in a batch log."""
    source = (ROOT / "examples" / PLACES).read_text()
    done = run_script(source, "20")
    assert done.stdout == "done\n"
    assert done.stderr.count("100% (20 of 20)") == 4


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook, executed by a kernel of its own."""
    directory = tmp_path_factory.mktemp("notebook")
    book = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    # One that is watched for half a second is as good as one of ten.
    book.cells[-1].source = book.cells[-1].source.replace("20_000", "2_000")
    changed = {
        "PYTHONPATH": str(ROOT),
        "ASYNC_PLOT_HOME": str(directory / "home"),
        "IPYTHONDIR": str(directory / "ipython"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changed.items():
            patch.setenv(name, value)
        NotebookClient(book, timeout=AMPLE, kernel_name="python3").execute()
    return book


def test_the_notebook_keeps_its_figure_and_how_it_ended(executed: Any) -> None:
    """One figure, and under it one line; both are saved with it."""
    figure, strip = executed.cells[-1].outputs
    assert strip.data["text/plain"].startswith("✓ finished")
    # On a machine that was too busy, the first picture comes after the cell.
    assert "image/png" in figure.data or "is being drawn" in strip.data["text/plain"]
