"""Programs on a real terminal of their own: a pty, and the screen pyte makes of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte

from .helpers import AMPLE, PATIENT, Deadline, eventually

__all__ = ["Terminal", "on_terminal", "terminal"]

# Makes the terminal that its standard input is its own, and becomes the program.
START = (
    "import fcntl, os, sys, termios; os.setsid();"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


# Written behind all else, and nothing to be seen: it is no text, and moves no cursor.
_MARK = 8 * b"\0"


class Terminal:
    """A terminal with a program in its foreground.

    Attributes
    ----------
    process : Popen
        The program.
    raw : bytearray
        All that was written to the terminal.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        size: tuple[int, int] = (100, 30),
        encoding: str = "utf-8",
        cwd: Path | None = None,
    ) -> None:
        self.raw = bytearray()
        self._hung_up = False
        self._stopped = False
        self._lock = threading.RLock()
        self._screen = _Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._error: Exception | None = None  # a defect of the screen's
        if encoding != "utf-8":
            self._stream.select_other_charset("@")
        self._master, self._slave = pty.openpty()
        self._set_size(*size)
        self._before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [sys.executable, "-SE", "-c", START, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
            cwd=cwd,
        )
        self._thread = threading.Thread(target=self._read, name="terminal")
        self._thread.start()

    def _read(self) -> None:
        while not self._hung_up:
            # A read that waits would keep the terminal open.
            if not select.select([self._master], [], [], 0.02)[0]:
                continue
            data = os.read(self._master, 1 << 16)
            with self._lock:
                self.raw += data
                try:
                    self._stream.feed(data)
                except Exception as error:
                    self._error = error
                    return

    # -- what is to be seen ----------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without blanks at the ends."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    @property
    def full(self) -> bool:
        """Whether a program has the whole screen, and not the shell's lines."""
        with self._lock:
            return self._screen.kept is not None

    @property
    def cursor_shown(self) -> bool:
        """Whether the cursor is."""
        with self._lock:
            return not self._screen.cursor.hidden

    @property
    def restored(self) -> bool:
        """Whether all that a program has asked of the terminal was taken back."""
        with self._lock:
            raw = bytes(self.raw)
        for mode in (b"1049", b"1000", b"1003", b"1006", b"2004"):
            if raw.rfind(b"\x1b[?%sh" % mode) > raw.rfind(b"\x1b[?%sl" % mode):
                return False
        hidden = raw.rfind(b"\x1b[?25l") > raw.rfind(b"\x1b[?25h")
        return not hidden and termios.tcgetattr(self._slave)[3] == self._before[3]

    def until(self, predicate: Callable[[], object]) -> None:
        """Wait for something to be seen."""
        try:
            eventually(predicate)
        except AssertionError:
            raise AssertionError(f"the screen:\n{self.text}") from self._error

    def shows(
        self, *wanted: str | Callable[[str], bool], seconds: float = AMPLE
    ) -> str:
        """Wait until all of that stands on the screen; what stands there then."""
        deadline = Deadline(seconds)
        while True:
            text = self.text
            if all(w(text) if callable(w) else w in text for w in wanted):
                return text
            if self._error is not None:
                raise self._error
            ended = self.process.poll()
            deadline.check(f"{wanted} (ended: {ended}) on\n{text}")
            time.sleep(0.01)

    # -- what its user does ----------------------------------------------------

    def type(self, keys: str | bytes) -> None:
        """Press keys."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, rows: int) -> None:
        """Give it another size; the kernel tells the program."""
        with self._lock:
            # Anew: pyte's own way leaves its cursor outside. Programs draw all again.
            kept = self._screen.kept
            self._stream.detach(self._screen)
            self._screen = _Screen(columns, rows)
            self._screen.kept = kept
            self._stream.attach(self._screen)
        self._set_size(columns, rows)

    def _set_size(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Take nothing of what the program writes, as a network that stands still."""
        with self._lock:
            self._stopped = True
            try:
                yield
            finally:
                self._stopped = False

    def wait(self, seconds: float = AMPLE) -> int:
        """Wait for the program's end, and see all that it wrote; its exit status."""
        status = self.process.wait(seconds)
        if not self._hung_up and not self._stopped:
            self._see_all()
        return status

    def _see_all(self) -> None:
        """Wait until what was written up to now has been read."""
        with self._lock:
            begin = len(self.raw)
        os.write(self._slave, _MARK)

        def seen() -> bool:
            with self._lock:
                if self._error is not None:
                    raise self._error
                return self.raw.find(_MARK, begin) >= 0

        eventually(seen, what="all that was written")

    def hang_up(self) -> None:
        """Close the terminal, as its window being closed does."""
        self._hung_up = True
        self._thread.join(AMPLE)
        os.close(self._slave)
        os.close(self._master)

    def close(self) -> None:
        """End what still runs."""
        with contextlib.suppress(ProcessLookupError):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(AMPLE)
        if not self._hung_up:
            self.hang_up()


class _Screen(pyte.Screen):
    """One that knows the other screen, which pyte does not."""

    # Cells and cursor of the shell's screen, while the other one is shown.
    kept: tuple[dict[int, dict[int, Any]], tuple[int, int]] | None = None

    def set_mode(self, *modes: int, **options: Any) -> None:
        if 1049 in modes and self.kept is None:
            cells = {y: dict(line) for y, line in self.buffer.items()}
            self.kept = cells, (self.cursor.x, self.cursor.y)
            self.erase_in_display(2)
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes: int, **options: Any) -> None:
        super().reset_mode(*modes, **options)
        if 1049 in modes and self.kept is not None:
            (cells, place), self.kept = self.kept, None
            self.erase_in_display(2)
            for y, line in cells.items():
                if y < self.lines:
                    self.buffer[y].update(line)
            self.cursor.x, self.cursor.y = place
            self.ensure_hbounds()
            self.ensure_vbounds()


@contextlib.contextmanager
def terminal(command: Sequence[str], **options: Any) -> Iterator[Terminal]:
    """Run a program on a terminal of its own; it is ended at the exit.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    **options
        ``env`` is added to the environment, ``size`` is columns and rows; ``encoding``
        and ``cwd``.
    """
    opened = Terminal(command, **options)
    try:
        yield opened
    finally:
        opened.close()


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
    with terminal(
        [*(python or [sys.executable]), str(script), *argv],
        env={"PYTHONPATH": PATIENT, "TERM": "xterm", **(env or {})},
        size=size,
        cwd=script.parent,
    ) as opened:
        yield opened
