"""The dialling side of a connection: a socket, or one that speaks TLS like a socket.

Knows no message. Only what `Client` and a worker use of a socket is there.
"""

from __future__ import annotations

import hmac
import socket
import threading
import time
from typing import TYPE_CHECKING, Union

from ..errors import AuthenticationError, ClosedError
from ..wire.connection import Connection, Phase
from ..wire.messages import Message
from . import sockets

if TYPE_CHECKING:
    from .tls import Tls

__all__ = ["Channel", "TlsChannel", "dial", "prove"]

_RAW = 1 << 18  # bytes that are received at once


class TlsChannel:
    """A connection by TLS, for one thread that receives and others that send.

    Parameters
    ----------
    sock : socket
        Connected; closed with the channel.
    """

    def __init__(self, sock: socket.socket) -> None:
        from . import tls

        self._sock = sock
        self._tls: Tls = tls.Tls(tls.dialling())
        self._lock = threading.Lock()  # of the TLS state and the order of sending
        self._raw = memoryview(bytearray(_RAW))

    def shake(self, fingerprint: str, deadline: float) -> None:
        """Do the handshake, and see that the certificate is the one that is known.

        Raises
        ------
        AuthenticationError
            If it is another one; nothing was said to it.
        HandshakeError
            If the other end does not speak TLS 1.3.
        """
        while not (done := self._tls.shake()):
            self._sock.sendall(self._tls.data_to_send())
            self._sock.settimeout(max(0.001, deadline - time.monotonic()))
            count = self._sock.recv_into(self._raw)
            if not count:
                raise ClosedError("the other end hung up before TLS was agreed on")
            self._tls.received(self._raw[:count])
        if not done or not hmac.compare_digest(self._tls.fingerprint(), fingerprint):
            raise AuthenticationError(
                "the other end shows another certificate than the run's: the "
                "connection file is of another run, or somebody sits in between"
            )
        self._sock.sendall(self._tls.data_to_send())

    def fileno(self) -> int:
        """Descriptor of the socket."""
        return self._sock.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """Set how long a call may wait."""
        self._sock.settimeout(seconds)

    def recv_into(self, memory: memoryview, nbytes: int = 0, flags: int = 0) -> int:
        """Receive what is there, at least a byte; 0 at the end of the stream."""
        while True:
            with self._lock:
                count = self._tls.read_into(memory[: nbytes or None])
                if count != 0 and (answer := self._tls.data_to_send()):
                    self._sock.sendall(answer)  # to a change of TLS's keys, say
            if count is not None:
                return count
            got = self._sock.recv_into(self._raw)
            with self._lock:
                self._tls.received(self._raw[:got])

    def sendall(self, data: memoryview) -> None:
        """Send all of it."""
        with self._lock:
            self._tls.write(memoryview(data))
            self._sock.sendall(self._tls.data_to_send())

    def shutdown(self, how: int) -> None:
        """End the connection; a thread that receives notices it."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


Channel = Union[socket.socket, TlsChannel]  # noqa: UP007 - made at run time on 3.10


def dial(
    address: tuple[str, int], timeout: float, fingerprint: str | None = None
) -> Channel:
    """Connect to a calculation.

    Parameters
    ----------
    address : (str, int)
        Host and port.
    timeout : float
        Seconds that connecting may take, and as many for TLS.
    fingerprint : str, optional
        Of the certificate that must be there; without it there is no TLS.

    Raises
    ------
    HandshakeError
        If whatever listens there is not the run.
    OSError
        If nothing does.
    """
    sock = sockets.dial(*address, timeout)
    if fingerprint is None:
        return sock
    try:
        sockets.tune(sock, far=True)
        channel = TlsChannel(sock)
        channel.shake(fingerprint, time.monotonic() + timeout)
    except BaseException:
        sock.close()
        raise
    return channel


def prove(
    sock: Channel, connection: Connection, deadline: float
) -> tuple[list[Message], float]:
    """Prove the key both ways on a connection that was just made.

    Parameters
    ----------
    sock : socket or TlsChannel
        Connected; how long its calls may wait is set here.
    connection : Connection
        Of the end that dials.
    deadline : float
        Instant on the monotonic clock.

    Returns
    -------
    messages : list of Message
        Those that came right behind the proof.
    took : float
        Seconds that the last answer was under way.

    Raises
    ------
    HandshakeError
        If whatever listens there is not the run.
    OSError, ClosedError
        If it is gone, or does not answer in time.
    """
    early: list[Message] = []
    took, said = 0.0, time.monotonic()
    while connection.phase is Phase.PROVING:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        count = sock.recv_into(connection.get_buffer())
        if not count:
            connection.eof()
        early += connection.received(count)
        took = time.monotonic() - said
        for part in connection.data_to_send():
            sock.sendall(part)
            connection.sent(len(part))
            said = time.monotonic()
    return early, took
