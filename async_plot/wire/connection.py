"""One end of a connection as a state machine: bytes in, messages out, bytes out.

Knows no socket, thread or clock. The shell around it receives into
`Connection.get_buffer`, tells `received`, sends `data_to_send` and tells `sent`.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import ClosedError, HandshakeError, ProtocolError
from . import framing, handshake
from .handshake import Dialled, Dialling
from .messages import (
    FROM_CALCULATION,
    FROM_VIEWER,
    FROM_WORKER,
    TO_WORKER,
    Memory,
    Message,
    Right,
    Role,
)
from .outbox import Outbox

__all__ = ["Connection", "Phase"]

_BATCH = 65536  # bytes of waiting messages that are handed out together


class Phase(enum.Enum):
    """Where a connection stands; it only ever moves down this list.

    ========== ===================== ================================
    phase      may be received       leaves it
    ========== ===================== ================================
    PROVING    handshake, 256 bytes  proof accepted, error, eof
    OPEN       messages of the peer  eof, error
    CLOSED     nothing
    ========== ===================== ================================
    """

    PROVING = "proving"
    OPEN = "open"
    CLOSED = "closed"


class Connection:
    """One end of a connection.

    Parameters
    ----------
    proof : Dialled or Dialling
        This end's side of the handshake; it also decides which messages the peer
        may send.
    allocate : callable, default: bytearray
        Memory for the buffers of received messages.
    stage : memoryview, optional
        What connections of one thread may share, see `framing.Reader`: of hundreds,
        each would have 64 KiB of its own, cold whenever something arrives.
    """

    def __init__(
        self,
        proof: Dialled | Dialling,
        allocate: Callable[[int], Memory] = bytearray,
        stage: memoryview | None = None,
    ) -> None:
        self.phase = Phase.PROVING
        self.role: Role | None = None
        self.right: Right | None = None
        self.outbox = Outbox()
        self._proof = proof
        self._proving = memoryview(bytearray(handshake.LIMIT))
        self._allocate = allocate
        self._stage = stage
        # Made once the key is proven: a stranger costs no more than its 256 bytes.
        self._reader: framing.Reader | None = None
        self._pending: deque[memoryview] = deque()
        if isinstance(proof, Dialled):
            self._pending.append(memoryview(proof.data_to_send()))

    # -- receiving -------------------------------------------------------------

    def get_buffer(self) -> memoryview:
        """Memory that the next bytes of the peer belong to, never empty."""
        if self._reader is None:
            return self._proving
        return self._reader.get_buffer()

    @property
    def buffer_is_exact(self) -> bool:
        """Whether the message that comes in needs all of the memory lent last."""
        reader = self._reader
        return self.phase is Phase.OPEN and reader is not None and reader.direct

    def received(self, count: int) -> list[Message]:
        """Take note of `count` bytes put into the memory lent last.

        Raises
        ------
        HandshakeError, ProtocolError
            If the peer is no friend or makes no sense; the connection is closed,
            and what `data_to_send` still gives may be sent before hanging up.
        """
        try:
            if self.phase is Phase.PROVING:
                # What is left of the 256 bytes is lent next. Both handshakes come
                # to their verdict long before they are used up.
                data = bytes(self._proving[:count])
                self._proving = self._proving[count:]
                return self._prove(data)
            if self.phase is Phase.OPEN and self._reader is not None:
                return self._reader.received(count)
        except HandshakeError as error:
            self.phase = Phase.CLOSED
            if isinstance(self._proof, Dialled):
                self._pending.append(memoryview(self._proof.refusal(error)))
            raise
        except ProtocolError:
            self.phase = Phase.CLOSED
            raise
        return []

    def eof(self) -> None:
        """Take note that the peer says nothing more.

        Raises
        ------
        ClosedError
            If it broke off inside the handshake or inside a message.
        """
        before, self.phase = self.phase, Phase.CLOSED
        if before is Phase.PROVING:
            raise ClosedError("the other end hung up before it proved the key")
        reader = self._reader
        if before is Phase.OPEN and reader is not None and reader.mid_message:
            raise ClosedError("the other end broke off inside a message")

    # -- sending ---------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Queue a message in its lane."""
        self.outbox.put(message)

    def send_encoded(self, parts: list[memoryview]) -> None:
        """Queue a message that `framing.encode` wrote, after what is being sent."""
        self._pending.extend(parts)

    def data_to_send(self) -> list[memoryview]:
        """Memory to send next, in order; empty if there is nothing to say."""
        if not self._pending and self.phase is Phase.OPEN:
            size = 0
            while size < _BATCH:
                message = self.outbox.get()
                if message is None:
                    break
                parts = framing.encode(message)
                size += sum(map(len, parts))
                self._pending.extend(parts)
        return list(self._pending)

    def sent(self, count: int) -> None:
        """Take note that the first `count` bytes of `data_to_send` are gone."""
        pending = self._pending
        while count:
            first = pending[0]
            if count < len(first):
                pending[0] = first[count:]
                return
            count -= len(first)
            pending.popleft()

    @property
    def wants_to_send(self) -> bool:
        """Whether `data_to_send` would give anything."""
        return bool(self._pending) or (self.phase is Phase.OPEN and bool(self.outbox))

    @property
    def mid_send(self) -> bool:
        """Whether memory that was handed out is still to be sent."""
        return bool(self._pending)

    # -- private ---------------------------------------------------------------

    def _prove(self, data: bytes) -> list[Message]:
        if isinstance(self._proof, Dialled):
            proven = self._proof.receive(data)
            if proven is None:
                return []
            answer, rest = proven
            self.role, self.right = self._proof.role, self._proof.right
            self._pending.append(memoryview(answer))
        else:
            answer, after = self._proof.receive(data)
            if answer:
                self._pending.append(memoryview(answer))
            if after is None:
                return []
            rest = after
        said, limits = self._what_is_said()
        self._reader = reader = framing.Reader(
            said, limits, self._allocate, self._stage
        )
        self.phase = Phase.OPEN
        messages: list[Message] = []
        while rest:  # what the peer said right behind its proof
            buffer = reader.get_buffer()
            step = min(len(buffer), len(rest))
            buffer[:step] = rest[:step]
            messages += reader.received(step)
            rest = rest[step:]
        return messages

    def _what_is_said(self) -> tuple[tuple[type[Any], ...], framing.Limits]:
        """What the peer may say, now that it is known who it is."""
        if isinstance(self._proof, Dialling):
            if self._proof.role is Role.WORKER:
                return TO_WORKER, framing.FROM_VIEWER_LIMITS
            return FROM_CALCULATION, framing.FROM_CALCULATION_LIMITS
        if self.role is Role.WORKER:
            return FROM_WORKER, framing.FROM_WORKER_LIMITS
        return FROM_VIEWER, framing.FROM_VIEWER_LIMITS
