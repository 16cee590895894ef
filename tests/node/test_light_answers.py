"""What a node proves to light clients: every kind of fact of a real chain, at any age."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from consensus.block import vote_message
from consensus.certificate import certificate_bytes
from consensus.errors import InvalidProof
from consensus.light import (
    LightState,
    anchor_state,
    change_dynasty,
    genesis_state,
    place_of,
)
from consensus.light_answer import (
    EVENTS,
    RECEIPTS,
    TRANSACTIONS,
    Facts,
    LightAnswer,
    decode_answer,
    verify_answer,
)
from consensus.light_rows import CONSTANTS_KEY, terms_of
from consensus.producers import ProducerSet
from consensus.record import replace
from genesis.file import Genesis
from node.block_results import BlockResults
from node.candidate import header_of
from node.chain import Chain
from node.light import answers
from node.light.answers import (
    NO_DYNASTY_PROOF,
    NOT_YET_FINAL,
    TOO_MANY_STEPS,
    LightAnswers,
    Unprovable,
    genesis_anchor,
)
from node.query.chain_view import NotFound, Pruned
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
from vm.modules.account import SENDERS, Sender
from vm.modules.chain import CONSTANTS
from vm.modules.tokens import BALANCES, Balance, Transferred
from vm.receipt import Event as BlockEvent
from vm.receipt import Receipt

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])

BOBS_BALANCE = BALANCES.state_key(BOB.public, "REEL")
ALICES_NONCE = SENDERS.state_key(ALICE.public)

Start = Callable[..., Chain]
Ask = Callable[[], object]


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


def begin(genesis: Genesis = GENESIS) -> LightState:
    constants = next(row.value for row in genesis.rows if row.key == CONSTANTS_KEY)
    return genesis_state(genesis.header, genesis.producer_set, terms_of(constants))


def prove(answer: LightAnswer, genesis: Genesis = GENESIS) -> Facts:
    """The facts, over the wire."""
    return verify_answer(begin(genesis), decode_answer(answer.encode()))[1]


def refused(answer: LightAnswer) -> str:
    with pytest.raises(InvalidProof) as caught:
        verify_answer(begin(), answer)
    return caught.value.field


# Rows


def test_a_payment_is_proved_from_the_genesis_file_alone(paid: Chain) -> None:
    facts = prove(LightAnswers(paid).rows([BOBS_BALANCE, ALICES_NONCE, CONSTANTS.state_key()], 0))
    assert facts.rows == {
        BOBS_BALANCE: Balance(5_000).encode(),
        ALICES_NONCE: Sender(1).encode(),
        CONSTANTS.state_key(): paid.constants.encode(),
    }
    assert facts.place == place_of(paid.fork.final.header)


def test_absence_is_proved_and_not_just_claimed(paid: Chain) -> None:
    absent = [SENDERS.state_key(BOB.public), BALANCES.state_key(ALICE.public, "OTHER")]
    light = LightAnswers(paid)
    assert prove(light.rows(absent, 0)).rows == dict.fromkeys(absent)
    answer = light.rows([BOBS_BALANCE], 0)
    hidden = replace(answer, rows=(replace(answer.rows[0], value=None),))
    assert refused(hidden) == "state proof"


def test_a_key_asked_for_twice_is_answered_once(paid: Chain) -> None:
    light = LightAnswers(paid)
    assert light.rows([BOBS_BALANCE] * 3, 0) == light.rows([BOBS_BALANCE], 0)


def test_answers_go_on_with_the_chain(paid: Chain) -> None:
    light = LightAnswers(paid)
    before = prove(light.rows([BOBS_BALANCE], 0))
    run_slots([paid], SEATS, [4, 7, 8], [transfer(paid, ALICE, BOB.public, 1, 1)])
    after = prove(light.rows([BOBS_BALANCE], 0))
    assert after.final.height > before.final.height
    assert after.rows == {BOBS_BALANCE: Balance(5_001).encode()}


# Blocks and what is in them


def test_every_block_of_the_chain(paid: Chain) -> None:
    run_slots([paid], SEATS, range(4, 20))
    light = LightAnswers(paid)
    for height in range(paid.durable_final.height + 1):
        raw = paid.blocks.at(height)
        assert raw is not None
        assert prove(light.block(height, 0)).block == header_of(raw)


def test_a_transaction_and_its_receipt_at_any_age(paid: Chain) -> None:
    run_slots([paid], SEATS, range(4, 12), [transfer(paid, ALICE, BOB.public, 1, 1)])
    light = LightAnswers(paid)
    for height in range(1, paid.durable_final.height + 1):
        data = paid.blocks.receipts(height)
        for receipt in BlockResults.decode(data or b"").receipts:
            facts = prove(light.transaction(receipt.transaction, 0))
            assert facts.block is not None
            assert facts.block.height == height
            assert facts.items_of(TRANSACTIONS) == [receipt.transaction]
            assert [Receipt.decode(item) for item in facts.items_of(RECEIPTS)] == [receipt]


def test_every_event_of_a_block(paid: Chain) -> None:
    light = LightAnswers(paid)
    found = []
    for index in range(2):
        facts = prove(light.event(1, index, 0))
        found += [BlockEvent.decode(item) for item in facts.items_of(EVENTS)]
    data = paid.blocks.receipts(1)
    assert found == list(BlockResults.decode(data or b"").events)[:2]
    assert found[0].data == Transferred(ALICE.public, BOB.public, "REEL", 5_000, "").pack()


def test_what_is_not_there(paid: Chain) -> None:
    light, final = LightAnswers(paid), paid.durable_final.height
    asks: tuple[Ask, ...] = (
        lambda: light.transaction(bytes(32), 0),
        lambda: light.block(final + 1, 0),
        lambda: light.event(1, 99, 0),
        lambda: light.event(final + 5, 0, 0),
        lambda: light.anchor(paid.fork.head.id),
    )
    for ask in asks:
        with pytest.raises(NotFound):
            ask()


def test_what_is_not_kept() -> None:
    bench = Bench(GENESIS, keep_blocks=5)
    chain = bench.chain
    paying = transfer(chain, ALICE, BOB.public, 5_000, 0)
    run_slots([chain], SEATS, range(1, 20), [paying])
    light, first = LightAnswers(chain, lambda: GENESIS), chain.blocks.first_height()
    assert first > 1
    old = make_genesis_of(SEATS.values(), [ALICE]).header.id()
    asks: tuple[Ask, ...] = (lambda: light.block(first - 1, 0), lambda: light.event(1, 0, 0))
    for ask in asks:
        with pytest.raises(Pruned, match=f"from height {first} on"):
            ask()
    with pytest.raises(NotFound, match=f"below height {first}"):
        light.transaction(paying.id, 0)
    assert prove(light.block(first, 0)).block is not None
    assert prove(light.block(0, 0)).block == GENESIS.header
    assert prove(light.rows([BOBS_BALANCE], 0)).rows == {BOBS_BALANCE: Balance(5_000).encode()}
    assert light.anchor(old) == genesis_anchor(GENESIS)


# Lies


def test_an_answer_of_another_chain_is_refused(start: Start) -> None:
    other_genesis = make_genesis_of(SEATS.values(), [BOB])  # the same producers and keys
    other = start(other_genesis)
    run_slots([other], SEATS, [1, 2, 3])
    answer = LightAnswers(other).rows([BOBS_BALANCE], 0)
    assert prove(answer, other_genesis).rows == {BOBS_BALANCE: Balance(FUNDS).encode()}
    assert refused(answer) == "certificate"


def test_an_answer_of_strangers_that_vote_for_themselves_is_refused(paid: Chain) -> None:
    good = LightAnswers(paid).rows([BOBS_BALANCE], 0)
    message = vote_message(paid.id, good.target.id())
    signatures = {i: key(f"stranger {i}").sign(message) for i in range(4)}
    forged = replace(good, certificate=certificate_bytes(GENESIS.producer_set, signatures))
    assert refused(forged) == "certificate"


# While blocks become final


def test_nothing_is_claimed_before_a_block_is_final(start: Start) -> None:
    chain = start()
    run_slots([chain], SEATS, [1])
    light = LightAnswers(chain)
    asks: tuple[Ask, ...] = (
        lambda: light.final(0),
        lambda: light.block(0, 0),
        lambda: light.steps(0),
    )
    for ask in asks:
        with pytest.raises(Unprovable) as refused_now:
            ask()
        assert refused_now.value.code == NOT_YET_FINAL


def test_no_answer_mixes_two_blocks(paid: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a batch is written, the proof on disk is newer than the state in memory."""
    seen: list[str] = []
    light = LightAnswers(paid)
    paying = transfer(paid, ALICE, BOB.public, 1, 1)
    absorb = paid.state.absorb

    def look_first(layer: object) -> None:
        asks: tuple[Ask, ...] = (
            lambda: light.rows([BOBS_BALANCE], 0),
            lambda: light.block(1, 0),
        )
        for ask in asks:
            with pytest.raises(Unprovable) as refused_now:
                ask()
            seen.append(refused_now.value.code)
        absorb(layer)  # type: ignore[arg-type]

    monkeypatch.setattr(paid.state, "absorb", look_first)
    run_slots([paid], SEATS, [4], [paying])
    assert seen == [NOT_YET_FINAL] * 2
    monkeypatch.undo()
    run_slots([paid], SEATS, [5])
    assert prove(light.rows([BOBS_BALANCE], 0)).rows == {BOBS_BALANCE: Balance(5_001).encode()}
    assert prove(light.transaction(paying.id, 0)).items


def test_a_block_that_becomes_final_between_two_looks_is_asked_for_again(
    paid: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block of a transaction can be newer than the proof that was read before."""
    proof = paid.final_proof()
    root = paid.state.view()
    run_slots([paid], SEATS, [4], [])
    monkeypatch.setattr(paid, "final_proof", lambda: proof)
    monkeypatch.setattr(paid.state, "view", lambda: root)
    with pytest.raises(Unprovable) as refused_now:
        LightAnswers(paid).block(paid.durable_final.height, 0)
    assert refused_now.value.code == NOT_YET_FINAL


def test_every_answer_that_a_thread_makes_meanwhile_is_right(paid: Chain) -> None:
    light, ended = LightAnswers(paid), Event()
    made: list[LightAnswer] = []

    def ask() -> None:
        while not ended.is_set():
            with suppress(Unprovable):
                made.append(light.rows([BOBS_BALANCE], 0))
                made.append(light.block(made[-1].final.height // 2, 0))

    thread = Thread(target=ask)
    thread.start()
    try:
        for nonce, slot in enumerate(range(4, 40), start=1):
            run_slots([paid], SEATS, [slot], [transfer(paid, ALICE, BOB.public, 1, nonce)])
    finally:
        ended.set()
        thread.join()
    made.append(light.rows([BOBS_BALANCE], 0))
    for answer in made:
        assert prove(answer).final == answer.final


def test_answers_come_again_after_several_blocks_became_final_at_once(start: Start) -> None:
    chain = start()
    for slot in (1, 3, 5, 6):  # a lone slot makes nothing final until two follow one another
        block = make_block(chain, SEATS, slot)
        take_block(chain, block.raw)
        take_votes(chain, votes_for(chain, SEATS.values(), block))
    assert chain.fork.final.height == 3
    light = LightAnswers(chain)
    assert prove(light.rows([BOBS_BALANCE], 0)).final.height == 3
    assert prove(light.block(2, 0)).block is not None


# Across changes of the producer set


@pytest.fixture
def handed_over() -> Chain:
    """A chain whose set has changed three times."""
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    run_epochs([chain], epochs(chain, 4))
    assert chain.durable_final.dynasty == 3
    return chain


def test_a_client_follows_from_genesis_over_every_change_of_the_set(handed_over: Chain) -> None:
    light = LightAnswers(handed_over)
    balance = BALANCES.state_key(ALICE.public, "REEL")
    answer = light.rows([balance], 0)
    assert [step.limbo.dynasty for step in answer.steps] == [0, 1, 2]
    facts = prove(answer, handovers.GENESIS)
    assert facts.rows == {balance: Balance(FUNDS).encode()}
    assert (facts.dynasty, len(facts.producers.members)) == (3, 7)
    for height in range(handed_over.durable_final.height + 1):
        assert prove(light.block(height, 0), handovers.GENESIS).block is not None


def test_a_client_gets_the_steps_that_it_lacks(handed_over: Chain) -> None:
    light = LightAnswers(handed_over)
    state = begin(handovers.GENESIS)
    for dynasty in range(4):
        answer = light.rows([ALICES_NONCE], dynasty)
        assert [step.limbo.dynasty for step in answer.steps] == list(range(dynasty, 3))
        assert verify_answer(state, answer)[0].dynasty == 3
        if dynasty < 3:
            step = light.steps(dynasty).steps[0]
            members = ProducerSet(step.members)
            state = change_dynasty(state, step.limbo, step.certificate, members)
    assert light.rows([ALICES_NONCE], 99).steps == ()


def test_steps_come_in_pages(handed_over: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_STEPS_ANSWERED", 2)
    light = LightAnswers(handed_over)
    with pytest.raises(Unprovable) as refused_now:
        light.final(0)
    assert refused_now.value.code == TOO_MANY_STEPS
    pages = [[step.limbo.dynasty for step in light.steps(first).steps] for first in (0, 2, 3, 9)]
    assert pages == [[0, 1], [2], [], []]
    assert len(light.final(1).steps) == 2


def test_every_final_block_is_an_anchor(handed_over: Chain) -> None:
    light, genesis = LightAnswers(handed_over, lambda: handovers.GENESIS), begin(handovers.GENESIS)
    for height in range(handed_over.durable_final.height + 1):
        block_id = handed_over.blocks.id_at(height)
        assert block_id is not None
        state = anchor_state(light.anchor(block_id), height, block_id)
        assert (state.chain, state.terms) == (genesis.chain, genesis.terms)
        answer = light.rows([ALICES_NONCE], state.dynasty)
        assert verify_answer(state, answer)[0].final == place_of(handed_over.durable_final.header)


def test_a_restarted_node_still_leads_through_every_change_of_the_set() -> None:
    bench = Bench(handovers.GENESIS, elected=ELECTIONS)
    run_epochs([bench.chain], epochs(bench.chain, 4))
    before = LightAnswers(bench.chain).block(1, 0)
    bench.restart()
    assert LightAnswers(bench.chain).block(1, 0) == before


def test_a_node_without_the_proof_of_a_change(
    handed_over: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handed_over.blocks, "handover", lambda _: None)
    with pytest.raises(Unprovable) as refused_now:
        LightAnswers(handed_over).final(0)
    assert refused_now.value.code == NO_DYNASTY_PROOF
