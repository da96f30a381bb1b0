"""Tests of one end, and of two ends back to back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from async_plot.errors import (
    AuthenticationError,
    ClosedError,
    HandshakeError,
    MessageTooLargeError,
    ProtocolError,
)
from async_plot.wire import framing, handshake
from async_plot.wire.connection import Connection, Phase
from async_plot.wire.handshake import Dialled, Dialling, derive, worker_key
from async_plot.wire.messages import (
    FROM_CALCULATION,
    FROM_VIEWER,
    FROM_WORKER,
    TO_WORKER,
    Frame,
    Lane,
    Log,
    Missed,
    Ready,
    Right,
    Role,
    Stats,
)

from .. import strategies
from .samples import SAMPLES, feed, plain, stream

KEY = bytes(range(32))


class Pair:
    """A calculation's and a viewer's machine, and the bytes between them."""

    def __init__(
        self,
        *,
        key: bytes = KEY,
        step: int | None = None,
        role: Role = Role.VIEWER,
    ) -> None:
        self.calculation = Connection(Dialled(KEY))
        worker = role is Role.WORKER
        own = worker_key(key) if worker else derive(key, Right.LOOK)
        self.viewer = Connection(Dialling(own, role, Right.LOOK))
        self.step = step

    def turn(self):
        """Carry what either has to say; return what both heard."""
        heard = []
        while self.calculation.wants_to_send or self.viewer.wants_to_send:
            for source, target in (
                (self.calculation, self.viewer),
                (self.viewer, self.calculation),
            ):
                parts = source.data_to_send()
                data = b"".join(bytes(part) for part in parts)
                source.sent(len(data))
                heard += feed(target, data, self.step)
        return heard


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    assert pair.turn() == []
    return pair


# -- two ends ----------------------------------------------------------------------


@pytest.mark.parametrize("step", [None, 1, 13])
def test_two_ends_prove_and_open(step):
    """After three pieces both ends are open, and the dialled one knows the other."""
    pair = Pair(step=step)
    assert pair.calculation.phase is pair.viewer.phase is Phase.PROVING
    pair.turn()
    assert pair.calculation.phase is pair.viewer.phase is Phase.OPEN
    assert pair.calculation.role is Role.VIEWER
    assert pair.calculation.right is Right.LOOK


SPOKEN = [
    *((kind, Role.VIEWER, True) for kind in FROM_CALCULATION),
    *((kind, Role.VIEWER, False) for kind in FROM_VIEWER),
    *((kind, Role.WORKER, True) for kind in TO_WORKER),
    *((kind, Role.WORKER, False) for kind in FROM_WORKER),
]
spoken = pytest.mark.parametrize(("kind", "role", "told"), SPOKEN)


@spoken
@pytest.mark.parametrize("step", [None, 1])
def test_every_message_crosses(kind, role, told, step):
    """Each kind goes from the end that may say it to the other."""
    pair = Pair(step=step, role=role)
    speaker = pair.calculation if told else pair.viewer
    speaker.send(SAMPLES[kind])
    assert [plain(m) for m in pair.turn()] == [plain(SAMPLES[kind])]


@spoken
def test_no_message_crosses_the_other_way(kind, role, told):
    """A message of the wrong end closes the connection."""
    if (kind, role, not told) in SPOKEN:
        return  # both ends may say it
    pair = Pair(role=role)
    pair.turn()
    wrong = pair.viewer if told else pair.calculation
    other = pair.calculation if told else pair.viewer
    wrong.send(SAMPLES[kind])
    # Whether by its code or by its size, it is refused.
    with pytest.raises(ProtocolError):
        pair.turn()
    assert other.phase is Phase.CLOSED


def test_messages_said_before_the_proof_wait(pair):
    """Nothing but the handshake leaves an end that is not proven."""
    pair = Pair()
    pair.calculation.send(SAMPLES[Log])
    assert sum(map(len, pair.calculation.data_to_send())) == 42
    assert [plain(m) for m in pair.turn()] == [SAMPLES[Log]]


def test_encoded_messages_are_sent_in_turn(pair):
    """A frame that was encoded once for all viewers follows what is being sent."""
    frame = SAMPLES[Frame]
    pair.calculation.send(SAMPLES[Stats])
    pair.calculation.data_to_send()
    pair.calculation.send_encoded(framing.encode(frame))
    pair.calculation.send_encoded(framing.encode(frame))
    heard = [plain(m) for m in pair.turn()]
    assert heard == [SAMPLES[Stats], plain(frame), plain(frame)]


def test_lanes_hold_across_the_wire(pair):
    """Kept messages arrive whole and first; of the superseded, the newest."""
    for _ in range(50):
        pair.calculation.send(SAMPLES[Stats])
        pair.calculation.send(SAMPLES[Log])
    heard = pair.turn()
    assert heard == [SAMPLES[Log]] * 50 + [SAMPLES[Stats]]


def test_dropped_records_are_told(pair):
    """A viewer learns how many records it was too slow for."""
    pair.calculation.outbox._limit = 10
    for _ in range(25):
        pair.calculation.send(SAMPLES[Log])
    assert pair.turn()[-1] == Missed(15)


def test_little_is_taken_out_of_the_lanes_at_a_time(pair):
    """What can still be superseded stays in the outbox until there is room for it."""
    big = Log(0.0, 20, "lib", "x" * 60_000)
    for _ in range(20):
        pair.calculation.send(big)
    taken = sum(map(len, pair.calculation.data_to_send()))
    assert taken < 3 * 65536
    assert pair.calculation.mid_send
    assert len(pair.turn()) == 20
    assert not pair.calculation.mid_send


@given(st.lists(strategies.messages(), max_size=8), st.integers(1, 300))
@settings(max_examples=50)
def test_any_conversation_crosses(said, step):
    """Whatever both say, however cut, arrives; only the superseded is missing."""
    pair = Pair(step=step)
    heard = []
    for message in said:
        speaker = pair.calculation if type(message) in FROM_CALCULATION else pair.viewer
        speaker.send(message)
    heard = [plain(m) for m in pair.turn()]
    for side in (FROM_CALCULATION, FROM_VIEWER):
        kept = [plain(m) for m in said if type(m) in side and m.lane is Lane.KEPT]
        arrived = [m for m in heard if type(m) in side and m.lane is Lane.KEPT]
        assert arrived == kept
    assert all(m in [plain(s) for s in said] for m in heard)


# -- sending -----------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 5, 42, 1000])
def test_sending_in_pieces(pair, step):
    """However little the socket takes at a time, the stream is the same."""
    said = [SAMPLES[kind] for kind in FROM_CALCULATION]
    for message in said:
        pair.calculation.send(message)
    sent = b""
    while parts := pair.calculation.data_to_send():
        data = b"".join(bytes(part) for part in parts)
        assert data
        sent += data[:step]
        pair.calculation.sent(min(step, len(data)))
    order = sorted(said, key=lambda message: message.lane is Lane.NEWEST)
    assert sent == stream(*order)


def test_nothing_to_say(pair):
    """An idle end gives no memory to send and says so."""
    for end in (pair.calculation, pair.viewer):
        assert not end.wants_to_send
        assert end.data_to_send() == []
        assert not end.mid_send
        end.sent(0)


# -- refusals ----------------------------------------------------------------------


def test_wrong_key_closes_both_ends():
    """The dialled end refuses, says so, and the dialling end learns it."""
    pair = Pair(key=b"\xff" * 32)
    with pytest.raises(AuthenticationError):
        pair.turn()
    assert pair.calculation.phase is Phase.CLOSED
    assert pair.viewer.phase is Phase.PROVING
    with pytest.raises(AuthenticationError):
        pair.turn()
    assert pair.viewer.phase is Phase.CLOSED


def test_stranger_gets_no_more_than_its_256_bytes():
    """Without a proof a peer is lent 256 bytes in all, and no reader's memory."""
    end = Connection(Dialled(KEY))
    assert len(end.get_buffer()) == handshake.LIMIT
    for count in range(1, 8):
        end.get_buffer()[:1] = b"\x89APLOT\r\n"[count - 1 : count]
        assert end.received(1) == []
        assert len(end.get_buffer()) == handshake.LIMIT - count
    assert end._reader is None


def test_stranger_is_answered_once_and_then_unheard():
    """After a refusal nothing more is read, and nothing but the refusal is said."""
    end = Connection(Dialled(KEY))
    end.sent(42)
    with pytest.raises(HandshakeError):
        feed(end, b"GET / HTTP/1.1\r\n\r\n")
    assert end.phase is Phase.CLOSED
    end.send(SAMPLES[Log])
    assert [bytes(part) for part in end.data_to_send()] == [b"\x02" + bytes(32)]
    end.sent(33)
    assert feed(end, b"more") == []
    assert not end.wants_to_send


def test_viewer_may_speak_right_behind_its_proof():
    """Messages in one piece with the proof are heard after it."""
    pair = Pair()
    feed(pair.viewer, bytes(pair.calculation.data_to_send()[0]))
    pair.calculation.sent(42)
    [proof] = pair.viewer.data_to_send()
    ready = stream(SAMPLES[Ready]) * 5
    assert feed(pair.calculation, bytes(proof) + ready) == [SAMPLES[Ready]] * 5


def test_no_message_is_heard_before_the_proof():
    """Bytes of a message in place of a proof are a stranger's."""
    end = Connection(Dialled(KEY))
    with pytest.raises(HandshakeError):
        feed(end, stream(SAMPLES[Ready]))


def test_nonsense_after_the_proof_closes(pair):
    """A proven peer that makes no sense is hung up on."""
    with pytest.raises(MessageTooLargeError):
        feed(pair.calculation, b"\xff" * 7 + b"\0")
    assert pair.calculation.phase is Phase.CLOSED
    assert feed(pair.calculation, stream(SAMPLES[Ready])) == []


def test_nonsense_right_behind_the_proof_closes():
    """The same in one piece with the proof."""
    pair = Pair()
    feed(pair.viewer, bytes(pair.calculation.data_to_send()[0]))
    [proof] = pair.viewer.data_to_send()
    with pytest.raises(ProtocolError):
        feed(pair.calculation, bytes(proof) + b"\xff" * 8)
    assert pair.calculation.phase is Phase.CLOSED


# -- the end of a stream -----------------------------------------------------------


def test_end_between_messages_is_quiet(pair):
    """A peer may hang up when it has said whole messages."""
    pair.calculation.eof()
    assert pair.calculation.phase is Phase.CLOSED
    pair.calculation.eof()


def test_end_inside_a_message_is_an_error(pair):
    """A peer that breaks off is not taken for one that left."""
    feed(pair.calculation, stream(SAMPLES[Ready])[:-1])
    with pytest.raises(ClosedError, match="inside a message"):
        pair.calculation.eof()
    assert pair.calculation.phase is Phase.CLOSED


def test_end_before_the_proof_is_an_error():
    """A peer that leaves without a proof is named so."""
    end = Connection(Dialled(KEY))
    with pytest.raises(ClosedError, match="before it proved the key"):
        end.eof()


def test_closed_end_takes_no_messages_out_of_its_outbox(pair):
    """What was not said when the connection closed is not said."""
    pair.viewer.send(SAMPLES[Ready])
    pair.viewer.eof()
    assert not pair.viewer.wants_to_send
    assert pair.viewer.data_to_send() == []


@given(st.binary(max_size=400), st.integers(1, 400), st.booleans())
@settings(max_examples=200)
def test_strangers_end_in_a_verdict_or_are_lent_memory(data, step, viewer):
    """Before the proof, either end refuses, or still has memory for what comes."""
    end = (
        Connection(Dialling(KEY, Role.VIEWER, Right.LOOK))
        if viewer
        else Connection(Dialled(KEY))
    )
    magic = b"\x89APLOT\r\n\0\x01"
    try:
        feed(end, magic + data, step)
        assert len(end.get_buffer()) > 0
        assert end.phase is Phase.PROVING
    except HandshakeError:
        assert end.phase is Phase.CLOSED
