"""Valid blocks: every field that follows from the chain is recomputed and compared."""

import pytest

from consensus.beacon import next_beacon
from consensus.block import Header, Target
from consensus.certificate import certificate_bytes
from consensus.errors import Invalid, InvalidBlock, InvalidHeader, InvalidSignature
from consensus.finality import ChainBlock
from consensus.hashing import sha256
from consensus.headers import Rules, check_body_bound, check_producer, opens_epoch, scheduled
from consensus.keys import KeyPair
from consensus.merkle import merkle_root
from consensus.producers import Member, producer_set
from tests.consensus.chains import (
    CHAIN,
    RULES,
    altered,
    certificate_of,
    child,
    embedded,
    genesis,
    make_header,
    members,
    place,
    vote_of,
)

OLD, NEW = members(1, 2, 3, 4), members(3, 4, 5, 6)
EPOCHS = Rules(CHAIN, epoch_slots=12)


def parents() -> tuple[ChainBlock, ChainBlock, ChainBlock]:
    """Three blocks, each the parent of the next and certified in it."""
    one = child(genesis(OLD), 1)
    two = child(one, 2, one)
    return one, two, child(two, 3, two)


def test_a_block_takes_its_place() -> None:
    _, two, parent = parents()
    header = make_header(parent, 5, parent)
    block = place(parent, header, certificate_of(parent))
    assert block.parent is parent
    assert block.qc is parent
    assert (block.height, block.slot, block.dynasty) == (4, 5, 0)
    assert block.id == header.id()
    assert block.beacon == next_beacon(parent.beacon, header.reveal or b"")
    assert block.final_height == two.height


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chain", b"x" * 32),
        ("parent", genesis(NEW).id),
        ("height", 3),
        ("height", 5),
        ("dynasty", 1),
        ("set_hash", NEW.hash),
        ("next_set_hash", NEW.hash),
        ("handover", genesis(OLD).id),
        ("base", genesis(NEW).ref),
        ("base", None),
        ("qc_hash", sha256(b"")),
        ("final_if_qc", None),
        ("final_if_qc", genesis(OLD).id),
        ("qc_target", None),
        ("producer", None),
        ("reveal", None),
    ],
)
def test_each_field_is_a_function_of_the_chain(field: str, value: object) -> None:
    _, _, parent = parents()
    header = altered(make_header(parent, 4, parent), **{field: value})
    with pytest.raises(InvalidHeader) as caught:
        place(parent, header, certificate_of(parent))
    named = "header" if field in ("qc_target", "producer", "reveal") else f"header.{field}"
    assert caught.value.field == named


def test_the_target_must_be_an_ancestor_no_worse_than_the_parents() -> None:
    one, two, parent = parents()
    sibling = child(two, 4, two)
    for target, message in (
        (sibling.target, "no ancestor"),
        (Target(two.id, 3, 0), "no ancestor"),
        (Target(two.id, 2, 1), "no ancestor"),
        (one.target, "worse"),
    ):
        header = altered(make_header(parent, 4, parent), qc_target=target)
        with pytest.raises(InvalidHeader, match=message):
            place(parent, header, certificate_of(parent))


def test_the_parents_target_comes_without_a_certificate_and_any_other_with_one() -> None:
    _, two, parent = parents()
    full = certificate_of(two)
    repeated = make_header(parent, 4, two, certificate=full)
    with pytest.raises(InvalidBlock, match="empty"):
        place(parent, repeated, full)
    bare = make_header(parent, 4, parent, certificate=b"")
    with pytest.raises(InvalidBlock, match="quorum"):
        place(parent, bare, b"")


def test_the_certificate_is_a_quorum_of_the_targets_own_set_for_the_target() -> None:
    _, two, parent = parents()
    short = certificate_of(parent, OLD.quorum - 1)
    with pytest.raises(InvalidBlock, match="2 votes where the quorum is 3"):
        place(parent, make_header(parent, 4, parent, certificate=short), short)
    foreign = certificate_of(two)
    with pytest.raises(InvalidSignature, match="not a vote"):
        place(parent, make_header(parent, 4, parent, certificate=foreign), foreign)
    all_four = certificate_of(parent, 4)
    assert place(parent, make_header(parent, 4, parent, certificate=all_four), all_four).qc


def limbo_block() -> ChainBlock:
    one = child(genesis(OLD), 1)
    handover = child(one, 2, one, elected=NEW)
    return child(handover, 3, handover)


def test_limbo_is_certified_by_the_old_set_and_the_new_dynasty_by_the_new() -> None:
    limbo = limbo_block()
    first = child(limbo, 4, limbo)
    assert first.members.hash == NEW.hash
    for block, wrong in ((limbo, NEW), (first, OLD)):
        voters = {place: vote_of(block, place) for place in range(3)}
        good = certificate_bytes(block.members, voters)
        assert place(block, make_header(block, 5, block, certificate=good), good).qc is block
        keys = {
            at: sha256(member.key + b"forged") * 2
            for at, member in enumerate(wrong.members)
            if at < 3
        }
        bad = certificate_bytes(wrong, keys)
        with pytest.raises(InvalidSignature):
            place(block, make_header(block, 5, block, certificate=bad), bad)


def test_a_dynasty_opens_exactly_when_the_chain_says_so() -> None:
    limbo = limbo_block()
    good = make_header(limbo, 4, limbo)
    assert good.dynasty == 1
    stay = altered(good, dynasty=0, base=limbo.base, set_hash=OLD.hash)
    early = altered(make_header(limbo, 4, limbo.qc or limbo), dynasty=1, base=good.base)
    with pytest.raises(InvalidHeader, match="dynasty"):
        place(limbo, stay, certificate_of(limbo))
    with pytest.raises(InvalidHeader, match="dynasty"):
        place(limbo, early, b"")


def test_an_elected_set_must_be_handed_over_to_and_no_other() -> None:
    _, _, parent = parents()
    handing = make_header(parent, 4, parent, elected=NEW)
    assert handing.next_set_hash == NEW.hash
    assert place(parent, handing, certificate_of(parent), elected=NEW).handover is not None
    with pytest.raises(InvalidHeader, match="next_set_hash"):
        place(parent, handing, certificate_of(parent))
    with pytest.raises(InvalidHeader, match="next_set_hash"):
        place(parent, make_header(parent, 4, parent), certificate_of(parent), elected=NEW)


def test_the_roots_are_left_to_the_transition() -> None:
    _, _, parent = parents()
    header = altered(make_header(parent, 4, parent), state_root=b"s" * 32, events_root=b"e" * 32)
    assert place(parent, header, certificate_of(parent)).header == header


def test_a_block_is_made_of_its_parents_objects_where_they_are_equal() -> None:
    _, _, parent = parents()
    header = Header.decode(make_header(parent, 4, parent.qc or parent).encode())
    block = place(parent, header, b"")
    assert block.header == header
    assert block.header.parent is parent.id
    above, own = parent.header, block.header
    assert own.set_hash is above.set_hash
    assert own.qc_target is above.qc_target
    assert own.transactions_root is above.transactions_root


def test_epochs_are_opened_by_their_first_block_even_if_whole_ones_are_empty() -> None:
    one = child(genesis(OLD), 1, rules=EPOCHS)
    assert not opens_epoch(EPOCHS, one, 11)
    assert opens_epoch(EPOCHS, one, 12)
    assert opens_epoch(EPOCHS, one, 40)
    late = child(one, 40, rules=EPOCHS)
    assert (late.epoch, late.epoch_beacon) == (3, one.beacon)
    after = child(late, 41, rules=EPOCHS)
    assert (after.epoch, after.epoch_beacon) == (3, one.beacon)
    assert after.beacon != late.beacon
    assert not opens_epoch(EPOCHS, late, 47)


def test_an_epochs_schedule_is_drawn_from_the_beacon_before_its_first_block() -> None:
    one = child(genesis(OLD), 1, rules=EPOCHS)
    first = child(one, 12, rules=EPOCHS)
    second = child(first, 13, rules=EPOCHS)
    order = [scheduled(EPOCHS, one, slot).producer for slot in range(12, 16)]
    assert sorted(order) == [member.producer for member in OLD.members]
    assert [scheduled(EPOCHS, first, slot).producer for slot in range(16, 20)] == order
    assert [scheduled(EPOCHS, second, slot).producer for slot in range(20, 24)] == order
    orders = {
        tuple(scheduled(EPOCHS, one, slot + at).producer for at in range(4))
        for slot in range(24, 24 + 12 * 20, 12)
    }
    assert len(orders) > 1


def test_every_seat_is_scheduled_once_a_round_also_on_a_fork_of_another_dynasty() -> None:
    limbo = limbo_block()
    first = child(limbo, 4, limbo)
    for parent, whole in ((limbo, OLD), (first, NEW)):
        turn = [scheduled(RULES, parent, slot).producer for slot in range(8, 12)]
        assert sorted(turn) == [member.producer for member in whole.members]


def test_only_the_slots_producer_may_sign_and_only_later_than_the_parent() -> None:
    keys = {bytes([i]) * 32: KeyPair.from_seed(bytes([i]) * 32) for i in range(4)}
    real = producer_set([Member(producer, key.public) for producer, key in keys.items()])
    parent = genesis(real)
    header = make_header(parent, 3, parent)
    block_id = header.id()
    signature = keys[header.producer or b""].sign(block_id.binary)
    check_producer(RULES, parent, header, signature, block_id)
    with pytest.raises(InvalidSignature):
        check_producer(RULES, parent, header, bytes(64), block_id)
    other = next(producer for producer in keys if producer != header.producer)
    stolen = altered(header, producer=other)
    with pytest.raises(InvalidHeader, match="belongs to"):
        check_producer(RULES, parent, stolen, keys[other].sign(stolen.id().binary), stolen.id())
    for slot in (2, 3):
        late_parent = child(parent, 3)
        late = altered(header, slot=slot)
        with pytest.raises(InvalidHeader, match="does not follow"):
            check_producer(RULES, late_parent, late, signature, late.id())


def test_a_body_is_bound_to_its_header() -> None:
    _, _, parent = parents()
    header = altered(make_header(parent, 4, parent), transactions_root=merkle_root([]))
    good = embedded(parent, parent)
    check_body_bound(header, good, ())
    for certificate, ids in ((b"", ()), (good, (bytes(32),))):
        with pytest.raises(Invalid) as caught:
            check_body_bound(header, certificate, ids)
        assert caught.value.code == "body-mismatch"
