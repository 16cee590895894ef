"""The light client: a small chain with a handover, real keys, and every way to lie about it."""

from dataclasses import dataclass, replace
from functools import cache

import pytest

from consensus.block import MAX_SLOT, BlockRef, Header, Target, vote_message
from consensus.certificate import certificate_bytes
from consensus.cid import DAG_CBOR, Cid, cid_of
from consensus.codec import encode
from consensus.errors import InvalidProof
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.keys import KeyPair
from consensus.kinds import JSON_INTEGER_MAX
from consensus.light import (
    MAX_ANSWER_BYTES,
    MAX_DYNASTY_STEP_BYTES,
    DynastyStep,
    InclusionProof,
    LightAnswer,
    LightState,
    advance_final,
    change_dynasty,
    check_inclusion,
    check_state,
    decode_answer,
    follow_dynasties,
    genesis_state,
    prove_by_headers,
    verify_answer,
)
from consensus.merkle import merkle_proof, merkle_root
from consensus.producers import MAX_PRODUCERS, Member, ProducerSet, producer_set
from consensus.tree import key_path, update
from consensus.tree_proof import StateProof, prove

KEY, VALUE = encode(["token.balance", bytes(32), "REEL"]), b"a balance"
ABSENT = encode(["token.balance", bytes(32), "OTHER"])
TRANSACTIONS = [b"first", b"second", b"third"]


@dataclass(frozen=True)
class Seats:
    """A producer set and its keys, in set order."""

    producers: ProducerSet
    keys: list[KeyPair]

    def certify(self, chain: bytes, block_id: Cid, voters: int | None = None) -> bytes:
        message = vote_message(chain, block_id)
        count = self.producers.quorum if voters is None else voters
        return certificate_bytes(
            self.producers, {i: self.keys[i].sign(message) for i in range(count)}
        )


def _seats(first: int) -> Seats:
    keys = [KeyPair.from_seed(bytes([first + i]) * 32) for i in range(4)]
    members = [Member(bytes([first + i]) * 32, key.public) for i, key in enumerate(keys)]
    return Seats(producer_set(members), keys)


OLD, NEW = _seats(1), _seats(11)


@dataclass(frozen=True)
class Chain:
    """Genesis, two blocks, the handover block and its limbo block, two blocks of dynasty 1."""

    pages: dict[bytes, bytes]
    headers: list[Header]

    @property
    def chain(self) -> bytes:
        return self.headers[0].id().digest

    @property
    def start(self) -> LightState:
        return genesis_state(self.headers[0], OLD.producers)

    def certificate(self, height: int, voters: int | None = None) -> bytes:
        header = self.headers[height]
        seats = OLD if header.dynasty == 0 else NEW
        return seats.certify(self.chain, header.id(), voters)

    @property
    def step(self) -> DynastyStep:
        return DynastyStep(self.headers[4], self.certificate(4), NEW.producers.members)

    def answer(self, key: bytes = KEY, value: bytes | None = VALUE) -> LightAnswer:
        proof = prove(self.pages.get, [key_path(key)])
        target, final = self.headers[6], self.headers[5]
        return LightAnswer((self.step,), target, self.certificate(6), final, key, value, proof)


def _header(state_root: bytes, genesis: Header | None, parent: Header | None) -> Header:
    first = genesis.id() if genesis else None
    return Header(
        chain=first.digest if first else None,
        parent=parent.id() if parent else None,
        height=parent.height + 1 if parent else 0,
        slot=parent.slot + 1 if parent else 0,
        producer=OLD.producers.members[0].producer if parent else None,
        reveal=sha256(b"reveal") if parent else None,
        dynasty=0,
        set_hash=OLD.producers.hash,
        next_set_hash=ZERO_DIGEST,
        handover=None,
        base=BlockRef(first, 0) if first else None,
        qc_target=Target(parent.id(), parent.slot, parent.dynasty) if parent else None,
        qc_hash=sha256(b""),
        final_if_qc=parent.id() if parent else None,
        state_root=state_root,
        transactions_root=merkle_root(TRANSACTIONS),
        receipts_root=merkle_root([b"receipt"]),
        events_root=merkle_root([]),
    )


def _in_dynasty_1(header: Header, base: BlockRef) -> Header:
    return replace(header, dynasty=1, set_hash=NEW.producers.hash, base=base)


@cache
def _chain() -> Chain:
    rows = {key_path(encode(["row", i])): sha256(bytes([i])) for i in range(50)}
    tree = update(dict[bytes, bytes]().get, rows | {key_path(KEY): sha256(VALUE)})
    pages = {position: page for position, page in tree.pages.items() if page is not None}
    headers = [_header(tree.root, None, None)]
    genesis = headers[0]
    for _ in range(2):
        headers.append(_header(tree.root, genesis, headers[-1]))
    next_hash = NEW.producers.hash
    handover = replace(_header(tree.root, genesis, headers[-1]), next_set_hash=next_hash)
    limbo = replace(
        _header(tree.root, genesis, handover), next_set_hash=next_hash, handover=handover.id()
    )
    base = BlockRef(handover.id(), handover.slot)
    first = _in_dynasty_1(replace(_header(tree.root, genesis, limbo), final_if_qc=None), base)
    second = _in_dynasty_1(_header(tree.root, genesis, first), base)
    return Chain(pages, [*headers, handover, limbo, first, second])


@pytest.fixture
def chain() -> Chain:
    return _chain()


def _refused(state: LightState, key: bytes, answer: LightAnswer) -> tuple[str, str]:
    """The field and the message of the refusal."""
    with pytest.raises(InvalidProof) as caught:
        verify_answer(state, key, answer)
    return caught.value.field, caught.value.message


def test_a_value_is_proved_across_a_handover(chain: Chain) -> None:
    state, value = verify_answer(chain.start, KEY, chain.answer())
    assert value == VALUE
    final = chain.headers[5]
    assert state == LightState(chain.chain, 5, final.id(), 1, NEW.producers)


def test_an_absence_is_proved(chain: Chain) -> None:
    _, value = verify_answer(chain.start, ABSENT, chain.answer(ABSENT, None))
    assert value is None


def test_a_client_goes_on_from_where_it_is(chain: Chain) -> None:
    state, _ = verify_answer(chain.start, KEY, chain.answer())
    again = replace(chain.answer(), steps=())
    assert verify_answer(state, KEY, again) == (state, VALUE)


def test_one_step_spans_any_distance_within_a_dynasty(chain: Chain) -> None:
    state = advance_final(chain.start, chain.headers[4], chain.certificate(4), chain.headers[3])
    assert (state.final_height, state.final_id) == (3, chain.headers[3].id())
    assert follow_dynasties(state, [chain.step]).dynasty == 1


def test_genesis_is_proved_by_the_first_block(chain: Chain) -> None:
    genesis, first = chain.headers[:2]
    assert advance_final(chain.start, first, chain.certificate(1), genesis) == chain.start


def test_an_answer_survives_its_encoding(chain: Chain) -> None:
    answer = chain.answer()
    assert decode_answer(answer.encode()) == answer


@pytest.mark.parametrize("absent", [False, True])
def test_no_changed_byte_is_accepted(chain: Chain, *, absent: bool) -> None:
    key = ABSENT if absent else KEY
    data = (chain.answer(ABSENT, None) if absent else chain.answer()).encode()
    start = chain.start
    fields = set()
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 1 << i % 8
        with pytest.raises(InvalidProof) as caught:
            verify_answer(start, key, decode_answer(bytes(changed)))
        fields.add(caught.value.field)
    assert fields >= {
        "encoding",
        "dynasty step 0",
        "certificate",
        "final header",
        "key",
        "state proof",
    }


def test_another_key_than_asked(chain: Chain) -> None:
    assert _refused(chain.start, ABSENT, chain.answer())[0] == "key"


@pytest.mark.parametrize("value", [b"another balance", b"", None])
def test_another_value_than_the_state_holds(chain: Chain, value: bytes | None) -> None:
    answer = replace(chain.answer(), value=value)
    assert _refused(chain.start, KEY, answer)[0] == "state proof"


def test_a_value_for_an_absent_row(chain: Chain) -> None:
    answer = replace(chain.answer(ABSENT, None), value=b"")
    assert _refused(chain.start, ABSENT, answer)[0] == "state proof"


def test_another_chain(chain: Chain) -> None:
    other = replace(chain.start, chain=sha256(b"another chain"))
    field, message = _refused(other, KEY, chain.answer())
    assert (field, message) == ("dynasty step 0", "certificate: the block is of another chain")
    current = follow_dynasties(chain.start, [chain.step])
    answer = replace(chain.answer(), steps=())
    field, _ = _refused(replace(current, chain=sha256(b"another chain")), KEY, answer)
    assert field == "certificate"


def test_votes_made_for_another_chain_do_not_count(chain: Chain) -> None:
    target = chain.headers[6]
    votes = NEW.certify(sha256(b"another chain"), target.id())
    answer = replace(chain.answer(), certificate=votes)
    assert _refused(chain.start, KEY, answer)[0] == "certificate"


def test_fewer_votes_than_a_quorum(chain: Chain) -> None:
    below = NEW.producers.quorum - 1
    answer = replace(chain.answer(), certificate=chain.certificate(6, below))
    field, message = _refused(chain.start, KEY, answer)
    assert (field, message) == ("certificate", "2 votes where the quorum is 3")
    step = replace(chain.step, certificate=chain.certificate(4, below))
    answer = replace(chain.answer(), steps=(step,))
    assert _refused(chain.start, KEY, answer)[0] == "dynasty step 0"


def test_a_certificate_of_the_wrong_set(chain: Chain) -> None:
    target = chain.headers[6]
    answer = replace(chain.answer(), certificate=OLD.certify(chain.chain, target.id()))
    assert _refused(chain.start, KEY, answer)[0] == "certificate"


def test_a_set_made_up_by_an_old_quorum_of_another_dynasty(chain: Chain) -> None:
    """A header that names the client's dynasty but another set is refused before its votes."""
    forged = replace(chain.headers[6], dynasty=0)
    votes = NEW.certify(chain.chain, forged.id())
    answer = replace(chain.answer(), steps=(), target=forged, certificate=votes)
    field, message = _refused(chain.start, KEY, answer)
    assert (field, message) == ("certificate", "the block is of another producer set")


def test_a_missing_or_repeated_dynasty_step(chain: Chain) -> None:
    answer = replace(chain.answer(), steps=())
    field, message = _refused(chain.start, KEY, answer)
    assert (field, message) == ("certificate", "the block is of dynasty 1, not 0")
    answer = replace(chain.answer(), steps=(chain.step, chain.step))
    assert _refused(chain.start, KEY, answer)[0] == "dynasty step 1"


def test_a_limbo_block_is_nobodys_final_block(chain: Chain) -> None:
    limbo, first, second = chain.headers[4:7]
    state = follow_dynasties(chain.start, [chain.step])
    for target in (first, second):
        votes = NEW.certify(chain.chain, target.id())
        with pytest.raises(InvalidProof) as caught:
            advance_final(state, target, votes, limbo)
        assert caught.value.field == "final header"
    with pytest.raises(InvalidProof) as caught:
        advance_final(chain.start, limbo, chain.certificate(4), limbo)
    assert caught.value.field == "final header"


def test_a_limbo_block_is_proved_by_the_headers_above_it(chain: Chain) -> None:
    limbo, first = chain.headers[4:6]
    assert prove_by_headers(first, [limbo]) == limbo
    assert prove_by_headers(first, chain.headers[4::-1]) == chain.headers[0]
    assert prove_by_headers(first, []) == first


def test_headers_that_do_not_hang_together(chain: Chain) -> None:
    final = chain.headers[5]
    for path, field in (
        ([chain.headers[3]], "headers[0]"),
        ([chain.headers[4], chain.headers[2]], "headers[1]"),
        ([replace(chain.headers[4], slot=99)], "headers[0]"),
        ([*chain.headers[4::-1], chain.headers[0]], "headers[5]"),
    ):
        with pytest.raises(InvalidProof) as caught:
            prove_by_headers(final, path)
        assert caught.value.field == field


def test_a_certified_block_that_finalizes_nothing(chain: Chain) -> None:
    first = chain.headers[5]
    state = follow_dynasties(chain.start, [chain.step])
    with pytest.raises(InvalidProof) as caught:
        advance_final(state, first, NEW.certify(chain.chain, first.id()), first)
    assert caught.value.field == "final header"


def test_final_never_goes_back(chain: Chain) -> None:
    _, first, second, third = chain.headers[:4]
    state = advance_final(chain.start, third, chain.certificate(3), second)
    with pytest.raises(InvalidProof, match="up to date"):
        advance_final(state, second, chain.certificate(2), first)


def test_a_conflicting_final_block_of_the_same_height(chain: Chain) -> None:
    second, third = chain.headers[2:4]
    state = advance_final(chain.start, third, chain.certificate(3), second)
    twin = replace(second, slot=50)
    target = replace(third, slot=51, parent=twin.id(), final_if_qc=twin.id())
    with pytest.raises(InvalidProof, match="evidence"):
        advance_final(state, target, OLD.certify(chain.chain, target.id()), twin)


def test_only_a_certified_limbo_block_changes_the_dynasty(chain: Chain) -> None:
    for height in (2, 3):
        with pytest.raises(InvalidProof) as caught:
            change_dynasty(
                chain.start, chain.headers[height], chain.certificate(height), NEW.producers
            )
        assert caught.value.field == "handover"


def test_a_limbo_block_that_finalizes_something_else_changes_nothing(chain: Chain) -> None:
    for final_if_qc in (None, chain.headers[2].id()):
        limbo = replace(chain.headers[4], final_if_qc=final_if_qc)
        votes = OLD.certify(chain.chain, limbo.id())
        with pytest.raises(InvalidProof) as caught:
            change_dynasty(chain.start, limbo, votes, NEW.producers)
        assert caught.value.field == "handover"


def test_another_set_than_the_one_handed_over_to(chain: Chain) -> None:
    with pytest.raises(InvalidProof) as caught:
        change_dynasty(chain.start, chain.headers[4], chain.certificate(4), OLD.producers)
    assert caught.value.field == "next set"
    members = tuple(reversed(NEW.producers.members))
    step = replace(chain.step, members=members)
    with pytest.raises(InvalidProof, match="order") as caught:
        follow_dynasties(chain.start, [step])
    assert caught.value.field == "dynasty step 0"


def test_genesis_and_its_set_belong_together(chain: Chain) -> None:
    for header, producers in (
        (chain.headers[0], NEW.producers),
        (chain.headers[1], OLD.producers),
    ):
        with pytest.raises(InvalidProof) as caught:
            genesis_state(header, producers)
        assert caught.value.field == "genesis"


def test_the_injected_verifier_decides(chain: Chain) -> None:
    with pytest.raises(InvalidProof):
        verify_answer(chain.start, KEY, chain.answer(), verify=lambda *_: False)
    forged = replace(chain.answer(), certificate=bytes([0b111]) + bytes(192))
    _, value = verify_answer(chain.start, KEY, forged, verify=lambda *_: True)
    assert value == VALUE


def test_a_row_of_a_proved_header(chain: Chain) -> None:
    proof = prove(chain.pages.get, [key_path(KEY)])
    check_state(chain.headers[5], KEY, VALUE, proof)
    other = replace(chain.headers[5], state_root=sha256(b"other"))
    with pytest.raises(InvalidProof):
        check_state(other, KEY, VALUE, proof)


def test_an_item_of_a_proved_header(chain: Chain) -> None:
    root = chain.headers[5].transactions_root
    for i, item in enumerate(TRANSACTIONS):
        proof = InclusionProof(i, 3, merkle_proof(TRANSACTIONS, i))
        check_inclusion(root, item, proof)
        for wrong in (replace(proof, index=(i + 1) % 3), replace(proof, hashes=())):
            with pytest.raises(InvalidProof) as caught:
                check_inclusion(root, item, wrong)
            assert caught.value.field == "inclusion proof"
        with pytest.raises(InvalidProof):
            check_inclusion(root, b"forged", proof)


def test_an_answer_too_large_is_not_read() -> None:
    with pytest.raises(InvalidProof, match="at most") as caught:
        decode_answer(bytes(MAX_ANSWER_BYTES + 1))
    assert caught.value.field == "encoding"


def test_the_bounds_leave_room_for_the_largest_answer(chain: Chain) -> None:
    identity = cid_of(DAG_CBOR, b"")
    most = JSON_INTEGER_MAX
    largest = replace(
        chain.headers[4],
        height=most,
        slot=MAX_SLOT,
        dynasty=most,
        base=BlockRef(identity, MAX_SLOT),
        qc_target=Target(identity, MAX_SLOT, most),
    )
    members = tuple(Member(bytes([i]) * 32, bytes([i]) * 32) for i in range(MAX_PRODUCERS))
    step = DynastyStep(largest, bytes(3 + 64 * MAX_PRODUCERS), members)
    assert len(step.encode()) <= MAX_DYNASTY_STEP_BYTES
    proof = StateProof(bytes(65), (bytes(32),) * 256, ())
    answer = LightAnswer(
        (step,) * 256, largest, step.certificate, largest, bytes(1024), bytes(65_536), proof
    )
    assert len(answer.encode()) <= MAX_ANSWER_BYTES
