"""Tests of the secret by which a user's files are known."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot.net import seals
from async_plot.wire import codec, framing, pickles
from async_plot.wire.messages import FROM_CALCULATION, Frame, PlotterCode

from ..wire.samples import SAMPLES, CountingStore


def test_the_secret_is_made_once(home: Path) -> None:
    """By whoever needs it first, for this user alone; a reader makes none."""
    assert seals.secret(create=False) is None
    assert not (home / "seal.key").exists()
    one = seals.secret(create=True)
    assert one is not None and len(one) == 32
    assert (home / "seal.key").stat().st_mode & 0o777 == 0o600
    assert seals.secret(create=True) == seals.secret(create=False) == one
    assert [p.name for p in home.iterdir()] == ["seal.key"]


def test_many_at_once_make_one_secret(home: Path) -> None:
    """Whoever comes second takes that of the first."""
    found = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        found.append(seals.secret(create=True))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    assert [p.name for p in home.iterdir()] == ["seal.key"]


def test_a_disk_without_links(home: Path, monkeypatch: Any) -> None:
    """Some file systems have none."""

    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", link)
    assert seals.secret(create=True) == seals.secret(create=True) is not None
    assert [p.name for p in home.iterdir()] == ["seal.key"]


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_secret_is_none(home: Path, content: bytes) -> None:
    """An empty key must not seal anything."""
    (home / "seal.key").write_bytes(content)
    (home / "seal.key").chmod(0o600)
    with pytest.raises(PermissionError, match=r"seal\.key is no key of 32 bytes"):
        seals.secret(create=True)


def test_a_mac_stands_for_all_that_it_is_told() -> None:
    """Another file, place, reach or byte gives another one."""
    key = b"k" * 32
    made = {
        seals.mac(key, b"f" * 16, 1, True, [b"ab"]),
        seals.mac(key, b"f" * 16, 1, False, [b"ab"]),
        seals.mac(key, b"f" * 16, 2, True, [b"ab"]),
        seals.mac(key, b"g" * 16, 1, True, [b"ab"]),
        seals.mac(key, b"f" * 16, 1, True, [b"ac"]),
        seals.mac(b"l" * 32, b"f" * 16, 1, True, [b"ab"]),
    }
    assert len(made) == 6
    assert seals.mac(key, b"f" * 16, 1, True, [b"a", b"b"]) in made


def head(*args: Any) -> memoryview:
    store = CountingStore()
    payload = codec.encode(args, {}, store, pickles.dumps)
    return framing.encode(Frame("", 1, 1.0, False, payload, store.buffers))[0]


def test_what_must_be_sealed_as_a_whole() -> None:
    """Whatever has buffers that pickle is fed, and nothing that has none."""
    array = np.arange(3)
    for args in (
        (array, 1.5, "text"),
        ([array, (array, {"a": array})], {array.size}),
        (np.ma.masked_array(array, array > 1),),
        (complex(1, 2), 1 << 70),
        (),
    ):
        assert not seals.needs_whole(head(*args)), args
    for args in (
        (pytest, array),
        ([(array, {"a": (pytest,)})],),
        (["text"] * 20_000,),
    ):
        assert seals.needs_whole(head(*args)), args
    assert not seals.needs_whole(head(pytest))  # the pickle is in the header
    whole = {
        kind
        for kind in FROM_CALCULATION
        if seals.needs_whole(framing.encode(SAMPLES[kind])[0])
    }
    assert whole == {PlotterCode}
