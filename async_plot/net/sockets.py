"""Sockets as this package uses them. Knows no message."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import stat
import struct
import sys

__all__ = [
    "ListenError",
    "close_strays",
    "dial",
    "is_everywhere",
    "is_loopback",
    "is_near",
    "listen",
    "parted",
    "prepare",
    "receive",
    "send",
    "spare",
    "tune",
    "unsent",
]

# Who dials that are not yet accepted: a whole pool of workers may come at once, and one
# that finds no room tries again after a second.
BACKLOG = 1024
PATIENCE = 0.02  # seconds that a large send may wait for a peer that reads
LARGE = 1 << 18  # bytes from which waiting in the kernel beats many small turns
MOST = 1 << 30  # bytes in one call; macOS refuses more than fit into an int
_PIECES = 512  # memory pieces in one call; the kernel's limit is 1024

# A send that waits in the kernel without the GIL, for a while: one turn instead of
# ten for a big frame. Where the flag is missing, every send returns at once.
_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0)
_CAN_WAIT = bool(_DONTWAIT) and sys.platform == "linux"


# Milliseconds after which data that nobody acknowledges ends a connection to another
# machine: keep-alive, which asks as often, is silent while data is under way.
_UNACKNOWLEDGED = 14_000

_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class ListenError(OSError):
    """The address that somebody asked for cannot be listened on."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_everywhere(address: str) -> bool:
    """Whether an address means all of this machine's; ``"0"`` and ``"*"`` become it."""
    return ipaddress.ip_address(address.partition("%")[0]).is_unspecified


def spare() -> int:
    """How many sockets leave this process half of the descriptors that it may have."""
    try:
        import resource
    except ImportError:  # on Windows a socket is no descriptor
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft // 2


def is_near(sock: socket.socket) -> bool:
    """Whether the other end seems to be on this machine; a tunnel's end does, too."""
    try:
        return bool(sock.getpeername()[0] == sock.getsockname()[0])
    except (OSError, IndexError):  # it left already; a socket pair has no address
        return False


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket that never blocks.

    Raises
    ------
    ListenError
        If the address cannot be had; the text names host and port.
    OSError
        If the system has no socket left.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # Of a name with both kinds, the kind that every machine has.
        found.sort(key=lambda each: each[0] != socket.AF_INET)
        family, _, _, _, address = found[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # names have rules of their own
        raise _explained(error, host, port) from error
    try:
        if sys.platform != "win32":  # there it would let a squatter share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if host == "::":  # all of this machine's addresses, the short ones too
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise _explained(error, host, port) from error
        raise
    return sock


def _explained(error: Exception, host: str, port: int) -> OSError:
    number = getattr(error, "errno", None)
    kind = OSError if number in _SHORTAGES else ListenError
    text = getattr(error, "strerror", "") or str(error)
    return kind(number, f"cannot listen on {host} port {port}: {text}")


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to a calculation; the socket waits at most `timeout` seconds a call."""
    sock = socket.create_connection((host, port), timeout)
    try:
        tune(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def close_strays(address: tuple[object, ...]) -> None:
    """Close this process's copies of connections to a listener of another process.

    The fork may have come when a thread had accepted a connection and no object
    held it yet; that thread is not here, and the descriptor is.

    Parameters
    ----------
    address : tuple
        What the listener's ``getsockname`` gives.
    """
    try:
        numbers = [int(name) for name in os.listdir("/dev/fd")]
    except (OSError, ValueError):
        return
    for number in numbers:
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            sock = socket.socket(fileno=number)
        except OSError:
            continue
        try:
            ours = sock.getsockname() == address
        except OSError:
            ours = False
        if ours:
            sock.close()
        else:
            sock.detach()


def tune(sock: socket.socket, *, far: bool = False) -> None:
    """Send small messages at once; notice a peer that fell silent for good.

    Parameters
    ----------
    sock : socket
    far : bool
        The peer is another machine, which can vanish while data is under way to it.
        Not so near ones: the same limit would cut one that is only suspended.
    """
    if far and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (
        ("TCP_KEEPIDLE", 5),
        ("TCP_KEEPALIVE", 5),  # its name on macOS
        ("TCP_KEEPINTVL", 3),
        ("TCP_KEEPCNT", 3),
    ):
        if hasattr(socket, option):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


def prepare(sock: socket.socket) -> None:
    """Set up an accepted connection for `send` and `receive`."""
    tune(sock)
    if _CAN_WAIT:
        sock.setblocking(True)
        wait = struct.pack("@ll", 0, int(PATIENCE * 1e6))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
    else:
        sock.setblocking(False)


def send(sock: socket.socket, parts: list[memoryview], *, patient: bool) -> int:
    """Send what the kernel takes; a patient call waits `PATIENCE` for room.

    Returns
    -------
    int
        Bytes sent, maybe 0.
    """
    flags = 0 if patient and _CAN_WAIT else _DONTWAIT
    try:
        if hasattr(sock, "sendmsg"):
            return sock.sendmsg(_bounded(parts), (), flags)
        return sock.send(parts[0][:MOST], flags)
    except (BlockingIOError, InterruptedError):
        return 0


def _bounded(parts: list[memoryview]) -> list[memoryview]:
    """Take the first pieces, as much of them as one call may send."""
    parts = parts[:_PIECES]
    if sum(map(len, parts)) <= MOST:
        return parts
    some, room = [], MOST
    for part in parts:
        some.append(part[:room])
        room -= len(some[-1])
        if not room:
            break
    return some


def unsent(sock: socket.socket) -> int | None:
    """Bytes that the peer has not acknowledged yet, where the system tells it."""
    try:
        import fcntl
        import termios

        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except (ImportError, OSError):
        return None
    return int(struct.unpack("@i", answer)[0])


def receive(sock: socket.socket, memory: memoryview) -> int | None:
    """Receive what is there; 0 at the end of the stream, None if there is nothing."""
    try:
        return sock.recv_into(memory, min(len(memory), MOST), _DONTWAIT)
    except (BlockingIOError, InterruptedError):
        return None


def parted(text: str, port: int) -> tuple[str, int]:
    """Host and port of ``"host"``, ``"host:port"``, ``"::1"`` or ``"[::1]:port"``."""
    if not text.isprintable() or not text.strip("[]") or " " in text:
        raise ValueError(f"host is NAME or NAME:PORT, not {text!r}")
    host, colon, number = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return text.strip("[]"), port
    if not host or not number.isdigit() or not 0 < int(number) < 65536:
        raise ValueError(f"host is NAME or NAME:PORT, not {text!r}")
    return host.strip("[]"), int(number)
