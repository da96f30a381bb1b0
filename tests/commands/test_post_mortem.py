"""``async-plot post-mortem``: which run, what is printed, pictures and windows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from async_plot import Server, cli
from async_plot.net import runs

from ..helpers import AMPLE, eventually, start_script
from ..recordings import story, write
from ..views.conftest import PILLS, Screen

RUN = "from async_plot.cli import main\nimport sys\nsys.exit(main())\n"


@pytest.fixture
def screen(xvfb: str, framebuffer: Path) -> Screen:
    return Screen(xvfb, framebuffer)


def run(name: str, error: type[BaseException] | None = None) -> runs.Run:
    try:
        with Server(view=None, name=name) as server:
            server.update(np.arange(9.0))
            if error is not None:
                raise error(f"of {name}")
    except BaseException as caught:
        if type(caught) is not error:
            raise
    return runs.find(name)


def test_the_newest_that_ended_badly(capsys: pytest.CaptureFixture[str]) -> None:
    """Else the newest that ended; never one that is alive."""
    assert cli.main(["post-mortem"]) == 1
    assert "no run" in capsys.readouterr().err
    run("good")
    assert cli.main(["post-mortem"]) == 0
    assert capsys.readouterr().out.startswith("good (")
    run("bad", ValueError)
    run("stopped", KeyboardInterrupt)
    with Server(view=None, name="alive"):
        assert cli.main(["post-mortem"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("bad (") and "failed: ValueError: of bad" in out
        assert cli.main(["post-mortem", "alive"]) == 2
        assert "async-plot view" in capsys.readouterr().err
    assert cli.main(["post-mortem", "stopped"]) == 0
    assert "interrupted" in capsys.readouterr().out


def test_of_several_one_is_to_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """They are listed, and the identifier is enough."""
    first = run("wave", ValueError)
    run("wave", ValueError)
    assert cli.main(["post-mortem", "wave"]) == 2
    err = capsys.readouterr().err
    assert first.run in err and "2 runs are meant" in err
    for name in (first.run, str(first.directory), str(first.record_file)):
        assert cli.main(["post-mortem", name]) == 0
        assert first.run in capsys.readouterr().out


def test_one_file_for_another_machine(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It opens where nothing of the run is: by name of the file, in both commands."""
    run("wave", ValueError)
    file, picture = str(tmp_path / "x.aplot"), tmp_path / "x.png"
    assert cli.main(["post-mortem", "wave", "--save", file]) == 0
    assert f"async-plot post-mortem {file}" in capsys.readouterr().err
    for path in sorted(home.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for command in (["post-mortem", file, "--picture"], ["view", file, "--save"]):
        assert cli.main([*command, str(picture)]) == 0
        assert np.asarray(Image.open(picture)).std() > 10
        picture.unlink()
        captured = capsys.readouterr()
        assert "another user's file" in captured.err
    assert cli.main(["post-mortem", file, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["reason"] == "ValueError: of wave" and not facts["own"]


def test_without_a_display_it_says_what_can_be_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The report is printed all the same."""
    run("wave", ValueError)
    assert cli.main(["post-mortem", "wave"]) == 0
    captured = capsys.readouterr()
    assert "ValueError: of wave" in captured.out and "--picture" in captured.err
    assert cli.main(["post-mortem", "wave", "--view", "none"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["post-mortem", "wave", "--view", "window"]) == 2


def test_a_run_without_a_frame_has_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, and the report."""
    with Server(view=None, name="empty"):
        pass
    picture = tmp_path / "x.png"
    assert cli.main(["post-mortem", "empty", "--picture", str(picture)]) == 1
    captured = capsys.readouterr()
    assert "nothing to draw" in captured.err and "empty (" in captured.out
    assert not picture.exists()


@pytest.mark.parametrize("backend", ["QtAgg", "TkAgg"])
def test_the_window_shows_the_end_and_the_step_behind_it(
    backend: str, tmp_path: Path, screen: Screen
) -> None:
    """The last whole frame; what may be mid-step is one step on, and marked."""
    path = tmp_path / "x.aplot"
    write(path, story(3, state="failed", text="ValueError: no", mid_step=True))
    env = {**screen.env, "MPLBACKEND": backend}
    with start_script(RUN, "post-mortem", str(path), env=env) as viewer:
        window = screen.window("wave")
        screen.wait_for(window, PILLS["failed"])
        screen.xdotool("windowfocus", "--sync", window)
        yellow = (138, 90, 0)
        before = screen.count(window, yellow)
        screen.xdotool("key", "Right")
        eventually(lambda: screen.count(window, yellow) != before)
        assert screen.count(window, PILLS["failed"]) > 8
        screen.close(window)
        assert viewer.wait(AMPLE) == 0
        assert "ValueError: no" in viewer.stdout.read()
