"""The options: what was asked for, in the forms that the parts of a server want."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from async_plot import Recording
from async_plot.net import surroundings
from async_plot.options import WAIT, Options, check

# Each wrong argument, and what is said about it, stands in ``test_server.py``.


class Drawn:
    def draw(self) -> None: ...


def checked(plotter: object = None, **changes: Any) -> Options:
    """The options of a server made with these arguments."""
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "client_cmd": None,
        "view": "auto",
        "wait_for_client": False,
        "overhead": 0.01,
        "name": "named",
        "on_exit": "keep",
    }
    return check(plotter, **{**given, **changes})


def test_what_is_right_is_kept() -> None:
    """As it was given."""
    options = checked(host="::1", port=65535, view=None, overhead=1, on_exit="close")
    assert (options.host, options.port) == ("::1", 65535)
    assert (options.view, options.overhead) == (None, 1.0)
    assert options.stalled_after is None
    assert checked(stalled_after=5).stalled_after == 5.0
    assert (options.on_exit, options.name) == ("close", "named")
    assert not options.inert


@pytest.mark.parametrize(
    ("plotter", "plotters", "single"),
    [
        (None, {"": None}, True),
        (Drawn, {"": Drawn}, True),
        ({"a": Drawn, "b": None}, {"a": Drawn, "b": None}, False),
    ],
)
def test_plotters_have_names(
    plotter: object, plotters: dict[str, type | None], single: bool
) -> None:
    """The empty one where there is one alone."""
    options = checked(plotter)
    assert options.plotters == plotters
    assert options.single is single


@pytest.mark.parametrize(
    ("given", "seconds"), [(False, 0.0), (True, WAIT), (0, 0.0), (2, 2.0), (0.5, 0.5)]
)
def test_the_wait_is_in_seconds(given: float, seconds: float) -> None:
    """Half a minute where none are given."""
    assert checked(wait_for_client=given).wait == seconds


def test_a_command_is_copied() -> None:
    """Whoever changes the list later changes nothing here."""
    command = ["ipython", "-c"]
    options = checked(client_cmd=command)
    command.append("changed")
    assert options.client_cmd == ["ipython", "-c"]
    assert checked(client_cmd=("python",)).client_cmd == ["python"]


def test_checking_loads_no_part_of_a_run() -> None:
    """Nothing is done about the options yet; neither toolkit nor socket is loaded."""
    code = (
        "import sys; from async_plot.options import check; check(None, port=0,"
        "host='127.0.0.1', client_cmd=None, view='auto', wait_for_client=True,"
        "overhead=1, name=None, on_exit='keep');"
        "print([m for m in ('async_plot.net.session', 'cloudpickle', 'matplotlib',"
        "'PySide6') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/home/me/wave.py"], "wave"),
        (["/home/me/solver/__main__.py"], "solver"),
        (["-c"], "python"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_a_run_is_named_after_its_script(
    argv: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or after its package, where that was started."""
    monkeypatch.setattr(sys, "argv", argv)
    assert checked(name=None).name == name


def test_a_host_beyond_loopback_needs_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused at construction, with what to install; inert, it needs nothing."""
    assert checked(host="0.0.0.0").remote and checked(host="node7").remote
    assert not checked(host="::1").remote
    monkeypatch.setattr(surroundings, "has_tls", lambda: False)
    with pytest.raises(ValueError, match=r"host='0\.0\.0\.0'.*async_plot\[tls\]"):
        checked(host="0.0.0.0")
    checked(host="127.0.0.1")
    monkeypatch.setenv("ASYNC_PLOT", "off")
    checked(host="0.0.0.0")


@pytest.mark.parametrize(
    ("session", "name"), [("/home/me/heat.ipynb", "heat"), ("", "notebook")]
)
def test_a_run_in_a_notebook_is_named_after_it(
    session: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the Jupyter server tells its kernel; the script is ipykernel's there."""
    monkeypatch.setattr("async_plot.net.surroundings.notebook", object)
    monkeypatch.setenv("JPY_SESSION_NAME", session)
    assert checked(name=None).name == name
    assert checked(view="notebook").view == "notebook"


def test_a_notebook_is_not_shown_where_there_is_none() -> None:
    """It is refused at once, and says what would do."""
    with pytest.raises(ValueError, match="view='notebook' needs a Jupyter kernel"):
        checked(view="notebook")


def test_a_recording_is_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the run goes then."""
    monkeypatch.chdir(tmp_path)
    assert checked().record is None
    one = checked(record="run.aplot").record
    two = checked(record=Recording(tmp_path / "x", rate=5, limit=100_000)).record
    assert one == Recording(tmp_path / "run.aplot")
    assert two == Recording(tmp_path / "x", rate=5, limit=100_000)


@pytest.mark.parametrize("file", ["", 3, b"run.aplot", None])
def test_a_recording_needs_a_path(file: Any) -> None:
    """As a bare argument, and inside of a Recording."""
    if file is not None:
        with pytest.raises(TypeError, match="record must be the path of a file"):
            checked(record=file)
    with pytest.raises(ValueError, match="file of a Recording must be the path"):
        checked(record=Recording(file))


def test_a_terminal_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says which; nothing of it is asked where the library is switched off."""
    assert checked(view="terminal").view == "terminal"
    monkeypatch.setattr(surroundings, "has_textual", lambda: False)
    with pytest.raises(ValueError, match=r"needs the extra 'terminal' \(pip install"):
        checked(view="terminal")
    monkeypatch.setenv("ASYNC_PLOT", "off")
    assert checked(view="terminal").inert
