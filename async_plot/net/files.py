"""Private files: where this user's are, and that they are this user's alone.

Whoever could plant one could make a viewer run code, so owner and mode are checked
before anything in them is believed; and none is ever seen half written.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None  # type: ignore[assignment]
try:
    import resource as _resource
except ImportError:  # Windows
    _resource = None  # type: ignore[assignment]

__all__ = [
    "beside",
    "check_owner",
    "check_size",
    "home",
    "hostname",
    "in_use",
    "keep_beside",
    "mark_in_use",
    "open_owned",
    "open_private",
    "private_directory",
    "write_file",
]


def home() -> Path:
    """Directory of all private files: ``ASYNC_PLOT_HOME``, else the user's state.

    Raises
    ------
    OSError
        If this user has no home.
    """
    given = os.environ.get("ASYNC_PLOT_HOME")
    if given:
        return Path(given).absolute()
    import platformdirs

    try:
        return Path(platformdirs.user_state_path("async_plot", appauthor=False))
    except RuntimeError as error:  # neither HOME nor an entry for this user
        raise OSError(str(error)) from None


def hostname() -> str:
    """Name of this machine, fit for a directory."""
    return re.sub(r"[^\w.-]", "_", socket.gethostname()) or "localhost"


def private_directory(path: Path) -> Path:
    """Make a directory that only this user can enter, or check that it is one.

    Raises
    ------
    PermissionError
        If it belongs to somebody else, is a link, or others may write to it.
    """
    missing = [each for each in path.parents if not each.exists()]
    for each in (*reversed(missing), path):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)
            if each.lstat().st_mode & 0o700 != 0o700:  # a umask that takes all away
                each.chmod(0o700)
    check_owner(path, path.lstat(), directory=True)
    return path


def open_owned(path: Path) -> io.FileIO:
    """Open a file for reading that is this user's alone."""
    check_owner(path, path.lstat())
    # It may have been replaced since the look, by a link or by a pipe that waits:
    # what counts is what was opened.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    # `map` hands the descriptor on without a bytecode of ours between, where Ctrl-C
    # would leave it open.
    file = next(map(io.FileIO, map(os.open, [path], [flags])))
    try:
        check_owner(path, os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def check_owner(path: Path, status: os.stat_result, *, directory: bool = False) -> None:
    """Raise `PermissionError` unless it is a file of this user's alone."""
    if not hasattr(os, "geteuid"):  # Windows keeps a user's profile private itself
        return
    wanted = stat.S_ISDIR if directory else stat.S_ISREG
    if not wanted(status.st_mode):
        kind = "a directory" if directory else "a regular file"
        raise PermissionError(f"{path} is not {kind}")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user")
    if status.st_mode & 0o077:
        raise PermissionError(
            f"{path} is open to other users (mode {stat.S_IMODE(status.st_mode):o}); "
            f"chmod {'700' if directory else '600'} it if you trust its content"
        )


def check_size(path: str | os.PathLike[str], size: int) -> None:
    """Raise `OSError` if a file may not grow so big.

    Trying it would raise a signal, which ends the process if the calculation has set
    its handling back to what C programs get.
    """
    if _resource is not None:
        limit = _resource.getrlimit(_resource.RLIMIT_FSIZE)[0]
        if limit != _resource.RLIM_INFINITY and size > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))


def mark_in_use(file: io.FileIO) -> None:
    """Have `in_use` say so of a file until it is closed, or its process has ended.

    On Windows nobody can rename or replace an open file anyway; where a file system
    knows no locks, nothing is marked.
    """
    if _fcntl is not None:
        with contextlib.suppress(OSError):
            _fcntl.flock(file.fileno(), _fcntl.LOCK_EX | _fcntl.LOCK_NB)


def in_use(path: Path) -> bool:
    """Whether somebody, in this process or another one, is writing the file."""
    if _fcntl is None:
        return False
    flags = os.O_RDONLY | os.O_NONBLOCK
    try:
        with next(map(io.FileIO, map(os.open, [path], [flags]))) as file:
            _fcntl.flock(file.fileno(), _fcntl.LOCK_SH | _fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def keep_beside(path: Path) -> None:
    """Rename a file, if there is one, to ``FILE~``.

    Raises
    ------
    FileExistsError
        If somebody is writing one of the two.
    """
    kept = Path(f"{path}~")
    if in_use(path) or in_use(kept):
        raise FileExistsError(
            f"{path} is being written by somebody else; name another file"
        )
    with contextlib.suppress(FileNotFoundError):
        path.replace(kept)


# A descriptor that no Python code ever holds as a number: Ctrl-C just after the call
# would leave it open.
open_private = functools.partial(os.open, mode=0o600)


def beside(path: Path) -> Path:
    """Name for a file that is to take another one's place."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def write_file(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Replace a file in one step; its content is never seen half written."""
    temporary = beside(path)
    try:
        with open(temporary, "xb", opener=open_private) as file:
            if hasattr(os, "fchmod"):  # whatever the umask
                os.fchmod(file.fileno(), 0o600)
            for part in parts:
                file.write(part)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
