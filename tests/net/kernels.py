"""A kernel's objects, as far as a cell needs them."""

from __future__ import annotations

import itertools
import struct
import threading
import zlib
from dataclasses import dataclass
from typing import Any

__all__ = ["PNG", "Sent", "Shell"]


def _chunk(kind: bytes, data: bytes) -> bytes:
    sum_ = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)


# One white pixel.
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\xff"))
    + _chunk(b"IEND", b"")
)


@dataclass
class Sent:
    """One message of a kernel to its notebook."""

    kind: str
    content: dict[str, Any]
    parent: dict[str, Any]
    thread: str

    @property
    def display_id(self) -> str:
        """Which place it is for."""
        return str(self.content["transient"]["display_id"])

    @property
    def text(self) -> str:
        """Its plain text."""
        return str(self.content["data"]["text/plain"])


class Shell:
    """Stands for a kernel's shell; keeps what is sent."""

    def __init__(self, code: str, cell_id: str | None = None) -> None:
        self._numbers = itertools.count(1)
        self.sent: list[Sent] = []
        self.broken = False
        self.display_pub = self
        self.session = self
        self.pub_socket = "socket"
        self.topic = b"topic"
        self.run(code, cell_id)

    def run(self, code: str, cell_id: str | None = None) -> None:
        """Be asked to run a cell."""
        self.request: dict[str, Any] = {
            "header": {
                "msg_type": "execute_request",
                "msg_id": str(next(self._numbers)),
            },
            "metadata": {"cellId": cell_id} if cell_id else {},
            "content": {"code": code},
        }

    def get_parent(self) -> dict[str, Any]:
        """Request that is being served."""
        return self.request

    def send(
        self, socket: Any, kind: str, content: Any, *, parent: Any, ident: Any
    ) -> None:
        """As a session does."""
        assert (socket, ident) == ("socket", b"topic")
        if self.broken:
            raise RuntimeError("the kernel is gone")
        thread = threading.current_thread().name
        self.sent.append(Sent(kind, content, parent, thread))

    @property
    def strip(self) -> str:
        """What the strip said last."""
        return next(
            each.text
            for each in reversed(self.sent)
            if each.display_id.endswith("strip")
        )

    @property
    def pictures(self) -> list[Sent]:
        """Those sent so far."""
        return [each for each in self.sent if "image/png" in each.content["data"]]
