"""The calculation's hold on its gate: the process that speaks TLS for it.

The gate itself is `gatekeeper`, and why it is a process is said there. Here it is
started, told when the run ends, and asked where a connection comes from.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from typing import Any

from . import launch, sockets

__all__ = ["Gate"]

START = 30.0  # seconds in which the process must be there, on a busy machine
_MODULE = "async_plot.net.gatekeeper"


class Gate:
    """The TLS side of a run.

    Attributes
    ----------
    address : (str, int)
        Where it listens.
    fingerprint : str
        SHA-256 of the run's certificate, in hexadecimal.
    """

    def __init__(self) -> None:
        self.address = ("", 0)
        self.fingerprint = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._heard = b""
        self._origins: dict[int, str] = {}

    def open(self, host: str, port: int, target: tuple[str, int]) -> None:
        """Start the process, and wait until it listens.

        Parameters
        ----------
        host, port : str, int
            Where the far ends shall dial.
        target : (str, int)
            Where the run listens on this machine.

        Raises
        ------
        ListenError
            If the address cannot be had.
        OSError
            If the system lacks something.
        """
        try:
            self._control, far = socket.socketpair()
            with far:
                self._start(far, host=host, port=port, target=target)
            self._control.settimeout(START)
            told = self._report()
            self._control.setblocking(False)
        except BaseException:
            self.close(kill=True)
            raise
        if "error" in told:
            self.close(kill=True)
            kind = OSError if told["shortage"] else sockets.ListenError
            text = f"no TLS for other machines: {told['error']}"
            raise kind(told["errno"], text) if told["errno"] else kind(text)
        self.address = (told["address"][0], told["address"][1])
        self.fingerprint = told["fingerprint"]

    def binding(self, port: int) -> bytes:
        """What both ends of the connection from that port of ours must prove to know.

        Nothing, if it does not come through the gate.
        """
        self._learn()
        return bytes.fromhex(self.fingerprint) if port in self._origins else b""

    def origin(self, port: int) -> str:
        """Where the connection from that port of ours comes from, ``"host:port"``.

        Empty, if it does not come through the gate.
        """
        self._learn()
        return self._origins.get(port, "")

    def forget(self, port: int) -> None:
        """Forget a connection that was closed: its port may get another owner."""
        self._learn()
        self._origins.pop(port, None)

    def finish(self) -> None:
        """Say that what is sent now is the last: the gate takes all of it at once."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(b"the end\n")

    def ended(self) -> str:
        """Why the process is gone; empty while it lives."""
        status = self._process.poll() if self._process is not None else None
        if status is None:
            return ""
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def close(self, *, kill: bool = False) -> None:
        """Let it go: it ends by itself when the last bytes have left."""
        if self._control is not None:
            self._control.close()
        process, self._process = self._process, None
        if process is not None:
            if kill:
                process.kill()
                process.wait()
            launch.let_go(process)

    def forked(self) -> None:
        """Drop what a forked child inherited."""
        if self._control is not None:
            self._control.close()  # which says nothing: the parent still holds it
        if self._process is not None:
            self._process.returncode = 0  # not a child of ours

    # -- private ---------------------------------------------------------------

    def _start(self, far: socket.socket, **asked: Any) -> None:
        windows = sys.platform == "win32"
        process = self._process = subprocess.Popen(
            [sys.executable, "-c", launch.program(_MODULE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the calculation's alone
            pass_fds=() if windows else (far.fileno(),),
        )
        asked["path"] = [entry for entry in sys.path if isinstance(entry, str)]
        asked["directory"] = os.path.expanduser("~")
        asked["control"] = far.fileno()
        asked["share"] = (
            getattr(far, "share")(process.pid).hex()  # noqa: B009 - on Windows
            if windows
            else ""
        )
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(json.dumps(asked).encode() + b"\n")

    def _report(self) -> dict[str, Any]:
        assert self._control is not None and self._process is not None
        deadline = time.monotonic() + START
        while b"\n" not in self._heard:
            self._control.settimeout(max(0.001, deadline - time.monotonic()))
            piece = self._control.recv(65536)
            if not piece:
                status = self._process.wait(START)
                raise OSError(f"the process that speaks TLS ended with {status}")
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told

    def _learn(self) -> None:
        """Read what the gate has told of connections; it does before it makes them."""
        if self._control is None:
            return
        with contextlib.suppress(OSError):
            while piece := self._control.recv(65536):
                self._heard += piece
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            # One that the gate could not say whole is of a connection it gave up.
            with contextlib.suppress(ValueError, TypeError):
                port, host, far_port = json.loads(line)
                where = f"[{host}]" if ":" in host else host
                self._origins[port] = f"{where}:{far_port}"
