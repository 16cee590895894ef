"""The light client's way from a trusted block on: real keys, and every way to lie about it."""

from itertools import pairwise

import pytest

from consensus.block import Header
from consensus.certificate import Verify
from consensus.errors import InvalidProof
from consensus.hashing import ZERO_DIGEST, sha256
from consensus.light import (
    BEHIND,
    CONFLICTING_FINAL,
    DynastyStep,
    LightAnchor,
    LightState,
    advance_final,
    anchor_state,
    change_dynasty,
    follow_dynasties,
    genesis_state,
    place_of,
)
from consensus.light_rows import Terms, history_of, terms_of
from consensus.producers import ProducerSet
from consensus.record import replace
from tests.consensus.light_chains import CONSTANTS, TERMS, Chain, chain_of, seats
from vm.modules.chain import CONSTANTS as CONSTANTS_TABLE
from vm.modules.chain import FIRST_PROGRESS, PROGRESS, ChainConstants

OLD, NEW = seats(0).producers, seats(1).producers


@pytest.fixture
def chain() -> Chain:
    return chain_of(1)


@pytest.fixture
def ends(chain: Chain) -> tuple[Header, Header]:
    """The newest final block of a chain with one change, and the target that makes it final."""
    return chain.headers[-2], chain.headers[-1]


def refusal(act: object, *arguments: object) -> tuple[str, str, str]:
    """Field, message and code of what is refused."""
    with pytest.raises(InvalidProof) as caught:
        act(*arguments)  # type: ignore[operator]
    return caught.value.field, caught.value.message, caught.value.code


def test_one_call_spans_any_distance_within_a_dynasty() -> None:
    chain = chain_of(0)
    final, target = chain.headers[-2:]
    state = advance_final(chain.start, target, chain.certificate(target), final)
    assert state == replace(chain.start, final=place_of(final))


def test_sets_are_followed_with_one_step_each() -> None:
    chain = chain_of(3)
    state = follow_dynasties(chain.start, map(chain.step, range(3)))
    assert (state.dynasty, state.producers) == (3, seats(3).producers)
    assert state.final == chain.start.final
    final, target = chain.headers[-2:]
    after = advance_final(state, target, chain.certificate(target), final)
    assert after.final == place_of(final)


def test_genesis_is_proved_by_the_first_block(chain: Chain) -> None:
    genesis, first = chain.headers[:2]
    assert advance_final(chain.start, first, chain.certificate(first), genesis) == chain.start


# Votes


def test_another_chain(chain: Chain, ends: tuple[Header, Header]) -> None:
    other = replace(follow_dynasties(chain.start, [chain.step(0)]), chain=sha256(b"another chain"))
    final, target = ends
    certificate = chain.certificate(target)
    field, message, _ = refusal(advance_final, other, target, certificate, final)
    assert (field, message) == ("certificate", "the block is of another chain")
    votes = seats(1).certify(other.chain, target.id())
    assert refusal(advance_final, other, target, votes, final)[0] == "certificate"


def test_votes_made_for_another_chain_do_not_count(
    chain: Chain, ends: tuple[Header, Header]
) -> None:
    state = follow_dynasties(chain.start, [chain.step(0)])
    final, target = ends
    votes = seats(1).certify(sha256(b"another chain"), target.id())
    assert refusal(advance_final, state, target, votes, final)[0] == "certificate"


def test_fewer_votes_than_a_quorum(chain: Chain, ends: tuple[Header, Header]) -> None:
    state = follow_dynasties(chain.start, [chain.step(0)])
    final, target = ends
    few = chain.certificate(target, NEW.quorum - 1)
    field, message, _ = refusal(advance_final, state, target, few, final)
    assert (field, message) == ("certificate", "2 votes where the quorum is 3")
    step = replace(chain.step(0), certificate=chain.certificate(chain.limbos[0], 2))
    assert refusal(follow_dynasties, chain.start, [step])[0] == "dynasty step 0"


def test_a_certificate_of_the_wrong_set(chain: Chain, ends: tuple[Header, Header]) -> None:
    state = follow_dynasties(chain.start, [chain.step(0)])
    final, target = ends
    votes = seats(0).certify(chain.id, target.id())
    assert refusal(advance_final, state, target, votes, final)[0] == "certificate"


def test_a_set_made_up_by_strangers(chain: Chain, ends: tuple[Header, Header]) -> None:
    """A header that names the client's dynasty but another set is refused before its votes."""
    forged = replace(ends[1], dynasty=0)
    votes = seats(1).certify(chain.id, forged.id())
    field, message, _ = refusal(advance_final, chain.start, forged, votes, ends[0])
    assert (field, message) == ("certificate", "the block is of another producer set")


def test_the_injected_verifier_decides(chain: Chain) -> None:
    forged = replace(chain.step(0), certificate=bytes([0b111]) + bytes(192))
    answers: list[tuple[Verify, bool]] = [(lambda *_: True, True), (lambda *_: False, False)]
    for verify, accepted in answers:
        if accepted:
            assert follow_dynasties(chain.start, [forged], verify=verify).dynasty == 1
        else:
            with pytest.raises(InvalidProof):
                follow_dynasties(chain.start, [chain.step(0)], verify=verify)


# What is final


def test_a_missing_or_repeated_step(chain: Chain, ends: tuple[Header, Header]) -> None:
    final, target = ends
    certificate = chain.certificate(target)
    field, message, code = refusal(advance_final, chain.start, target, certificate, final)
    assert (field, message) == ("certificate", "the block is of dynasty 1, not 0")
    assert code != BEHIND
    steps = [chain.step(0), chain.step(0)]
    assert refusal(follow_dynasties, chain.start, steps)[0] == "dynasty step 1"


def test_a_limbo_block_is_nobodys_final_block(chain: Chain) -> None:
    limbo, first, second = chain.limbos[0], *chain.headers[5:7]
    state = follow_dynasties(chain.start, [chain.step(0)])
    for target in (first, second):
        certificate = chain.certificate(target)
        assert refusal(advance_final, state, target, certificate, limbo)[0] == "final header"
    certificate = chain.certificate(limbo)
    assert refusal(advance_final, chain.start, limbo, certificate, limbo)[0] == "final header"


def test_a_certified_block_that_finalizes_nothing(chain: Chain) -> None:
    first = chain.headers[5]
    state = follow_dynasties(chain.start, [chain.step(0)])
    assert refusal(advance_final, state, first, chain.certificate(first), first)[0] == (
        "final header"
    )


def test_final_never_goes_back() -> None:
    chain = chain_of(0)
    first, second, third = chain.headers[1:4]
    state = advance_final(chain.start, third, chain.certificate(third), second)
    field, message, code = refusal(advance_final, state, second, chain.certificate(second), first)
    assert (field, code) == ("final header", BEHIND)
    assert "up to date" in message


def test_a_node_that_is_a_dynasty_behind(chain: Chain) -> None:
    state = follow_dynasties(chain.start, [chain.step(0)])
    first, second = chain.headers[1:3]
    assert refusal(advance_final, state, second, chain.certificate(second), first)[2] == BEHIND


def test_a_conflicting_final_block_of_the_same_height() -> None:
    chain = chain_of(0)
    second, third = chain.headers[2:4]
    state = advance_final(chain.start, third, chain.certificate(third), second)
    twin = replace(second, slot=50)
    target = replace(third, slot=51, parent=twin.id(), final_if_qc=twin.id())
    _, message, code = refusal(advance_final, state, target, chain.certificate(target), twin)
    assert code == CONFLICTING_FINAL
    assert str(second.id()) in message
    assert str(twin.id()) in message


def test_only_a_certified_limbo_block_changes_the_dynasty(chain: Chain) -> None:
    for header in chain.headers[2:4]:
        arguments = (chain.start, header, chain.certificate(header), NEW)
        assert refusal(change_dynasty, *arguments)[0] == "handover"


def test_a_limbo_block_that_finalizes_something_else_changes_nothing(chain: Chain) -> None:
    for final_if_qc in (None, chain.headers[2].id()):
        limbo = replace(chain.limbos[0], final_if_qc=final_if_qc)
        arguments = (chain.start, limbo, chain.certificate(limbo), NEW)
        assert refusal(change_dynasty, *arguments)[0] == "handover"


def test_another_set_than_the_one_handed_over_to(chain: Chain) -> None:
    limbo = chain.limbos[0]
    arguments = (chain.start, limbo, chain.certificate(limbo), OLD)
    assert refusal(change_dynasty, *arguments)[0] == "next set"
    none = replace(limbo, next_set_hash=ZERO_DIGEST)
    arguments = (chain.start, none, chain.certificate(none), NEW)
    assert refusal(change_dynasty, *arguments)[0] == "next set"
    step = replace(chain.step(0), members=tuple(reversed(NEW.members)))
    field, message, _ = refusal(follow_dynasties, chain.start, [step])
    assert field == "dynasty step 0"
    assert "order" in message


# Anchors


@pytest.mark.parametrize("height", [0, 2, 4, 5, 8])
def test_a_client_goes_on_from_any_final_block(chain: Chain, height: int) -> None:
    state, header = chain.checkpoint(height), chain.headers[height]
    assert (state.chain, state.terms) == (chain.id, TERMS)
    assert state.anchor == state.final == place_of(header)
    steps = [chain.step(dynasty) for dynasty in range(header.dynasty, 1)]
    final, target = chain.headers[-2:]
    after = advance_final(follow_dynasties(state, steps), target, chain.certificate(target), final)
    assert after.final == place_of(final)
    assert after.anchor == state.anchor


def test_genesis_as_an_anchor_is_what_the_genesis_file_gives(chain: Chain) -> None:
    assert chain.checkpoint(0) == chain.start


def test_an_anchor_of_another_block(chain: Chain) -> None:
    anchor = chain.anchor(5)
    for height, block_id in ((4, chain.headers[5].id()), (5, chain.headers[4].id())):
        assert refusal(anchor_state, anchor, height, block_id)[0] == "anchor"


def changed_anchors(chain: Chain) -> dict[str, LightAnchor]:
    """Anchors of a right block that lie about all else."""
    anchor, other = chain.anchor(5), Chain(0)
    longer = CONSTANTS.replace((86_400).to_bytes(4, "big"), (2**31).to_bytes(4, "big"))
    return {
        "members": replace(anchor, members=OLD.members),
        "members in another order": replace(anchor, members=tuple(reversed(anchor.members))),
        "no genesis": replace(anchor, genesis=None),
        "no genesis header": replace(anchor, genesis=chain.headers[1]),
        "another genesis": replace(anchor, genesis=replace(other.headers[0], slot=1)),
        "longer unbonding": replace(anchor, constants=longer),
        "another row": replace(anchor, constants=b"\x01"),
    }


@pytest.mark.parametrize("lie", list(changed_anchors(chain_of(1))))
def test_a_lie_beside_the_right_header(chain: Chain, lie: str) -> None:
    anchor = changed_anchors(chain)[lie]
    assert anchor != chain.anchor(5)
    assert refusal(anchor_state, anchor, 5, chain.headers[5].id())[0] == "anchor"


def test_every_changed_byte_of_an_anchor_is_refused(chain: Chain) -> None:
    data, block_id = chain.anchor(5).encode(), chain.headers[5].id()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        with pytest.raises(Exception) as caught:
            anchor_state(LightAnchor.decode(bytes(changed)), 5, block_id)
        assert caught.value.__class__.__name__ in ("InvalidEncoding", "InvalidProof")


def test_genesis_and_its_set_belong_together(chain: Chain) -> None:
    pairs: list[tuple[Header, ProducerSet]] = [(chain.headers[0], NEW), (chain.headers[1], OLD)]
    for header, producers in pairs:
        assert refusal(genesis_state, header, producers, TERMS)[0] == "genesis"


# Age


def test_what_is_known_becomes_too_old(chain: Chain, ends: tuple[Header, Header]) -> None:
    start = chain.start
    last_ms = TERMS.genesis_time_ms + TERMS.unbonding_s * 1000
    assert not start.is_too_old(last_ms)
    assert start.is_too_old(last_ms + 1)
    final, target = ends
    state = follow_dynasties(start, [chain.step(0)])
    assert state.is_too_old(last_ms + 1)  # a step names no time
    after = advance_final(state, target, chain.certificate(target), final)
    assert not after.is_too_old(last_ms + 1)
    assert after.is_too_old(last_ms + 1 + final.slot * TERMS.slot_ms)
    assert after.age_s(TERMS.start_ms(final.slot) + 1500) == 1.5


def test_the_rows_that_a_client_reads_are_those_of_the_chain_module() -> None:
    constants = ChainConstants("devnet", 1_700_000_000_000, 500, 63, 64, 1_209_600, "REEL")
    assert terms_of(constants.encode()) == Terms(1_700_000_000_000, 500, 1_209_600)
    chain = chain_of(0)
    history = FIRST_PROGRESS.history
    for header in chain.headers:
        history = history.append(header.id())
    progress = replace(FIRST_PROGRESS, history=history, handover_slot=3)
    assert history_of(progress.encode()) == history
    assert (CONSTANTS_TABLE.state_key(), PROGRESS.state_key()) == (
        b"\x81\x6fchain.constants",
        b"\x81\x6echain.progress",
    )


@pytest.mark.parametrize("row", [b"", b"\x80", CONSTANTS[:-1], b"\x81\x6echain.progress"])
def test_a_row_that_is_none_of_these(row: bytes) -> None:
    with pytest.raises(InvalidProof, match="cannot be read"):
        history_of(row)
    with pytest.raises(InvalidProof, match="cannot be read"):
        terms_of(row)


def test_a_state_survives_its_encoding(chain: Chain) -> None:
    state = follow_dynasties(chain.start, [chain.step(0)])
    assert LightState.decode(state.encode()) == state
    step = chain.step(0)
    assert DynastyStep.decode(step.encode()) == step


def test_the_chains_of_these_tests_hang_together(chain: Chain) -> None:
    for below, above in pairwise(chain.headers):
        assert above.parent == below.id()
        assert above.height == below.height + 1
