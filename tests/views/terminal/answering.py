"""Terminals that answer, and pictures read back from what they were sent."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import threading
from typing import Any

import numpy as np

__all__ = ["ANSWERS", "Terminal", "sixels"]

# What a terminal is asked, and what those of these names answer.
_NAME, _SIZE, _INK, _PAPER = (
    b"\x1b[>q",
    b"\x1b[16t",
    b"\x1b]10;?\x1b\\",
    b"\x1b]11;?\x1b\\",
)
_FEATURES, _WHERE = b"\x1b[c", b"\x1b[6n"
_KITTY = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_COMMON = {
    _SIZE: b"\x1b[6;20;10t",
    _INK: b"\x1b]10;rgb:eeee/eeee/eeee\x1b\\",
    _PAPER: b"\x1b]11;rgb:1010/2020/3030\x07",
    _WHERE: b"\x1b[5;5R",
}
ANSWERS: dict[str, dict[bytes, bytes]] = {
    "plain": {**_COMMON, _NAME: b"\x1bP>|VTE(7600)\x1b\\", _FEATURES: b"\x1b[?65;1;9c"},
    "xterm": {
        **_COMMON,
        **{_NAME: b"\x1bP>|XTerm(379)\x1b\\", _FEATURES: b"\x1b[?63;1;2;4;6;9c"},
        **{b"\x1b[?1;1;0S": b"\x1b[?1;0;16S", b"\x1b[?2;1;0S": b"\x1b[?2;0;300;200S"},
    },
    "kitty": {
        **_COMMON,
        **{_NAME: b"\x1bP>|kitty(0.35.1)\x1b\\", _FEATURES: b"\x1b[?62;c"},
        _KITTY: b"\x1b_Gi=31;OK\x1b\\",
    },
    # Knows the protocol's name, and says that it cannot.
    "konsole": {
        **_COMMON,
        **{_NAME: b"\x1bP>|Konsole 23.04\x1b\\", _FEATURES: b"\x1b[?62;1;4c"},
        _KITTY: b"\x1b_Gi=31;EINVAL:no\x1b\\",
    },
    "old": {_FEATURES: b"\x1b[?1;2c"},
    "silent": {},
}


class Terminal:
    """The other end of a pseudo terminal: answers, and keeps all that it is sent.

    Parameters
    ----------
    kind : str
        One of `ANSWERS`.
    typed : bytes
        What somebody types as soon as it is asked something.

    Attributes
    ----------
    tty : int
        The end that programs have.
    said : bytearray
        What it was sent.
    """

    def __init__(self, kind: str, typed: bytes = b"") -> None:
        self.said = bytearray()
        self._answers = ANSWERS[kind]
        self._typed = typed
        self._seen = 0
        self.own, self.tty = os.openpty()
        size = struct.pack("HHHH", 24, 80, 800, 480)
        fcntl.ioctl(self.tty, termios.TIOCSWINSZ, size)
        self._reading, self._end = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="terminal")
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self.own, self._reading], [], [])
            if self._reading in ready:
                return
            try:
                self.said += os.read(self.own, 1 << 16)
            except OSError:  # nobody has the other end any more
                return
            self._answer()

    def _answer(self) -> None:
        pattern = b"|".join(map(re.escape, self._answers)) or b"(?!)"
        end = 0
        for found in re.finditer(pattern, bytes(self.said[self._seen :])):
            os.write(self.own, self._typed + self._answers[found[0]])
            self._typed = b""
            end = found.end()
        self._seen += end

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._end, b".")
        self._thread.join()
        for each in (self.own, self.tty, self._reading, self._end):
            os.close(each)


_SIXEL = re.compile(rb"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])")


def sixels(data: bytes) -> Any:
    """Pixels of a sixel picture, as the strictest of terminals reads it."""
    head = re.match(rb'\x1bP[\d;]*q"\d+;\d+;(\d+);(\d+)', data)
    assert head is not None and data.endswith(b"\x1b\\")
    width, height = int(head[1]), int(head[2])
    pixels = np.zeros((height + 6, width, 3), np.uint8)
    registers: dict[int, list[int]] = {}
    x = y = 0
    colour = 3  # where xterm begins, for whom a definition is no choice
    for token in _SIXEL.finditer(data, head.end(), len(data) - 2):
        if token[2]:
            shares = (token[2], token[3], token[4])
            registers[int(token[1])] = [round(2.55 * int(v)) for v in shares]
        elif token[1]:
            colour = int(token[1])
        elif token[8] == b"$":
            x = 0
        elif token[8] == b"-":
            x, y = 0, y + 6
        else:
            count, bits = int(token[5] or 1), (token[6] or token[7])[0] - 63
            for row in range(6):
                if bits >> row & 1:
                    pixels[y + row, x : x + count] = registers[colour]
            x += count
    return pixels[:height]
