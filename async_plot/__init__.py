"""Watch a long calculation without slowing it down and without giving up Ctrl-C.

The public names, loaded when they are first used: importing this package imports
neither numpy nor matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .client import Client
    from .implicit import fullscreen, map
    from .jobs.bars import progress, track
    from .jobs.logs import handler, log
    from .jobs.tqdm import tqdm, trange
    from .jobs.writer import Writer
    from .net.recording import Recording
    from .plotter import Plotter
    from .server import Server

__all__ = [
    "Client",
    "Plotter",
    "Recording",
    "Server",
    "Writer",
    "__version__",
    "fullscreen",
    "handler",
    "log",
    "map",
    "progress",
    "tqdm",
    "track",
    "trange",
]

_HOMES = {
    "Client": "client",
    "Plotter": "plotter",
    "Recording": "net.recording",
    "Server": "server",
    "Writer": "jobs.writer",
    "fullscreen": "implicit",
    "map": "implicit",
    "progress": "jobs.bars",
    "tqdm": "jobs.tqdm",
    "track": "jobs.bars",
    "handler": "jobs.logs",
    "log": "jobs.logs",
    "trange": "jobs.tqdm",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
