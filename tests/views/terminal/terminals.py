"""A real terminal for a program: a pty, and the screen that pyte makes of it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyte

from ...helpers import AMPLE, Deadline

__all__ = ["Terminal", "terminal"]


class _Screen(pyte.Screen):
    """With the second screen, which pyte lacks."""

    _kept: Any = None

    def set_mode(self, *modes: int, **options: Any) -> None:
        if options.get("private") and 1049 in modes and self._kept is None:
            self._kept = {y: dict(line) for y, line in self.buffer.items()}
            self.erase_in_display(2)
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes: int, **options: Any) -> None:
        super().reset_mode(*modes, **options)
        if options.get("private") and 1049 in modes and self._kept is not None:
            kept, self._kept = self._kept, None
            self.erase_in_display(2)
            for y, line in kept.items():
                self.buffer[y].update(line)


class Terminal:
    """A program on a pty.

    Attributes
    ----------
    process : Popen
        The program.
    raw : bytes
        All that it has written.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        size: tuple[int, int] = (100, 30),
        encoding: str = "utf-8",
    ) -> None:
        self.raw = b""
        self._hung_up = False
        self._lock = threading.RLock()
        self._screen = _Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._error: Exception | None = None  # a defect of the screen's
        if encoding != "utf-8":
            self._stream.select_other_charset("@")
        self.master, self.slave = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            list(command),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            preexec_fn=_own_terminal,
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
        )
        self._thread = threading.Thread(target=self._read, name="terminal")
        self._thread.start()

    def _read(self) -> None:
        while not self._hung_up:
            # A read that waits would keep the terminal open.
            if not select.select([self.master], [], [], 0.02)[0]:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError as error:
                assert error.errno == errno.EIO
                return
            with self._lock:
                self.raw += data
                try:
                    self._stream.feed(data)
                except Exception as error:
                    self._error = error
                    return

    @property
    def text(self) -> str:
        """What stands on the screen."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def is_whole(self) -> bool:
        """Whether the program has the whole screen, and not the shell's lines."""
        raw = self.raw
        return raw.rfind(b"\x1b[?1049h") > raw.rfind(b"\x1b[?1049l")

    @property
    def restored(self) -> bool:
        """Whether all that the program has asked of the terminal was taken back."""
        raw = self.raw
        modes = (b"1049", b"1000", b"1003", b"1006", b"2004")
        for mode in modes:
            if raw.rfind(b"\x1b[?%sh" % mode) > raw.rfind(b"\x1b[?%sl" % mode):
                return False
        hidden = raw.rfind(b"\x1b[?25l") > raw.rfind(b"\x1b[?25h")
        return not hidden and termios.tcgetattr(self.slave)[3] == self.before[3]

    def shows(
        self, *wanted: str | Callable[[str], bool], seconds: float = AMPLE
    ) -> str:
        """Wait until all of that stands on the screen."""
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

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size; the kernel tells the program."""
        with self._lock:
            # Anew: pyte's own way leaves its cursor outside. Programs draw all again.
            kept = self._screen._kept
            self._stream.detach(self._screen)
            self._screen = _Screen(width, height)
            self._screen._kept = kept
            self._stream.attach(self._screen)
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def wait(self, seconds: float = AMPLE) -> int:
        """Wait for the program's end; its exit status."""
        return self.process.wait(seconds)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Take nothing of what the program writes, as after Ctrl-S."""
        with self._lock:
            yield

    def hang_up(self) -> None:
        """Close the terminal, as its window being closed does."""
        self._hung_up = True
        self._thread.join(AMPLE)
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def close(self) -> None:
        """End what still runs."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(AMPLE)
        if not self._hung_up:
            self.hang_up()


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def terminal(command: Sequence[str], **options: Any) -> Iterator[Terminal]:
    """Run a program on a terminal of its own; it is ended at the exit."""
    opened = Terminal(command, **options)
    try:
        yield opened
    finally:
        opened.close()
