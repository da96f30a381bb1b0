"""TLS without a socket: two ends back to back, and the certificate of a run."""

from __future__ import annotations

import os
import ssl
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from async_plot.errors import HandshakeError
from async_plot.net import tls
from async_plot.net.tls import Tls


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Tls, Tls, str]:
    """Both ends before their handshake, and the fingerprint."""
    certificate, fingerprint = tls.identity()
    accepting = tls.accepting(certificate, tmp_path)
    return Tls(tls.dialling()), Tls(accepting), fingerprint


def carry(source: Tls, target: Tls, step: int = 1 << 20) -> int:
    """Hand over what one end has to send, so many bytes at a time."""
    data = memoryview(source.data_to_send())
    for start in range(0, len(data), step):
        target.received(data[start : start + step])
    return len(data)


def shake(here: Tls, there: Tls, step: int = 1 << 20) -> None:
    done = [False, False]
    for _ in range(10):
        for index, (one, other) in enumerate(((here, there), (there, here))):
            done[index] = done[index] or one.shake()
            carry(one, other, step)
        if all(done):
            return
    pytest.fail("no end of the handshake")


def read(end: Tls, size: int = 1 << 20) -> bytes | None:
    memory = memoryview(bytearray(size))
    count = end.read_into(memory)
    return None if count is None else bytes(memory[:count])


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_what_is_written_is_read_however_the_bytes_are_cut(step, ends):
    """Both ways, after a handshake that ends at both."""
    here, there, fingerprint = ends
    shake(here, there, step)
    assert here.fingerprint() == fingerprint
    for source, target, said in ((here, there, b"ready"), (there, here, b"frame")):
        assert read(target) is None
        source.write(memoryview(said))
        carry(source, target, step)
        assert read(target) == said


def test_big_pieces_are_many_records(ends):
    """More than a record holds is written, and read, by one call."""
    here, there, _ = ends
    shake(here, there)
    data = os.urandom(100_000)
    there.write(memoryview(data))
    assert carry(there, here) > len(data)
    assert read(here, 60_000) == data[:60_000]
    assert read(here) == data[60_000:]
    assert read(here) is None


def test_the_end_is_told(ends):
    """By a word of TLS, or by the end of the bytes."""
    here, there, _ = ends
    shake(here, there)
    there.write(memoryview(b"last"))
    there.close()
    carry(there, here)
    assert (read(here), read(here), read(here)) == (b"last", b"", b"")
    there.received(memoryview(b""))
    assert read(there) == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2])
def test_older_versions_are_refused_at_both_ends(version, tmp_path):
    """Nothing below 1.3 is agreed on, whoever asks for it."""
    certificate, _ = tls.identity()
    for old in ("dialling", "accepting"):
        contexts = {
            "dialling": tls.dialling(),
            "accepting": tls.accepting(certificate, tmp_path),
        }
        contexts[old].minimum_version = version
        contexts[old].maximum_version = version
        here, there = Tls(contexts["dialling"]), Tls(contexts["accepting"])
        with pytest.raises(HandshakeError, match=r"no TLS 1\.3"):
            shake(here, there)


def test_garbage_is_no_handshake(ends):
    """It is an error of the handshake, at whichever end it comes in."""
    for end in ends[:2]:
        end.shake()
        end.received(memoryview(b"\x89APLOT\r\n" + bytes(200)))
        with pytest.raises(HandshakeError):
            end.shake()


def test_a_changed_byte_is_noticed(ends):
    """What was tampered with is not read."""
    here, there, _ = ends
    shake(here, there)
    there.write(memoryview(b"frame"))
    data = bytearray(there.data_to_send())
    data[-1] ^= 1
    here.received(memoryview(data))
    with pytest.raises(OSError):
        read(here)


def test_the_certificate_tells_nothing_and_lasts():
    """It is valid for clocks that are years off, and names nobody."""
    pem, fingerprint = tls.identity()
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.subject.rfc4514_string() == "CN=async_plot"
    assert isinstance(certificate.public_key().curve, ec.SECP256R1)
    now, years = datetime.now(timezone.utc), timedelta(days=3650)
    assert certificate.not_valid_before_utc < now - years
    assert certificate.not_valid_after_utc > now + years
    assert len(bytes.fromhex(fingerprint)) == 32
    assert tls.identity()[1] != fingerprint


def test_the_key_leaves_no_file(tmp_path, monkeypatch):
    """Where files need a name, it is this user's alone and gone at once."""
    tmp_path = tmp_path / "empty"
    tmp_path.mkdir()
    certificate, _ = tls.identity()
    tls.accepting(certificate, tmp_path)
    assert os.listdir(tmp_path) == []
    monkeypatch.delattr(os, "memfd_create")
    seen = []
    real = ssl.SSLContext.load_cert_chain

    def look(context, path):
        seen.append(stat.S_IMODE(os.stat(path).st_mode))
        assert Path(path).parent == tmp_path
        real(context, path)
        if len(seen) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", look)
    tls.accepting(certificate, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        tls.accepting(certificate, tmp_path)
    assert seen == [0o600, 0o600]
    assert os.listdir(tmp_path) == []
