"""Starting a viewer: an interpreter of its own, in a session of its own.

Ctrl-C in the terminal therefore reaches the calculation alone. No secret is on the
command line: it names a file that only this user can read.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..wire.framing import printable
from .descent import ENVIRONMENT
from .files import open_private

__all__ = ["Launched", "code", "let_go", "program", "release"]

MAIN = "async_plot.views.launched"

# Viewers and gates that outlive their run. They are kept here, and looked at whenever
# there is another one, so that one that ended is no zombie for ever.
_released: list[subprocess.Popen[bytes]] = []


def code(connection_file: Path, main: str = MAIN, arguments: Sequence[str] = ()) -> str:
    """Python source that starts a viewer for that run.

    It finds this very package also where the viewer's interpreter would not, and
    prefers its own one if it has it. It imports nothing from the working directory,
    as a script that was started there would not; what the calculation imports from,
    the viewer is told later.
    """
    return program(main, str(connection_file), *arguments)


def program(module: str, *arguments: str) -> str:
    """Python source that calls the ``main`` of one of our modules."""
    package = str(Path(__file__).resolve().parents[2])
    return (
        f"import sys; sys.path[:] = [*filter(None, sys.path), {package!r}]; "
        f"from {module} import main; main({', '.join(map(repr, arguments))})"
    )


def let_go(process: subprocess.Popen[bytes]) -> None:
    """Leave a process to itself."""
    _reap()
    if process.poll() is None and process not in _released:
        _released.append(process)


def _reap() -> None:
    for process in list(_released):
        if process.poll() is not None:
            with contextlib.suppress(ValueError):  # another thread was quicker
                _released.remove(process)


class Launched:
    """A viewer's process.

    Parameters
    ----------
    command : list of str
        Command line of an interpreter; the code is appended as its last item.
    connection_file, log : Path
        The run to view; the file that takes what the viewer prints.
    main : str
        Module of the function that it runs.
    talks : bool, default: False
        Whether its standard input and output are pipes to us.
    output : int, optional
        Descriptor that is its standard output, in place of the file.
    lent : int, optional
        Descriptor that it has under the same number.
    arguments : list of str
        For that function, behind the connection file.

    Raises
    ------
    OSError
        If the program cannot be started.
    """

    def __init__(
        self,
        command: list[str],
        connection_file: Path,
        log: Path,
        *,
        main: str = MAIN,
        talks: bool = False,
        output: int | None = None,
        lent: int | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        _reap()
        self.log = log
        with open(log, "ab", opener=open_private) as file:
            if hasattr(os, "fchmod"):  # whatever the umask
                os.fchmod(file.fileno(), 0o600)
            self.process = subprocess.Popen(
                [*command, code(connection_file, main, arguments)],
                bufsize=0,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else file if output is None else output,
                stderr=file,
                pass_fds=() if lent is None else (lent,),
                # What a plotter counts there is none of the run's work.
                env={**os.environ, ENVIRONMENT: ""},
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
                if sys.platform == "win32"
                else 0,
            )
        self.pid = self.process.pid

    def ended(self) -> str:
        """Why the viewer is gone; empty while it lives."""
        status = self.process.poll()
        if status is None:
            return ""
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        last = self._last_line()
        return f"the viewer ended with {how}" + (f": {last}" if last else "")

    def let_go(self) -> None:
        """Leave the viewer to itself."""
        let_go(self.process)

    def last_word(self, state: str, text: str, deadline: float) -> None:
        """Say how the run ended, to a view that does not hear it by itself."""

    def forked(self) -> None:
        """Drop what a forked child inherited."""

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(OSError):
            self.process.kill()

    def end(self, seconds: float) -> None:
        """Wait until it has ended; in the end, end it."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()

    # -- one that talks --------------------------------------------------------

    @property
    def output(self) -> int:
        """Descriptor of what it says."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def read_into(self, buffer: memoryview) -> int:
        """Wait for what it says; 0 at the end."""
        pipe = self.process.stdout
        assert isinstance(pipe, io.RawIOBase)
        return pipe.readinto(buffer) or 0

    def say(self, data: bytes) -> None:
        """Say something, which must be short: a pipe that is full would wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def close_pipes(self) -> None:
        """Hang up."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    # -- private ---------------------------------------------------------------

    def _last_line(self) -> str:
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return printable(lines[-1][:300]) if lines else ""


def release() -> None:
    """Forget the viewers that outlive this interpreter, without a warning."""
    for process in _released:
        # They are not ours to wait for: they go on after us, on purpose.
        process.returncode = 0
    _released.clear()
