"""The lines on stderr that show bars where nothing else does.

A thread of its own draws, ten times a second, and lives as long as a bar is open. On a
terminal each bar has a line that is renewed; elsewhere a line is printed now and then.
Knows handles of bars, and streams; no socket.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..wire.messages import Progress
from .desk import desk
from .meter import clip, format_meter, width

__all__ = ["Lines", "Style", "lines", "plain_line"]

PERIOD = 0.1  # seconds between two drawings
APART = 10.0  # seconds between two lines of a bar where there is no terminal
PATIENCE = 0.3  # seconds that whoever ends a bar waits for its last line
COLUMNS, ROWS = 80, 24  # of a terminal that does not tell
_CONTROL = re.compile(
    r"(\x1b\[[0-9;]*m)|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.?|[\x00-\x1f\x7f-\x9f]"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Shown(Protocol):
    """What is shown of a bar; `async_plot.jobs.bars.Handle` is one."""

    key: str
    style: Any

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""

    def look(self, now: float) -> Progress:
        """Tell how it stands."""


class Style:
    """How a bar wants to be written.

    Parameters
    ----------
    file : text stream, optional
        Where to. Default: what ``sys.stderr`` is now.
    columns : int, optional
        Of its line; 0: without the bar itself. Default: as many as there are.
    position : int, optional
        Its line, counted from the one where the cursor is.
    delay : float, default: 0
        Seconds before it is shown for the first time.
    """

    def __init__(
        self,
        file: Any = None,
        *,
        columns: int | None = None,
        position: int | None = None,
        delay: float = 0.0,
    ) -> None:
        self.file = sys.stderr if file is None else file
        self.columns = columns
        self.position = position
        self.delay = delay

    def line(self, told: Progress, columns: int | None) -> str | None:
        """Make the line of what was told, of so many columns; None: no line."""
        return plain_line(told, columns, ascii=not speaks_unicode(self.file))


def plain_line(told: Progress, columns: int | None, *, ascii: bool = False) -> str:
    """Make the line of a bar that wants nothing special.

    Parameters
    ----------
    told : Progress
        How it stands.
    columns : int or None
        Of the line.
    ascii : bool, default: False
        Whether other characters cannot be written.

    Returns
    -------
    str
        The line.
    """
    notes = [told.postfix] if told.postfix else []
    if told.failed:
        notes.append(f"{told.failed} failed")
    if told.state in ("failed", "interrupted"):
        notes.append(told.state)
    return format_meter(
        whole(told.done),
        whole(told.total) if told.total >= 0 else None,
        told.elapsed,
        ncols=columns,
        prefix=told.desc,
        ascii=ascii,
        unit=told.unit,
        rate=told.rate or None,
        postfix=", ".join(notes),
    )


def whole(value: float) -> float:
    """A count as an integer where it is one."""
    return int(value) if float(value).is_integer() else value


def speaks_unicode(file: Any) -> bool:
    """Whether a stream can write the blocks of a bar."""
    encoding = getattr(file, "encoding", None)
    return encoding is None or str(encoding).lower().startswith(("utf", "u8"))


class Lines:
    """Draws the bars of this process, where nobody else shows them.

    Parameters
    ----------
    clock : callable, default: time.monotonic
        Seconds.

    Attributes
    ----------
    asked : int
        While this is positive, they are drawn though others show them, too.
    lock : lock or None
        Held while something is written, if given.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.asked = 0
        self.lock: Any = None
        self._clock = clock
        self._lock = threading.RLock()  # a finalizer may come in the midst of it
        self._rows: dict[str, _Row] = {}
        self._screens: dict[int, _Screen] = {}
        self._wanted: queue.SimpleQueue[queue.SimpleQueue[None] | None]
        self._wanted = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._paused = 0
        self._stuck = False  # the terminal does not take anything just now
        self._over = False

    # -- any thread ------------------------------------------------------------

    def begin(self, handle: Shown) -> None:
        """Show a bar from now on, if nobody else does."""
        if self._over or (desk.readers and not self.asked):
            return
        if handle.style is None:
            handle.style = Style()
        if handle.style.file is None:  # as with pythonw
            return
        with self._lock:
            self._rows[handle.key] = _Row(handle, self._clock())
            # One that is there may never have been started: Ctrl-C came just then.
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=self._run, name="async_plot lines", daemon=True
                )
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:  # no thread any more: the interpreter ends
                    self._thread = None
                    self._rows.clear()

    def end(self, handle: Shown) -> None:
        """Show how a bar has ended, before this returns if the terminal takes it."""
        if handle.key in self._rows:
            self.settle()

    def settle(self) -> None:
        """Draw now, and wait a moment until that is done."""
        thread = self._thread
        if thread is None or not self._rows or thread is threading.current_thread():
            return
        answer: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._wanted.put(answer)
        if self._stuck or self._over:
            return
        try:
            answer.get(timeout=PATIENCE)
        except queue.Empty:
            self._stuck = True

    def refresh(self) -> None:
        """Draw soon."""
        if self._rows:
            self._wanted.put(None)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Within, no bar is in the way of what is written."""
        self._paused += 1
        try:
            self.settle()
            yield
        finally:
            self._paused -= 1
            if self._thread is not None:
                self._wanted.put(None)

    def close(self) -> None:
        """Draw a last time: the interpreter ends."""
        self.settle()
        self._over = True

    def forked(self) -> None:
        """Forget the parent's: this is a forked child, and has none of its threads."""
        lock = self.lock  # of the user's, for all processes
        self.__init__(self._clock)  # type: ignore[misc]  # our own may be held
        self.lock = lock

    # -- its thread ------------------------------------------------------------

    def _run(self) -> None:
        while True:
            answers = []
            with contextlib.suppress(queue.Empty):
                answers.append(self._wanted.get(timeout=PERIOD))
                while True:
                    answers.append(self._wanted.get_nowait())
            with contextlib.suppress(Exception):  # nothing of this stops anything
                self.draw()
            self._stuck = False
            for answer in answers:
                if answer is not None:
                    answer.put(None)
            with self._lock:
                pending = any(each.pending for each in self._screens.values())
                if not (self._rows or pending) and self._wanted.empty():
                    self._thread = None
                    return

    def draw(self) -> None:
        """Bring all lines up to date."""
        now = self._clock()
        with self._lock:
            rows = list(self._rows.values())
        hidden = bool(desk.readers) and not self.asked
        screens = dict(self._screens)
        ended = [row for row in rows if row.handle.ended]  # before they are looked at
        for row in rows:
            file = row.style.file
            if id(file) not in screens:
                screens[id(file)] = _screen(file)
            screens[id(file)].take(row, now, last=row in ended)
        with _held(self.lock):
            for screen in screens.values():
                # What is written meanwhile is in no log's way.
                aside = self._paused > 0 and isinstance(screen, _Terminal)
                screen.draw(hidden=hidden or aside)
        with self._lock:
            for row in rows if hidden else ended:
                self._rows.pop(row.handle.key, None)
            used = {id(row.style.file) for row in self._rows.values()}
            self._screens = {
                identity: screen
                for identity, screen in screens.items()
                if not hidden and (screen.pending or identity in used)
            }


class _Row:
    """One bar, and what was written of it."""

    def __init__(self, handle: Shown, now: float) -> None:
        self.handle = handle
        self.style: Style = handle.style
        self.began = now
        self.written: float | None = None
        self.index = 0  # of its line


class _Screen:
    """A stream; what both kinds share: it may be closed, full or gone."""

    def __init__(self, file: Any) -> None:
        self.file: Any = file
        self.broken = False

    @property
    def pending(self) -> bool:
        """Whether something waits to be written."""
        return False

    def take(self, row: _Row, now: float, *, last: bool) -> None:
        raise NotImplementedError

    def draw(self, *, hidden: bool) -> None:
        raise NotImplementedError

    def write(self, text: str) -> None:
        if self.broken or not text:
            return
        try:
            file: Any = self.file
            console: Any = sys.__stderr__
            if file is console:
                # Not by the stream: if the terminal has stopped, its lock is held, and
                # the interpreter cannot end.
                number = file.fileno()
                encoding = file.encoding or "utf-8"
                data = text.encode(encoding, "replace")
                while data:
                    data = data[os.write(number, data) :]
            else:
                file.write(text)
                flush = getattr(file, "flush", None)
                if flush is not None:
                    flush()
        except Exception:  # closed, or whatever a stream of the user's raises
            self.broken = True


class _Log(_Screen):
    """A file or pipe: a line at the beginning, one now and then, one at the end."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.text = ""

    @property
    def pending(self) -> bool:
        return bool(self.text)

    def take(self, row: _Row, now: float, *, last: bool) -> None:
        told = row.handle.look(now)
        before = row.written
        if not told.leave and before is None:
            before = row.began  # one that goes is not worth a line at either end
        if last:
            due = told.leave
        elif before is None:
            complete = 0 <= told.total <= told.done  # its last line comes at once
            due = now - row.began >= row.style.delay and not complete
        else:
            due = now - before >= APART
        if due:
            row.written = now
            line = row.style.line(told, row.style.columns)
            if line is None:
                return
            self.text += _COLOUR.sub("", _clean(line)).rstrip() + "\n"

    def draw(self, *, hidden: bool) -> None:
        if not hidden:
            text, self.text = self.text, ""
            self.write(text)


class _Terminal(_Screen):
    """Lines that are renewed; the cursor rests behind the first of them."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._taken: list[tuple[_Row, str]] = []
        self._left: list[str] = []  # lines that stay
        self._drawn: dict[int, str] = {}

    @property
    def pending(self) -> bool:
        return bool(self._left or self._drawn)

    def take(self, row: _Row, now: float, *, last: bool) -> None:
        columns, _ = _size(self.file)
        told = row.handle.look(now)
        wanted = columns - 1 if row.style.columns is None else row.style.columns
        if not last and now - row.began < row.style.delay:
            return
        made = row.style.line(told, wanted)
        if made is None:
            return
        line = clip(_clean(made), columns - 1)
        if _COLOUR.search(line):
            line += "\x1b[0m"
        if not last:
            self._taken.append((row, line))
        elif told.leave:
            self._left.append(line)

    def draw(self, *, hidden: bool) -> None:
        columns, height = _size(self.file)
        block = {} if hidden else self._placed(max(1, height - 1))
        self._taken = []
        if block == self._drawn and (hidden or not self._left):
            return
        text = self._erased(columns, block if not self._left else {})
        if not hidden:
            text += "".join(f"\r{line}\x1b[K\n" for line in self._left)
            text += self._lines(block)
            self._left = []
        self._drawn = block
        self.write(text)

    def _placed(self, height: int) -> dict[int, str]:
        """Lines by their number: those that have a place of their own come first."""
        placed = {
            row.style.position: line
            for row, line in self._taken
            if row.style.position is not None
        }
        free = (index for index in range(10**6) if index not in placed)
        for row, line in self._taken:
            if row.style.position is None:
                placed[next(free)] = line
        over = [index for index in placed if index >= height]
        for index in over:
            del placed[index]
        if over and height > 1:
            placed[height - 1] = f" ... and {len(over)} more"
        return dict(sorted(placed.items()))

    def _erased(self, columns: int, block: dict[int, str]) -> str:
        """What clears the lines that are no more; ends at the first one's begin."""
        if not self._drawn:
            return ""
        # A window that became narrower has wrapped the line in which the cursor is.
        wrapped = max(0, width(self._drawn.get(0, "")) - 1) // columns
        text = "\r" + (f"\x1b[{wrapped}A\x1b[J" if wrapped else "")
        gone = [index for index in self._drawn if index not in block]
        return text + _each({index: "" for index in gone})

    def _lines(self, block: dict[int, str]) -> str:
        behind = width(block.get(0, ""))
        return _each(block) + (f"\x1b[{behind}C" if behind else "")


def _each(block: dict[int, str]) -> str:
    """Write some lines by their number, and come back to the begin of the first."""
    text, at = "", 0
    for index, line in sorted(block.items()):
        text += "\n" * (index - at) + f"\r{line}\x1b[K"
        at = index
    return text + (f"\x1b[{at}A" if at else "") + ("\r" if block else "")


def _screen(file: Any) -> _Screen:
    try:
        terminal = bool(file.isatty()) and os.environ.get("TERM") != "dumb"
    except Exception:  # closed, or no stream at all
        terminal = False
    return _Terminal(file) if terminal else _Log(file)


@contextlib.contextmanager
def _held(lock: Any) -> Iterator[None]:
    """Hold a lock if it can be had: whoever had it may have been killed."""
    held = False
    with contextlib.suppress(Exception):
        held = lock is not None and lock.acquire(timeout=1)
    try:
        yield
    finally:
        if held:
            lock.release()


def _size(file: Any) -> tuple[int, int]:
    """Columns and rows of a terminal, as they are now."""
    try:
        size = os.get_terminal_size(file.fileno())
        return size.columns or COLUMNS, size.lines or ROWS
    except Exception:  # none, or one that is not told
        return COLUMNS, ROWS


def _clean(line: str) -> str:
    """A line without what moves the cursor; colours may stay."""
    if line.isprintable():
        return line
    return _CONTROL.sub(lambda found: found[1] or "", line.replace("\n", " "))


lines = Lines()
atexit.register(lines.close)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lines.forked)
