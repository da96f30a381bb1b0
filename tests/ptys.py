"""A script on a terminal of its own, seen through pyte."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyte

from .helpers import AMPLE, PATIENT, eventually

__all__ = ["Terminal", "on_terminal"]


class Terminal:
    """A terminal with a script in its foreground.

    Attributes
    ----------
    process : Popen
        The script.
    raw : bytearray
        All that was written to the terminal.
    """

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.raw = bytearray()
        self._master = master
        self._screen = _Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, name="terminal")
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # nobody has it any more
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)

    @property
    def lines(self) -> list[str]:
        """What is to be seen, without blanks at the ends."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    @property
    def full(self) -> bool:
        """Whether the other screen is shown."""
        with self._lock:
            return self._screen.alternate

    @property
    def cursor_shown(self) -> bool:
        """Whether the cursor is."""
        with self._lock:
            return not self._screen.cursor.hidden

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Make it another size."""
        with self._lock:
            self._screen.resize(rows, columns)
        fcntl.ioctl(
            self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0)
        )

    def until(self, predicate: Callable[[], object]) -> None:
        """Wait for something to be seen."""
        try:
            eventually(predicate)
        except AssertionError:
            raise AssertionError(f"the screen:\n{self.text}") from None

    def wait(self) -> int:
        """Wait for the end of the script."""
        return self.process.wait(AMPLE)

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(ProcessLookupError):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(AMPLE)


class _Screen(pyte.Screen):
    """One that knows the other screen, which pyte does not."""

    def __init__(self, columns: int, rows: int) -> None:
        self.alternate = False
        self._before: tuple[object, object] | None = None
        super().__init__(columns, rows)

    def set_mode(self, *modes: int, **options: object) -> None:
        if 1049 in modes and not self.alternate:
            self.alternate = True
            kept = [dict(self.buffer[row]) for row in range(self.lines)]
            self._before = (kept, (self.cursor.x, self.cursor.y))
            self.erase_in_display(2)
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes: int, **options: object) -> None:
        if 1049 in modes and self.alternate and self._before is not None:
            self.alternate = False
            kept, place = self._before
            self.erase_in_display(2)
            for row, cells in enumerate(kept):  # type: ignore[arg-type,var-annotated]
                self.buffer[row].update(cells)
            self.cursor.x, self.cursor.y = place  # type: ignore[misc]
        super().reset_mode(*modes, **options)


@contextlib.contextmanager
def on_terminal(
    source: str,
    *argv: str,
    size: tuple[int, int] = (80, 24),
    env: Mapping[str, str] | None = None,
    python: list[str] | None = None,
) -> Iterator[Terminal]:
    """Run a script as a shell would on a terminal; it is ended at the exit.

    Parameters
    ----------
    source, *argv : str
        Its text, its arguments.
    size : (int, int), default: (80, 24)
        Columns and rows.
    env : dict, optional
        Added to the environment.
    python : list of str, optional
        The interpreter's command line.
    """
    script = Path(os.environ["ASYNC_PLOT_HOME"]).parent / "script.py"
    script.write_text(source)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    start = (
        "import fcntl, os, sys, termios; os.setsid();"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [*(python or [sys.executable]), str(script), *argv]
    process = subprocess.Popen(
        [sys.executable, "-c", start, *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "PYTHONPATH": PATIENT, "TERM": "xterm", **(env or {})},
        cwd=script.parent,
    )
    terminal = Terminal(master, process)
    if size != (80, 24):
        terminal.resize(*size)
    try:
        yield terminal
    finally:
        terminal.close()
        os.close(slave)  # the reader ends when nobody else has it
        terminal._thread.join(AMPLE)
        os.close(master)
