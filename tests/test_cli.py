"""The command line: what it prints, and how it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from async_plot import Server, __version__, cli, commands
from async_plot.net import runs, surroundings

from .helpers import AMPLE, ROOT, eventually, run_script, start_script

DRAWS = """
class Marks:
    def __init__(self, figure):
        self.axes = figure.subplots()
        self.axes.set_facecolor("lime")

    def draw(self, *args):
        self.axes.set_title(str(args))

class Nothing:
    pass
"""


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    out, err = capsys.readouterr()
    return out, err


def ended_run(name: str, *args: object) -> None:
    with Server(view=None, name=name) as server:
        server.update(*args)


# -- parsing -----------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` names the version of the package."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert __version__ in said(capsys)[0]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` lists the commands, and each has a help of its own."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = said(capsys)[0]
    for command in ("demo", "view", "runs", "connection"):
        assert command in out
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        assert ended.value.code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["view", "--max-rate", "0"],
        ["view", "--max-rate", "many"],
        ["demo", "--seconds", "-1"],
        ["demo", "--seconds", "nan"],
        ["demo", "--view", "browser"],
    ],
)
def test_misuse_is_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be meant ends with status 2 and says why on stderr."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    out, err = said(capsys)
    assert "async-plot" in err and not out


def test_the_module_is_the_command() -> None:
    """``python -m async_plot`` does what the script does."""
    done = subprocess.run(
        [sys.executable, "-m", "async_plot", "--version"],
        capture_output=True,
        text=True,
        timeout=AMPLE,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == f"async-plot {__version__}"


# -- runs --------------------------------------------------------------------------


def test_no_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing ran, the list is empty for programs and said so to people."""
    assert cli.main(["runs"]) == 0
    out, err = said(capsys)
    assert not out and "no run" in err
    assert cli.main(["runs", "--json"]) == 0
    assert json.loads(said(capsys)[0]) == []


def test_runs_lists_the_living_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Runs that are alive come first, with address, process and age."""
    with Server(view=None, name="older") as older:
        ended_run("ended", 1)
        assert cli.main(["runs"]) == 0
        head, first, second = said(capsys)[0].splitlines()
        assert head.split() == ["NAME", "STATE", "PID", "STARTED", "AGE", "ADDRESS"]
        assert first.split()[:3] == ["older", "running", str(os.getpid())]
        assert first.split()[-1] == "{}:{}".format(*older.address)
        assert second.split()[:2] == ["ended", "finished"]
        assert second.split()[-1] == "-"


def test_runs_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` gives what a program needs to look at a run, and not its key."""
    with Server(view=None, name="one") as server:
        assert cli.main(["runs", "--json"]) == 0
        out = said(capsys)[0]
        (run,) = json.loads(out)
        key = runs.read(server.connection_file).key
        assert run["name"] == "one" and run["state"] == "running"
        assert run["pid"] == os.getpid()
        assert run["address"] == list(server.address)
        assert run["connection_file"] == str(server.connection_file)
        assert abs(run["started"] - time.time()) < 60
    assert key.hex() not in out and "key" not in run
    assert cli.main(["runs", "--json"]) == 0
    (run,) = json.loads(said(capsys)[0])
    assert run["state"] == "finished" and run["address"] is None


def test_an_interrupted_and_a_failed_run_say_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The list tells how each run ended."""
    for error in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(error), Server(view=None, name=error.__name__) as server:
            server.update(1)
            raise error
    assert cli.main(["runs", "--json"]) == 0
    states = {run["name"]: run["state"] for run in json.loads(said(capsys)[0])}
    assert states == {"KeyboardInterrupt": "interrupted", "ZeroDivisionError": "failed"}


def test_a_killed_run_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose process is gone without a word is ``lost``, not running."""
    run_script(
        "import os, signal\n"
        "from async_plot import Server\n"
        "Server(view=None, name='victim').start().update(1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        check=False,
    )
    assert cli.main(["runs", "--json"]) == 0
    (run,) = json.loads(said(capsys)[0])
    assert run["name"] == "victim" and run["state"] == "lost"
    assert run["address"] is None


def test_old_runs_are_listed_on_demand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only the last ended runs are listed, unless all are asked for."""
    for index in range(commands.ENDED_SHOWN + 2):
        ended_run(f"run{index}", index)
    assert cli.main(["runs"]) == 0
    lines = said(capsys)[0].splitlines()
    assert len(lines) == commands.ENDED_SHOWN + 2
    assert "2 that ended before" in lines[-1]
    assert cli.main(["runs", "--all"]) == 0
    assert len(said(capsys)[0].splitlines()) == commands.ENDED_SHOWN + 3


def test_a_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control sequences in a run's name are not printed."""
    ended_run("evil\x1b[2J\nname", 1)
    assert cli.main(["runs"]) == 0
    out = said(capsys)[0]
    assert "\x1b" not in out and len(out.splitlines()) == 2


def test_a_closed_pipe_is_no_error() -> None:
    """``async-plot runs | head -1`` leaves no traceback."""
    source = (
        "import os, sys\n"
        "from async_plot import cli\n"
        "reading, writing = os.pipe()\n"
        "os.dup2(writing, 1); os.close(reading); os.close(writing)\n"
        "status = cli.main(['runs', '--json'])\n"
        "sys.stdout.flush()\n"
        "os._exit(status)\n"
    )
    ended_run("some", 1)
    done = run_script(source, check=False)
    assert "Traceback" not in done.stderr


# -- view --------------------------------------------------------------------------


def test_no_such_run_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no run has ends with status 1 and one line with those there are."""
    with Server(view=None, name="here"):
        assert cli.main(["view", "there", "--save", "x.png"]) == 1
    out, err = said(capsys)
    assert not out and len(err.splitlines()) == 1
    assert "'there'" in err and "here" in err


def test_a_damaged_connection_file_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no connection file is named, without a traceback."""
    file = tmp_path / "connection.json"
    file.write_text("{}")
    file.chmod(0o600)
    assert cli.main(["view", str(file), "--save", "x.png"]) == 1
    assert str(file) in said(capsys)[1]


def test_without_a_display_view_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where no window can be opened, ``--save`` is offered, with status 2."""
    assert cli.main(["view"]) == 2
    assert "--save" in said(capsys)[1]
    assert cli.main(["demo", "--view", "window"]) == 2
    assert "display" in said(capsys)[1]


def test_without_a_toolkit_view_names_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a toolkit is missing, the extra that brings one is named."""
    monkeypatch.setattr(surroundings, "display", lambda: True)
    monkeypatch.setattr(surroundings, "toolkit", lambda: "")
    assert cli.main(["view"]) == 2
    assert "async_plot[window]" in said(capsys)[1]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("marks.py", "FILE.py:CLASS"),
        ("absent.py:Marks", "no file absent.py"),
        ("marks.py:Other", "no class Other"),
        ("marks.py:Nothing", "no method draw"),
        ("broken.py:Marks", "ZeroDivisionError"),
    ],
)
def test_a_wrong_plotter_is_status_2(
    given: str,
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``--plotter`` that names nothing drawable says what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("marks.py").write_text(DRAWS)
    Path("broken.py").write_text("1 / 0")
    ended_run("run", 1)
    assert cli.main(["view", "run", "--save", "x.png", "--plotter", given]) == 2
    err = said(capsys)[1]
    assert reason in err and len(err.splitlines()) == 1
    assert not Path("x.png").exists()


def test_view_saves_the_last_frame_of_an_ended_run(tmp_path: Path) -> None:
    """An ended run's last frame is drawn from its record, by its name."""
    ended_run("matrix", [[0.0, 1.0], [2.0, 3.0]])
    picture = tmp_path / "matrix.png"
    assert cli.main(["view", "matrix", "--save", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_view_draws_with_another_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--plotter`` draws the same frames with a class from a file."""
    from matplotlib import image

    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "marks.py").write_text(DRAWS)
    ended_run("run", 1, 2)
    picture = tmp_path / "x.png"
    arguments = ["view", "run", "--save", str(picture), "--plotter"]
    assert cli.main([*arguments, f"{tmp_path}/marks.py:Marks"]) == 0
    pixels = image.imread(picture)[..., :3]
    lime = (pixels == [0, 1, 0]).all(axis=-1)
    assert lime.mean() > 0.3


def test_debug_prints_one_line_for_each_message(tmp_path: Path) -> None:
    """``--debug`` shows the messages, with sizes and without their content."""
    source = "from async_plot.cli import main\nimport sys\nsys.exit(main())\n"
    with Server(view=None, name="talk") as server:
        server.update("a secret text")
        arguments = ["--debug", "view", "talk", "--save", str(tmp_path / "x.png")]
        with start_script(source, *arguments) as viewer:
            eventually(
                lambda: any(each.shown for each in server.viewers), what="a frame"
            )
            key = runs.read(server.connection_file).key
            server.close()
            err = viewer.communicate(timeout=AMPLE)[1]
    assert viewer.returncode == 0
    assert "> frame" in err and "> welcome" in err and "< ready" in err
    assert "a secret text" not in err and key.hex() not in err


def test_ctrl_c_ends_a_view_quietly(tmp_path: Path) -> None:
    """Ctrl-C in a view leaves no traceback, and the run goes on."""
    import signal

    source = "from async_plot.cli import main\nimport sys\nsys.exit(main())\n"
    with Server(view=None, name="long") as server:
        server.update(1)
        with start_script(
            source, "view", "long", "--save", str(tmp_path / "x.png")
        ) as viewer:
            eventually(
                lambda: any(each.shown for each in server.viewers), what="a frame"
            )
            viewer.send_signal(signal.SIGINT)
            out, err = viewer.communicate(timeout=AMPLE)
        assert "Traceback" not in out + err
        assert viewer.returncode in (0, 130)
        server.update(2)
