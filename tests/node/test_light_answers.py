"""Light answers of a real chain, and every way to change one on its way to a client."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from consensus.block import vote_message
from consensus.certificate import certificate_bytes
from consensus.errors import InvalidEncoding
from consensus.light import (
    MAX_DYNASTY_STEPS,
    MAX_KEY_BYTES,
    decode_answer,
    genesis_state,
    verify_answer,
)
from genesis.file import Genesis
from node.chain import Chain
from node.failure import ProofFailed
from node.light_answers import NO_DYNASTY_PROOF, NOT_YET_FINAL, Unprovable, light_answer
from node.light_client import Fact, LightClient
from storage.database import Database
from tests.node import handovers
from tests.node.bench import Bench, memory_chain
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.network import (
    FUNDS,
    key,
    make_block,
    make_genesis_of,
    make_seats,
    open_chain,
    run_slots,
    take_block,
    take_votes,
    transfer,
    votes_for,
)
from vm.modules.account import SENDERS
from vm.modules.chain import CONSTANTS
from vm.modules.tokens import BALANCES

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])

BOBS_BALANCE = BALANCES.state_key(BOB.public, "REEL")
ALICES_NONCE = SENDERS.state_key(ALICE.public)

Start = Callable[..., Chain]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Open a chain, by default of GENESIS, in a folder of its own."""
    opened: list[Database] = []

    def opener(genesis: Genesis = GENESIS) -> Chain:
        chain, database = open_chain(genesis, tmp_path / str(len(opened)))
        opened.append(database)
        return chain

    yield opener
    for database in opened:
        database.close()


@pytest.fixture
def paid(start: Start) -> Chain:
    """A chain in which Alice's payment of 5,000 to Bob is final."""
    chain = start()
    run_slots([chain], SEATS, [1, 2, 3], [transfer(chain, ALICE, BOB.public, 5_000, 0)])
    return chain


def asking(answers: Callable[[bytes], bytes], genesis: Genesis = GENESIS) -> LightClient:
    async def ask(state_key: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        return answers(state_key)

    return LightClient(genesis, "http://node", ask)


def honest(chain: Chain) -> Callable[[bytes], bytes]:
    return lambda state_key: light_answer(chain, state_key).encode()


def giving(data: bytes) -> Callable[[bytes], bytes]:
    return lambda _: data


def prove(client: LightClient, state_key: bytes) -> Fact:
    return trio.run(client.prove, state_key)


def refusal(client: LightClient, state_key: bytes = BOBS_BALANCE) -> ProofFailed:
    with pytest.raises(ProofFailed) as refused:
        prove(client, state_key)
    assert refused.value.exit_code == 5
    assert "http://node" in str(refused.value)
    return refused.value


def test_a_payment_is_proved_from_the_genesis_file_alone(paid: Chain) -> None:
    client = asking(honest(paid))
    fact = prove(client, BOBS_BALANCE)
    assert fact.row == {"amount": "5000"}
    assert (fact.final_id, fact.final) == (paid.fork.final.id, paid.fork.final.header)
    assert (fact.signed, fact.producers) == (3, 4)  # a quorum suffices
    assert prove(client, ALICES_NONCE).row == {"nonce": 1}
    assert prove(client, CONSTANTS.state_key()).row is not None


def test_absence_is_proved_and_not_just_claimed(paid: Chain) -> None:
    client = asking(honest(paid))
    for absent in (SENDERS.state_key(BOB.public), BALANCES.state_key(ALICE.public, "OTHER")):
        fact = prove(client, absent)
        assert fact.value is None
        assert fact.row is None
    hidden = replace(light_answer(paid, BOBS_BALANCE), value=None)
    assert refusal(asking(giving(hidden.encode()))).field == "state proof"


def test_answers_go_on_with_the_chain(paid: Chain) -> None:
    client = asking(honest(paid))
    before = prove(client, BOBS_BALANCE)
    run_slots([paid], SEATS, [4, 7, 8], [transfer(paid, ALICE, BOB.public, 1, 1)])
    after = prove(client, BOBS_BALANCE)
    assert after.final.height > before.final.height
    assert after.row == {"amount": "5001"}


def test_every_changed_byte_is_refused(paid: Chain) -> None:
    state = genesis_state(GENESIS.header, GENESIS.producer_set)
    fields = set()
    for state_key in (BOBS_BALANCE, SENDERS.state_key(BOB.public)):
        good = light_answer(paid, state_key).encode()
        verify_answer(state, state_key, decode_answer(good))
        for place in range(len(good)):
            changed = bytearray(good)
            changed[place] ^= 1 << place % 8
            fields.add(refusal(asking(giving(bytes(changed))), state_key).field)
    assert fields == {"encoding", "key", "certificate", "final header", "state proof"}


def test_truncated_and_lengthened_answers_are_refused(paid: Chain) -> None:
    good = light_answer(paid, BOBS_BALANCE).encode()
    for bad in (b"", good[:-1], good[: len(good) // 2], good + b"\x00", b"\xff" * 2_000_000):
        assert refusal(asking(giving(bad))).field == "encoding"


def test_an_answer_about_another_row_is_refused(paid: Chain) -> None:
    other = light_answer(paid, BALANCES.state_key(ALICE.public, "REEL"))
    assert refusal(asking(giving(other.encode()))).field == "key"
    renamed = replace(other, key=BOBS_BALANCE)
    assert refusal(asking(giving(renamed.encode()))).field == "state proof"


def test_an_answer_of_another_chain_is_refused(start: Start) -> None:
    other_genesis = make_genesis_of(SEATS.values(), [BOB])  # the same producers and keys
    other = start(other_genesis)
    run_slots([other], SEATS, [1, 2, 3])
    assert prove(asking(honest(other), other_genesis), BOBS_BALANCE).row == {"amount": str(FUNDS)}
    refused = refusal(asking(honest(other)))
    assert refused.field == "certificate"
    assert "another chain" in refused.message


def test_an_answer_of_strangers_that_vote_for_themselves_is_refused(paid: Chain) -> None:
    good = light_answer(paid, BOBS_BALANCE)
    message = vote_message(paid.id, good.target.id())
    signatures = {i: key(f"stranger {i}").sign(message) for i in range(4)}
    forged = replace(good, certificate=certificate_bytes(GENESIS.producer_set, signatures))
    assert refusal(asking(giving(forged.encode()))).field == "certificate"


def test_an_older_answer_is_refused_once_a_newer_one_was_seen(paid: Chain) -> None:
    old = light_answer(paid, BOBS_BALANCE).encode()
    run_slots([paid], SEATS, [4, 5])
    answers = [light_answer(paid, ALICES_NONCE).encode(), old]
    client = asking(lambda _: answers.pop(0))
    prove(client, ALICES_NONCE)
    refused = refusal(client)
    assert refused.field == "final header"
    assert "final already" in refused.message


def test_nothing_is_claimed_before_a_block_is_final(start: Start) -> None:
    chain = start()
    run_slots([chain], SEATS, [1])
    with pytest.raises(Unprovable) as refused:
        light_answer(chain, BOBS_BALANCE)
    assert refused.value.code == NOT_YET_FINAL


def test_no_answer_mixes_two_blocks(paid: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a batch is written, the proof on disk is newer than the state in memory."""
    seen: list[str] = []
    absorb = paid.state.absorb

    def look_first(layer: object) -> None:
        with pytest.raises(Unprovable) as refused:
            light_answer(paid, BOBS_BALANCE)
        seen.append(refused.value.code)
        absorb(layer)  # type: ignore[arg-type]

    monkeypatch.setattr(paid.state, "absorb", look_first)
    run_slots([paid], SEATS, [4], [transfer(paid, ALICE, BOB.public, 1, 1)])
    assert seen == [NOT_YET_FINAL]
    monkeypatch.undo()
    run_slots([paid], SEATS, [5])
    assert prove(asking(honest(paid)), BOBS_BALANCE).row == {"amount": "5001"}


def test_answers_come_again_after_several_blocks_became_final_at_once(start: Start) -> None:
    chain = start()
    for slot in (1, 3, 5, 6):  # a lone slot makes nothing final until two follow one another
        block = make_block(chain, SEATS, slot)
        take_block(chain, block.raw)
        take_votes(chain, votes_for(chain, SEATS.values(), block))
    assert chain.fork.final.height == 3
    assert prove(asking(honest(chain)), BOBS_BALANCE).final.height == 3


def test_what_needs_more_steps_than_an_answer_has_room_for_is_refused(
    paid: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    proved = paid.final_proof()
    assert proved is not None
    later = replace(proved, target=replace(proved.target, dynasty=MAX_DYNASTY_STEPS + 1))
    monkeypatch.setattr(paid, "final_proof", lambda: later)
    with pytest.raises(Unprovable) as refused:
        light_answer(paid, BOBS_BALANCE)
    assert refused.value.code == NO_DYNASTY_PROOF


@pytest.mark.parametrize("state_key", [b"", bytes(MAX_KEY_BYTES + 1)])
def test_impossible_keys_are_refused(paid: Chain, state_key: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        light_answer(paid, state_key)


# Across changes of the producer set


@pytest.fixture
def handed_over() -> Chain:
    """A chain whose set has changed three times."""
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    run_epochs([chain], epochs(chain, 4))
    assert chain.durable_final.dynasty == 3
    return chain


def test_a_client_follows_from_genesis_over_every_change_of_the_set(handed_over: Chain) -> None:
    answer = light_answer(handed_over, ALICES_NONCE)
    assert [step.limbo.dynasty for step in answer.steps] == [0, 1, 2]
    client = asking(honest(handed_over), handovers.GENESIS)
    fact = prove(client, BALANCES.state_key(ALICE.public, "REEL"))
    assert fact.row == {"amount": str(FUNDS)}
    assert fact.final_id == handed_over.durable_final.id
    assert (fact.signed, fact.producers) == (5, 7)
    left_out = replace(answer, steps=answer.steps[1:])
    refused = refusal(asking(giving(left_out.encode()), handovers.GENESIS), ALICES_NONCE)
    assert refused.field == "dynasty step 0"


def test_a_client_goes_on_while_the_set_changes_again_and_again() -> None:
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    client = asking(honest(chain), handovers.GENESIS)
    dynasties = []
    for slot in epochs(chain, 4):
        run_epochs([chain], [slot])
        if chain.final_proof() is None:
            continue
        fact = prove(client, ALICES_NONCE)  # every time from genesis on: it knows a part already
        assert fact.final_id == chain.durable_final.id
        dynasties.append(fact.final.dynasty)
    assert sorted(set(dynasties)) == [0, 1, 2, 3]


def test_a_restarted_node_still_leads_through_every_change_of_the_set() -> None:
    bench = Bench(handovers.GENESIS, elected=ELECTIONS)
    run_epochs([bench.chain], epochs(bench.chain, 4))
    before = light_answer(bench.chain, ALICES_NONCE)
    bench.restart()
    assert light_answer(bench.chain, ALICES_NONCE) == before
