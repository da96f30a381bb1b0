"""Tests of the proof of the key: golden bytes, and everything that must fail."""

from __future__ import annotations

import pytest

from async_plot.errors import (
    AuthenticationError,
    HandshakeError,
    VersionError,
)
from async_plot.wire import handshake
from async_plot.wire.handshake import Dialled, Dialling, derive, new_key, worker_key
from async_plot.wire.messages import Right, Role

KEY = bytes(range(32))

HELLO = b"\x89APLOT\r\n\x00\x01" + b"\xaa" * 32
PROOF = (
    b"\x89APLOT\r\n"
    b"\x00\x01"
    b"\x01"
    b"\x01" + b"\xbb" * 32 + b"\xb8J\x02\x8evZFTxH\x178[\xc0)y"
    b"X\x965T\xef\n\xd5\xda\x8b\xa6\x10:\xb9I8\xb8"
)
ANSWER = (
    b"\x00"
    b"\x92\xc6\xa8SL\x1f\x94\x80\xe4\x0b_}\xbe|\xb82"
    b"#Wq|\x04\x19\xff\xb1\t\xbb\x0b\xdb\x125s\xdc"
)


def dialled(key: bytes = KEY, nonce: bytes = b"\xaa") -> Dialled:
    return Dialled(key, lambda count: nonce * count)


def dialling(
    key: bytes = KEY,
    role: Role = Role.VIEWER,
    right: Right = Right.LOOK,
    nonce: bytes = b"\xbb",
) -> Dialling:
    own = worker_key(key) if role is Role.WORKER else derive(key, right)
    return Dialling(own, role, right, lambda count: nonce * count)


# -- what works --------------------------------------------------------------------


def test_golden_bytes():
    """With fixed nonces, the three pieces are exactly these, byte for byte."""
    here, there = dialled(), dialling()
    assert here.data_to_send() == HELLO
    assert there.receive(HELLO) == (PROOF, None)
    assert here.receive(PROOF) == (ANSWER, b"")
    assert there.receive(ANSWER) == (b"", b"")
    assert (len(HELLO), len(PROOF), len(ANSWER)) == (42, 76, 33)


def test_one_byte_at_a_time():
    """It makes no difference how the network cuts the bytes."""
    here, there = dialled(), dialling()
    for index in range(len(HELLO) - 1):
        assert there.receive(HELLO[index : index + 1]) == (b"", None)
    assert there.receive(HELLO[-1:]) == (PROOF, None)
    for index in range(len(PROOF) - 1):
        assert here.receive(PROOF[index : index + 1]) is None
        assert here.right is None
    assert here.receive(PROOF[-1:]) == (ANSWER, b"")
    for index in range(len(ANSWER) - 1):
        assert there.receive(ANSWER[index : index + 1]) == (b"", None)
    assert there.receive(ANSWER[-1:]) == (b"", b"")


def test_trailing_bytes_are_handed_on():
    """What follows proof or answer is the first message's."""
    here, there = dialled(), dialling()
    there.receive(HELLO)
    assert here.receive(PROOF + b"first") == (ANSWER, b"first")
    assert there.receive(ANSWER + b"second") == (b"", b"second")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", Right)
def test_role_and_right_are_told(role, right):
    """After the proof the dialled end knows what the other is and may do."""
    here, there = dialled(), dialling(role=role, right=right)
    proof, _ = there.receive(here.data_to_send())
    answer, _ = here.receive(proof)
    assert (here.role, here.right) == (role, right)
    assert there.receive(answer) == (b"", b"")


def test_nonces_and_keys_are_fresh():
    """No two connections share a nonce, no two runs a key."""
    assert len({Dialled(KEY).data_to_send() for _ in range(50)}) == 50
    viewers = [Dialling(KEY, Role.VIEWER, Right.LOOK) for _ in range(50)]
    assert len({viewer.receive(HELLO)[0] for viewer in viewers}) == 50
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert {len(key) for key in keys} == {32}


def test_everything_fits_under_the_limit():
    """What a stranger may say before its proof holds each of the three pieces."""
    assert max(len(HELLO) + len(ANSWER), len(PROOF)) <= handshake.LIMIT == 256


# -- keys of rights ----------------------------------------------------------------


def test_keys_of_rights_are_golden():
    """The derivation is part of the protocol."""
    assert derive(KEY, Right.ADMINISTER) == KEY
    assert derive(KEY, Right.CONTROL).hex() == (
        "a9f015aa21174fb76e0b97cce337a33de9a710f0aaf427e008530fe73ad35103"
    )
    assert derive(KEY, Right.LOOK).hex() == (
        "a58de40b706a2a03d608fecb89ec725b73cf0a73ae21832d5d852bc1ab03037a"
    )


def test_higher_key_makes_the_lower_ones():
    """Whoever may control can hand out the key to look, and not the reverse."""
    control = derive(KEY, Right.CONTROL)
    look = handshake.hmac.digest(control, b"async_plot right 1", "sha256")
    assert look == derive(KEY, Right.LOOK)


@pytest.mark.parametrize("held", Right)
@pytest.mark.parametrize("asked", Right)
def test_key_of_one_right_proves_no_other(held, asked):
    """A proof holds for exactly the right that it names."""
    here = dialled()
    there = Dialling(derive(KEY, held), Role.VIEWER, asked)
    proof, _ = there.receive(here.data_to_send())
    if held is asked:
        assert here.receive(proof) is not None
    else:
        with pytest.raises(AuthenticationError):
            here.receive(proof)


# -- what must fail ----------------------------------------------------------------


def test_wrong_key_is_refused_at_both_ends():
    """Neither end takes the other if the keys differ."""
    here, there = dialled(), dialling(key=new_key())
    proof, _ = there.receive(here.data_to_send())
    with pytest.raises(AuthenticationError) as caught:
        here.receive(proof)
    refusal = here.refusal(caught.value)
    assert refusal == b"\x02" + bytes(32)
    with pytest.raises(AuthenticationError):
        there.receive(refusal)


@pytest.mark.parametrize("index", range(len(PROOF)))
def test_each_byte_of_the_proof_counts(index):
    """Version, role, right, nonce, mac: none can be changed on the way."""
    changed = bytearray(PROOF)
    changed[index] ^= 1
    with pytest.raises(HandshakeError):
        dialled().receive(bytes(changed))


@pytest.mark.parametrize("index", range(10, len(HELLO)))
def test_each_byte_of_the_nonce_counts(index):
    """A proof for another hello is none for this one."""
    changed = bytearray(HELLO)
    changed[index] ^= 1
    proof, _ = dialling().receive(bytes(changed))
    with pytest.raises(AuthenticationError):
        dialled().receive(proof)


@pytest.mark.parametrize("index", range(len(ANSWER)))
def test_each_byte_of_the_answer_counts(index):
    """An end that does not know the key cannot welcome."""
    there = dialling()
    there.receive(HELLO)
    changed = bytearray(ANSWER)
    changed[index] ^= 1
    with pytest.raises(HandshakeError):
        there.receive(bytes(changed))


def test_replayed_proof_is_refused():
    """A proof that was overheard is worth nothing on another connection."""
    assert dialled().receive(PROOF) is not None
    with pytest.raises(AuthenticationError):
        dialled(nonce=b"\xac").receive(PROOF)


def test_replayed_answer_is_refused():
    """An answer that was overheard does not welcome another dial."""
    there = dialling(nonce=b"\xbc")
    there.receive(HELLO)
    with pytest.raises(AuthenticationError):
        there.receive(ANSWER)


def test_proof_is_bound_to_the_connection():
    """What was said without TLS, or with another certificate, proves nothing here."""
    for ours, theirs in ((b"a" * 32, b""), (b"", b"a" * 32), (b"a" * 32, b"b" * 32)):
        here = Dialled(KEY, lambda n: b"\xaa" * n, binding=lambda bound=ours: bound)
        key = derive(KEY, Right.LOOK)
        there = Dialling(key, Role.VIEWER, Right.LOOK, binding=theirs)
        proof, _ = there.receive(here.data_to_send())
        with pytest.raises(AuthenticationError):
            here.receive(proof)
    for bound in (b"", b"a" * 32):
        here = Dialled(KEY, binding=lambda bound=bound: bound)
        there = Dialling(key, Role.VIEWER, Right.LOOK, binding=bound)
        proof, _ = there.receive(here.data_to_send())
        answer, _ = here.receive(proof)
        assert there.receive(answer) == (b"", b"")


def test_answer_is_bound_to_the_connection():
    """A far end that proved itself elsewhere has not done so here."""
    here = Dialled(KEY, lambda n: b"\xaa" * n)
    there, bound = dialling(), dialling()
    bound._binding = b"a" * 32
    proof, _ = there.receive(here.data_to_send())
    bound.receive(here.data_to_send())
    answer, _ = here.receive(proof)
    with pytest.raises(AuthenticationError):
        bound.receive(answer)


def test_reflected_hello_is_no_proof():
    """Saying back what was heard proves nothing."""
    here = dialled()
    hello = here.data_to_send()
    assert here.receive(hello) is None
    with pytest.raises(HandshakeError):
        here.receive(hello)
    here = dialled(nonce=b"\x01")
    with pytest.raises(AuthenticationError):
        here.receive(here.data_to_send() + b"\x01" * 34)


def test_reflected_proof_is_no_answer():
    """The mac of the one direction does not serve in the other."""
    there = dialling()
    there.receive(HELLO)
    with pytest.raises(AuthenticationError):
        there.receive(b"\x00" + PROOF[-32:])
    there = dialling()
    there.receive(HELLO)
    with pytest.raises(AuthenticationError):
        there.receive(PROOF)


def test_answer_before_the_proof_is_refused():
    """Who answers what was not said yet knows nothing, and is not waited for."""
    with pytest.raises(AuthenticationError, match="before it was asked"):
        dialling().receive(HELLO + b"\0")
    with pytest.raises(AuthenticationError):
        dialling().receive(HELLO + ANSWER)


@pytest.mark.parametrize("version", [0, 2, 0xFFFF])
def test_other_version_is_named(version):
    """Both versions stand in the error, and the refusal says why."""
    said = PROOF[:8] + version.to_bytes(2, "big") + PROOF[10:]
    here = dialled()
    with pytest.raises(VersionError) as caught:
        here.receive(said)
    assert (caught.value.ours, caught.value.theirs) == (1, version)
    assert f"version {version}" in str(caught.value)
    there = dialling()
    there.receive(HELLO)
    with pytest.raises(HandshakeError, match="refuses this version"):
        there.receive(here.refusal(caught.value))
    with pytest.raises(VersionError):
        dialling().receive(HELLO[:8] + version.to_bytes(2, "big") + HELLO[10:])


@pytest.mark.parametrize(("role", "right"), [(0, 1), (4, 1), (255, 1), (1, 0), (1, 4)])
def test_unknown_roles_and_rights_are_refused(role, right):
    """A number that means nothing is no right, whoever signs it."""
    with pytest.raises(HandshakeError, match="unknown"):
        dialled().receive(PROOF[:10] + bytes([role, right]) + PROOF[12:])


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x80\x05\x95",
        b"\x89APLOT\n\0",
        b"\0" * 256,
    ],
    ids=["http", "tls", "ssh", "pickle", "mangled line end", "zeros"],
)
def test_strangers_are_refused_at_their_first_wrong_byte(data):
    """Another protocol is noticed at once, without waiting for more."""
    wrong = next(i for i in range(9) if data[i : i + 1] != HELLO[i : i + 1])
    here, there = dialled(), dialling()
    if wrong:
        assert here.receive(data[:wrong]) is None
        assert there.receive(data[:wrong]) == (b"", None)
    with pytest.raises(HandshakeError, match="does not speak"):
        here.receive(data[wrong : wrong + 1])
    with pytest.raises(HandshakeError, match="nothing of async_plot listens"):
        there.receive(data[wrong : wrong + 1])


def test_keys_do_not_show():
    """A key among the variables of a traceback, or in a log, is not to be read."""
    for key in (new_key(), derive(KEY, Right.LOOK), derive(KEY, Right.ADMINISTER)):
        assert len(key) == 32
        assert repr(key) == str(key) == f"{key}" == "<key>"
        assert str([key]) == "[<key>]"
        with pytest.raises(AttributeError):
            key.hint = "no"


def test_no_error_tells_the_key():
    """Neither texts nor representations of the two machines hold the key."""
    here, there = dialled(), dialling()
    with pytest.raises(AuthenticationError) as caught:
        here.receive(PROOF[:-1] + b"\0")
    for key in (KEY, derive(KEY, Right.LOOK)):
        for text in (str(caught.value), repr(here), repr(there)):
            assert key.hex() not in text
            assert repr(bytes.join(b"", [key]))[2:-1] not in text


# -- workers -----------------------------------------------------------------------


def test_a_worker_proves_its_own_key():
    """Which is the run's as little as that of any right."""
    here = dialled()
    there = Dialling(worker_key(KEY), Role.WORKER, Right.LOOK)
    proof, _ = there.receive(here.data_to_send())
    answer, _ = here.receive(proof)
    assert there.receive(answer) == (b"", b"")
    assert here.role is Role.WORKER


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("role", [Role.VIEWER, Role.HUB])
def test_a_workers_key_opens_nothing_else(role, right):
    """Whoever reads the tasks of a cluster can report, and not look."""
    here, there = dialled(), Dialling(worker_key(KEY), role, right)
    proof, _ = there.receive(here.data_to_send())
    with pytest.raises(AuthenticationError):
        here.receive(proof)


@pytest.mark.parametrize("right", list(Right))
def test_no_other_key_is_a_workers(right):
    """A viewer cannot report."""
    here, there = dialled(), Dialling(derive(KEY, right), Role.WORKER, Right.LOOK)
    proof, _ = there.receive(here.data_to_send())
    with pytest.raises(AuthenticationError):
        here.receive(proof)
