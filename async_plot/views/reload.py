"""Plotters from files that change: loaded, watched, loaded again. Draws nothing.

A file is looked at now and then by whoever has the event loop, never in a drawing.
Editors write in two steps, by renaming, or to a swap file beside it: what counts is
that the content of the file itself is another one, and has been for two looks.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from ..errors import PlotterError
from ..plotter import check_plotter
from ..wire.messages import Frame
from .figure import Failure, Painter

__all__ = ["PlotterFile", "Reloaded", "Reloading", "check_names"]

LOOK_EVERY = 0.4  # seconds between two looks at the files

# matplotlib's settings that are ours to make, or that no file should move meanwhile.
_KEPT_SETTINGS = ("backend", "interactive", "toolbar", "figure.raise_window")


class PlotterFile:
    """A plotter class in a file.

    Parameters
    ----------
    file : path
        Python source; it may import what stands beside it.
    name : str
        Name of the class.

    Attributes
    ----------
    kind : class or None
        What was loaded last.
    """

    def __init__(self, file: str | os.PathLike[str], name: str) -> None:
        self.path = Path(file).absolute()
        self.name = name
        self.kind: type | None = None
        self.directory = os.path.realpath(self.path.parent)
        self._places = tuple(
            {f"{self.directory}{os.sep}", f"{self.path.parent}{os.sep}"}
        )
        self._settings: dict[str, Any] = {}  # matplotlib's, before the first loading
        self._watched: list[str] = [str(self.path)]
        self._looks: list[Any] = []  # of the last look at the watched files
        self._moving = False  # the last look differed from the one before
        self._content = b""  # digest of what was loaded last

    def __str__(self) -> str:
        return f"{self.path.name}:{self.name}"

    def load(self) -> type:
        """Execute the file anew, with what it imports of its own directory.

        Returns
        -------
        type
            The class.

        Raises
        ------
        PlotterError
            If it has no such class, or the class does not draw.
        Exception
            Whatever the file raises; the modules are then as they were before.
        """
        # What the file imports stands beside it, as when it is run.
        if self.directory not in sys.path:
            sys.path.insert(0, self.directory)
        settings = self._restore_settings()
        before = self._local_modules()
        for name in before:
            del sys.modules[name]
        importlib.invalidate_caches()  # a file may be new
        try:
            module = self._execute()
            loaded = getattr(module, self.name, None)
            if loaded is None:
                raise PlotterError(
                    f"there is no class {self.name} in {self.path.name}; "
                    f"{_known(module)}"
                )
            check_plotter(loaded)
        except BaseException:
            self._watch()
            for name in self._local_modules():
                del sys.modules[name]
            sys.modules.update(before)
            _set_settings(settings)
            raise
        self._watch()
        self.kind = loaded
        kind: type = loaded
        return kind

    def changed(self) -> bool:
        """Look; say once whether another content has come to stay."""
        looks = _look(self._watched)
        moved, self._looks = looks != self._looks, looks
        if moved:
            self._moving = True
            return False
        # One that is gone is being written, or will be missed by the next one.
        if not self._moving or looks[0] is None:
            return False
        self._moving = False
        content = _digest(self._watched)
        another, self._content = content != self._content, content
        return another

    def where(self, text: str) -> str:
        """Place in the user's own files that a traceback ends at, for people."""
        places = re.findall(r'^ *File "(.+)", line (\d+)', text, re.M)
        ours = [place for place in places if self._is_local_file(place[0])]
        if not ours:
            return self.path.name
        file, line = ours[-1]
        for place in self._places:
            file = file.removeprefix(place)
        return f"{file} line {line}"

    # -- private ---------------------------------------------------------------

    def _execute(self) -> Any:
        # Under a name that nothing else has, and among the modules: dataclasses
        # and the like look theirs up.
        name = f"_plotter_{self.path.stem}"
        loader = SourceFileLoader(name, str(self.path))
        spec = importlib.util.spec_from_file_location(name, self.path, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        # Python takes what it compiled for what is there if both have one size and
        # one second of time, as after a quick change.
        written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            loader.exec_module(module)
        finally:
            sys.dont_write_bytecode = written
        return module

    def _restore_settings(self) -> dict[str, Any]:
        """Undo what the file did to matplotlib's settings; those of before that."""
        import matplotlib

        current: Any = matplotlib.rcParams
        now: dict[str, Any] = dict(current)
        self._settings = self._settings or now
        _set_settings(self._settings)
        return now

    def _watch(self) -> None:
        """Take note of the files that count, as they are now."""
        files = {str(self.path), *self._watched}
        for module in self._local_modules().values():
            files.add(module.__file__)
        self._watched = [str(self.path), *sorted(files - {str(self.path)})]
        self._looks = _look(self._watched)
        self._content = _digest(self._watched)
        self._moving = False

    def _local_modules(self) -> dict[str, Any]:
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] not in ("__main__", "async_plot")
            and self._is_local_file(getattr(module, "__file__", None))
        }

    def _is_local_file(self, file: object) -> bool:
        return (
            isinstance(file, str)
            and file.startswith(self._places)
            # A virtual environment may have been made in that directory.
            and not {"site-packages", "dist-packages"} & {*Path(file).parts}
        )


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a changed file.

    Attributes
    ----------
    plotter : str
        Name of the plotter among the run's.
    file : PlotterFile
        Where its class comes from.
    failure : Failure or None
        Why the class before goes on drawing.
    """

    plotter: str
    file: PlotterFile
    failure: Failure | None

    def __str__(self) -> str:
        if self.failure is None:
            return f"{self.file} has changed and draws now"
        where = self.file.where(self.failure.text)
        return f"{where}: {self.failure.summary}; the class before draws on"


class Reloading:
    """Keeps painters in step with the files that their classes come from.

    Parameters
    ----------
    files : dict of {str: PlotterFile}
        By plotter; that of ``""`` draws whatever has none of its own.
    """

    def __init__(self, files: Mapping[str, PlotterFile]) -> None:
        self._files = dict(files)
        self._frames: dict[str, Frame] = {}
        self._next_at = 0.0

    def of(self, plotter: str) -> PlotterFile | None:
        """The file that draws a plotter's frames, if any."""
        return self._files.get(plotter, self._files.get(""))

    def note(self, frame: Frame) -> None:
        """Keep the newest frame of a plotter: a new class must be able to draw it."""
        if self._files:
            self._frames[frame.plotter] = frame

    def changed(self) -> list[PlotterFile]:
        """Files that have another content, looked at now and then."""
        now = time.monotonic()
        if now < self._next_at or not self._files:
            return []
        self._next_at = now + LOOK_EVERY
        return [file for file in {*self._files.values()} if file.changed()]

    def reload(
        self, changed: Iterable[PlotterFile], painters: Iterable[Painter]
    ) -> Iterator[Reloaded]:
        """Draw with what is in the files now, where that can be done."""
        loads = {file: functools.cache(file.load) for file in changed}
        for painter in painters:
            file = self.of(painter.name)
            if file in loads and painter.figures:
                frame = self._frames.get(painter.name)
                failure = painter.replace(loads[file], frame)
                yield Reloaded(painter.name, file, failure)


def check_names(files: Mapping[str, PlotterFile], plotters: Iterable[str]) -> None:
    """Raise `ValueError` if a file is meant for a plotter that the run has not."""
    known = list(plotters)
    for name in files:
        if name and name not in known:
            has = ", ".join(map(repr, known))
            if known == [""]:
                has = "one without a name: give FILE.py:CLASS alone"
            raise ValueError(f"no plotter {name!r} in this run; it has {has}")


# -- private -----------------------------------------------------------------------


def _known(module: Any) -> str:
    """Say which classes of that module could be meant."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and callable(getattr(value, "draw", None))
    ]
    return f"those that draw are {', '.join(names)}" if names else "none there draws"


def _look(files: Iterable[str]) -> list[Any]:
    looks: list[Any] = []
    for file in files:
        try:
            status = os.stat(file)
            looks.append((status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            looks.append(None)
    return looks


def _digest(files: Iterable[str]) -> bytes:
    digest = hashlib.sha256()
    for file in files:
        try:
            content = Path(file).read_bytes()
        except OSError:
            content = b"\0"
        digest.update(hashlib.sha256(content).digest())
    return digest.digest()


def _set_settings(settings: Mapping[str, Any]) -> None:
    import matplotlib

    # As matplotlib puts settings back itself: without checking them once more.
    chosen = {k: v for k, v in settings.items() if not k.startswith(_KEPT_SETTINGS)}
    update: Callable[..., None] = dict.update
    update(matplotlib.rcParams, chosen)
