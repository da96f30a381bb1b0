"""Tests of message boundaries: golden bytes, limits, and a fuzzer."""

from __future__ import annotations

import dataclasses
import random
import struct

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings

from async_plot.errors import MessageTooLargeError, ProtocolError
from async_plot.wire import framing
from async_plot.wire.forms import FORMS
from async_plot.wire.framing import Limits, Reader, describe, encode
from async_plot.wire.messages import (
    FROM_CALCULATION,
    FROM_RENDERER,
    FROM_VIEWER,
    FROM_WORKER,
    OF_SKETCHES,
    Drawn,
    Failure,
    Frame,
    Goodbye,
    Job,
    Log,
    Look,
    Mapped,
    Missed,
    Opened,
    Pace,
    Parameter,
    Picture,
    PlotterCode,
    Points,
    Progress,
    Ready,
    Scalars,
    Slot,
    SlotFrame,
    Slowest,
    Stalled,
    State,
    Stats,
    Steer,
    Steering,
    Trouble,
    Welcome,
    Words,
    Worker,
)

from .. import strategies
from .samples import KINDS, SAMPLES, feed, plain, reader_for, stream

GOLDEN = {
    Welcome: b"\x00\x00\x007"
    b"\x00\x00"
    b"\x01"
    b"\x00"
    b"\x9b\xa2r1\xa4wave\x07\xa3box\xa63.11.2\xcb?\xf8\x00\x00\x00\x00\x00\x00"
    b"\x92\xa0\xa1b\xa2/d\x91\xa2/p\xcb?\x84z\xe1G\xae\x14{\xa4keep",
    PlotterCode: b"\x00\x00\x00\n"
    b"\x00\x01"
    b"\x02"
    b"\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x06"
    b"\x93\xa0\xa4Wave\x92\x03\x0b"
    b"pickle",
    Frame: b"\x00\x00\x00\x12"
    b"\x00\x03"
    b"\x03"
    b"\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x04"
    b"\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x02"
    b"\x95\xa0)\xcb@\x04\x00\x00\x00\x00\x00\x00\xc2\xc4\x03\x92\x90\x80"
    b"abcd"
    b"xy",
    Stats: b"\x00\x00\x00\x1a"
    b"\x00\x00"
    b"\x04"
    b"\x00"
    b"\x97\xa0\xcd\x03\xe8\n\x00\xcb?\xd0\x00\x00\x00\x00\x00\x00"
    b"\xcb@\x10\x00\x00\x00\x00\x00\x00\x01",
    State: b"\x00\x00\x00\x1b"
    b"\x00\x00"
    b"\x05"
    b"\x00"
    b"\x93\xa6failed\xa9Traceback\xcb@\x08\x00\x00\x00\x00\x00\x00",
    Log: b"\x00\x00\x00\x19"
    b"\x00\x00"
    b"\x06"
    b"\x00"
    b"\x95\xcb?\xf0\x00\x00\x00\x00\x00\x00\x1e\xa3lib\xa8said \xed\xa0\x80\x04",
    Scalars: b"\x00\x00\x00\x07"
    b"\x00\x02"
    b"\x07"
    b"\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x08"
    b"\x00\x00\x00\x00\x00\x00\x00\x08"
    b"\x92\xa4loss\xc3"
    b"12345678"
    b"abcdefgh",
    Missed: b"\x00\x00\x00\x02\x00\x00\x08\x00\x91\x03",
    Slot: b"\x00\x00\x00\x0e\x00\x00\t\x00\x95\x04\x07\x0c\xcd \x00\xc4\x05token",
    SlotFrame: b"\x00\x00\x00\x0c\x00\x00\n\x00\x94\x04\x02\x92\x00@\xc4\x04head",
    Stalled: b"\x00\x00\x00\x1b"
    b"\x00\x00"
    b"\x0b"
    b"\x00"
    b"\x93\xcb@A\x80\x00\x00\x00\x00\x00\xcb?\xf8\x00\x00\x00\x00\x00\x00\xa7in step",
    Ready: b"\x00\x00\x00\x03\x00\x00\x10\x00\x92\xa0)",
    Opened: b"\x00\x00\x00\x08\x00\x00\x11\x00\x91\xa6window",
    Trouble: b"\x00\x00\x00\x06\x00\x00\x12\x00\x93\xa0)\xa2no",
    Mapped: b"\x00\x00\x00\x04\x00\x00\x14\x00\x91\x92\x04\x05",
    Job: b"\x00\x00\x005"
    b"\x00\x00"
    b" "
    b"\x00"
    b"\x9d\xa3j.1\xa0\xa4sums\xa1f\xa4a.py\x03\xa5Adds"
    b".\xa4b.py\t\xa6map(f)\xa4loky\x02\xcb?\xf8\x00"
    b"\x00\x00\x00\x00\x00",
    Progress: b"\x00\x00\x00V"
    b"\x00\x00"
    b"!"
    b"\x00"
    b"\xdc\x00\x10\xa3j.1\xa0\xa3j.1\xa0\xa4sums\xa2it\xcb@\x08"
    b"\x00\x00\x00\x00\x00\x00\xcb\xbf\xf0\x00\x00\x00\x00\x00\x00\x01\xcb@\x00"
    b"\x00\x00\x00\x00\x00\x00\xcb?\xf8\x00\x00\x00\x00\x00\x00\xcb\x7f\xf0\x00"
    b"\x00\x00\x00\x00\x00\xa7running\xa6loss=1\x92\x00\x03\xc3",
    Worker: b"\x00\x00\x00m"
    b"\x00\x00"
    b'"'
    b"\x00"
    b"\xdc\x00\x16\xa3w.1\x01\xa3j.1\x08\xa3box\xa0\xa7worki"
    b"ng\x02\x01\x11\xa4x=17\xcb@\x04\x00\x00\x00\x00\x00\x00\x10\x01\xcb?\xe0"
    b"\x00\x00\x00\x00\x00\x00\xcbA.\x84\x80\x00\x00\x00\x00\xcb?\xd0\x00\x00"
    b"\x00\x00\x00\x00\xcb?\xc0\x00\x00\x00\x00\x00\x00\xcb?\xe0\x00\x00\x00"
    b"\x00\x00\x00\xcb?\xf0\x00\x00\x00\x00\x00\x00\xcb\x00\x00\x00\x00\x00\x00"
    b"\x00\x00\xa0",
    Failure: b"\x00\x00\x000"
    b"\x00\x00"
    b"#"
    b"\x00"
    b"\x99\xa3j.1\xa3w.1\x01\t\xa3x=9\xaaValueErr"
    b"or\xa2no\xa9Traceback\xcb@\x04\x00\x00\x00\x00\x00\x00",
    Slowest: b"\x00\x00\x00'"
    b"\x00\x00"
    b"$"
    b"\x00"
    b"\x95\xa3j.1\x92\t\x04\x92\xcb?\xf8\x00\x00\x00\x00\x00\x00\xcb?\xe0\x00"
    b"\x00\x00\x00\x00\x00\x92\xa3x=9\xa3x=4\x92\x01\x02",
    Points: b"\x00\x00\x00\x1e"
    b"\x00\x00"
    b"%"
    b"\x00"
    b"\x94\xa3w.1\xcb?\xf0\x00\x00\x00\x00\x00\x00\x91\xa4loss\x91\xcb?\xe0"
    b"\x00\x00\x00\x00\x00\x00",
    Pace: b"\x00\x00\x00\n\x00\x00&\x00\x91\xcb?\xd0\x00\x00\x00\x00\x00\x00",
    Steering: b'\x00\x00\x00"\x00\x00@\x00'
    b"\x96\xa6paused\xcb@\x04\x00\x00\x00\x00\x00\x00\xadanna@box, top\xc3\x07\xa0",
    Parameter: b"\x00\x00\x003\x00\x00A\x00"
    b"\x9c\xa2dt\x01\xa5float\xa30.5\xa40.25\xa31.0"
    b"\xcb\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00\xa1s\xa4step\x90\x02",
    Steer: b"\x00\x00\x00\x1c\x00\x00H\x00"
    b"\x95\xa3set\xa2dt\xa40.25\xadanna@box, top\xa0",
    Goodbye: b"\x00\x00\x00\x0f\x00\x00\x13\x00\x91\xadwindow closed",
}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def prefix(header: int, buffers: int = 0, code: int = 3, zero: int = 0) -> bytes:
    return struct.pack("!IHBB", header, buffers, code, zero)


def message_of(code: int, values: object, buffers: tuple[bytes, ...] = ()) -> bytes:
    """Bytes of any message, whatever sense it makes."""
    header = msgpack.packb(values, unicode_errors="surrogatepass")
    sizes = struct.pack(f"!{len(buffers)}Q", *map(len, buffers))
    return prefix(len(header), len(buffers), code) + sizes + header + b"".join(buffers)


def test_what_a_renderer_says_is_written_as_documented():
    """On its pipe, like any other message; nobody says it on a connection."""
    assert stream(SAMPLES[Picture], SAMPLES[Words]) == (
        b"\x00\x00\x00\x12\x00\x01\x15\x00\x00\x00\x00\x00\x00\x00\x00\x03"
        b"\x95\xa0\x00\xcd\x02\x80\xcd\x01\xe0\xa8frame 41png"
        b"\x00\x00\x00\x17\x00\x00\x16\x00"
        b"\x94\x91\xa7running\x91\xa4name\xa5whole\xc3"
    )
    said = feed(
        Reader(FROM_RENDERER, framing.FROM_RENDERER_LIMITS),
        stream(SAMPLES[Picture], SAMPLES[Words]),
    )
    assert [plain(m) for m in said] == [SAMPLES[Picture], SAMPLES[Words]]
    for accepts in (FROM_VIEWER, FROM_CALCULATION):
        with pytest.raises(ProtocolError, match="from the wrong end"):
            feed(
                Reader(accepts, framing.FROM_CALCULATION_LIMITS),
                stream(SAMPLES[Words]),
            )


def test_what_a_terminal_and_its_renderer_say_is_written_as_documented():
    """On their pipes, like any other message; nobody says it on a connection."""
    said = stream(SAMPLES[Look], SAMPLES[Drawn])
    assert said == (
        b"\x00\x00\x00\x10\x00\x00\x17\x00\x98\x02\x01<\x0f\n\x14\xa5sixel\xcd\x01\x00"
        b"\x00\x00\x00%\x00\x01\x18\x00\x00\x00\x00\x00\x00\x00\x00\x03"
        b"\x9d\x02\xa5sixel<\x0e\xa4Wave\x01\x03)\xcb@\x04\x00\x00\x00\x00\x00\x00"
        b"\x00\xa0\xa1x\xa5Tracesix"
    )
    heard = feed(Reader(OF_SKETCHES, framing.FROM_RENDERER_LIMITS), said)
    assert [plain(m) for m in heard] == [SAMPLES[Look], SAMPLES[Drawn]]
    for accepts in (FROM_VIEWER, FROM_CALCULATION, FROM_RENDERER):
        with pytest.raises(ProtocolError, match="from the wrong end"):
            feed(Reader(accepts, framing.FROM_CALCULATION_LIMITS), said)


# -- golden bytes ------------------------------------------------------------------


@each_kind
def test_message_is_written_as_documented(kind):
    """Each kind of message has exactly these bytes on the wire."""
    assert stream(SAMPLES[kind]) == GOLDEN[kind]


@each_kind
@pytest.mark.parametrize("step", [None, 1, 7])
def test_message_is_read_from_its_bytes(kind, step):
    """The same bytes give the message, whole, one by one, or in odd pieces."""
    reader = reader_for(kind)
    [message] = feed(reader, GOLDEN[kind], step)
    assert plain(message) == plain(SAMPLES[kind])
    assert not reader.mid_message


@each_kind
def test_trailing_bytes_belong_to_the_next_message(kind):
    """What follows a message stays until the next one is whole."""
    reader = reader_for(kind)
    assert len(feed(reader, GOLDEN[kind] + GOLDEN[kind][:-1])) == 1
    assert reader.mid_message
    [second] = feed(reader, GOLDEN[kind][-1:])
    assert plain(second) == plain(SAMPLES[kind])
    assert not reader.mid_message


def test_many_messages_in_one_piece():
    """All messages of a speaker, said at once, arrive in their order."""
    said = [SAMPLES[kind] for kind in FROM_CALCULATION] * 3
    heard = feed(reader_for(Frame), stream(*said))
    assert [plain(m) for m in heard] == [plain(m) for m in said]


def test_pieces_are_lent_and_not_copied():
    """The memory of a buffer is what `encode` returns, not a copy of it."""
    array = np.arange(10.0)
    [head, body] = encode(Frame("", 1, 0.0, False, b"", [array.data]))
    array[0] = 99
    assert np.frombuffer(body)[0] == 99
    assert head.format == body.format == "B"


def test_empty_buffers_are_announced_but_not_sent():
    """A buffer without bytes is an entry of the table and no piece."""
    empty = memoryview(np.empty((3, 0)))
    parts = encode(Frame("", 1, 0.0, False, b"", [b"", empty]))
    assert len(parts) == 1
    [frame] = feed(reader_for(Frame), bytes(parts[0]))
    assert [len(b) for b in frame.buffers] == [0, 0]


def test_big_buffers_are_received_in_place():
    """The reader lends the memory of a large buffer itself, as `allocate` made it."""
    made = []

    def allocate(size):
        made.append(np.empty(size, np.uint8))
        return made[-1]

    data = np.arange(100_000, dtype=np.uint8)
    reader = reader_for(Frame, allocate=allocate)
    head, body = encode(Frame("", 1, 0.0, False, b"", [data]))
    assert feed(reader, bytes(head)) == []
    lent = reader.get_buffer()
    assert len(lent) == data.size
    lent[: data.size] = body
    [frame] = reader.received(data.size)
    assert frame.buffers[0] is made[0]
    assert np.array_equal(made[0], data)


@given(strategies.messages())
@settings(max_examples=150)
def test_any_message_arrives_as_it_was(message):
    """Whatever the fields hold, reading undoes writing."""
    [heard] = feed(reader_for(type(message)), stream(message))
    assert plain(heard) == plain(message)


# -- what is refused ---------------------------------------------------------------


def test_header_is_checked_before_memory_is_taken():
    """A header beyond the limit is refused on its eight bytes alone."""
    for kind, limits in (
        (Frame, framing.FROM_CALCULATION_LIMITS),
        (Ready, framing.FROM_VIEWER_LIMITS),
    ):
        for size in (limits.header + 1, 1 << 31, (1 << 32) - 1):
            with pytest.raises(MessageTooLargeError, match="header"):
                feed(reader_for(kind), prefix(size, code=kind.code))


def test_number_of_buffers_is_checked_before_memory_is_taken():
    """More buffers than the limit are refused on the eight bytes alone."""
    with pytest.raises(MessageTooLargeError, match="buffer count"):
        feed(reader_for(Frame), prefix(10, buffers=4097))
    with pytest.raises(MessageTooLargeError, match="buffer count"):
        feed(reader_for(Ready), prefix(10, buffers=1, code=16))


@pytest.mark.parametrize(
    "sizes",
    [(1 << 63,), ((1 << 64) - 1,), (1 << 33, 1), (1 << 32,) * 3],
    ids=["half of all", "minus one", "one byte too many", "together too many"],
)
def test_sizes_of_buffers_are_checked_before_memory_is_taken(sizes):
    """Huge lengths, and negative ones, which look huge, are refused."""

    def allocate(size):
        raise AssertionError("memory was taken")

    reader = reader_for(Frame, allocate=allocate)
    table = struct.pack(f"!{len(sizes)}Q", *sizes)
    with pytest.raises(MessageTooLargeError, match="buffers of"):
        feed(reader, prefix(1, len(sizes)) + table + b"\x90")


def test_memory_that_cannot_be_had_is_the_messages_fault():
    """A size within the limits that this machine lacks is a documented error."""

    def allocate(size):
        raise MemoryError

    reader = reader_for(Frame, allocate=allocate)
    message = Frame("", 1, 0.0, False, b"", [bytes(100)])
    with pytest.raises(ProtocolError, match="no memory for a buffer of 100 bytes"):
        feed(reader, stream(message))


def test_writer_holds_the_readers_limits():
    """What the other end would refuse is refused before it is sent."""
    with pytest.raises(MessageTooLargeError, match="header"):
        encode(Log(0.0, 0, "", "x" * (1 << 24)))
    with pytest.raises(MessageTooLargeError, match="buffer count"):
        encode(Frame("", 1, 0.0, False, b"", [b""] * 4097))


def test_limits_are_the_readers_own():
    """A reader made with small limits keeps to them."""
    limits = Limits(header=64, buffers=2, memory=8)
    fits = Frame("", 1, 0.0, False, b"", [b"1234", b"5678"])
    [message] = feed(Reader(FROM_CALCULATION, limits), stream(fits))
    assert plain(message) == fits
    more = Frame("", 1, 0.0, False, b"", [b"1234", b"56789"])
    with pytest.raises(MessageTooLargeError) as caught:
        feed(Reader(FROM_CALCULATION, limits), stream(more))
    assert (caught.value.what, caught.value.size, caught.value.limit) == (
        "buffers",
        9,
        8,
    )
    assert str(caught.value) == "buffers of 9 exceeds the limit of 8"


@pytest.mark.parametrize("step", [1, 3, 17, 1000])
def test_readers_that_share_a_stage_do_not_meet(step):
    """Whatever came to one so far stays its own, wherever it was broken off."""
    stage = framing.new_stage()
    said = [message for message in SAMPLES.values() if type(message) in FROM_WORKER]
    orders = [said, said[::-1]]
    readers = [reader_for(Points, stage=stage) for _ in orders]
    waiting = [stream(*messages) for messages in orders]
    heard = [[], []]
    while any(waiting):
        for index, reader in enumerate(readers):
            heard[index] += feed(reader, waiting[index][:step])
            waiting[index] = waiting[index][step:]
    assert [[plain(m) for m in messages] for messages in heard] == [
        [plain(m) for m in messages] for messages in orders
    ]


def test_reserved_byte_must_be_zero():
    """The last byte of the prefix is kept for later and must be zero."""
    with pytest.raises(ProtocolError, match="reserved byte"):
        feed(reader_for(Frame), prefix(1, zero=1))


def test_header_must_not_be_empty():
    """Even a message without fields has a header."""
    with pytest.raises(ProtocolError, match="without a header"):
        feed(reader_for(Frame), prefix(0))


@each_kind
def test_message_from_the_wrong_end_is_refused(kind):
    """A viewer may not say what only a calculation says, nor the reverse."""
    limits = framing.FROM_CALCULATION_LIMITS
    accepts = FROM_VIEWER if kind in FROM_CALCULATION else FROM_CALCULATION
    with pytest.raises(ProtocolError, match="from the wrong end"):
        feed(Reader(accepts, limits), GOLDEN[kind])


@pytest.mark.parametrize("code", [0, 15, 31, 39, 63, 66, 95, 96, 127, 255])
def test_unknown_codes_are_passed_over(code):
    """A later version may say more: it is counted, and the rest is understood."""
    reader = reader_for(Frame)
    unknown = message_of(code, [1, "x"], (b"abc",))
    heard = feed(reader, unknown + GOLDEN[Frame] + unknown)
    assert [plain(m) for m in heard] == [plain(SAMPLES[Frame])]
    assert reader.unknown == 2


@each_kind
def test_fields_of_a_later_version_are_passed_over(kind):
    """Fields that were appended to a message do not disturb."""
    head = GOLDEN[kind]
    size, buffers, _code, _ = struct.unpack("!IHBB", head[:8])
    table = 8 * buffers
    header = head[8 + table : 8 + table + size]
    values = msgpack.unpackb(header, unicode_errors="surrogatepass")
    tail = head[8 + table + size :]
    more = msgpack.packb([*values, {"new": 1}, None], unicode_errors="surrogatepass")
    longer = prefix(len(more), buffers, kind.code) + head[8 : 8 + table] + more + tail
    [message] = feed(reader_for(kind), longer)
    assert plain(message) == plain(SAMPLES[kind])


@each_kind
def test_missing_fields_are_refused(kind):
    """A header with fewer fields than the message has is no such message."""
    with pytest.raises(ProtocolError, match="lacks fields"):
        feed(reader_for(kind), message_of(kind.code, []))


def test_a_field_that_an_older_end_lacks_gets_its_default():
    """Whoever numbers no log records can still be understood."""
    old = message_of(Log.code, [1.0, 30, "lib", "said"])
    [message] = feed(reader_for(Log), old)
    assert message == Log(1.0, 30, "lib", "said", 0)
    short = message_of(Log.code, [1.0, 30, "lib"])
    with pytest.raises(ProtocolError, match="lacks fields"):
        feed(reader_for(Log), short)


WRONG = {
    "str": [1, b"x", None, ["x"], 1.5],
    "int": ["1", -1, 1.5, True, None, [1]],
    "Index": ["1", -2, 1.5, True, None, [1]],
    "float": ["1.5", None, True, [1.5]],
    "bool": [0, 1, "x", None],
    "bytes": ["x", None, 1, [1]],
    "list[str]": ["x", [1], [b"x"], {"x": 1}, None],
    "list[float]": [3, ["x"], [True], [None], {}, None],
    "list[int]": [3, ["x"], [1.5], [True], {}, None],
}


@each_kind
def test_confused_types_of_fields_are_refused(kind):
    """Each field must have its declared type; nothing is converted in silence."""
    names = [name for name, _, _ in FORMS[kind].checks]
    good = [getattr(SAMPLES[kind], name) for name in names]
    tried = 0
    for index, name in enumerate(names):
        for value in WRONG[kind.__annotations__[name]]:
            values = [*good[:index], value, *good[index + 1 :]]
            with pytest.raises(ProtocolError, match=f"{name} of {kind.__name__}"):
                feed(reader_for(kind), message_of(kind.code, values))
            tried += 1
    assert tried >= 3


@pytest.mark.parametrize(
    "header",
    [
        b"\xc1",  # the one byte that msgpack never uses
        b"\x80",  # a map
        b"\xc0",
        b"\x92\xa0",  # truncated
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
        b"\xdf\x7f\xff\xff\xff",  # such a map
        b"\xc6\xff\xff\xff\xff",  # such bytes
        b"\xdb\xff\xff\xff\xff",  # such a string
        b"\xc9\xff\xff\xff\xff\x01",  # such an extension
        b"\x91" * 3000 + b"\xc0",  # deep
        b"\x81\x91\x01" * 2000,  # deep, and keys that cannot be hashed
        b"\x92\xa0\x01\x01",  # trailing bytes within the header
        b"\x92\xa1\xff\x01",  # no UTF-8
        b"\x92\xd6\xff\x00\x00\x00\x00\x01",  # msgpack's own timestamp
        b"\x92\xc7\x00\x0d\x01",  # an extension where a string belongs
    ],
    ids=lambda header: header[:8].hex(),
)
def test_headers_that_make_no_sense_are_refused(header):
    """Truncated, wide, deep and unhashable headers are one documented error."""
    with pytest.raises(ProtocolError):
        feed(reader_for(Ready), prefix(len(header), code=Ready.code) + header)


def test_wide_header_of_a_viewer_is_bounded():
    """The widest header that a viewer may send is refused without much memory."""
    header = b"\xdc\xff\xf0" + b"\x90" * 0xFFF0
    with pytest.raises(ProtocolError, match="plotter of Ready"):
        feed(reader_for(Ready), prefix(len(header), code=Ready.code) + header)


def test_buffers_where_none_belong_are_refused():
    """A message that carries no buffers must not bring any."""
    with pytest.raises(ProtocolError, match="Stats carries no buffers"):
        values = ["", 1, 1, 0, 0.0, 1.0, 1]
        feed(reader_for(Stats), message_of(Stats.code, values, (b"x",)))


@each_kind
def test_stream_that_ends_anywhere_inside_a_message_stands_mid_message(kind):
    """Only between messages does a stream end well."""
    data = GOLDEN[kind]
    for length in range(len(data) + 1):
        reader = reader_for(kind)
        feed(reader, data[:length])
        assert reader.mid_message == (0 < length < len(data))


# -- one line for a log ------------------------------------------------------------


def test_head_of_a_frame_tells_it_and_the_sizes_of_its_buffers():
    """They may come otherwise."""
    frame, sizes = framing.without_buffers(bytes(framing.encode(SAMPLES[Frame])[0]))
    assert sizes == [4, 0, 2]
    assert frame == dataclasses.replace(SAMPLES[Frame], buffers=[])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x00" * 7,
        b"".join(framing.encode(SAMPLES[Frame]))[:20],
        b"".join(framing.encode(SAMPLES[Frame])),
        prefix(1, zero=1) + b"\x90",
        prefix(9) + b"\x90",
        struct.pack("!IHBBQ", 1, 1, 3, 0, 1 << 62) + b"\x90",
        framing.encode(SAMPLES[Missed])[0].tobytes(),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(head):
    """Before memory is taken for the sizes that it tells."""
    with pytest.raises(ProtocolError):
        framing.without_buffers(head)


def test_description_elides_buffers():
    """A frame's line in the debug log has its number, and the size of its memory."""
    frame = Frame("loss", 41, 0.0, False, b"", [bytes(1_200_000), b"", bytes(3)])
    assert describe(frame) == "frame loss #41 [3 buffers, 1.2 MB]"
    assert describe(State("failed", "secret", 0.0)) == "state failed"
    assert describe(Scalars("x", True, [np.zeros(2).data] * 2)) == (
        "scalars x [2 buffers, 32 B]"
    )


def test_description_is_one_short_printable_line():
    """Whatever a peer says, the line moves no cursor and fills no screen."""
    hostile = "\x1b]0;owned\x07\r\n\u202e\ud800" + "x" * 10_000
    for message in (
        Goodbye(hostile),
        Ready(hostile, 1),
        Opened(hostile),
        Trouble(hostile, 1, hostile),
    ):
        line = describe(message)
        assert line.isprintable()
        assert len(line) < 250


@pytest.mark.parametrize(
    ("size", "text"),
    [(1, "1 B"), (999, "999 B"), (1500, "1.5 kB"), (2e6, "2 MB"), (3e9, "3 GB")],
)
def test_sizes_are_readable(size, text):
    """Sizes are given with three digits and a unit."""
    assert framing.describe_size(size) == text


# -- a fuzzer ----------------------------------------------------------------------


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damage a valid stream as a broken or hostile peer would."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(damaged)) if damaged else 0
        action = rng.randrange(7)
        if action == 0 and damaged:
            damaged[at] ^= 1 << rng.randrange(8)
        elif action == 1 and damaged:
            damaged[at] = rng.choice((0, 1, 0x7F, 0x80, 0xC1, 0xFF))
        elif action == 2:
            del damaged[at : at + rng.randrange(1, 9)]
        elif action == 3:
            damaged[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif action == 4:
            damaged[at:at] = damaged[at : at + rng.randrange(1, 40)]
        elif action == 5:
            del damaged[at:]
        else:
            damaged[at : at + 4] = rng.choice((b"\xff" * 4, b"\x80\0\0\0", b"\0" * 4))
    return bytes(damaged)


def fuzz(seed: int, rounds: int) -> int:
    """Messages or documented errors are the only outcomes. Returns the refusals."""
    rng = random.Random(seed)
    refused = 0
    taken = 0

    def allocate(size):
        nonlocal taken
        assert size <= framing.FROM_CALCULATION_LIMITS.memory
        taken += 1
        if size > 1 << 20:  # what no fuzzer should fill
            raise MemoryError
        return bytearray(size)

    for _ in range(rounds):
        side = rng.choice((FROM_CALCULATION, FROM_VIEWER))
        said = [SAMPLES[rng.choice(side)] for _ in range(rng.randrange(1, 5))]
        data = mutate(stream(*said), rng)
        reader = reader_for(side[0], allocate=allocate)
        try:
            for message in feed(reader, data, rng.choice((None, 1, 3, 50))):
                assert isinstance(message, side)
                assert describe(message).isprintable()
                encode(message)
        except ProtocolError as error:
            refused += 1
            assert str(error)
    assert taken > 0
    return refused


@pytest.mark.parametrize("seed", range(4))
def test_damaged_streams_give_messages_or_documented_errors(seed):
    """Damage of any kind is refused as `ProtocolError`, or unnoticed."""
    assert fuzz(seed, 1500) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_damaged_streams_give_messages_or_documented_errors_at_length(seed):
    """The same, for long."""
    assert fuzz(seed, 40_000) > 1000
