"""Runs in the cells of a real kernel: shown there, stopped there, gone with it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager

from async_plot.net.inline import MAGIC
from async_plot.wire.messages import Picture, Words

from .helpers import AMPLE, ROOT, Deadline, eventually, has_ended
from .net.kernels import PNG
from .wire.samples import stream

PRELUDE = """
import asyncio, os, signal, sys, threading, time
import numpy as np
from async_plot import Plotter, Server
x = np.linspace(0, 1, 50)
class Wave(Plotter):
    def __init__(self, figure):
        self.axes = figure.subplots()
        (self.line,) = self.axes.plot([], [])
    def draw(self, x, y):
        self.line.set_data(x, y)
def shown(server):
    return max([viewer.shown for viewer in server.viewers], default=0)
def update_until(server, done, seconds=240):
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        server.update(x, x)
        time.sleep(0.002)
"""


WHITE = stream(Picture("", 0, 9, 9, "", [PNG]), Words(["x"], ["name"], "", False))

# Starts at once, and shows a white pixel whatever the run is; ends with its kernel.
QUICK = f"""
import os
def write(data):
    while data:
        data = data[os.write(1, data):]
write({MAGIC!r})
while os.read(0, 1):
    write({WHITE!r})
"""
PRELUDE += f"""
def quick(**options):
    command = [sys.executable, "-S", "-E", "-c", {QUICK!r}, "views.notebook"]
    return Server(view="notebook", client_cmd=command, **options)
"""


class Kernel:
    """A kernel in a process of its own, and what its cells show."""

    def __init__(self, directory: Path) -> None:
        # Its ports would be chosen before it listens there: others might be quicker.
        self.manager = KernelManager(
            connection_file=str(directory / "kernel.json"), transport="ipc"
        )
        self.manager.start_kernel(
            extra_arguments=["--HistoryManager.enabled=False"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "ASYNC_PLOT_HOME": str(directory / "home"),
                "IPYTHONDIR": str(directory / "ipython"),
            },
            cwd=str(directory),
        )
        self.client = self.manager.blocking_client()
        self.client.start_channels(hb=False)
        self.client.wait_for_ready(timeout=AMPLE)
        self.pid: int = self.manager.provisioner.pid  # type: ignore[union-attr]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def start(self, code: str) -> Cell:
        """Begin to run a cell."""
        return Cell(self, self.client.execute(code, store_history=False))

    def run(self, code: str) -> Cell:
        """Run a cell to its end; it must not fail."""
        cell = self.start(code)
        cell.wait()
        assert not cell.error, cell.error
        return cell

    def renderers(self) -> list[psutil.Process]:
        """Processes that draw for it."""
        found = []
        for child in psutil.Process(self.pid).children():
            with contextlib.suppress(psutil.Error):
                if "views.notebook" in " ".join(child.cmdline()):
                    found.append(child)
        return found


class Cell:
    """One execution, and the messages that name it as theirs."""

    def __init__(self, kernel: Kernel, request: str) -> None:
        self._kernel = kernel
        self._request = request
        self.shown: list[tuple[str, dict[str, Any]]] = []
        self.printed = ""
        self.error = ""
        self.idle = False

    def listen(self, until: Any, seconds: float = AMPLE) -> None:
        """Take messages until something is so."""
        deadline = Deadline(seconds)
        while not until():
            deadline.check(f"{self.strip} {self.printed} {self.error}")
            with contextlib.suppress(queue.Empty):
                self._take(self._kernel.client.get_iopub_msg(timeout=0.2))

    def wait(self) -> None:
        """Listen until it has been run."""
        self.listen(lambda: self.idle)

    def _take(self, message: dict[str, Any]) -> None:
        if message["parent_header"].get("msg_id") != self._request:
            return
        kind, content = message["msg_type"], message["content"]
        if kind in ("display_data", "update_display_data"):
            self.shown.append((kind, content))
        elif kind == "stream":
            self.printed += content["text"]
        elif kind == "error":
            self.error = f"{content['ename']}: {content['evalue']}"
        elif kind == "status":
            self.idle = content["execution_state"] == "idle"

    def bundles(self, mime: str) -> list[Any]:
        """What was shown of that type."""
        return [c["data"][mime] for _, c in self.shown if mime in c["data"]]

    @property
    def pictures(self) -> list[Any]:
        return self.bundles("image/png")

    @property
    def strip(self) -> str:
        """What the strip says."""
        said = [c["data"] for _, c in self.shown if "text/html" in c["data"]]
        return str(said[-1]["text/plain"]) if said else ""

    @property
    def places(self) -> list[str]:
        """Display ids, in the order of the page."""
        ids = [
            c["transient"]["display_id"] for k, c in self.shown if k == "display_data"
        ]
        assert all(c["transient"]["display_id"] in ids for _, c in self.shown)
        return ids


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all tests of this file but the one that ends it."""
    directory = tmp_path_factory.mktemp("kernel")
    kernel = Kernel(directory)
    try:
        kernel.run(PRELUDE)
        yield kernel
    finally:
        kernel.close()


@pytest.fixture(autouse=True)
def no_renderer_stays(kernel: Kernel) -> Iterator[None]:
    """Whatever a cell started has ended with its run."""
    yield
    if psutil.pid_exists(kernel.pid):
        eventually(lambda: not kernel.renderers(), what="the end of the renderers")


def test_figures_are_in_the_cell_and_renewed_in_place(kernel: Kernel) -> None:
    """Pictures above, strip below; one plotter that fails harms no other."""
    cell = kernel.run(
        "class Bad(Wave):\n"
        "    def draw(self, x): raise ValueError('<b>bad</b>')\n"
        "import logging; logging.getLogger('async_plot').setLevel('CRITICAL')\n"
        "before = os.environ.get('MPLBACKEND')\n"
        "with Server({'good': Wave, 'bad': Bad}, wait_for_client=120) as server:\n"
        "    until = time.monotonic() + 240\n"
        "    while not shown(server) and time.monotonic() < until:\n"
        "        server['good'].update(x, x)\n"
        "        server['bad'].update(x)\n"
        "        time.sleep(0.002)\n"
        "heavy = 'matplotlib.pyplot', 'PIL', 'async_plot.views'\n"
        "print(os.environ.get('MPLBACKEND') == before, set(heavy) & set(sys.modules))"
    )
    assert cell.printed == "True set()\n"
    assert cell.strip.startswith("✓ finished  notebook")
    cell.listen(lambda: "bad</b>" in cell.strip and len(cell.pictures) >= 3)
    assert [place[28:] for place in cell.places] == ["good-0", "bad-0", "strip"]
    assert "<b>" not in cell.bundles("text/html")[-1]
    shown = [content for _, content in cell.shown if "image/png" in content["data"]]
    sizes = [content["metadata"]["image/png"] for content in shown]
    assert {(size["width"], size["height"]) for size in sizes} == {(640, 480)}


def test_a_run_that_was_over_before_is_drawn_all_the_same(kernel: Kernel) -> None:
    """From what stays of it, a moment after the cell; by the ready-made plotter."""
    cell = kernel.start("with Server() as server: server.update(x); 1 / 0")
    cell.wait()
    assert cell.strip.startswith("✗ failed  notebook  ZeroDivisionError")
    cell.listen(lambda: cell.pictures and "1 shown" in cell.strip)
    assert cell.strip.startswith("✗ failed")


# -- with a renderer that starts at once ---------------------------------------------


def test_an_interrupt_stops_the_calculation_alone(kernel: Kernel) -> None:
    """As from the button in the page; the next cell runs as ever."""
    cell = kernel.start("with quick() as server: update_until(server, lambda: False)")
    cell.listen(lambda: cell.pictures)
    (renderer,) = kernel.renderers()
    assert os.getsid(renderer.pid) == renderer.pid != os.getsid(kernel.pid)
    kernel.manager.interrupt_kernel()
    cell.wait()
    assert cell.error.startswith("KeyboardInterrupt")
    cell.listen(lambda: cell.strip.startswith("■ interrupted"))
    assert kernel.run("print(1 + 1)").printed == "2\n"


def test_the_cell_run_again_shows_one_figure(kernel: Kernel) -> None:
    """A new server takes the place of the one before, though that is still held."""
    code = (
        "kept = globals().get('kept', [])\n"
        "kept.append(quick())\n"
        "kept[-1].start()\n"
        "time.sleep(0.1)\n"
    )
    cell = kernel.run(code)
    cell.listen(lambda: cell.pictures)
    (first,) = kernel.renderers()
    cell = kernel.run(code)
    cell.listen(lambda: cell.pictures)
    assert len(cell.places) == 2
    eventually(lambda: first not in kernel.renderers())
    assert len(kernel.renderers()) == 1
    kernel.run("for server in kept: server.close()\ndel kept, server")


def test_an_open_server_shows_itself_in_the_cell_run_again(kernel: Kernel) -> None:
    """With the renderer that it had: a page empties a cell that is run again."""
    code = (
        "opened = globals().get('opened') or quick().start()\n"
        "while not os.path.exists('go'): time.sleep(0.01)\n"
    )
    places = []
    renderers = []
    for _ in range(2):
        cell = kernel.start(code)
        cell.listen(lambda cell=cell: len(cell.pictures) >= 2)
        renderers += kernel.renderers()
        kernel.manager.interrupt_kernel()
        cell.wait()
        assert len(cell.places) == 2
        places += cell.places
    assert len(set(places)) == 4
    assert len(set(renderers)) == 1
    kernel.run("opened.close(); del opened")


def test_events_and_threads(kernel: Kernel) -> None:
    """An async cell goes on between its updates; a thread may call them."""
    cell = kernel.run(
        "turns = 0\n"
        "async def turn():\n"
        "    global turns\n"
        "    while True:\n"
        "        turns += 1\n"
        "        await asyncio.sleep(0.001)\n"
        "task = asyncio.ensure_future(turn())\n"
        "with quick() as server:\n"
        "    enough = lambda: server.stats.updates > 100\n"
        "    thread = threading.Thread(target=update_until, args=(server, enough))\n"
        "    thread.start()\n"
        "    while thread.is_alive(): await asyncio.sleep(0.01)\n"
        "task.cancel()\n"
        "print(turns > 10)"
    )
    assert cell.printed == "True\n"
    cell.listen(lambda: cell.strip.startswith("✓ finished"))


def test_a_forked_child_leaves_the_view_alone(kernel: Kernel) -> None:
    """Its server is inert; the view goes on and ends with its own run."""
    cell = kernel.start(
        "with quick() as server:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        try: server.update(x, x); server.close()\n"
        "        finally: os._exit(0)\n"
        "    print(os.waitpid(child, 0)[1], flush=True)\n"
        "    while not os.path.exists('go'): time.sleep(0.01)\n"
    )
    cell.listen(lambda: cell.printed)
    count = len(cell.pictures)
    cell.listen(lambda: len(cell.pictures) > count)
    kernel.manager.interrupt_kernel()
    cell.wait()
    assert cell.printed == "0\n"
    cell.listen(lambda: cell.strip.startswith("■ interrupted"))


@pytest.mark.parametrize("view", ["None", "'window'"])
def test_another_view_shows_nothing_here(view: str, kernel: Kernel) -> None:
    """Asked for by name, or not at all."""
    cell = kernel.run(f"with Server(Wave, view={view}) as server: server.update(x, x)")
    assert not cell.shown
    assert not kernel.renderers()


def test_the_death_of_the_kernel_ends_the_renderer(tmp_path: Path) -> None:
    """Also one whose plotter never comes back."""
    with contextlib.closing(Kernel(tmp_path)) as kernel:  # of its own, to be killed
        kernel.run(PRELUDE)
        cell = kernel.start(
            "class Stuck(Wave):\n"
            "    def draw(self, x, y):\n"
            "        while True: pass\n"
            "with Server(Stuck) as server: update_until(server, lambda: False)"
        )
        cell.listen(lambda: "drawing frame" in cell.strip)
        (renderer,) = kernel.renderers()
        os.kill(kernel.pid, signal.SIGKILL)
        eventually(lambda: has_ended(renderer.pid))


def test_a_restart_of_the_kernel_leaves_no_process(tmp_path: Path) -> None:
    """As the notebook's button asks for it, in the middle of a calculation."""
    with contextlib.closing(Kernel(tmp_path)) as kernel:  # of its own, to be restarted
        kernel.run(PRELUDE)
        cell = kernel.start("with quick() as server: update_until(server, lambda: 0)")
        cell.listen(lambda: kernel.renderers())
        before, [renderer] = kernel.pid, kernel.renderers()
        kernel.manager.restart_kernel()
        kernel.client.wait_for_ready(timeout=AMPLE)
        kernel.pid = kernel.manager.provisioner.pid  # type: ignore[union-attr]
        assert kernel.pid != before
        eventually(lambda: has_ended(renderer.pid))
        assert not kernel.renderers()
