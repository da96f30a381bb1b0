"""A bad line between two machines: namespaces of the kernel, and packets in between.

Each machine is a network namespace with a TUN device; a thread carries the packets of
one to the other, late, never, or at a certain rate. So TCP is the kernel's own, down to
its retransmissions, and no queueing discipline has to be there. Who may not make
namespaces gets a stand-in: a relay on loopback that is late or stands still.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

from ..helpers import AMPLE

__all__ = ["Network", "StandIn", "make"]

_TUNSETIFF, _TUN, _NO_PI = 0x400454CA, 0x0001, 0x1000
_NEWNET = 0x40000000
_QUEUE = 500_000  # bytes that wait where the rate is limited; more is dropped


class _Line:
    """What both kinds have: how the line is, and a thread that carries."""

    def __init__(self) -> None:
        self.delay = 0.0  # seconds, one way
        self.loss = 0.0  # share of the packets
        self.rate = 0.0  # bytes per second each way; 0 is unlimited
        self.down = False
        self._over = False
        self._thread = threading.Thread(target=self._carry, name="line")

    def _carry(self) -> None:
        raise NotImplementedError


class Network(_Line):
    """Two machines, ``"calculation"`` and ``"viewer"``, and the line between them."""

    HOST = "10.99.0.1"  # of the calculation, as the viewer sees it

    def __init__(self) -> None:
        super().__init__()
        self._spaces: dict[str, str] = {}
        self._devices: list[int] = []
        self._random = random.Random(1)
        try:
            for index, side in enumerate(("calculation", "viewer")):
                self._make(side, f"10.99.0.{index + 1}")
        except BaseException:
            self.close()
            raise
        self._thread.start()

    @contextlib.contextmanager
    def inside(self, side: str) -> Iterator[None]:
        """Sockets, threads and processes that are made here belong to that machine."""
        with open("/proc/thread-self/ns/net") as before:
            with open(f"/run/netns/{self._spaces[side]}") as there:
                _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def close(self) -> None:
        self._over = True
        if self._thread.ident is not None:
            self._thread.join(AMPLE)
        for device in self._devices:
            os.close(device)
        for name in self._spaces.values():
            subprocess.run(["ip", "netns", "del", name], check=True)

    def _make(self, side: str, address: str) -> None:
        name = f"async-plot-{os.getpid()}-{side}"
        device = f"ap{os.getpid()}{side[0]}"[:15]
        _ip("netns", "add", name)
        self._spaces[side] = name
        self._devices.append(os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK))
        wanted = struct.pack("16sH22x", device.encode(), _TUN | _NO_PI)
        fcntl.ioctl(self._devices[-1], _TUNSETIFF, wanted)
        _ip("link", "set", device, "netns", name)
        _ip("-n", name, "address", "add", f"{address}/24", "dev", device)
        _ip("-n", name, "link", "set", device, "up")
        _ip("-n", name, "link", "set", "lo", "up")

    def _carry(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        free_at, number = [0.0, 0.0], 0
        while not self._over:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, target, packet = heapq.heappop(waiting)
                if not self.down:
                    with contextlib.suppress(OSError):
                        os.write(target, packet)
            pause = min(0.05, waiting[0][0] - now) if waiting else 0.05
            ready, _, _ = select.select(self._devices, [], [], max(0.0, pause))
            for device in ready:
                index = self._devices.index(device)
                now = time.monotonic()
                for _ in range(64):
                    try:
                        packet = os.read(device, 65536)
                    except BlockingIOError:
                        break
                    at = now
                    if self.rate:
                        start = max(now, free_at[index])
                        if (start - now) * self.rate > _QUEUE:
                            continue
                        at = free_at[index] = start + len(packet) / self.rate
                    if self.down or self._random.random() < self.loss:
                        continue
                    number += 1
                    item = (at + self.delay, number, self._devices[1 - index], packet)
                    heapq.heappush(waiting, item)


class StandIn(_Line):
    """The same for who may not make namespaces: bytes are late or stand still.

    Nothing is lost on loopback, and a machine that vanishes resets its connections.
    """

    def __init__(self) -> None:
        super().__init__()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.HOST = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.target = ("", 0)
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._thread.start()

    @contextlib.contextmanager
    def inside(self, side: str) -> Iterator[None]:
        yield

    def close(self) -> None:
        self._over = True
        self._thread.join(AMPLE)
        self._listener.close()

    def _carry(self) -> None:
        waiting: list[tuple[float, int, socket.socket, bytes]] = []
        number, since = 0, 0.0
        while not self._over:
            now = time.monotonic()
            since = since or now if self.down else 0.0
            if since and now - since > 1.0:
                for sock in self._pairs:
                    sock.close()
                self._pairs.clear()
            while waiting and waiting[0][0] <= now and not self.down:
                _, _, target, piece = heapq.heappop(waiting)
                with contextlib.suppress(OSError):
                    target.sendall(piece)
            socks = [] if self.down else [self._listener, *self._pairs]
            for sock in select.select(socks, [], [], 0.002)[0]:
                if sock is self._listener:
                    near, _ = sock.accept()
                    try:
                        far = socket.create_connection(self.target, AMPLE)
                    except OSError:  # the calculation has ended
                        near.close()
                        continue
                    self._pairs.update({near: far, far: near})
                    continue
                if sock not in self._pairs:
                    continue
                with contextlib.suppress(OSError):
                    if piece := sock.recv(65536):
                        number += 1
                        at = time.monotonic() + self.delay
                        heapq.heappush(waiting, (at, number, self._pairs[sock], piece))
                        continue
                other = self._pairs.pop(sock)
                self._pairs.pop(other, None)
                sock.close()
                other.close()
        for sock in self._pairs:
            sock.close()


def make() -> Network | StandIn:
    """The real thing where it can be had."""
    if os.geteuid() == 0 and os.path.exists("/dev/net/tun") and shutil.which("ip"):
        return Network()
    return StandIn()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _enter(number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(number, _NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
