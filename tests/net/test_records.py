"""Tests of the files of messages: whole, cut, damaged, foreign."""

from __future__ import annotations

import os
import pickle
import random
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot.errors import ForeignError, ProtocolError
from async_plot.net import records, seals
from async_plot.net import writer as writing
from async_plot.net.records import MAGIC, Records, Writer, is_records, write_whole
from async_plot.wire import codec, framing, pickles
from async_plot.wire.messages import (
    FROM_CALCULATION,
    Frame,
    Log,
    Message,
    PlotterCode,
    Ready,
    Seal,
    Slot,
    SlotFrame,
    State,
    Welcome,
)

from ..wire.samples import SAMPLES, CountingStore, plain


class Thing:
    """What only a pickle can carry."""


def frame(number: int, *args: Any) -> Frame:
    """Make a frame of these arguments."""
    store = CountingStore()
    payload = codec.encode(args, {}, store, pickles.dumps)
    return Frame("", number, 2.5, False, payload, store.buffers)


SAID = [
    SAMPLES[Welcome],
    SAMPLES[PlotterCode],
    frame(1, np.arange(5)),
    Log(1.0, 20, "a", "text"),
    frame(2, np.arange(7.0), "text"),
    State("failed", "Traceback", 3.0),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def write(path: Path, messages: list[Message], **options: Any) -> None:
    with Writer(path) as writer:
        for message in messages:
            writer.append(framing.encode(message), **options)


def said(path: Path, **options: Any) -> list[Message]:
    """Read everything that can be."""
    with Records(path, **options) as found:
        return [plain(found.read(entry)) for entry in found.entries]


@pytest.fixture
def stranger(home: Path) -> Any:
    """Become somebody with another secret."""

    def change() -> None:
        (home / "seal.key").unlink()

    return change


# -- writing and reading -----------------------------------------------------------


def test_everything_is_read_as_it_was_written(file: Path) -> None:
    """Every message of a calculation, in its order; no shared memory is in a file."""
    kinds = [kind for kind in FROM_CALCULATION if kind not in (Slot, SlotFrame)]
    messages = [SAMPLES[kind] for kind in kinds] * 2
    write(file, [SAMPLES[Slot], *messages, SAMPLES[SlotFrame]])
    assert said(file) == [plain(message) for message in messages]
    with Records(file) as found:
        assert found.own and found.damage == ""
        assert found.welcome == SAMPLES[Welcome]
        assert plain(found.codes[""]) == SAMPLES[PlotterCode]
    assert file.stat().st_mode & 0o777 == 0o600
    assert is_records(file) and not is_records(Path(__file__))


def test_frames_are_told_without_reading_them(file: Path) -> None:
    """Plotter, number and time of each; then any of them, in any order."""
    write(file, SAID)
    with Records(file) as found:
        one, two = (e for e in found.entries if e.kind is Frame)
        assert (one.plotter, one.number, one.time, one.mid_step) == ("", 1, 2.5, False)
        for entry in (two, one, two):
            read = found.read(entry)
            assert isinstance(read, Frame) and read.number == entry.number
            [array, *_], _ = codec.decode(read.payload, read.buffers)
            array += 1  # it is writable


def test_big_frames_and_many_buffers(file: Path) -> None:
    """More pieces than one call takes, and more bytes than one look."""
    big = frame(1, *(np.full(3, i) for i in range(2000)), np.arange(500_000))
    write(file, [big, *SAID])
    assert said(file) == [plain(message) for message in [big, *SAID]]


def test_an_unknown_message_is_passed_over(file: Path) -> None:
    """As on the wire: a later version may have written it."""
    unknown = struct.pack("!IHBB", 1, 1, 14, 0) + struct.pack("!Q", 2) + b"\x90ab"
    with Writer(file) as writer:
        writer.append([memoryview(unknown)], seal=False)
        writer.append(framing.encode(SAID[3]))
    assert said(file) == SAID[3:4]


def test_a_file_that_grows_is_read_on(file: Path) -> None:
    """A message that was half there is taken when it is whole."""
    with Writer(file) as writer, Records(file) as found:
        assert (found.entries, found.damage) == ([], "")
        writer.append(framing.encode(SAID[2]))
        assert found.refresh() == 1
        part = bytes(framing.encode(SAID[3])[0])
        with open(file, "ab") as other:
            other.write(part[:9])
        assert found.refresh() == 0 and "cut" in found.damage
        writer.append(framing.encode(SAID[4]))  # over it
        assert found.refresh() == 1 and found.damage == ""
        assert plain(found.read(found.entries[1])) == SAID[4]


def test_nothing_is_written_over(file: Path) -> None:
    """A writer makes a new file, and follows no link."""
    file.write_text("precious")
    with pytest.raises(FileExistsError):
        Writer(file)
    assert file.read_text() == "precious"
    link = file.with_name("link")
    link.symlink_to(file.with_name("absent"))
    with pytest.raises(FileExistsError):
        Writer(link)
    write_whole(file, [framing.encode(SAID[3])])
    assert said(file) == SAID[3:4]


def test_a_disk_that_is_full_tears_nothing(file: Path, monkeypatch: Any) -> None:
    """Half a message is written over by the next one, or cut off at the end."""
    real = os.pwritev

    def full(number: int, parts: list[memoryview], offset: int) -> int:
        if offset > room:
            raise OSError(28, "No space left on device")
        return real(number, [parts[0][: max(1, len(parts[0]) // 2)]], offset)

    with Writer(file) as writer:
        writer.append(framing.encode(SAID[2]))
        room = writer.size
        monkeypatch.setattr(os, "pwritev", full)
        with pytest.raises(OSError, match="No space"):
            writer.append(framing.encode(SAID[4]))
        assert file.stat().st_size > writer.size == room
        monkeypatch.setattr(os, "pwritev", real)
        writer.append(framing.encode(SAID[3]))
        monkeypatch.setattr(os, "pwritev", full)
        room = writer.size
        with pytest.raises(OSError, match="No space"):
            writer.append(framing.encode(SAID[4]))
    assert file.stat().st_size == room
    with Records(file) as found:
        assert found.damage == ""
    assert said(file) == [plain(SAID[2]), SAID[3]]


def test_a_whole_file_that_cannot_be_written_leaves_the_old_one(file: Path) -> None:
    """And nothing beside it."""
    write_whole(file, [framing.encode(SAID[3])])

    def messages() -> Any:
        yield framing.encode(SAID[4])
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(file, messages())
    assert said(file) == SAID[3:4]
    assert [p.name for p in file.parent.iterdir() if p.is_file()] == ["file"]


def test_where_vectors_cannot_be_written(file: Path, monkeypatch: Any) -> None:
    """Piece after piece does it too."""
    monkeypatch.delattr(os, "pwritev")
    write(file, SAID)
    assert said(file) == [plain(message) for message in SAID]


class Interrupt:
    """Traces; comes at one line of the module."""

    def __init__(self, stop: int) -> None:
        self.stop = stop
        self.lines = 0

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename == writing.__file__:
            self.lines += 1
            if self.lines == self.stop:
                raise KeyboardInterrupt
        return self


def test_an_interrupt_anywhere_tears_nothing(file: Path) -> None:
    """At every line of `append` a message is there once and whole, or not at all."""
    parts = [framing.encode(message) for message in SAID]
    for stop in range(60):
        path = file.with_name(f"file{stop}")
        with Writer(path) as writer:
            interrupt = Interrupt(stop)
            writer.append(parts[2])
            sys.settrace(interrupt)
            try:
                writer.append(parts[4])
                came = True
            except KeyboardInterrupt:
                came = False
            finally:
                sys.settrace(None)
            writer.append(parts[3])
        told = said(path)
        middle = [plain(SAID[4])] if came else told[1:-1]
        assert told == [plain(SAID[2]), *middle, SAID[3]]
        assert middle in ([], [plain(SAID[4])])
        if came and stop > interrupt.lines:
            break
    else:
        raise AssertionError("append has more lines than were tried")


def test_a_forked_child_drops_the_file(file: Path) -> None:
    """It closes its copy and changes nothing."""
    with Writer(file) as writer:
        writer.append(framing.encode(SAID[3]))
        child = os.fork()
        if not child:
            try:
                writer.forked()
                writer.close()
                os._exit(0)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        writer.append(framing.encode(SAID[5]))
    assert said(file) == [SAID[3], SAID[5]]


# -- damage ------------------------------------------------------------------------


def test_a_cut_at_any_byte_loses_one_message(file: Path) -> None:
    """What was whole before the cut is read, and nothing raises."""
    write(file, SAID)
    content = file.read_bytes()
    with Records(file) as found:
        ends = [entry.offset + entry.size for entry in found.entries]
        between = {len(MAGIC), *ends, *(entry.offset for entry in found.entries)}
    for cut in range(len(content)):
        file.write_bytes(content[:cut])
        whole = [plain(m) for m, end in zip(SAID, ends) if end <= cut]
        with Records(file) as found:
            told = [found.read(entry) for entry in found.entries]
            assert [type(m) for m in told] == [type(m) for m in whole]
            frames = [plain(m) for m in told if isinstance(m, Frame)]
            assert frames == [m for m in whole if isinstance(m, Frame)]
            assert bool(found.damage) == (cut not in between)


def test_any_byte_may_be_wrong(file: Path) -> None:
    """Whatever stands there, nothing raises but what `read` says it may."""
    write(file, [*SAID, frame(3, Thing)])
    content = file.read_bytes()
    rng = random.Random(3)
    for _ in range(400):
        wrong = bytearray(content)
        for _ in range(rng.choice((1, 1, 1, 5))):
            wrong[rng.randrange(len(wrong))] = rng.randrange(256)
        file.write_bytes(wrong)
        with Records(file) as found:
            assert len(found.entries) < 30
            for entry in found.entries:
                try:
                    found.read(entry)
                except (ForeignError, ProtocolError):
                    pass
            assert found.codes is not None and (found.welcome or True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cut"),
        (MAGIC[:5], "cut"),
        (b"something else", "no record"),
        (MAGIC + b"\xff" * 8, "no message"),
        (MAGIC + struct.pack("!IHBB", 1 << 24, 0, 3, 0), "cut"),
        (MAGIC + struct.pack("!IHBB", 1 << 25, 0, 3, 0), "no message"),
        (MAGIC + struct.pack("!IHBB", 1, 4096, 3, 0), "cut"),
        (MAGIC + struct.pack("!IHBB", 1, 4097, 3, 0), "no message"),
        (
            MAGIC + struct.pack("!IHBBQ", 1, 1, 3, 0, 1 << 32) + b"\x90",
            "no message|cut",
        ),
        (MAGIC + struct.pack("!IHBBQ", 1, 1, 3, 0, 1 << 60) + b"\x90", "no message"),
        (MAGIC + bytes(framing.encode(Ready("", 1))[0]), "viewer"),
        (MAGIC + struct.pack("!IHBB", 1, 0, 5, 0) + b"\x90", "lacks fields"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(file: Path, content: bytes, says: str) -> None:
    """No exception, no memory for what is only announced."""
    file.write_bytes(content)
    with Records(file) as found:
        assert found.entries == [] and not found.own
        assert re.search(says, found.damage)
        assert found.welcome is None and found.codes == {}


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    """At once, also if it is a pipe that nobody writes to."""
    with pytest.raises(FileNotFoundError):
        Records(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        Records(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"regular file|directory"):
        Records(tmp_path)
    assert not is_records(tmp_path / "pipe")


def test_a_file_that_changes_while_it_is_read(file: Path) -> None:
    """What was listed and is gone is an error that says so."""
    write(file, SAID)
    with Records(file) as found:
        os.truncate(file, found.entries[2].offset + 20)
        with pytest.raises(ProtocolError, match=r"changed|shorter"):
            found.read(found.entries[2])
        found.refresh()
        assert "shorter" in found.damage


def test_so_many_messages_and_no_more(file: Path, monkeypatch: Any) -> None:
    """A file cannot make its reader take any amount of memory."""
    monkeypatch.setattr(records, "MOST_ENTRIES", 3)
    write(file, [SAID[3]] * 5)
    with Records(file) as found:
        assert len(found.entries) == 3 and "more than 3" in found.damage


# -- whose it is -------------------------------------------------------------------


def test_a_foreign_file_runs_no_code(file: Path, stranger: Any) -> None:
    """It is shown as far as it needs none; all of it if it is trusted."""
    thing = frame(3, Thing)
    big = frame(4, ["text"] * 20_000)
    write(file, [*SAID, thing, big])
    stranger()
    with Records(file) as found:
        assert not found.own
        assert found.welcome is not None and found.welcome.path == []
        assert found.welcome.cwd == ""
        assert found.codes == {"": PlotterCode("", "", [3, 11])}
        *rest, entry, last = found.entries
        assert [plain(found.read(e)) for e in rest[2:]] == [plain(m) for m in SAID[2:]]
        with pytest.raises(ForeignError, match=r"frame 3 .*--trust"):
            found.read(entry)
        assert plain(found.read(last)) == plain(big)  # big, and no pickle in it
    assert said(file, trust=True) == [plain(m) for m in [*SAID, thing, big]]


def test_what_this_user_wrote_is_unpickled(file: Path) -> None:
    """Without asking: the seal says who wrote it."""
    write(file, [frame(1, Thing), frame(2, {"a": (Thing, [Thing])})])
    assert len(said(file)) == 2
    with Records(file) as found:
        one = found.read(found.entries[0])
        assert isinstance(one, Frame)
        [loaded], _ = codec.decode(one.payload, one.buffers, pickles.loads)
        assert loaded.__name__ == "Thing"


def test_what_is_not_sealed_is_foreign(file: Path) -> None:
    """Also in a file of this user: as what is copied from a foreign one."""
    with Writer(file) as writer:
        writer.append(framing.encode(SAID[1]), seal=False)
        writer.append(framing.encode(frame(1, Thing)), seal=False)
        writer.append(framing.encode(frame(2, 1)), seal=False)
    with Records(file) as found:
        assert found.own
        code, thing, number = found.entries
        assert found.read(code) == PlotterCode("", "", [3, 11])
        with pytest.raises(ForeignError):
            found.read(thing)
        assert isinstance(found.read(number), Frame)


def pieces(path: Path) -> list[bytes]:
    """Each message of a file with its seal; before them what begins the file."""
    content = path.read_bytes()
    with Records(path) as found:
        starts = [entry.offset for entry in found.entries]
    ends = [*starts, len(content)]
    return [content[: starts[0]]] + [content[a:b] for a, b in zip(starts, ends[1:])]


def codes_of(path: Path, content: bytes) -> list[bool]:
    """Write a file; say of each plotter's code in it whether it would be run."""
    path.write_bytes(content)
    with Records(path) as found:
        kinds = [e for e in found.entries if e.kind is PlotterCode]
        return [bool(found.read(entry).buffers) for entry in kinds]  # type: ignore[union-attr]


def test_seals_are_good_in_their_place_alone(file: Path, tmp_path: Path) -> None:
    """Not in another file, not twice, not in another order, not for other bytes."""
    a, b = (PlotterCode(name, "Wave", [3, 11], [b"pickle"]) for name in "ab")
    write(file, [a, b])
    other = tmp_path / "other"
    write(other, [a, b])
    start, one, two = pieces(file)
    begin, _, second = pieces(other)
    assert codes_of(file, start + one + two) == [True, True]
    assert codes_of(file, start + two) == [True]  # leaving out is no forgery
    assert codes_of(file, start + two + one) == [True, False]
    assert codes_of(file, start + one + one) == [True, False]
    assert codes_of(file, start + one + second) == [True, False]
    assert codes_of(file, begin + one + two) == [False, False]
    assert codes_of(file, MAGIC + one + two) == [False, False]
    for place in range(len(one)):
        wrong = bytearray(one)
        wrong[place] ^= 1
        assert codes_of(file, start + bytes(wrong)) in ([False], [])
    size = len(one) - one.index(b"pickle") - 6  # of the seal
    assert codes_of(file, start + one[:-size] + two[-size:]) == [False]
    log = bytes(framing.encode(SAID[3])[0])
    assert codes_of(file, start + one[:-size] + log + one[-size:]) == [False]


def test_a_seal_cannot_be_forged(file: Path) -> None:
    """Neither with zeros, nor with another secret, nor by claiming to cover less."""
    write(file, SAID)
    code = SAMPLES[PlotterCode]
    start = pieces(file)[0]
    identity = start[-100:][start[-100:].index(b"\xc4\x10") + 2 :][:16]
    parts = framing.encode(code)
    body = b"".join(map(bytes, parts))
    key = seals.secret(create=False)
    assert key is not None

    def sealed(whole: bool, mac: bytes) -> bytes:
        return body + bytes(framing.encode(Seal(identity, 1, whole, mac))[0])

    good = seals.mac(key, identity, 1, True, parts)
    assert codes_of(file, start + sealed(True, good)) == [True]
    other = seals.mac(seals.new_secret(), identity, 1, True, parts)
    head = seals.mac(key, identity, 1, False, parts[:1])
    for whole, mac in (
        (False, good),
        (True, bytes(32)),
        (True, b""),
        (True, other),
        (True, head),
        (False, head),  # even one that was made: it says nothing of the buffer
    ):
        assert codes_of(file, start + sealed(whole, mac)) == [False]


def test_arrays_may_be_changed_and_pickles_may_not(file: Path) -> None:
    """A seal covers what pickle would be fed, wherever it stands in a frame."""

    class Odd:
        def __reduce_ex__(self, protocol: Any) -> Any:
            return bytearray, (pickle.PickleBuffer(b"\7" * 4),)

    plain_one = frame(1, np.full(4, 7, np.uint8))
    odd = frame(2, Odd())
    large = frame(3, [Thing] + ["text"] * 20_000)
    assert odd.buffers and large.buffers
    for message, harmless in ((plain_one, True), (odd, False), (large, False)):
        file.unlink(missing_ok=True)
        write(file, [message])
        with Records(file) as found:
            [entry] = found.entries
            found.read(entry)
            content = bytearray(file.read_bytes())
            content[entry.offset + entry.size - 1] ^= 1
            file.write_bytes(content)
            if harmless:
                assert isinstance(found.read(entry), Frame)
            else:
                with pytest.raises(ForeignError):
                    found.read(entry)


# -- the secret --------------------------------------------------------------------


def test_without_a_secret_files_are_written_and_foreign(file: Path, home: Path) -> None:
    """A home that cannot be written to, or a key that somebody else could read."""
    write(file, SAID)
    (home / "seal.key").chmod(0o644)
    with Records(file) as found:
        assert not found.own
    file.unlink()
    write(file, SAID)
    with Records(file) as found:
        assert not found.own and len(found.entries) == len(SAID)
