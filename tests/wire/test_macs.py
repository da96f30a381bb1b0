"""HMAC-SHA256 is what it should be, and takes no lock of OpenSSL's."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from async_plot.wire import macs

from ..helpers import run_script


@pytest.mark.parametrize(
    ("key", "message", "digest"),
    [  # RFC 4231, test cases 1, 2 and 6
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_it_is_the_standards(key: bytes, message: bytes, digest: str) -> None:
    """Whole, and in parts."""
    assert macs.new(key, message).hexdigest() == digest
    made = macs.new(key, message[:5])
    made.update(memoryview(message)[5:])
    assert made.hexdigest() == digest
    assert made.digest() == hmac.digest(key, message, hashlib.sha256)


def test_a_run_needs_no_openssl(tmp_path: Path) -> None:
    """Neither its handshake nor its record: a fork may come at any moment of both."""
    source = """
import hashlib, hmac, _hashlib, sys, threading, time

def refuse(*args, **kwargs):
    raise AssertionError("OpenSSL was used")

for name in ("hmac_digest", "hmac_new", "openssl_sha256", "new"):
    setattr(_hashlib, name, refuse)
hashlib.sha256 = hashlib.new = hmac.digest = refuse
from async_plot import Client, Server
from async_plot.net.records import Records
got = []
def receive():
    got.extend(frame.args for frame in Client(server))
with Server(view=None, overhead=1, record=sys.argv[1]) as server:
    thread = threading.Thread(target=receive)
    thread.start()
    while not got:
        assert thread.is_alive()
        server.update(1)
        time.sleep(0.001)
thread.join()
for path in (sys.argv[1], server.connection_file.with_name("record")):
    with Records(path) as records:
        assert records.own
print(got[-1])
"""
    done = run_script(source, str(tmp_path / "run.aplot"))
    assert done.stdout == "(1,)\n"
    assert done.stderr == ""
