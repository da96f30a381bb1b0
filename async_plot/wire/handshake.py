"""Proof of the key, both ways, before anything else is read. Knows no socket.

The end that was dialled says ``hello``, the one that dials answers ``proof`` and
gets ``answer``::

    hello   8 magic | u16 version | 32 nonce                                = 42
    proof   8 magic | u16 version | u8 role | u8 right | 32 nonce | 32 mac  = 76
    answer  u8 verdict | 32 mac                                             = 33

Each mac is HMAC-SHA256 over a label of its direction and everything said before
it (so version, role, right and both nonces): a message cannot be replayed, sent
back, or answered for another version. The key used is the run's key for the right
that is asked for, see `derive`, or that for workers, see `worker_key`; the run's key
itself never travels. Where something else protects the connection, both macs also
stand for the fingerprint of its certificate: what was said on an unprotected connection
is no proof on a protected one.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Callable

from ..errors import AuthenticationError, HandshakeError, VersionError
from . import macs
from .messages import Right, Role

__all__ = [
    "KEY_BYTES",
    "LIMIT",
    "VERSION",
    "Dialled",
    "Dialling",
    "Key",
    "derive",
    "new_key",
    "worker_key",
]

VERSION = 1
KEY_BYTES = 32
LIMIT = 256  # bytes that a peer may send before its proof was accepted
TIMEOUT = 5.0  # seconds for the whole handshake

_MAGIC = b"\x89APLOT\r\n"  # not text, and mangled line ends are noticed
_HELLO = struct.Struct("!8sH32s")
_PROOF = struct.Struct("!8sHBB32s32s")
_ANSWER = struct.Struct("!B32s")
_WELCOME, _WRONG_VERSION, _WRONG_KEY = 0, 1, 2


class Key(bytes):
    """A secret that no log and no traceback with its variables shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<key>"

    __str__ = __repr__


def new_key() -> Key:
    """Make the secret of a run: 32 random bytes."""
    return Key(os.urandom(KEY_BYTES))


def derive(key: bytes, right: Right) -> Key:
    """Key that proves a right.

    The run's key is the one for `Right.ADMINISTER`; each lower right's key is the
    HMAC-SHA256 of the next higher one, so whoever holds a key can hand out the
    keys of lower rights, and of no higher one.
    """
    for level in range(Right.ADMINISTER, right, -1):
        key = macs.new(key, b"async_plot right %d" % (level - 1)).digest()
    return Key(key)


def worker_key(key: bytes) -> Key:
    """Key by which a worker proves that a run sent it: it can report, and not look.

    HMAC-SHA256 of the run's key. It travels with tasks, through whatever the executor
    uses for that.
    """
    return Key(macs.new(key, b"async_plot worker").digest())


class Dialled:
    """The handshake of the end that was dialled, for one connection.

    Parameters
    ----------
    key : bytes
        The run's key.
    random : callable, default: os.urandom
        Source of the nonce.
    binding : callable, default: bytes
        ``binding()`` gives the fingerprint, or nothing; called when the proof is there.
    """

    def __init__(
        self,
        key: bytes,
        random: Callable[[int], bytes] = os.urandom,
        binding: Callable[[], bytes] = bytes,
    ) -> None:
        self._key = key
        self._binding = binding
        self._hello = _HELLO.pack(_MAGIC, VERSION, random(32))
        self._received = b""
        self.role: Role | None = None
        self.right: Right | None = None

    def data_to_send(self) -> bytes:
        """What this end says first."""
        return self._hello

    def receive(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Take bytes of the peer.

        Returns
        -------
        (bytes, bytes) or None
            The answer to send and the bytes that came after the proof; None while
            the proof is not complete. `role` and `right` are set.

        Raises
        ------
        HandshakeError
            If the peer is no friend; `refusal` says it to the peer.
        """
        self._received += data
        ours = self._received[: len(_MAGIC)]
        if not _MAGIC.startswith(ours):
            raise HandshakeError("the peer does not speak the async_plot protocol")
        if len(self._received) < _PROOF.size:
            return None
        proof, rest = self._received[: _PROOF.size], self._received[_PROOF.size :]
        _, version, role, right, _, mac = _PROOF.unpack(proof)
        if version != VERSION:
            raise VersionError(VERSION, version)
        said = self._hello + proof[:-32]
        try:
            self.role, self.right = Role(role), Right(right)
        except ValueError:
            raise HandshakeError(f"role {role} or right {right} is unknown") from None
        if self.role is Role.WORKER:
            key = worker_key(self._key)
        else:
            key = derive(self._key, self.right)
        bound = self._binding()
        if not hmac.compare_digest(mac, _mac(key, b"dialling", said + bound)):
            raise AuthenticationError("the peer does not hold the key of this run")
        answer = _ANSWER.pack(_WELCOME, _mac(key, b"dialled", said + mac + bound))
        return answer, rest

    @staticmethod
    def refusal(error: HandshakeError) -> bytes:
        """What to send before closing after that error."""
        verdict = _WRONG_VERSION if isinstance(error, VersionError) else _WRONG_KEY
        return _ANSWER.pack(verdict, b"\0" * 32)


class Dialling:
    """The handshake of the end that dials.

    Parameters
    ----------
    key : bytes
        The key for `right`, see `derive`, or a worker's.
    role, right : Role, Right
        What this end is, and what it asks to be allowed.
    random : callable, default: os.urandom
        Source of the nonce.
    binding : bytes, default: b""
        The fingerprint, or nothing.
    """

    def __init__(
        self,
        key: bytes,
        role: Role,
        right: Right,
        random: Callable[[int], bytes] = os.urandom,
        binding: bytes = b"",
    ) -> None:
        self._key = key
        self._binding = binding
        self.role = role
        self._right = right
        self._nonce = random(32)
        self._received = b""
        self._said = b""  # everything under the answer's mac, once proof was given

    def receive(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take bytes of the peer.

        Returns
        -------
        to_send : bytes
            What to say now, maybe nothing.
        rest : bytes or None
            None while the handshake goes on; else what came after it.

        Raises
        ------
        HandshakeError
            If the peer is not the run that this key belongs to.
        """
        self._received += data
        if not self._said:
            if not _MAGIC.startswith(self._received[: len(_MAGIC)]):
                raise HandshakeError("nothing of async_plot listens at that address")
            if len(self._received) < _HELLO.size:
                return b"", None
            hello = self._received[: _HELLO.size]
            self._received = self._received[_HELLO.size :]
            _, version, _ = _HELLO.unpack(hello)
            if version != VERSION:
                raise VersionError(VERSION, version)
            if self._received:  # a true answer is made of a proof it has not seen
                raise AuthenticationError("the other end answers before it was asked")
            proof = _PROOF.pack(
                _MAGIC, VERSION, self.role, self._right, self._nonce, b"\0" * 32
            )[:-32]
            mac = _mac(self._key, b"dialling", hello + proof + self._binding)
            self._said = hello + proof + mac
            return proof + mac, None
        if len(self._received) < _ANSWER.size:
            return b"", None
        verdict, mac = _ANSWER.unpack(self._received[: _ANSWER.size])
        if verdict == _WRONG_VERSION:
            raise HandshakeError("the other end refuses this version of the protocol")
        if verdict != _WELCOME or not hmac.compare_digest(
            mac, _mac(self._key, b"dialled", self._said + self._binding)
        ):
            raise AuthenticationError("the other end does not hold the key of this run")
        return b"", self._received[_ANSWER.size :]


def _mac(key: bytes, label: bytes, said: bytes) -> bytes:
    return macs.new(key, b"async_plot " + label + b"\0" + said).digest()
