"""Other packages behind one face: ``update(*args)``, and a process that receives.

Each is used as its documentation shows it, with the fastest of its settings that
keeps the promise of a live plot: the newest data are seen while the loop runs.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

from common import context, installed, wait_until
from plotters import plotter_for

__all__ = ["RIVALS", "Rival", "present"]

_Get = Callable[[], Any]


class Rival:
    """A started rival.

    Attributes
    ----------
    update : callable
        Takes what ``Server.update`` would take.
    pid : int
        Process that receives; 0 where the caller draws itself.
    """

    def __init__(self, update: Callable[..., Any], pid: int, *kept: Any) -> None:
        self.update = update
        self.pid = pid
        self._kept = kept  # processes and sockets that end when forgotten


def present() -> list[str]:
    """Names of the rivals that are installed here."""
    return [name for name, (package, _) in RIVALS.items() if installed(package)]


def _process(target: Callable[..., None], *args: Any) -> Any:
    process = context.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def _consume(get: _Get, kind: str, draw: bool) -> None:
    """Take what comes, and draw it, as long as it comes."""
    show = _canvas(kind, "Agg") if draw else lambda *args: None
    while True:
        show(*get())


def _canvas(kind: str, backend: str) -> Callable[..., None]:
    import matplotlib

    matplotlib.use(backend)
    from matplotlib import pyplot

    figure = pyplot.figure()
    plotter = plotter_for(kind)(figure)

    def show(*args: Any) -> None:
        plotter.draw(*args)
        figure.canvas.draw()

    return show


# -- the standard library ----------------------------------------------------------


def _queue_end(queue: Any, kind: str, draw: bool) -> None:
    _consume(queue.get, kind, draw)


def _queue(kind: str, draw: bool) -> Rival:
    queue = context.Queue()
    process = _process(_queue_end, queue, kind, draw)
    return Rival(lambda *args: queue.put(args), process.pid, process)


def _pipe_end(connection: Any, kind: str, draw: bool) -> None:
    _consume(connection.recv, kind, draw)


def _pipe(kind: str, draw: bool) -> Rival:
    receiving, sending = context.Pipe(duplex=False)
    process = _process(_pipe_end, receiving, kind, draw)
    return Rival(lambda *args: sending.send(args), process.pid, process, receiving)


# -- pyzmq -------------------------------------------------------------------------


def _zmq_end(address: str, kind: str, draw: bool) -> None:
    import zmq

    sock = zmq.Context().socket(zmq.SUB)
    sock.setsockopt(zmq.CONFLATE, 1)
    sock.setsockopt(zmq.SUBSCRIBE, b"")
    sock.connect(address)
    _consume(lambda: pickle.loads(sock.recv()), kind, draw)


def _zmq(kind: str, draw: bool) -> Rival:
    import zmq

    sock = zmq.Context.instance().socket(zmq.PUB)
    sock.setsockopt(zmq.CONFLATE, 1)
    sock.setsockopt(zmq.LINGER, 0)
    port = sock.bind_to_random_port("tcp://127.0.0.1")
    process = _process(_zmq_end, f"tcp://127.0.0.1:{port}", kind, draw)
    return Rival(
        lambda *args: sock.send(pickle.dumps(args, 5)), process.pid, process, sock
    )


# -- rerun: its own server, without its viewer, receives ---------------------------


def _rerun(kind: str, draw: bool) -> Rival:
    import numpy as np
    import rerun

    package = importlib.util.find_spec("rerun_cli")
    if package is None or package.origin is None:
        raise RuntimeError("rerun's program is not installed")
    program = os.path.join(os.path.dirname(package.origin), "rerun")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "--serve-grpc", "--bind", "127.0.0.1", "--port", str(port)]
        + ["--server-memory-limit", "1GiB"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def listening() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    if not wait_until(listening):
        raise RuntimeError("rerun's server does not listen")
    rerun.init("benchmark", spawn=False)
    rerun.connect_grpc(f"rerun+http://127.0.0.1:{port}/proxy")
    step = iter(range(1 << 60))

    def line(x: Any, y: Any) -> None:
        rerun.set_time("step", sequence=next(step))
        rerun.log("line", rerun.LineStrips2D([np.column_stack((x, y))]))

    def scalar(x: float, y: float) -> None:
        rerun.set_time("step", sequence=next(step))
        rerun.log("y", rerun.Scalars(y))

    def image(values: Any) -> None:
        rerun.set_time("step", sequence=next(step))
        rerun.log("values", rerun.Tensor(values))

    update = {"line": line, "scalar": scalar, "image": image}[kind]
    return Rival(update, process.pid, process)


# -- pyqtgraph in a second process -------------------------------------------------


def _pyqtgraph(kind: str, draw: bool) -> Rival:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import pyqtgraph.multiprocess as multiprocess

    remote = multiprocess.QtProcess(processRequests=False)
    pyqtgraph = remote._import("pyqtgraph")
    if kind == "image":
        window = pyqtgraph.GraphicsLayoutWidget()
        item = pyqtgraph.ImageItem()
        window.addPlot().addItem(item)
        window.show(_callSync="off")
    else:
        window = pyqtgraph.plot()
        item = window.plot()
    item._setProxyOptions(deferGetattr=True)  # else each look-up waits for an answer
    x: list[float] = []
    y: list[float] = []

    def scalar(at: float, value: float) -> None:
        x.append(at)
        y.append(value)
        del x[:-1000], y[:-1000]
        item.setData(x, y, _callSync="off")

    def line(xs: Any, ys: Any) -> None:
        item.setData(xs, ys, _callSync="off")

    def image(values: Any) -> None:
        item.setImage(values, autoLevels=False, levels=(0, 1), _callSync="off")

    update = {"line": line, "scalar": scalar, "image": image}[kind]
    return Rival(update, remote.proc.pid, remote, window)


# -- matplotlib in the calculation itself ------------------------------------------


def _agg(kind: str, draw: bool) -> Rival:
    return Rival(_canvas(kind, "Agg"), 0)


def _pause(kind: str, draw: bool) -> Rival:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import matplotlib
    from PySide6 import QtWidgets

    # Else matplotlib refuses Qt where there is no display; it is told apart by this.
    application = QtWidgets.QApplication([])
    matplotlib.use("QtAgg")
    matplotlib.rcParams["figure.raise_window"] = False
    from matplotlib import pyplot

    pyplot.ion()
    figure = pyplot.figure()
    figure.show()
    plotter = plotter_for(kind)(figure)

    def update(*args: Any) -> None:
        plotter.draw(*args)
        figure.canvas.draw_idle()
        pyplot.pause(0.001)

    return Rival(update, 0, application)


RIVALS: dict[str, tuple[str, Callable[[str, bool], Rival]]] = {
    "mp.Queue": ("numpy", _queue),
    "mp.Pipe": ("numpy", _pipe),
    "pyzmq CONFLATE, pickled": ("pyzmq", _zmq),
    "rerun-sdk, gRPC": ("rerun-sdk", _rerun),
    "pyqtgraph.multiprocess": ("pyqtgraph", _pyqtgraph),
    "matplotlib, Agg draw": ("matplotlib", _agg),
    "matplotlib, plt.pause": ("PySide6-Essentials", _pause),
}
SETTLE = 1.5  # seconds that a rival's other end needs to come up


def start(name: str, kind: str, args: tuple[Any, ...], *, draw: bool) -> Rival:
    """Start a rival and let its other end come up."""
    rival = RIVALS[name][1](kind, draw)
    rival.update(*args)
    time.sleep(SETTLE)
    return rival
