"""Attacks of a viewer that holds the key, and means no good."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
import struct
import threading

import msgpack
import pytest

from async_plot.errors import ProtocolError
from async_plot.net import publisher
from async_plot.net.peer import TEXT, TROUBLES
from async_plot.wire import framing
from async_plot.wire.messages import (
    FROM_CALCULATION,
    FROM_VIEWER,
    Goodbye,
    Opened,
    Ready,
    Right,
    Role,
    Trouble,
    Welcome,
)

from ..helpers import AMPLE, eventually
from ..wire.samples import SAMPLES, stream
from .support import Calculation, Canary, Intruder, memory

PREFIX = struct.Struct("!IHBB")


def message(code: int, header: bytes, buffers: int = 0) -> bytes:
    return PREFIX.pack(len(header), buffers, code, 0) + header


def packed(code: int, *values: object) -> bytes:
    return message(code, msgpack.packb(list(values), unicode_errors="surrogatepass"))


NONSENSE = {
    "huge header": PREFIX.pack(1 << 31, 0, 16, 0),
    "negative header": PREFIX.pack((1 << 32) - 1, 0, 16, 0),
    "header just too long": PREFIX.pack((1 << 16) + 1, 0, 16, 0),
    "no header": PREFIX.pack(0, 0, 16, 0),
    "a buffer": PREFIX.pack(3, 1, 16, 0),
    "all buffers": PREFIX.pack(3, 65535, 16, 0),
    "buffers of a code to come": PREFIX.pack(3, 1, 99, 0) + b"\xff" * 8,
    "reserved byte": PREFIX.pack(3, 0, 16, 1),
    "ones": b"\xff" * 100,
    "zeros": bytes(100),
    "wide list": message(16, b"\xdd\xff\xff\xff\xff"),
    "wide map": message(16, b"\xdf\xff\xff\xff\xff"),
    "wide list, whole": message(16, b"\xdc\xff\xf0" + b"\x90" * 0xFFF0),
    "deep list": message(16, b"\x91" * 60_000),
    "deep map": message(16, b"\x81\x01" * 30_000),
    "long text": message(16, b"\xdb\xff\xff\xff\xff"),
    "extension": message(16, b"\x92\xc7\x02\x01\x00\x00\x01"),
    "no msgpack": message(16, b"\xc1"),
    "fields of other types": packed(16, 1, "x"),
    "negative number": packed(16, "", -1),
    "no fields": packed(18),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_cut(name):
    """A proven peer that makes no sense is hung up on; the others notice nothing."""
    with Calculation() as calculation:
        with Intruder(calculation) as intruder:
            intruder.say(NONSENSE[name])
            intruder.is_cut()
        calculation.serves()


@pytest.mark.parametrize("kind", FROM_CALCULATION, ids=lambda kind: kind.__name__)
def test_calculations_words_from_a_viewer_are_cut(kind):
    """A viewer that says what only a calculation says is no viewer."""
    with Calculation() as calculation:
        with Intruder(calculation) as intruder:
            intruder.say(stream(SAMPLES[kind]))
            intruder.is_cut()
        calculation.serves()


def test_words_of_a_later_version_are_passed_over():
    """Codes that nobody knows yet do no harm, and the viewer goes on."""
    with Calculation() as calculation, Intruder(calculation) as viewer:
        for code in (0, 15, 31, 39, 63, 79, 96, 255):
            viewer.say(packed(code, "anything", {"at": ["all"]}))
        viewer.say(stream(Opened("window"), Ready("", 0)))
        heard = []
        while not any(type(m).__name__ == "Frame" for m in heard):
            heard += viewer.hear()
        calculation.serves()


def test_no_pickle_of_a_viewer_is_read(tmp_path):
    """In each field of each message, after and around it: nothing is unpickled."""
    canary = Canary(tmp_path)
    dump = canary.pickle
    text = dump.decode("latin-1")
    ext = msgpack.ExtType(13, msgpack.packb([dump, []]))
    attempts = [dump, dump * 10, struct.pack("!I", len(dump)) + dump]
    for code in range(40):
        attempts.append(message(code, dump))
        attempts += [packed(code, *[value] * 12) for value in (dump, text, ext)]
    for kind in FROM_VIEWER:
        names = [field.name for field in dataclasses.fields(kind)]
        good = [getattr(SAMPLES[kind], name) for name in names]
        for index in range(len(names)):
            for value in (dump, text, ext):
                bad = [*good[:index], value, *good[index + 1 :]]
                attempts.append(packed(kind.code, *bad))
        attempts.append(packed(kind.code, *good, dump, ext))
    with Calculation() as calculation:
        for attempt in attempts:
            with Intruder(calculation) as intruder:
                intruder.say(attempt)
                intruder.sock.shutdown(socket.SHUT_WR)
                intruder.is_cut()
        calculation.serves()
    canary.check()


def test_half_a_message_holds_up_nobody():
    """A viewer that stops inside a message, and one that hangs up there."""
    whole = stream(Trouble("", 1, "x" * 10_000))
    with Calculation() as calculation, contextlib.ExitStack() as stack:
        for length in (1, 7, 8, 9, 5000, len(whole) - 1):
            stays = stack.enter_context(Intruder(calculation))
            stays.say(whole[:length])
            with Intruder(calculation) as leaves:
                leaves.say(whole[:length])
        calculation.serves()


@pytest.mark.parametrize("right", Right)
def test_rights_change_nothing_that_may_be_said(right):
    """A viewer with every right is still a viewer."""
    with Calculation() as calculation:
        with Intruder(calculation, right=right) as intruder:
            eventually(lambda: calculation.server.viewers, what="a viewer")
            [viewer] = calculation.server.viewers
            assert viewer.right == right.name.lower()
            intruder.say(stream(SAMPLES[Welcome]))
            intruder.is_cut()
        calculation.serves()


def test_hub_is_served_as_a_viewer():
    """The role is told to the calculation; it gives no other welcome."""
    with Calculation() as calculation, Intruder(calculation, role=Role.HUB) as hub:
        assert type(next(iter(hub.hear() or hub.hear()))) is Welcome
        eventually(lambda: calculation.server.viewers, what="a viewer")
        assert calculation.server.viewers[0].role == "hub"


# -- floods ------------------------------------------------------------------------


def test_flood_of_ready_is_one_credit():
    """A hundred thousand requests are two frames' worth, not a queue of them."""
    flood = stream(Ready("", 1)) * 10_000
    with Calculation() as calculation, Intruder(calculation) as intruder:
        calculation.serves()
        before = memory()
        over = threading.Event()

        def flooding():
            for _ in range(10):
                intruder.say(flood)
            over.set()

        thread = threading.Thread(target=flooding, name="flood")
        thread.start()
        try:
            calculation.serves()
            # It never reads what it is sent: that must not be held either.
            assert memory() - before < 32 << 20
            for peer in calculation.peers:
                assert peer.credit.get("", 0) <= publisher.CREDIT
                assert len(peer.connection.outbox._newest) <= 2
        finally:
            with contextlib.suppress(OSError):
                intruder.sock.shutdown(socket.SHUT_RDWR)
            thread.join(AMPLE)
        assert over.is_set()
        calculation.serves()


def test_flood_of_trouble_is_told_a_hundred_times(caplog):
    """What a viewer complains of fills neither the log nor the memory."""
    with Calculation() as calculation, Intruder(calculation) as intruder:
        for number in range(2000):
            intruder.say(stream(Trouble("", number, f"{number} " + "x" * 30_000)))
        intruder.say(stream(Trouble("", 1, "same")) * 500 + stream(Opened("seen")))
        eventually(lambda: "seen" in [v.view for v in calculation.server.viewers])
        calculation.serves()
    told = [r.getMessage() for r in caplog.records if "viewer at" in r.getMessage()]
    assert 0 < len(told) <= TROUBLES == 100
    assert max(map(len, told)) <= TEXT + 200


def test_unknown_plotters_are_cut():
    """A viewer cannot make the calculation remember names."""
    with Calculation() as calculation:
        for name in ("other", "\0", "x" * 60_000, "\ud800"):
            with Intruder(calculation) as intruder:
                intruder.say(stream(Ready(name, 0)))
                intruder.is_cut()
        calculation.serves()


def test_viewer_that_never_reads_is_held_within_bounds():
    """A reader that stopped costs its socket's memory, and no one else time."""
    with Calculation() as calculation, Intruder(calculation) as intruder:
        intruder.say(stream(Ready("", 0), Ready("", 0)))
        before = memory()
        handler = calculation.server.handler()
        for number in range(5000):
            record = logging.makeLogRecord(
                {"name": "lib", "levelno": 20, "msg": f"{number} " + "x" * 5000}
            )
            handler.emit(record)
            if number % 500 == 0:
                calculation.serves()
        calculation.serves()
        assert memory() - before < 64 << 20


# -- what it can make us show ------------------------------------------------------

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b1m\r\x08\x00\u202e\ud800 end"


def test_control_sequences_do_not_reach_the_log(caplog):
    """A viewer's text cannot move the cursor, rename the terminal or hide lines."""
    with Calculation() as calculation, Intruder(calculation) as intruder:
        intruder.say(stream(Trouble(ESCAPES, 3, ESCAPES + "\nsecond line\ttab")))
        intruder.say(stream(Opened(ESCAPES)))
        eventually(lambda: calculation.server.viewers[0].view, what="its view")
        [viewer] = calculation.server.viewers
        assert viewer.view.isprintable()
        assert len(viewer.view) <= 40
    [text] = [r.getMessage() for r in caplog.records if "viewer at" in r.getMessage()]
    assert "owned" in text and " end" in text
    assert "second line\ttab" in text
    assert all(c.isprintable() or c in "\n\t" for c in text)


def test_control_sequences_do_not_reach_the_debug_log(caplog):
    """Nor do they through the line that each message gets with ASYNC_PLOT_DEBUG."""
    with caplog.at_level(logging.DEBUG, "async_plot.wire"):
        with Calculation() as calculation, Intruder(calculation) as intruder:
            intruder.say(stream(Trouble("", 3, ESCAPES), Opened(ESCAPES * 500)))
            intruder.say(stream(Goodbye(f"a\nb{ESCAPES}" * 500)))
            intruder.is_cut()
        with Calculation() as calculation, Intruder(calculation) as intruder:
            intruder.say(stream(Ready(ESCAPES, 3)))
            intruder.is_cut()
    lines = [r.getMessage() for r in caplog.records if r.name == "async_plot.wire"]
    assert any("goodbye" in line for line in lines)
    assert any("dropped" in line for line in lines)
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 1000


def test_reader_of_a_viewer_takes_no_memory_on_its_word():
    """What a viewer may announce is 64 kB and not one buffer."""
    assert framing.FROM_VIEWER_LIMITS == framing.Limits(1 << 16, 0, 0)
    reader = framing.Reader(FROM_VIEWER, framing.FROM_VIEWER_LIMITS)
    reader.get_buffer()[:8] = PREFIX.pack(1 << 16, 1, 16, 0)
    with pytest.raises(ProtocolError):
        reader.received(8)
