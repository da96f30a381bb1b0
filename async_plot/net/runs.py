"""Run files: where the runs of this user on this machine are found.

``HOME/HOST/RUN/`` holds ``connection.json`` (address, key, who runs), ``record``
(plotters, last frame and end, as messages) and ``client.log`` (what the launched
viewer printed). Directories are 0700 and files 0600, owned by the user and checked
before anything in them is believed: whoever can plant a connection file can make
a viewer run code.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import AsyncPlotError, RunNotFoundError
from ..wire.framing import printable
from ..wire.handshake import KEY_BYTES, Key
from ..wire.messages import Message, State
from . import files
from .files import home, hostname, private_directory

__all__ = [
    "Run",
    "clean_quietly",
    "create",
    "end",
    "find",
    "has_ended",
    "last_word",
    "list_runs",
    "memory_file",
    "oom_kills",
    "read",
    "read_record",
    "recorded",
]

_CONNECTION = "connection.json"
_PAUSED = "paused"
_RECORD = "record"
KEPT_RUNS = 50  # ended runs of this machine whose files are kept
KEPT_SECONDS = 14 * 86400.0
KEPT_BYTES = 2 << 30  # of all of them together; the newest one stays in any case
_IDENTITY = re.compile(r"\d{8}-\d{6}-\d+-[0-9a-f]{4}")  # what `create` makes


@dataclass(frozen=True, slots=True)
class Run:
    """What a connection file says.

    Attributes
    ----------
    run, name, host, pid, python, started
        As in `async_plot.wire.messages.Welcome`.
    address : (str, int) or None
        Where the run listens on its machine; None once it has ended.
    key : bytes or None
        Its secret; None once it has ended. Kept out of ``repr``.
    state : str
        The last state that it wrote.
    birth : int or None
        The kernel's start time of the process, so that a process number used
        again is not taken for the run.
    directory : Path
        Where its files are.
    remote : (str, int) or None
        Where other machines reach it by TLS, if they may.
    fingerprint : str or None
        SHA-256 of the certificate that they must find there, in hexadecimal.
    memory : str
        File that counts what the kernel killed for lack of memory in the run's
        control group; empty if there is none.
    oom_kills : int or None
        What it said at the start.
    """

    run: str
    name: str
    host: str
    pid: int
    python: str
    started: float
    address: tuple[str, int] | None
    key: bytes | None = field(repr=False)
    state: str
    birth: int | None
    directory: Path
    remote: tuple[str, int] | None = None
    fingerprint: str | None = None
    memory: str = ""
    oom_kills: int | None = None

    @property
    def connection_file(self) -> Path:
        """The file that `read` reads."""
        return self.directory / _CONNECTION

    @property
    def record_file(self) -> Path:
        """What stays of the run."""
        return self.directory / _RECORD

    @property
    def fault_file(self) -> Path:
        """Stacks of a crash."""
        return self.directory / "fault"

    @property
    def client_log(self) -> Path:
        """What the launched viewer printed."""
        return self.directory / "client.log"

    @property
    def alive(self) -> bool:
        """Whether the run's process is there; only asked on its own machine."""
        return self.address is not None and (
            self.host != hostname() or process_exists(self.pid, self.birth)
        )


# -- writing -----------------------------------------------------------------------


def create(
    name: str,
    address: tuple[str, int],
    key: bytes,
    remote: tuple[str, int] | None = None,
    fingerprint: str | None = None,
) -> tuple[Run, str]:
    """Make the files of a new run of this process.

    Parameters
    ----------
    name, address, key, remote, fingerprint
        As in `Run`.

    Returns
    -------
    run : Run
    trouble : str
        Empty, or why they lie in a temporary directory where ``async-plot view``
        does not find them by name.

    Raises
    ------
    OSError
        If they cannot be written there either.
    """
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    memory = memory_file()
    identity = f"{stamp}-{os.getpid()}-{secrets.token_hex(2)}"
    run = Run(
        run=identity,
        name=name,
        host=hostname(),
        pid=os.getpid(),
        python=".".join(map(str, sys.version_info[:3])),
        started=now,
        address=address,
        key=key,
        state="running",
        birth=birth(os.getpid()),
        directory=Path(),
        remote=remote,
        fingerprint=fingerprint,
        memory=memory,
        oom_kills=oom_kills(memory),
    )
    try:
        run = replace(run, directory=home() / hostname() / identity)
        private_directory(private_directory(home()) / hostname())
        private_directory(run.directory)
        _write(run)
    except OSError as error:
        run = replace(run, directory=Path(tempfile.mkdtemp(prefix="async_plot-")))
        try:
            _write(run)
        except BaseException:
            _remove(run.directory)
            raise
        return run, f"run files are in {run.directory}: {error}"
    return run, ""


def end(run: Run, state: str) -> Run:
    """Note that a run has ended: its address and key are void."""
    ended = replace(run, address=None, key=None, state=state, remote=None)
    _write(ended)
    return ended


def note_pause(run: Run, by: str) -> None:
    """Note beside its file who has a run paused; nobody: it goes on."""
    with contextlib.suppress(OSError):
        if by:
            files.write_file(run.directory / _PAUSED, [by.encode()])
        else:
            (run.directory / _PAUSED).unlink(missing_ok=True)


def paused_by(run: Run) -> str:
    """Who has a run paused that is alive; empty if nobody has."""
    with contextlib.suppress(OSError):
        with files.open_owned(run.directory / _PAUSED) as file:
            return printable(file.read(200).decode(errors="replace"))
    return ""


def _write(run: Run) -> None:
    content = asdict(run)
    del content["directory"]
    content["key"] = run.key.hex() if run.key else None
    files.write_file(run.connection_file, [json.dumps(content, indent=1).encode()])


# -- reading -----------------------------------------------------------------------


def read(path: str | os.PathLike[str]) -> Run:
    """Read a connection file, or the one in a run's directory.

    Raises
    ------
    RunNotFoundError
        If there is none, or it is damaged.
    PermissionError
        If it is not this user's alone: it could have been planted.
    """
    path = Path(path).absolute()
    if path.is_dir():
        path = path / _CONNECTION
    try:
        with files.open_owned(path) as file:
            content: dict[str, Any] = json.loads(file.read())
        key = Key.fromhex(content["key"]) if content["key"] else None
        if key is not None and len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        address = content["address"]
        remote, fingerprint = content.get("remote"), content.get("fingerprint")
        if remote and len(bytes.fromhex(str(fingerprint))) != 32:
            raise ValueError("a fingerprint has 32 bytes")
        return Run(
            run=str(content["run"]),
            name=str(content["name"]),
            host=str(content["host"]),
            pid=int(content["pid"]),
            python=str(content["python"]),
            started=float(content["started"]),
            address=(str(address[0]), int(address[1])) if address else None,
            key=key,
            state=str(content["state"]),
            birth=content["birth"],
            directory=path.parent,
            remote=(str(remote[0]), int(remote[1])) if remote else None,
            fingerprint=fingerprint if remote else None,
            memory=str(content.get("memory", "")),
            oom_kills=content.get("oom_kills"),
        )
    except (FileNotFoundError, NotADirectoryError):
        raise RunNotFoundError(f"there is no connection file {path}") from None
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as e:
        raise RunNotFoundError(
            f"{path} is neither a connection file nor a recording: {e!r}"
        ) from None


def read_record(run: Run) -> list[Message]:
    """Read the messages that stay of a run; those before a cut, if it was cut.

    An absent record is an empty one.
    """
    from .records import Records  # and with it numpy, which a worker may not need

    try:
        # As much this user's own as the connection file beside it that named it.
        records = Records(run.record_file, trust=True, private=True)
    except FileNotFoundError:
        return []
    with records:
        return [records.read(entry) for entry in records.entries]


def recorded(path: Path) -> Run:
    """Tell which run a recording is of.

    Raises
    ------
    RunNotFoundError
        If the file does not say it.
    """
    from .records import Records

    with Records(path) as read:
        welcome, damage = read.welcome, read.damage
    if welcome is None:
        raise RunNotFoundError(f"{path} holds no run: {damage or 'it is empty'}")
    return Run(
        run=welcome.run,
        name=welcome.name,
        host=welcome.host,
        pid=welcome.pid,
        python=welcome.python,
        started=welcome.started,
        address=None,
        key=None,
        state="recorded",
        birth=None,
        directory=path.absolute().parent,
    )


def last_word(run: Run) -> State | None:
    """Read from its record how a run said that it ended; None if it did not."""
    from .records import Records

    with (
        contextlib.suppress(OSError, AsyncPlotError),
        Records(run.record_file, trust=True, private=True) as records,
    ):
        for entry in reversed(records.entries):
            if entry.kind is State:
                said = records.read(entry)
                return said if isinstance(said, State) else None
    return None


def list_runs() -> list[Run]:
    """Runs of this user on this machine, newest first, those that ended included."""
    base = home() / hostname()
    runs = []
    try:
        for directory in (base.parent, base):
            files.check_owner(directory, directory.lstat(), directory=True)
        names = os.listdir(base)
    except FileNotFoundError:
        return []
    for name in names:
        with contextlib.suppress(RunNotFoundError, PermissionError):
            runs.append(read(base / name))
    return sorted(runs, key=lambda run: (run.started, run.run), reverse=True)


def find(name: str | os.PathLike[str] | None = None) -> Run:
    """Find a run by its name, identifier, directory or connection file.

    Parameters
    ----------
    name : str or path, optional
        Without it, the newest run that is alive, else the newest.

    Raises
    ------
    RunNotFoundError
        If there is none; the text lists those that there are.
    """
    if name is not None and os.sep in str(name):
        return read(name)
    runs = list_runs()
    fitting = [r for r in runs if name is None or str(name) in (r.name, r.run)]
    if not fitting:
        fitting = [r for r in runs if r.run.startswith(str(name))]
    if not fitting and name is not None and Path(name).is_file():
        return read(name)
    if not fitting:
        known = ", ".join(sorted({r.name for r in runs if r.alive})) or "none"
        what = "no run" if name is None else f"no run named {str(name)!r}"
        raise RunNotFoundError(f"{what} of this user on this machine; alive: {known}")
    return next((r for r in fitting if r.alive), fitting[0])


def clean_quietly() -> None:
    """Remove the files of runs that ended long ago or are too many, where it can.

    And what a run that was killed had half written.
    """
    now = time.time()
    try:
        found = list_runs()
        names = os.listdir(home() / hostname())
    except OSError:  # `create` will say it
        return
    size = 0
    for index, run in enumerate(run for run in found if not run.alive):
        size += _tidied_size(run.directory)
        too_many = index >= KEPT_RUNS or (index > 0 and size > KEPT_BYTES)
        if too_many or now - run.started > KEPT_SECONDS:
            _remove(run.directory)
    # Made by a run that was killed before it said who it is.
    known = {run.run for run in found}
    for name in names:
        directory = home() / hostname() / name
        if name not in known and _IDENTITY.fullmatch(name):
            with contextlib.suppress(OSError):
                if now - directory.lstat().st_mtime > KEPT_SECONDS:
                    _remove(directory)


def _tidied_size(directory: Path) -> int:
    """Bytes of a dead run's files, after removing what is of no use to anybody."""
    size = 0
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            path = directory / name
            length = path.lstat().st_size
            if name.startswith(".") or (name == "fault" and not length):
                path.unlink()
            else:
                size += length
    return size


def _remove(directory: Path) -> None:
    # `shutil.rmtree` closes a descriptor twice, or never, if Ctrl-C comes just then.
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            os.unlink(directory / name)
        os.rmdir(directory)


# -- processes ---------------------------------------------------------------------


def birth(pid: int) -> int | None:
    """Start time of a process in the kernel's ticks, where the kernel tells it."""
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = content.rpartition(b")")[2].split()
    return int(fields[19]) if fields[0] not in (b"Z", b"X") else None


def memory_file() -> str:
    """File that counts what the kernel killed for memory in our control group."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found = f"/sys/fs/cgroup{path}/memory.events"
        elif "memory" in controllers.split(","):
            found = f"/sys/fs/cgroup/memory{path}/memory.oom_control"
        else:
            continue
        if os.path.exists(found):
            return found
    return ""


def oom_kills(path: str) -> int | None:
    """How many processes of a control group were killed for lack of memory."""
    try:
        lines = Path(path).read_text().splitlines() if path else []
        return next(int(x.split()[1]) for x in lines if x.startswith("oom_kill "))
    except (OSError, StopIteration, ValueError):
        return None


def process_exists(pid: int, born: int | None) -> bool:
    """Whether the process that was born then is still there."""
    if born is not None:
        return birth(pid) == born
    if sys.platform == "win32":
        return _exists_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def has_ended(pid: int) -> bool:
    """Whether a process of this machine is not there any more, or a zombie."""
    if os.path.exists("/proc/self/stat"):
        return birth(pid) is None
    return not process_exists(pid, None)


def _exists_on_windows(pid: int) -> bool:
    # There `os.kill` would end the process. 0x1000 asks for no more than to look,
    # and 259 is the exit code of a process that still runs.
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 - only there
    handle = kernel.OpenProcess(0x1000, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    try:
        return bool(kernel.GetExitCodeProcess(handle, ctypes.byref(code))) and (
            code.value == 259
        )
    finally:
        kernel.CloseHandle(handle)
