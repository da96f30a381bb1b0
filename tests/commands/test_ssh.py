"""``async-plot view --ssh``: from the command line to a picture, and out again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from async_plot import Server, cli
from async_plot.net import runs

from ..helpers import AMPLE, ROOT, eventually, has_ended
from ..ssh import FakeSsh, told

pytestmark = pytest.mark.filterwarnings("error")


def view(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Start ``async-plot view --ssh me@far`` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "async_plot", "view", "--ssh", "me@far", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def test_a_far_run_is_drawn_until_its_end(
    fake: FakeSsh, answering: Any, tmp_path: Path
) -> None:
    """By the ssh on the path; what was cut off meanwhile is told."""
    picture = tmp_path / "far.png"
    with Server(view=None, name="heat", overhead=1) as server:
        answering(told(server))
        server.update([0.0, 1.0])
        with view("heat", "--save", str(picture)) as process:
            eventually(lambda: any(v.shown for v in server.viewers))
            os.kill(fake.carrying, signal.SIGKILL)
            server.update([1.0, 2.0])
            eventually(lambda: any(v.shown == 2 for v in server.viewers))
            server.close()
            out, err = process.communicate(timeout=AMPLE)
    assert process.returncode == 0 and not err
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "connection lost (ssh to me@far ended" in out
    assert "s without connection: 1 update passed" in out


@pytest.mark.parametrize(
    ("mode", "number"),
    [("ok", signal.SIGTERM), ("ok", signal.SIGINT), ("hang", signal.SIGHUP)],
)
def test_a_signal_ends_ssh_as_well(
    fake: FakeSsh, answering: Any, tmp_path: Path, mode: str, number: int
) -> None:
    """Whether it carries frames or waits for a password; without a traceback."""
    with Server(view=None, name="heat", overhead=1) as server:
        answering(told(server))
        server.update([0.0, 1.0])
        fake.does(mode)
        with view("heat", "--save", str(tmp_path / "x.png")) as process:
            if mode == "ok":
                eventually(lambda: any(v.shown for v in server.viewers))
            eventually(lambda: fake.calls)
            process.send_signal(number)
            _, err = process.communicate(timeout=AMPLE)
            assert "Traceback" not in err
            assert process.returncode in (130, -number, 0)
        for call, _, _ in fake.calls:
            eventually(lambda call=call: has_ended(call))
        server.update([1.0, 2.0])


def test_one_of_several_far_runs_is_named(
    fake: FakeSsh, answering: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """As among those of this machine."""
    with Server(view=None, name="a") as a, Server(view=None, name="b") as b:
        answering(told(a, b))
        assert cli.main(["view", "--ssh", "far", "--save", "x.png"]) == 2
    out, err = capsys.readouterr()
    assert not out and "2 runs are alive" in err and f"{runs.hostname()} (ssh)" in err


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--ssh", "-oX"], 2, "expected one argument"),
        (["--ssh=-oX"], 2, "[USER@]HOST"),
        (["--remote-python", "p"], 2, "--remote-python is for --ssh"),
        (["--ssh", "far", "name"], 1, "has ended (finished); look at it there"),
    ],
)
def test_misuse_is_one_line(
    words: list[str],
    status: int,
    says: str,
    fake: FakeSsh,
    answering: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And handlers of signals are given back."""
    before = signal.getsignal(signal.SIGTERM)
    with Server(view=None, name="name") as server:
        answering(told(server, address=None, key=None, state="finished"))
        try:
            assert cli.main(["view", "--save", "x.png", *words]) == status
        except SystemExit as error:
            assert error.code == status
    assert says in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_connection_prints_keys_to_programs_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line after a mark; nothing on a terminal."""
    assert cli.main(["connection"]) == 1
    assert "no run of this user is alive" in capsys.readouterr().out
    with Server(view=None, name="one") as server:
        key = runs.read(server.connection_file).key.hex()
        assert cli.main(["connection", "one"]) == 0
        out = capsys.readouterr().out
        assert key in out and out.startswith("\nasync-plot connection: {")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        assert cli.main(["connection"]) == 2
        assert key not in "".join(capsys.readouterr())
    assert cli.main(["connection", "two"]) in (1, 2)
