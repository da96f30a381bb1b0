"""TLS as this package uses it: version 1.3, and a certificate known by its hash.

Bytes in, bytes out, as in `wire`: OpenSSL's state of one connection must not be used
by two threads, nor may it read from a socket that another one writes to, so it gets
no socket [1]_ [2]_. Who may say what is not decided here.

References
----------
.. [1] https://github.com/python/cpython/issues/143756
.. [2] https://docs.python.org/3/library/ssl.html#memory-bio-support
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import tempfile
from pathlib import Path

from ..errors import HandshakeError

__all__ = ["Tls", "accepting", "dialling", "identity"]

_YEARS = 30  # a run of weeks, on a machine whose clock may be years off
_RECORD = 1 << 14  # bytes of one TLS record at most


class Tls:
    """One end of a TLS connection.

    Parameters
    ----------
    context : ssl.SSLContext
        What `accepting` or `dialling` gives.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=context.protocol == ssl.PROTOCOL_TLS_SERVER,
        )

    def received(self, data: memoryview) -> None:
        """Take bytes of the other end; none at the end of its stream."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def data_to_send(self) -> bytes:
        """Everything that the other end is to be sent."""
        return self._outgoing.read()

    def shake(self) -> bool:
        """Go on with the handshake; say whether this end has finished it.

        Raises
        ------
        HandshakeError
            If the other end does not speak TLS 1.3; `data_to_send` may say it.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            raise HandshakeError(f"no TLS 1.3 with the other end: {reason}") from None
        return True

    def fingerprint(self) -> str:
        """SHA-256 of the other end's certificate, in hexadecimal."""
        certificate = self._object.getpeercert(binary_form=True)
        return hashlib.sha256(certificate or b"").hexdigest()

    def read_into(self, memory: memoryview) -> int | None:
        """Decrypt what was received, as much as the memory takes.

        Returns
        -------
        int or None
            Bytes; 0 at the end of the stream, None if more must be received first.
        """
        count = 0
        try:
            while count < len(memory):
                # One record a call, whatever the memory.
                step = self._object.read(len(memory) - count, memory[count:])
                if not step:
                    return count
                count += int(step)
        except ssl.SSLWantReadError:
            return count or None
        except ssl.SSLEOFError:
            # Cut without a word: whatever was cut off is missed by the protocol.
            return count
        return count

    def write(self, memory: memoryview) -> None:
        """Encrypt all of it; `data_to_send` gives it."""
        done = 0
        while done < len(memory):
            done += self._object.write(memory[done : done + _RECORD])

    def close(self) -> None:
        """Say that this end says nothing more."""
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._object.unwrap()


def dialling() -> ssl.SSLContext:
    """Context of the end that dials.

    It believes any certificate: whoever dials compares `Tls.fingerprint` with the one
    that it knows before it says anything, and asks no authority and no clock.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def accepting(certificate: bytes, directory: Path) -> ssl.SSLContext:
    """Context of the end that is dialled.

    Parameters
    ----------
    certificate : bytes
        Certificate and key, as `identity` makes them.
    directory : Path
        Where a file may lie for a moment that this user alone can read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # nobody resumes: every connection shows the certificate
    _load(context, certificate, directory)
    return context


def identity() -> tuple[bytes, str]:
    """Make a certificate that signs itself, on the curve P-256.

    Returns
    -------
    certificate : bytes
        Certificate and key, in PEM.
    fingerprint : str
        SHA-256 of the certificate, in hexadecimal.
    """
    from datetime import datetime, timedelta, timezone

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    # It says nothing of user, machine or run: everybody who dials gets to see it.
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "async_plot")])
    now, span = datetime.now(timezone.utc), timedelta(days=365 * _YEARS)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - span)
        .not_valid_after(now + span)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    fingerprint: str = made.fingerprint(hashes.SHA256()).hex()
    return pem + secret, fingerprint


# -- private -----------------------------------------------------------------------


def _load(context: ssl.SSLContext, certificate: bytes, directory: Path) -> None:
    """Hand a key to OpenSSL, which takes it from a file alone.

    Where the system has files without a name, it never comes near a disk; elsewhere
    it is a private one for a moment.
    """
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        with open(os.memfd_create("async_plot"), "wb") as file:
            file.write(certificate)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return
    # `mkstemp`, beneath it, makes the file for this user alone.
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
        try:
            file.write(certificate)
            file.close()
            context.load_cert_chain(file.name)
        finally:
            os.unlink(file.name)
