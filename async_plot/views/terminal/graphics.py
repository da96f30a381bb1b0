"""What a terminal can show, by its own word. Draws nothing.

It is asked before the view begins, in two steps that any terminal survives: who it
is, and what it can do in general; only one that is known for a protocol of pictures
is asked about that one in its language. The last question of each step is one that
every terminal answers, so that nothing is waited for which does not come.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

__all__ = ["Graphics", "ask", "blocks", "from_environment", "understood"]

# Who are you; cell size, colours of text and ground; what can you do (all answer).
FIRST = "\x1b[>q\x1b[16t\x1b]10;?\x1b\\\x1b]11;?\x1b\\\x1b[c"
# Colour registers and largest size of sixel pictures.
OF_SIXEL = "\x1b[?1;1;0S\x1b[?2;1;0S\x1b[c"
# A picture of one pixel that is not shown.
OF_KITTY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"
# Those that may understand it, by how they name themselves.
_KITTY = re.compile(r"kitty|ghostty|wezterm|konsole|iterm2|rio\b", re.I)

PATIENCE = 0.5  # seconds that a terminal of this machine has for an answer
FAR = 1.5  # seconds that one behind ssh has
_CELL = (10, 20)  # pixels; what a terminal is taken to have that does not tell
_DARK, _LIGHT = ("#000000", "#d0d0d0"), ("#ffffff", "#202020")
_PARTS = re.compile(
    rb"\x1b\[[<=>?]?[\d;:]*[ -/]*[@-~]"  # control sequences
    rb"|\x1b[\]P_][^\x1b\x07]*(?:\x1b\\|\x07)"  # and strings
)


@dataclass(frozen=True, slots=True)
class Graphics:
    """What a terminal can show.

    Attributes
    ----------
    form : str
        The best of `async_plot.wire.pictures.FORMS`.
    otherwise : str
        What characters alone can do, another one of these.
    width, height : int
        Pixels of a cell.
    colours : int
        Colours of a sixel picture.
    largest : (int, int)
        Pixels of a sixel picture; 0 where there is no limit.
    paper, ink : str
        Colours of its ground and of text, ``"#rrggbb"``.
    answers : bool
        Whether it says when it has shown something, and somebody hears it.
    name : str
        What it calls itself.
    """

    form: str = "quarters"
    otherwise: str = "quarters"
    width: int = _CELL[0]
    height: int = _CELL[1]
    colours: int = 256
    largest: tuple[int, int] = (0, 0)
    paper: str = _DARK[0]
    ink: str = _DARK[1]
    answers: bool = False
    name: str = ""

    @property
    def dark(self) -> bool:
        """Whether its ground is darker than its text."""
        return _light(self.paper) < _light(self.ink)

    def inverted(self) -> Graphics:
        """The same with light paper instead of dark, or the other way round."""
        paper, ink = _LIGHT if self.dark else _DARK
        return replace(self, paper=paper, ink=ink)


def blocks(environ: Mapping[str, str], encoding: str) -> str:
    """The finest form that characters can have.

    Parameters
    ----------
    environ : dict
        The environment.
    encoding : str
        Of what is written to the terminal.
    """
    try:
        "▀▞█".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return "spaces"
    # The font of a console has 256 or 512 letters; halves are among them.
    return "halves" if environ.get("TERM") == "linux" else "quarters"


def from_environment(
    environ: Mapping[str, str], encoding: str, cell: tuple[int, int] | None = None
) -> Graphics:
    """What can be known without asking.

    Parameters
    ----------
    environ, encoding
        As for `blocks`.
    cell : (int, int), optional
        Pixels of a cell, if the system knows.
    """
    form = otherwise = blocks(environ, encoding)
    kind = environ.get("TERM", "")
    # What such a terminal sets is handed down to whatever runs in it; its own kind
    # and that nothing stands between are the two that must be right.
    between = environ.get("TMUX") or environ.get("STY") or environ.get("SSH_CONNECTION")
    if kind in ("xterm-kitty", "xterm-ghostty") and not between and form != "spaces":
        known = environ.get("KITTY_WINDOW_ID") or environ.get("GHOSTTY_RESOURCES_DIR")
        form = "kitty" if known else form
    # "15;0" or "0;default;15": colours of text and ground, of sixteen.
    ground = environ.get("COLORFGBG", "").rpartition(";")[2]
    paper, ink = _LIGHT if ground in ("7", "15") else _DARK
    width, height = cell or _CELL
    return Graphics(form, otherwise, width, height, paper=paper, ink=ink)


def understood(said: bytes, known: Graphics) -> Graphics:
    """What a terminal's answers say.

    Parameters
    ----------
    said : bytes
        Everything that came from it; what is no answer is passed over.
    known : Graphics
        What was known before.
    """
    for part in _PARTS.findall(said):
        known = _heard(part.decode("latin-1"), known)
    return known


def ask(
    reading: int,
    writing: int,
    environ: Mapping[str, str] = os.environ,
    encoding: str = "utf-8",
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Graphics:
    """Ask the terminal; nobody else may read from it meanwhile.

    Parameters
    ----------
    reading, writing : int
        Its descriptors.
    environ, encoding
        As for `blocks`.
    clock : callable
        Seconds; only differences count.

    Returns
    -------
    Graphics
        What the environment tells, where it does not answer.
    """
    window = _window(writing)
    known = from_environment(environ, encoding, _cell(window))
    if sys.platform == "win32" or environ.get("TERM", "dumb") in ("dumb", "linux", ""):
        return known
    patience = FAR if environ.get("SSH_CONNECTION") else PATIENCE
    try:
        with _listening(reading):
            said = _exchange(reading, writing, FIRST, patience, clock)
            heard = understood(said, known)
            if not heard.answers:
                return known
            if known.otherwise == "spaces":
                return heard
            heard = replace(heard, form=known.otherwise)
            if _KITTY.search(heard.name):
                more = _exchange(reading, writing, OF_KITTY, patience, clock)
                heard = understood(more, heard)
            if heard.form != "kitty" and _has_sixels(said):
                more = _exchange(reading, writing, OF_SIXEL, patience, clock)
                heard = understood(more, replace(heard, form="sixel"))
                # Most tell the size of their window, which may grow.
                if all(a >= b for a, b in zip(heard.largest, window[2:])):
                    heard = replace(heard, largest=(0, 0))
            return heard
    except OSError:  # it is no terminal, or gone
        return known


def cell_size(terminal: int) -> tuple[int, int] | None:
    """Pixels of a cell, if the system knows."""
    return _cell(_window(terminal))


# -- private -----------------------------------------------------------------------


@contextlib.contextmanager
def _listening(terminal: int) -> Iterator[None]:
    """Take what it says byte by byte, and let it not be seen."""
    import termios

    try:
        before = termios.tcgetattr(terminal)
        now = termios.tcgetattr(terminal)
        now[3] &= ~(termios.ICANON | termios.ECHO)
        now[6][termios.VMIN], now[6][termios.VTIME] = 1, 0
        termios.tcsetattr(terminal, termios.TCSANOW, now)
    except termios.error as error:
        raise OSError(*error.args) from None
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSANOW, before)


def _exchange(
    reading: int,
    writing: int,
    question: str,
    patience: float,
    clock: Callable[[], float],
) -> bytes:
    """Ask, and give what comes up to the answer that every terminal gives."""
    data = question.encode()
    while data:
        data = data[os.write(writing, data) :]
    said = b""
    deadline = clock() + patience
    while not re.search(rb"\x1b\[\?[\d;]*c", said) and len(said) < 1 << 16:
        left = deadline - clock()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            break
        piece = os.read(reading, 4096)
        if not piece:
            break
        said += piece
    return said


def _window(terminal: int) -> tuple[int, int, int, int]:
    """Columns, rows, and pixels that these have; 0 where the system does not know."""
    if sys.platform != "win32":
        import fcntl
        import termios

        with contextlib.suppress(OSError):
            told = fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8)
            rows, columns, width, height = struct.unpack("HHHH", told)
            return columns, rows, width, height
    return 0, 0, 0, 0


def _cell(window: tuple[int, int, int, int]) -> tuple[int, int] | None:
    columns, rows, width, height = window
    if rows and columns and width >= columns and height >= rows:
        return width // columns, height // rows
    return None


def _has_sixels(said: bytes) -> bool:
    found = re.search(rb"\x1b\[\?([\d;]*)c", said)
    return found is not None and b"4" in found[1].split(b";")[1:]


def _heard(part: str, known: Graphics) -> Graphics:
    """Take in one answer."""
    if re.fullmatch(r"\x1b\[\?[\d;]*c", part):
        return replace(known, answers=True)
    if part.startswith("\x1bP>|"):
        name = "".join(c for c in part[4:] if c.isprintable() and c != "\\")[:80]
        return replace(known, name=name)
    if found := re.fullmatch(r"\x1b\[6;(\d{1,3});(\d{1,3})t", part):
        height, width = int(found[1]), int(found[2])
        if width and height:
            return replace(known, width=width, height=height)
    if found := re.fullmatch(r"\x1b\[\?1;0;(\d{1,9})S", part):
        if int(found[1]) >= 2:
            return replace(known, colours=min(256, int(found[1])))
    if found := re.fullmatch(r"\x1b\[\?2;0;(\d{1,9});(\d{1,9})S", part):
        return replace(known, largest=(int(found[1]), int(found[2])))
    if re.match(r"\x1b_G[^;]*i=31[^;]*;OK", part):
        return replace(known, form="kitty")
    if found := re.match(r"\x1b\]1([01]);rgb:(\w+)/(\w+)/(\w+)", part):
        with contextlib.suppress(ValueError):
            colour = "#" + "".join(
                f"{round(255 * int(v, 16) / (16 ** len(v) - 1)):02x}"
                for v in found.groups()[1:]
            )
            if found[1] == "0":
                return replace(known, ink=colour)
            return replace(known, paper=colour)
    return known


def _light(colour: str) -> float:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue
