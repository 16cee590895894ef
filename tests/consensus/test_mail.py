"""Envelopes, deletions and fetches: what any node takes, and what none does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import Invalid, InvalidEncoding, InvalidSignature
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.mail import (
    LEAST_WORK_BITS,
    MAX_DELETION_BYTES,
    MAX_ENVELOPE_BYTES,
    MAX_LIFE_MS,
    SEALED_BYTES,
    SKEW_MS,
    WORK_BITS,
    Deletion,
    Envelope,
    Fetch,
    InvalidMail,
    MailRefused,
    SignedFetch,
    delete,
    group_mailbox,
    work_of,
)
from consensus.record import replace
from node.mail.index import ROW_BYTES
from tests.node.mail import CHAIN, NOW_MS, envelope, worked
from tests.node.network import key

ALICE, BOB, EVE = key("alice"), key("bob"), key("eve")


def refusal(item: Envelope | Deletion | SignedFetch, now_ms: int = NOW_MS) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        item.check(CHAIN, now_ms)
    return caught.value.code, caught.value.field


@pytest.mark.parametrize("size", SEALED_BYTES)
def test_an_envelope_of_each_size_is_taken_and_no_longer_than_its_bound(size: int) -> None:
    made = envelope(ALICE, BOB.public, sealed=bytes(size))
    made.check(CHAIN, NOW_MS)
    assert len(made.encode()) <= MAX_ENVELOPE_BYTES
    assert Envelope.decode(made.encode()) == made


def test_what_is_wrong_with_an_envelope_is_named() -> None:
    made = envelope(ALICE, BOB.public)
    signed_by_eve = replace(made, signature=EVE.sign(made.head.encode()))
    assert refusal(signed_by_eve) == (InvalidSignature.code, "signature")
    assert refusal(replace(made, sealed=bytes(511) + b"\x01")) == (InvalidMail.code, "sealed")
    odd = bytes(SEALED_BYTES[0] + 1)
    assert refusal(envelope(ALICE, BOB.public, sealed=odd)) == (InvalidMail.code, "sealed")
    with pytest.raises(InvalidMail, match="another chain"):
        made.check(bytes(32), NOW_MS)
    nobody = replace(made, head=replace(made.head, sender=bytes(32)))
    assert refusal(nobody) == (InvalidMail.code, "head.sender")


def test_an_envelope_is_held_for_thirty_days_at_most_and_no_longer_than_it_says() -> None:
    last = envelope(ALICE, BOB.public, expires_ms=NOW_MS + MAX_LIFE_MS + SKEW_MS)
    last.check(CHAIN, NOW_MS)
    beyond = envelope(ALICE, BOB.public, expires_ms=NOW_MS + MAX_LIFE_MS + SKEW_MS + 1)
    assert refusal(beyond) == ("mail-too-long", "head.expires_ms")
    made = envelope(ALICE, BOB.public, expires_ms=NOW_MS + 1)
    made.check(CHAIN, NOW_MS)
    assert refusal(made, NOW_MS + 1) == ("mail-expired", "head.expires_ms")
    with pytest.raises(MailRefused):  # no fault of who passes it on
        made.check(CHAIN, NOW_MS + 1)


@given(st.binary(min_size=32, max_size=32))
def test_work_counts_leading_zero_bits(identity: bytes) -> None:
    bits = "".join(f"{byte:08b}" for byte in identity)
    assert work_of(identity) == len(bits) - len(bits.lstrip("0"))


def test_work_is_of_the_whole_head() -> None:
    """Work that was done for one envelope is none for another."""
    head = worked(ALICE, BOB.public, sha256(b"one"))
    assert head.has_work(SEALED_BYTES[0])
    assert not replace(head, digest=sha256(b"two")).has_work(SEALED_BYTES[0])
    assert not replace(head, mailbox=EVE.public).has_work(SEALED_BYTES[0])
    assert not replace(head, expires_ms=head.expires_ms + 1).has_work(SEALED_BYTES[0])


@pytest.mark.parametrize("size", SEALED_BYTES)
def test_what_takes_more_room_costs_more_work(size: int) -> None:
    """A flood gains nothing by its envelopes' size: a byte of room costs no less work."""
    each = 2 ** WORK_BITS[size] / (size + ROW_BYTES)
    smallest = 2**LEAST_WORK_BITS / (SEALED_BYTES[0] + ROW_BYTES)
    assert each >= smallest


def test_the_receiver_and_the_sender_delete_and_nobody_else() -> None:
    made = envelope(ALICE, BOB.public)
    for by in (ALICE, BOB):
        deletion = delete(made.head, made.signature, by)
        deletion.check(CHAIN, NOW_MS)
        assert deletion.id == made.id
        assert len(deletion.encode()) <= MAX_DELETION_BYTES
    foreign = delete(made.head, made.signature, EVE)
    assert refusal(foreign) == (InvalidMail.code, "by")
    assert refusal(replace(foreign, by=BOB.public)) == (InvalidSignature.code, "proof")


def test_a_proof_of_deletion_is_for_one_envelope() -> None:
    one, other = envelope(ALICE, BOB.public), envelope(ALICE, BOB.public, sealed=b"\x01" * 512)
    proof = delete(one.head, one.signature, BOB).proof
    replayed = replace(delete(other.head, other.signature, BOB), proof=proof)
    assert refusal(replayed) == (InvalidSignature.code, "proof")


def test_a_deletion_needs_the_senders_signature_of_the_envelope() -> None:
    """Else anybody could fill nodes with deletions of envelopes that never were."""
    made = envelope(ALICE, BOB.public)
    forged = delete(replace(made.head, expires_ms=NOW_MS + 5), made.signature, BOB)
    assert refusal(forged) == (InvalidSignature.code, "signature")


def signed_fetch(by: KeyPair, time_ms: int = NOW_MS, chain: bytes = CHAIN) -> SignedFetch:
    fetch = Fetch(chain, by.public, None, time_ms)
    return SignedFetch(fetch, by.sign(fetch.encode()))


def test_a_fetch_is_its_readers_and_of_now() -> None:
    signed_fetch(BOB, NOW_MS - SKEW_MS).check(CHAIN, NOW_MS)
    signed_fetch(BOB, NOW_MS + SKEW_MS).check(CHAIN, NOW_MS)
    assert refusal(signed_fetch(BOB, NOW_MS - SKEW_MS - 1)) == ("invalid-mail", "fetch.time_ms")
    assert refusal(signed_fetch(BOB, NOW_MS + SKEW_MS + 1)) == ("invalid-mail", "fetch.time_ms")
    assert refusal(signed_fetch(BOB, chain=bytes(32))) == ("invalid-mail", "fetch.chain")
    stolen = replace(signed_fetch(BOB), signature=signed_fetch(EVE).signature)
    assert refusal(stolen) == ("invalid-signature", "signature")


def test_a_groups_mailbox_is_no_key() -> None:
    """So nobody can sign for it: what is sent to a group is deleted only by who has sent it."""
    mailbox = group_mailbox(BOB.public)
    assert mailbox != BOB.public
    made = envelope(ALICE, mailbox)
    assert refusal(delete(made.head, made.signature, BOB)) == (InvalidMail.code, "by")
    delete(made.head, made.signature, ALICE).check(CHAIN, NOW_MS)


@given(st.binary(max_size=600))
def test_garbage_is_refused_as_garbage(data: bytes) -> None:
    for kind in (Envelope, Deletion, SignedFetch):
        with pytest.raises(InvalidEncoding):
            kind.decode(data)
