"""Runs of another machine, reached through ssh. Knows no message.

Two calls of the user's own ``ssh``, each an argument list without a shell here: one
asks the other machine for its runs, keys included, which travel on that connection
alone and stay in memory; one (``ssh -W``) carries the bytes of a viewer from its
standard input and output to the run's port. So nothing listens on this machine, and
ssh ends with us however we end, since its input ends. Passwords and the like are
between ssh and the terminal.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import ClosedError, RunNotFoundError
from ..wire.framing import printable
from ..wire.handshake import KEY_BYTES, Key
from .runs import Run

__all__ = ["MARK", "Tunnel", "described"]

# Before the answer, on a line of its own: login scripts print what they like.
MARK = "async-plot connection: "
PATIENCE = 150.0  # seconds until ssh gives an answer; somebody may type a password
RETRY = (0.2, 10.0)  # seconds between two calls after a cut: the first, the longest
LEAVE = 1.0  # seconds that ssh has to end by itself
_ANSWER = 1 << 22  # bytes that an answer may have
_OPTIONS = (
    *("-T", "-o", "ConnectTimeout=15"),
    # A silent cut is noticed after 15 s.
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
    # What the user forwards otherwise has its port taken already.
    *("-o", "ClearAllForwardings=yes"),
)
_HOPELESS = re.compile(
    "permission denied|host key verification failed|administratively prohibited"
    "|too many authentication failures",
    re.I,
)
_FIELDS = ("run", "name", "host", "pid", "python", "started", "state")


class Tunnel:
    """The way to the runs of one other machine; at most one of them at a time.

    Parameters
    ----------
    host : str
        As ssh takes it: ``"node"``, ``"user@node"``, a name in its configuration.
    python : str, optional
        Interpreter of that machine that has async_plot; default: the program
        ``async-plot`` on its path.
    command : list of str, default: ``["ssh"]``
        Program, and options of its own.

    Raises
    ------
    ValueError
        If that can be no host, or no interpreter.
    OSError
        If this system cannot do it.
    """

    def __init__(
        self, host: str, *, python: str | None = None, command: Sequence[str] = ("ssh",)
    ) -> None:
        # What begins with a dash would be an option of ssh, or of what it runs.
        parts = host.rpartition("@")[::2]
        if not host or any(p.startswith("-") for p in parts) or not _is_word(host):
            raise ValueError(f"host is [USER@]HOST as ssh takes it, not {host!r}")
        if python is not None and (not python.strip() or python.startswith("-")):
            raise ValueError(f"that is no path of an interpreter: {python!r}")
        if sys.platform == "win32":
            raise OSError(
                "through ssh there is no way on Windows yet; open the tunnel yourself"
            )
        self.host = host
        self.retry = RETRY
        self._python = python
        self._command = list(command)
        self._lock = threading.RLock()  # a signal's handler may come into it
        self._closed = False
        self._call: _Call | None = None  # the newest one
        self._reached = False

    def ask(self, name: str | None = None) -> list[Run]:
        """Ask the machine for its runs.

        Parameters
        ----------
        name : str, optional
            Name or identifier of one; default: all that are alive.

        Returns
        -------
        list of Run
            Newest first.

        Raises
        ------
        RunNotFoundError
            If there is none.
        ClosedError
            If ssh or the other machine gives no answer; says why.
        """
        words = ["async-plot"] if self._python is None else [self._python]
        words += [] if self._python is None else ["-m", "async_plot"]
        words += ["connection"] if name is None else ["connection", "--", name]
        near, far = socket.socketpair()
        with near, far:
            call = self._start(["--", self.host, shlex.join(words)], None, far)
            far.close()
            try:
                answer = self._read(near)
            finally:
                near.close()
                call.end()
        if answer is None:
            raise ClosedError(self._explained(call))
        return self._understood(answer)

    def dial(self, run: Run) -> socket.socket:
        """Connect to a run; ssh carries the bytes.

        Returns
        -------
        socket
            Its other end is ssh; the run has spoken already.

        Raises
        ------
        ClosedError
            If ssh or the run cannot be reached; says why.
        """
        assert run.address is not None
        host, port = run.address
        host = f"[{host}]" if ":" in host else host
        near, far = socket.socketpair()
        with far:
            call = None
            try:
                way = ["-W", f"{host}:{port}", "--", self.host]
                call = self._start(way, far, far)
                far.close()
                # The run speaks first.
                if not self._wait(near, socket.MSG_PEEK):
                    call.end()
                    raise ClosedError(self._explained(call))
            except BaseException:
                near.close()
                if call is not None:
                    call.end()
                raise
        self._reached = True
        return near

    def renew(self, run: Run) -> Run | None:
        """See how a run stands after a cut, if its machine can be asked.

        Returns
        -------
        Run or None
            None if nothing is known of it there any more.

        Raises
        ------
        ClosedError
            If there is no use in trying again.
        """
        call = self._call
        if call is not None:
            call.end()
            why = self._explained(call)
            if not self._reached or _HOPELESS.search(why):
                raise ClosedError(why)
            if call.status == 255 and "forwarding failed" not in why:
                return run  # the network: the run itself may be as it was
        try:
            return self.ask(run.run)[0]
        except RunNotFoundError:
            return None
        except ClosedError as error:
            if self._closed or _HOPELESS.search(str(error)):
                raise
            return run

    def why(self) -> str:
        """What ssh said when it ended by itself; empty if it did not, or nothing."""
        call = self._call
        if call is None or not call.ended(0.2) or call.status == 0:
            return ""
        return self._explained(call)

    def close(self) -> None:
        """End ssh, whatever it does; nothing can be asked afterwards."""
        with self._lock:
            self._closed = True
            call = self._call
        if call is not None:
            call.end()

    # -- private ---------------------------------------------------------------

    def _start(self, arguments: list[str], stdin: Any, stdout: Any) -> _Call:
        with self._lock:
            if self._closed:
                raise ClosedError("the connection through ssh was closed")
            if self._call is not None:
                self._call.end()
            words = [*self._command, *_OPTIONS, *arguments]
            try:
                self._call = _Call(words, stdin, stdout)
            except OSError as error:
                text = f"{self._command[0]} cannot be started: {error.strerror}"
                raise ClosedError(text) from None
            return self._call

    def _read(self, sock: socket.socket) -> bytes | None:
        """Read up to the end of the answer's line; None if there is no answer."""
        said = bytearray()
        pattern = re.compile(rb"^%s(.*)\n" % re.escape(MARK.encode()), re.M)
        while chunk := self._wait(sock):
            said += chunk
            if found := pattern.search(said):
                return found[1]
            if len(said) > _ANSWER:
                raise ClosedError(f"{self.host} answers with more than an answer")
        return None

    def _wait(self, sock: socket.socket, flags: int = 0) -> bytes:
        """Receive; nothing at the end of the stream."""
        deadline = time.monotonic() + PATIENCE
        sock.settimeout(0.25)
        while True:
            try:
                return sock.recv(1 << 16, flags)
            except ConnectionError:
                return b""
            except TimeoutError:
                if self._closed:
                    raise ClosedError("the connection was closed") from None
                if time.monotonic() > deadline:
                    text = f"ssh to {self.host} gave no answer for {PATIENCE:.0f} s"
                    raise ClosedError(text) from None

    def _understood(self, answer: bytes) -> list[Run]:
        try:
            content = json.loads(answer)
            error = content.get("error")
            found = [_run(item) for item in content["runs"]]
        except (ArithmeticError, LookupError, RecursionError, TypeError) as wrong:
            raise ClosedError(f"the answer of {self.host}: {wrong!r}") from None
        except (AttributeError, ValueError) as wrong:
            raise ClosedError(f"the answer of {self.host}: {wrong!r}") from None
        if error or not found:
            text = printable(str(error or "no run is alive")[:1000])
            raise RunNotFoundError(f"{text} ({self.host})")
        # A machine may have the same name as this one; its processes are others.
        return [replace(run, host=f"{run.host} (ssh)") for run in found]

    def _explained(self, call: _Call) -> str:
        """One line for why ssh has ended."""
        lines = [line.strip() for line in call.said.splitlines()]
        # The last word, but not ssh's own farewell after what went wrong.
        words = [s for s in lines if s and not s.startswith("Connection to ")] or lines
        last = printable(words[-1][:300]) if words else ""
        if call.status == 127 or (
            call.status == 1 and "No module named async_plot" in last
        ):
            return (
                f"async_plot is not found on {self.host}; say which Python has it: "
                f"--remote-python PATH ({last})"
            )
        if last:
            return f"ssh to {self.host}: {last}"
        return f"ssh to {self.host} ended with exit status {call.status}"


class _Call:
    """One process of ssh, and what it says of its troubles."""

    def __init__(self, words: list[str], stdin: Any, stdout: Any) -> None:
        self.said = ""
        self._reading = threading.Lock()
        # No pipe, which nobody would empty while ssh goes on.
        self._errors = tempfile.TemporaryFile()
        try:
            # In our session: it asks for passwords at our terminal.
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=stdout,
                stderr=self._errors,
            )
        except BaseException:
            self._errors.close()
            raise

    @property
    def status(self) -> int | None:
        """Exit status, once it has ended."""
        return self._process.returncode

    def ended(self, seconds: float) -> bool:
        """Wait so long for its end."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        with self._reading:  # the client's thread and whoever closes it both ask
            if not self._errors.closed:
                with self._errors as file:
                    file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                    self.said = file.read().decode(errors="replace")
        return True

    def end(self) -> None:
        """Wait for its end, which follows that of its input; else end it."""
        if not self.ended(LEAVE):
            self._process.terminate()
            if not self.ended(LEAVE):
                self._process.kill()
                self.ended(60.0)  # the kernel does not take long


def described(run: Run) -> dict[str, Any]:
    """What the other machine needs to know of a run, its key included."""
    content: dict[str, Any] = {name: getattr(run, name) for name in _FIELDS}
    content["address"] = list(run.address) if run.address else None
    content["key"] = run.key.hex() if run.key else None
    return content


# -- private -----------------------------------------------------------------------


def _run(content: dict[str, Any]) -> Run:
    key = Key.fromhex(content["key"]) if content["key"] else None
    if key is not None and len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    address = content["address"]
    host, port = address or ("", 0)
    # It becomes part of ssh's arguments.
    if address and not (re.fullmatch(r"[\w.:%-]+", host) and type(port) is int):
        raise ValueError(f"that is no address: {address!r}")
    return Run(
        run=str(content["run"]),
        name=str(content["name"]),
        host=str(content["host"]),
        pid=int(content["pid"]),
        python=str(content["python"]),
        started=float(content["started"]),
        address=(host, port) if address else None,
        key=key,
        state=str(content["state"]),
        birth=None,
        directory=Path(os.devnull),  # its files are not on this machine
    )


def _is_word(text: str) -> bool:
    return text.isprintable() and not any(c.isspace() for c in text)
