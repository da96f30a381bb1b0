"""What can be shown here: display, toolkit, rank, child process. Opens nothing."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import logging
import os
import sys
from typing import Any

__all__ = [
    "display",
    "has_textual",
    "has_tls",
    "is_inert",
    "notebook",
    "secondary",
    "set_up_debug",
    "toolkit",
]

# Where the launchers of parallel programs tell a process its rank.
_RANKS = (
    "PMI_RANK",
    "PMIX_RANK",
    "OMPI_COMM_WORLD_RANK",
    "MV2_COMM_WORLD_RANK",
    "MPI_LOCALRANKID",
    "SLURM_PROCID",
)


def is_inert() -> bool:
    """Whether ``ASYNC_PLOT=off`` switches the library off."""
    return os.environ.get("ASYNC_PLOT", "").lower() in ("off", "0", "no", "false")


def display() -> bool:
    """Whether a window can be seen by somebody."""
    if sys.platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def toolkit() -> str:
    """Name of matplotlib's backend for the first GUI toolkit found, or ``""``."""
    for module, backend in (
        ("PySide6.QtWidgets", "QtAgg"),
        ("PyQt6.QtWidgets", "QtAgg"),
        ("PyQt5.QtWidgets", "QtAgg"),
        ("PySide2.QtWidgets", "QtAgg"),
        ("_tkinter", "TkAgg"),
    ):
        if _installed(module):
            return backend
    return ""


def has_tls() -> bool:
    """Whether what makes and speaks TLS is installed."""
    return _installed("_ssl") and _installed("cryptography")


def has_textual() -> bool:
    """Whether what draws on a terminal is installed."""
    return _installed("textual")


def _installed(module: str) -> bool:
    """Whether a module is there, without importing the package around it.

    `importlib.util.find_spec` would, and no GUI toolkit may be loaded into a
    calculation: they install hooks, and an interrupt inside ends the process.
    """
    package, _, name = module.partition(".")
    try:
        spec = importlib.util.find_spec(package)
        if spec is None or not name:
            return spec is not None
        places = list(spec.submodule_search_locations or ())
        return importlib.machinery.PathFinder.find_spec(module, places) is not None
    except (ImportError, ValueError):
        return False


def notebook() -> Any:
    """Shell of the Jupyter kernel that this process is, or None.

    IPython in a terminal is none, nor is Spyder's console, which does not replace a
    picture by a newer one.
    """
    kernel = sys.modules.get("ipykernel.zmqshell")
    ipython = sys.modules.get("IPython")
    if kernel is None or ipython is None:
        return None
    shell = ipython.get_ipython()
    if not isinstance(shell, kernel.ZMQInteractiveShell):
        return None
    return None if type(shell).__module__.startswith("spyder") else shell


def secondary() -> str:
    """Why this process is one of many and opens no view by itself, or ``""``."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        return "a child of multiprocessing"
    for name in _RANKS:
        rank = os.environ.get(name, "")
        if rank.isdigit() and int(rank) > 0:
            return f"rank {rank} of a parallel run"
    return ""


def set_up_debug(stream: Any = None) -> None:
    """Log one line for each message, if ``ASYNC_PLOT_DEBUG`` is set."""
    if os.environ.get("ASYNC_PLOT_DEBUG", "") in ("", "0"):
        return
    debug = logging.getLogger("async_plot.wire")
    if not debug.handlers:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("async_plot %(asctime)s %(message)s"))
        debug.addHandler(handler)
        debug.setLevel(logging.DEBUG)
