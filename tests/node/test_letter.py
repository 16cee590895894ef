"""Letters: only the receiver, or the group's members, can open them, and know who wrote them."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from consensus.errors import Invalid, InvalidEncoding
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.mail import SEALED_BYTES, Deletion, Envelope, delete
from consensus.record import replace
from node.wallet.letter import (
    MAX_REKEYED,
    MAX_TEXT_BYTES,
    Invitation,
    Letter,
    Rekeying,
    Sender,
    anonymous,
    find_seed,
    group_keys,
    make_envelope,
    open_sealed,
    open_within,
    seal_for,
    seal_seeds,
    seal_within,
)
from node.wallet.viewing import account_viewing_secret
from tests.node.mail import CHAIN, DAY_MS, NOW_MS
from tests.node.network import key

ALICE, BOB, EVE = key("alice"), key("bob"), key("eve")
GROUP = group_keys(b"g" * 32)
EXPIRES_MS = NOW_MS + DAY_MS
TEXTS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=3000)


def letter(by: KeyPair, text: str = "hello", *, burn: bool = False) -> Letter:
    return Letter(by.public, NOW_MS, burn, text)


def sender(by: KeyPair) -> Sender:
    return Sender(CHAIN, by.public, by, pays=True)


def to_bob(text: str = "hello") -> Envelope:
    return make_envelope(
        sender(ALICE), BOB.public, seal_for(BOB.public), letter(ALICE, text), EXPIRES_MS
    )


@given(TEXTS)
@settings(max_examples=40, deadline=None)
def test_the_receiver_opens_what_was_written_and_nobody_else(text: str) -> None:
    made = to_bob(text)
    made.check(CHAIN, NOW_MS)
    assert open_sealed(made, BOB.seed) == letter(ALICE, text)
    with pytest.raises(InvalidEncoding):
        open_sealed(made, EVE.seed)
    within = make_envelope(
        sender(ALICE), GROUP.mailbox, seal_within(GROUP), letter(ALICE, text), EXPIRES_MS
    )
    within.check(CHAIN, NOW_MS)
    assert open_within(within, GROUP) == letter(ALICE, text)
    with pytest.raises(InvalidEncoding):
        open_within(within, group_keys(b"h" * 32))


def test_a_letter_is_a_sealed_box_as_others_make_it() -> None:
    """PyNaCl's own class opens it: another implementation needs no code of ours."""
    made = to_bob()
    padded = SealedBox(PrivateKey(account_viewing_secret(BOB.seed))).decrypt(made.sealed)
    data = padded[: padded.rindex(b"\x80")]
    assert Letter.decode(data) == letter(ALICE)


@given(st.integers(1, MAX_TEXT_BYTES))
@settings(max_examples=30, deadline=None)
def test_a_length_tells_only_its_class(size: int) -> None:
    made = to_bob("x" * size)
    around = len(letter(ALICE, "x" * size).encode()) - size
    least = min(c for c in SEALED_BYTES if c > size + around + 48)
    assert len(made.sealed) == least


def test_the_longest_text_fits_for_a_person_and_for_a_group() -> None:
    longest = letter(ALICE, "x" * MAX_TEXT_BYTES)
    assert len(seal_for(BOB.public)(longest.encode())) == SEALED_BYTES[-1]
    assert len(seal_within(GROUP)(longest.encode())) == SEALED_BYTES[-1]
    with pytest.raises(InvalidEncoding, match="content id"):
        seal_for(BOB.public)(bytes(SEALED_BYTES[-1]))


@given(st.integers(0, SEALED_BYTES[0] - 1), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_no_altered_byte_passes(place: int, change: int) -> None:
    made = to_bob()
    altered = bytearray(made.sealed)
    altered[place] ^= change
    with pytest.raises(Invalid):
        open_sealed(replace(made, sealed=bytes(altered)), BOB.seed)
    with pytest.raises(Invalid):
        replace(made, sealed=bytes(altered)).check(CHAIN, NOW_MS)


def resent(made: Envelope, by: KeyPair) -> Envelope:
    """The same sealed bytes, under another's name and signature."""
    head = replace(made.head, account=by.public, sender=by.public)
    return Envelope(head, by.sign(head.encode()), made.sealed)


def test_nobody_sends_anothers_letter_as_his_own() -> None:
    """What is sealed names the key that signs the envelope."""
    for made in (
        to_bob(),
        make_envelope(
            anonymous_without_work(), BOB.public, seal_for(BOB.public), letter(ALICE), EXPIRES_MS
        ),
    ):
        stolen = resent(made, EVE)
        stolen.check(CHAIN, NOW_MS)  # nodes cannot know
        with pytest.raises(InvalidEncoding, match="another"):
            open_sealed(stolen, BOB.seed)


def anonymous_without_work() -> Sender:
    return dataclasses.replace(anonymous(CHAIN), pays=True)


def test_two_anonymous_letters_have_nothing_in_common() -> None:
    one, other = anonymous(CHAIN), anonymous(CHAIN)
    assert one.account is None
    assert one.key.public != other.key.public
    head = make_envelope(
        dataclasses.replace(one, pays=True),
        BOB.public,
        seal_for(BOB.public),
        letter(one.key),
        EXPIRES_MS,
    ).head
    assert head.account is None
    assert ALICE.public not in head.encode()


def test_sealing_the_same_twice_differs() -> None:
    assert to_bob().sealed != to_bob().sealed
    text = letter(ALICE).encode()
    assert seal_within(GROUP)(text) != seal_within(GROUP)(text)


def test_who_is_no_member_cannot_write_to_a_group() -> None:
    """Nodes see the mailbox, but it is no key to seal for."""
    forged = make_envelope(
        sender(EVE), GROUP.mailbox, seal_within(group_keys(bytes(32))), letter(EVE), EXPIRES_MS
    )
    with pytest.raises(InvalidEncoding):
        open_within(forged, GROUP)


def test_a_sealed_letter_is_for_one_group() -> None:
    """The mailbox is authenticated with it."""
    made = seal_within(GROUP)(letter(ALICE).encode())
    other = dataclasses.replace(GROUP, reader=EVE)
    head = make_envelope(sender(ALICE), other.mailbox, lambda _: made, letter(ALICE), EXPIRES_MS)
    with pytest.raises(InvalidEncoding):
        open_within(head, other)


@pytest.mark.parametrize("count", [1, 3, MAX_REKEYED, MAX_REKEYED + 1])
def test_all_who_stay_get_the_next_key_and_who_goes_does_not(count: int) -> None:
    seed = b"n" * 32
    members = [key(f"member {i % 5}") for i in range(count)]
    portions = seal_seeds(seed, [member.public for member in members])
    assert len(portions) == -(-count // MAX_REKEYED)
    rekeyings = [
        Rekeying(ALICE.public, NOW_MS, bytes(32), 1, EVE.public, seeds) for seeds in portions
    ]
    for rekeying in rekeyings:
        made = make_envelope(sender(ALICE), GROUP.mailbox, seal_within(GROUP), rekeying, EXPIRES_MS)
        assert open_within(made, GROUP) == rekeying
    assert find_seed(rekeyings[-1], [EVE.seed, members[-1].seed]) == seed
    assert find_seed(rekeyings[0], [EVE.seed]) is None


def test_an_invitation_opens_the_group() -> None:
    made = make_envelope(
        sender(ALICE),
        BOB.public,
        seal_for(BOB.public),
        Invitation(ALICE.public, NOW_MS, bytes(32), "chess", 3, b"g" * 32),
        EXPIRES_MS,
    )
    invitation = open_sealed(made, BOB.seed)
    assert isinstance(invitation, Invitation)
    assert group_keys(invitation.seed).mailbox == GROUP.mailbox


def test_a_sealed_message_of_another_kind_is_no_letter() -> None:
    made = make_envelope(
        sender(ALICE),
        BOB.public,
        lambda _: seal_for(BOB.public)(b"\x80"),
        letter(ALICE),
        EXPIRES_MS,
    )
    assert made.head.digest == sha256(made.sealed)
    with pytest.raises(InvalidEncoding, match="no letter"):
        open_sealed(made, BOB.seed)


@pytest.mark.parametrize("which", ["person", "group", "anonymous"])
def test_the_vectors_are_opened(which: str) -> None:
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "mail.json").read_text())
    vector = vectors[which]
    made = Envelope.decode(bytes.fromhex(vector["envelope"]))
    made.check(bytes.fromhex(vectors["chain"]), NOW_MS)
    assert made.head.encode().hex() == vector["head"]
    assert made.id.hex() == vector["id"]
    if which == "group":
        keys = group_keys(bytes.fromhex(vectors["group_seed"]))
        assert keys.reader.public.hex() == vectors["group_reader"]
        assert made.head.mailbox.hex() == keys.mailbox.hex() == vectors["group_mailbox"]
        inside = open_within(made, keys)
    else:
        inside = open_sealed(made, bytes.fromhex(vectors["receiver_seed"]))
    assert inside.encode().hex() == vector["letter"]
    assert made.head.has_work(len(made.sealed)) is (which == "anonymous")
    deletion = Deletion.decode(bytes.fromhex(vector["deletion"]))
    deletion.check(made.head.chain, NOW_MS)
    by = KeyPair.from_seed(
        bytes.fromhex(vectors["sender_seed" if which == "group" else "receiver_seed"])
    )
    assert delete(made.head, made.signature, by) == deletion
