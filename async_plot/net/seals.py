"""The secret of a user, and what is sealed with it. Knows no file but the secret's.

See `async_plot.net.records` for what a seal is good for.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
from collections.abc import Iterable
from pathlib import Path

from ..wire import codec, framing, macs
from ..wire.framing import FROM_CALCULATION_LIMITS, Measure
from ..wire.messages import Frame, Memory, PlotterCode, Seal
from . import files

__all__ = ["mac", "needs_whole", "new_secret", "pack", "secret"]

_SECRET = "seal.key"
_SECRET_BYTES = 32
_CONTEXT = b"async_plot seal 1\0"


def secret(*, create: bool) -> bytes | None:
    """Give this user's secret on this machine; None if there is none and none was made.

    Raises
    ------
    OSError
        If it cannot be made or read, or is not this user's alone.
    """
    path = files.home() / _SECRET
    try:
        return _read_secret(path)
    except FileNotFoundError:
        if not create:
            return None
    files.private_directory(path.parent)
    fresh = files.beside(path)
    files.write_file(fresh, [new_secret()])
    try:
        # Another process may be about to make it too: one of them is the first.
        os.link(fresh, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        with contextlib.suppress(FileExistsError, PermissionError):
            if not path.exists():
                fresh.rename(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    with files.open_owned(path) as file:
        content = file.read(_SECRET_BYTES + 1)
    if len(content) != _SECRET_BYTES:
        raise PermissionError(f"{path} is no key of {_SECRET_BYTES} bytes; remove it")
    return content


def new_secret() -> bytes:
    """Make a secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def mac(
    key: bytes, file: bytes, index: int, whole: bool, parts: Iterable[Memory]
) -> bytes:
    """Compute what a `Seal` holds.

    Parameters
    ----------
    key : bytes
        The secret.
    file, index, whole
        Of the seal.
    parts : iterable of memory
        What it covers.
    """
    start = b"".join([_CONTEXT, file, index.to_bytes(8, "big"), bytes([whole])])
    made = macs.new(key, start)
    for part in parts:
        made.update(part)
    return made.digest()


# A `Seal` as `framing.encode` might write it: all of them have one length.
_SEAL = struct.Struct("!IHBB 3s16s sQ s 2s32s")


def pack(file: bytes, index: int, whole: bool, mac: bytes) -> bytes:
    """Write a `Seal` as a message, quicker than any other is written."""
    header = _SEAL.size - 8
    flag = b"\xc3" if whole else b"\xc2"
    return _SEAL.pack(
        *(header, 0, Seal.code, 0),
        *(b"\x94\xc4\x10", file, b"\xcf", index, flag, b"\xc4\x20", mac),
    )


def needs_whole(head: memoryview) -> bool:
    """Whether pickle may be fed any of a message's buffers.

    Parameters
    ----------
    head : memoryview
        At least all of the message that comes before its buffers.
    """
    measured = framing.measure(head, FROM_CALCULATION_LIMITS)
    assert isinstance(measured, Measure), "a message's first part holds its header"
    if not measured.sizes:
        return False
    if measured.code != Frame.code:
        return measured.code == PlotterCode.code
    header = bytes(head[measured.start : measured.end])
    try:
        frame = framing.assemble(Frame, header, [])
        return not isinstance(frame, Frame) or codec.holds_pickle(frame.payload)
    except Exception:  # whatever a damaged one makes msgpack say
        return True
