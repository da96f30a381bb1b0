"""What can be shown here, by what the environment says."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from async_plot.net import surroundings

from ..helpers import AMPLE


@pytest.mark.parametrize(
    ("value", "inert"),
    [
        ("off", True),
        ("OFF", True),
        ("0", True),
        ("no", True),
        ("false", True),
        ("", False),
        ("on", False),
        ("1", False),
    ],
)
def test_the_library_can_be_switched_off(
    value: str, inert: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words that people try."""
    monkeypatch.setenv("ASYNC_PLOT", value)
    assert surroundings.is_inert() is inert


def test_it_is_on_by_default() -> None:
    """Without the variable."""
    assert not surroundings.is_inert()


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_display_is_what_the_environment_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X or Wayland."""
    monkeypatch.setattr(sys, "platform", "linux")
    assert not surroundings.display()
    monkeypatch.setenv(name, ":0")
    assert surroundings.display()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_have_a_display_but_over_ssh(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There it belongs to somebody else."""
    monkeypatch.setattr(sys, "platform", platform)
    assert surroundings.display()
    monkeypatch.setenv("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22")
    assert not surroundings.display()


@pytest.mark.parametrize(
    ("installed", "backend"),
    [
        (["PySide6/QtWidgets.py", "_tkinter.py"], "QtAgg"),
        (["PyQt5/QtWidgets.py"], "QtAgg"),
        (["PyQt6/__init__.py", "_tkinter.py"], "TkAgg"),  # without its widgets
        (["_tkinter.py"], "TkAgg"),
        ([], ""),
    ],
)
def test_the_first_toolkit_found_is_taken_without_importing_it(
    installed: list[str], backend: str, tmp_path: Path
) -> None:
    """Not even the package around it: each of these would end the process."""
    for file in installed:
        path = tmp_path / "packages" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        for made in {path, path.parent / "__init__.py"} - {
            tmp_path / "packages" / "__init__.py"
        }:
            made.write_text("raise SystemExit('imported')")
    (tmp_path / "packages").mkdir(exist_ok=True)
    code = (
        "import sys, json, platform, importlib.machinery, importlib.util, logging;"
        "from async_plot.net import surroundings;"
        f"sys.path[:] = [{str(tmp_path / 'packages')!r}];"
        "print(surroundings.toolkit())"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(surroundings.__file__).parents[2])},
    )
    assert done.stdout == backend + "\n", done.stderr


def test_looking_for_a_toolkit_loads_none() -> None:
    """It is asked for in the calculation, which needs none."""
    code = (
        "import sys; from async_plot.net import surroundings; surroundings.toolkit();"
        "print([m for m in sys.modules if m.startswith(('PySide', 'PyQt', '_tkinter',"
        "'shiboken'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("name", surroundings._RANKS)
def test_ranks_but_the_first_are_secondary(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable of any launcher."""
    assert surroundings.secondary() == ""
    for value, what in [("0", ""), ("x", ""), ("12", "rank 12 of a parallel run")]:
        monkeypatch.setenv(name, value)
        assert surroundings.secondary() == what


def test_children_of_multiprocessing_are_secondary() -> None:
    """However they were started."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(surroundings.secondary()))
    child.start()
    assert queue.get() == "a child of multiprocessing"
    child.join(AMPLE)
    queue.close()


class FakeShell:
    """Stands for a kernel's shell."""


@pytest.mark.parametrize(
    ("shell", "module", "found"),
    [
        (FakeShell, "google.colab._shell", True),
        (FakeShell, "ipykernel.zmqshell", True),
        (FakeShell, "spyder_kernels.console.shell", False),
        (object, "IPython.terminal.interactiveshell", False),
    ],
)
def test_a_notebook_is_a_kernel_that_renews_pictures(
    shell: type, module: str, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPython in a terminal and Spyder's console are none."""
    made = type("Shell", (shell,), {"__module__": module})()
    ipython = types.SimpleNamespace(get_ipython=lambda: made)
    kernel = types.SimpleNamespace(ZMQInteractiveShell=FakeShell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    assert surroundings.notebook() is None  # nothing of a kernel is loaded
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", kernel)  # type: ignore[arg-type]
    assert surroundings.notebook() is (made if found else None)


def test_looking_for_a_notebook_loads_none() -> None:
    """Whoever is in one has it loaded."""
    code = (
        "import sys; from async_plot.net import surroundings;"
        "assert surroundings.notebook() is None;"
        "print([m for m in sys.modules if m.startswith(('IPython', 'ipykernel'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
