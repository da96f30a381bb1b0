"""HMAC-SHA256 that a fork cannot break.

OpenSSL, which `hashlib` and `hmac` use where they can, takes locks. If a calculation
forks while a background thread of ours holds one, nobody ever gives it back in the
child, and whatever uses OpenSSL there waits for ever. CPython's own SHA-256 has no
lock that outlives a call; it is slower, and what is authenticated here is small.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["new"]


def _own_sha256() -> Callable[[bytes], Any]:
    for module in ("_sha2", "_sha256"):  # from Python 3.12 on; before
        try:
            own: Callable[[bytes], Any] = importlib.import_module(module).sha256
        except ImportError:
            continue
        return own
    return hashlib.sha256  # of a Python that was built without its own


_SHA256 = _own_sha256()


def _sha256(data: bytes = b"") -> Any:
    # A function of Python's: for others, `hmac` looks whether OpenSSL has the like.
    return _SHA256(data)


def new(key: bytes, message: bytes) -> hmac.HMAC:
    """Begin an HMAC-SHA256, as `hmac.new` does.

    Parameters
    ----------
    key, message : bytes
        The secret, and the first part of what it is to vouch for.
    """
    return hmac.new(key, message, _sha256)
