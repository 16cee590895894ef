"""What keeps a transaction out of a block, what a failure costs, and who gets the fees."""

from collections.abc import Callable

import pytest

from consensus.errors import InvalidBlock, InvalidEncoding, InvalidTransaction
from consensus.record import record, replace
from consensus.transaction import Transaction, transaction_id
from tests.vm.world import (
    ANNA,
    BARE,
    BEN,
    CLEO,
    FUNDS,
    PRODUCERS,
    World,
    apply_to,
    commit_to,
    encoded,
    pay,
    publish,
    sized,
)
from vm.context import Context
from vm.declare import Action, Module
from vm.modules import fee
from vm.modules.account import next_nonce
from vm.modules.agenda import HEIGHT, NEXT, TIME
from vm.modules.chain import CONSTANTS, PROGRESS
from vm.modules.dividends import PAIRS
from vm.modules.economy import CLOCK
from vm.modules.poc.tables import WALK
from vm.modules.pots import ORDER
from vm.modules.producer import ATTENDANCE, BEACONS, WATCH
from vm.modules.ranking.tables import DRAFT, PERIOD_BLOCKS
from vm.modules.rewards import BLOCK_UNITS, OWED_POT, POOL_POT, UNSHARED, VOTE_UNITS
from vm.modules.tokens import ASSETS, POTS, AssetRow, Transferred, balance_of, mint
from vm.modules.upgrade import PLAN
from vm.overlay import Overlay
from vm.registry import MODULES, REGISTRY, Registry
from vm.transition import BlockExecution, execute_block
from vm.view import View


@pytest.fixture
def world() -> World:
    return World.begin()


def test_a_transfer_moves_the_amount_and_charges_its_gas(world: World) -> None:
    transaction = world.order(pay(CLEO, 700, memo="for tea"))
    size = len(transaction.encode())
    outcome = world.run(transaction)
    (receipt,) = outcome.receipts
    gas = 1_000 + 10 * size + 500 + 1_000
    assert (receipt.status, receipt.failed_action) == ("ok", None)
    assert (receipt.gas, receipt.fee) == (gas, gas)
    assert receipt.transaction == transaction_id(transaction.encode())
    assert outcome.transaction_ids == (receipt.transaction,)
    assert balance_of(world.state, CLEO.public, "REEL") == 700
    assert balance_of(world.state, ANNA.public, "REEL") == FUNDS - 700 - gas
    assert next_nonce(world.state, ANNA.public) == 1
    assert (outcome.gas, outcome.size_bytes, outcome.fees) == (gas, size, {"REEL": gas})


def test_events_name_their_transaction_and_receipts_their_events(world: World) -> None:
    outcome = world.run(world.order(pay(BEN, 1), pay(CLEO, 2)), world.order(pay(ANNA, 3), by=BEN))
    assert [(r.first_event, r.event_count) for r in outcome.receipts] == [(0, 2), (2, 1)]
    assert [event.transaction for event in outcome.events] == [0, 0, 1, None]
    moved = Transferred.unpack(outcome.events[2].data)
    assert moved == Transferred(BEN.public, ANNA.public, "REEL", 3, "")
    assert fee.Distributed.unpack(outcome.events[3].data).asset == "REEL"


REFUSED: list[tuple[str, str, Callable[[World], Transaction]]] = [
    ("chain.wrong-chain", "chain", lambda w: w.order(pay(), chain=bytes(32))),
    ("chain.expired", "valid_until_height", lambda w: w.order(pay(), valid_until_height=0)),
    ("account.nonce-ahead", "nonce", lambda w: w.order(pay(), nonce=1)),
    (
        "account.signature-missing",
        "signatures",
        lambda w: replace(w.order(pay()), signatures=()),
    ),
    (
        "account.signature-missing",
        "signatures",
        lambda w: replace(w.order(pay()), payer=BEN.public),
    ),
    (
        "account.signature-missing",
        "signatures",
        lambda w: replace(w.order(pay(), payer=BEN), sender=CLEO.public),
    ),
    ("account.signature-unneeded", "signatures", lambda w: w.order(pay()).signed(CLEO)),
    ("fee.asset-not-accepted", "fee_asset", lambda w: w.order(pay(), fee_asset="USDT")),
    ("fee.max-too-low", "max_fee", lambda w: w.order(pay(), max_fee=10)),
    ("fee.payer-balance", "sender", lambda w: w.order(pay(), by=CLEO)),
    ("fee.payer-balance", "payer", lambda w: w.order(pay(), payer=CLEO)),
    ("chain.unknown-action", "actions[1]", lambda w: w.order(pay(), ["token.steal", 1])),
    ("invalid-encoding", "actions[0]", lambda w: w.order(["token.transfer", 2])),
    ("invalid-encoding", "actions[0].amount", lambda w: w.order([*pay().pack()[:4], 0, ""])),
    (
        "fee.too-much-gas",
        "actions",
        lambda w: w.order(publish(size_bytes=2**50), max_fee=2**64 - 1),
    ),
]


@pytest.mark.parametrize(("code", "field", "make"), REFUSED)
def test_refused_with_a_field_and_nothing_changed(
    world: World, code: str, field: str, make: Callable[[World], Transaction]
) -> None:
    execution = world.start()
    for run in (lambda t: execution.check(t, len(t.encode())), lambda t: apply_to(execution, t)):
        with pytest.raises(InvalidTransaction) as caught:
            run(make(world))
        assert (caught.value.code, caught.value.field) == (code, field)
    assert execution.finish() == world.start().finish()


def test_a_refused_fee_is_said_in_units(world: World) -> None:
    execution = world.start()
    for order, sentence in (
        (world.order(pay(), max_fee=10), r"the fee is \d+ units of REEL now, above max_fee 10"),
        (world.order(pay(), by=CLEO), r"the fee is \d+ units of REEL, the payer holds 0"),
    ):
        with pytest.raises(InvalidTransaction, match=sentence):
            apply_to(execution, order)


def test_every_refusal_of_a_transaction_is_declared() -> None:
    codes = {code for code, _, _ in REFUSED} - {"invalid-encoding"}
    assert codes <= set(REGISTRY.errors)


def test_a_used_nonce_is_refused_in_the_same_and_in_a_later_block(world: World) -> None:
    execution = world.start()
    apply_to(execution, world.order(pay()))
    with pytest.raises(InvalidTransaction, match="next is 1") as caught:
        apply_to(execution, world.order(pay()))
    assert caught.value.code == "account.nonce-used"
    world.run(world.order(pay()))
    with pytest.raises(InvalidBlock):
        world.run(world.order(pay()))


def test_the_last_valid_height_is_valid(world: World) -> None:
    assert world.run(world.order(pay(), valid_until_height=1)).receipts[0].status == "ok"


def test_a_failed_action_undoes_all_actions_but_pays(world: World) -> None:
    too_much = world.order(pay(CLEO, 1), pay(CLEO, FUNDS), pay(CLEO, 1))
    outcome = world.run(too_much, world.order(pay(CLEO, 2), nonce=1))
    failed, passed = outcome.receipts
    assert (failed.status, failed.failed_action) == ("token.insufficient-balance", 1)
    assert (failed.event_count, passed.first_event) == (0, 0)
    assert failed.fee > 0
    assert balance_of(world.state, CLEO.public, "REEL") == 2
    assert balance_of(world.state, ANNA.public, "REEL") == FUNDS - 2 - failed.fee - passed.fee
    assert next_nonce(world.state, ANNA.public) == 2


def test_the_payer_pays_and_the_sender_need_hold_nothing(world: World) -> None:
    commit_to(world.state, publish(), by=CLEO)
    outcome = world.run(world.order(publish(), by=CLEO, payer=BEN))
    assert outcome.receipts[0].status == "ok"
    assert balance_of(world.state, BEN.public, "REEL") == FUNDS - outcome.receipts[0].fee
    assert next_nonce(world.state, CLEO.public) == 1
    assert next_nonce(world.state, BEN.public) == 0


def test_max_fee_may_be_just_the_fee(world: World) -> None:
    cost = apply_to(world.start(), world.order(pay(), max_fee=100_000)).fee
    assert apply_to(world.start(), world.order(pay(), max_fee=cost + 20)).fee == cost - 20
    assert apply_to(world.start(), world.order(pay(), max_fee=cost - 20)).fee == cost - 20
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(world.start(), world.order(pay(), max_fee=cost - 21))
    assert caught.value.code == "fee.max-too-low"


@pytest.mark.parametrize("missing", [0, 1])
def test_the_payer_must_hold_just_the_fee(world: World, missing: int) -> None:
    commit_to(world.state, publish())
    first, last = world.order(pay(CLEO, 10**6)), world.order(publish(), nonce=1)
    (fee_of_first, fee_of_last) = (r.fee for r in world.run(first, last).receipts)
    world = World.begin()
    commit_to(world.state, publish())
    spare = fee_of_last - missing
    world.run(world.order(pay(CLEO, FUNDS - fee_of_first - spare)))
    assert balance_of(world.state, ANNA.public, "REEL") == spare
    if missing:
        with pytest.raises(InvalidBlock) as caught:
            world.run(last)
        assert caught.value.code == "fee.payer-balance"
    else:
        world.run(last)
        assert balance_of(world.state, ANNA.public, "REEL") == 0


@pytest.mark.parametrize(
    ("burn_ppm", "treasury_ppm"), [(0, 0), (500_000, 0), (333_333, 333_333), (500_000, 500_000)]
)
def test_fees_are_shared_out_and_the_producer_gets_the_remainder(
    burn_ppm: int, treasury_ppm: int
) -> None:
    world = World.begin(BARE)
    fee.BURN_PPM.set(world.state, burn_ppm)
    fee.TREASURY_PPM.set(world.state, treasury_ppm)
    outcome = world.run(world.order(pay(memo="odd")), world.order(pay(), by=BEN))
    total = sum(receipt.fee for receipt in outcome.receipts)
    burned, treasury = total * burn_ppm // 10**6, total * treasury_ppm // 10**6
    row, pot = ASSETS.get(world.state, "REEL"), POTS.get(world.state, "treasury", "REEL")
    assert row is not None
    assert row.burned == burned
    assert (pot.amount if pot else 0) == treasury
    earned = balance_of(world.state, PRODUCERS[0].public, "REEL")
    assert earned == total - burned - treasury
    assert list(REGISTRY.broken_invariants(world.state)) == []


def test_fees_in_another_asset_are_rounded_up_to_its_unit(world: World) -> None:
    ASSETS.put(world.state, AssetRow("Dollar", 6, 0, 0, 10**9, True, True, None), "USDT")
    mint(world.state, ANNA.public, "USDT", 10)
    fee.PRICES.put(world.state, fee.Price(1), "USDT")
    outcome = world.run(world.order(pay(), fee_asset="USDT", max_fee=1))
    assert outcome.receipts[0].fee == 1
    assert balance_of(world.state, ANNA.public, "USDT") == 9
    assert outcome.fees == {"USDT": 1}


def test_a_block_has_only_so_much_gas(world: World) -> None:
    fee.MAX_BLOCK_GAS.set(world.state, 1_000_000)
    execution = world.start()
    big = publish(size_bytes=500 * 2**20)
    apply_to(execution, world.order(big, max_fee=10**9))
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, world.order(big, nonce=1, max_fee=10**9))
    assert caught.value.code == fee.BLOCK_FULL.code
    assert apply_to(execution, world.order(pay(), nonce=1)).status == "ok"
    assert execution.finish().gas <= 1_000_000


def test_a_block_has_only_so_many_bytes(world: World) -> None:
    execution = world.start()
    limit = fee.MAX_BODY_BYTES.default
    first = world.order(pay(), max_fee=10**8)
    assert execution.apply(sized(first, limit - 300)).status == "ok"
    second = world.order(pay(), nonce=1)
    with pytest.raises(InvalidTransaction) as caught:
        execution.apply(sized(second, 301))
    assert caught.value.code == fee.BLOCK_FULL.code
    assert execution.apply(sized(second, 300)).status == "ok"


def test_a_block_has_only_so_many_transactions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fee, "MAX_BLOCK_TRANSACTIONS", 1)
    execution = world.start()
    apply_to(execution, world.order(pay()))
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, world.order(pay(), by=BEN))
    assert caught.value.code == fee.BLOCK_FULL.code


def test_an_invalid_transaction_spoils_the_validators_block(world: World) -> None:
    with pytest.raises(InvalidBlock) as caught:
        world.run(world.order(pay()), world.order(pay(), nonce=7))
    assert caught.value.field == "body.transactions[1].nonce"
    assert caught.value.code == "account.nonce-ahead"


def test_producer_and_validator_come_to_the_same(world: World) -> None:
    good = [world.order(pay()), world.order(pay(CLEO, FUNDS), nonce=1), world.order(pay(), by=BEN)]
    execution = world.start()
    for transaction in (*good[:2], world.order(pay(), nonce=9), good[2]):
        try:
            apply_to(execution, transaction)
        except InvalidTransaction:
            continue
    assert execution.finish() == execute_block(world.state, world.block(), encoded(*good))


def test_the_parents_state_is_only_read(world: World) -> None:
    before = dict(world.state.writes())
    execute_block(world.state, world.block(), encoded(world.order(pay())))
    assert world.state.writes() == before


class Noting(Overlay):
    """A state that notes which keys are read."""

    def __init__(self, base: View) -> None:
        super().__init__(base)
        self.read: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`, or None."""
        self.read.add(key)
        return super().get(key)


def test_an_empty_block_reads_little(world: World) -> None:
    world.run()
    state = Noting(world.state)
    execute_block(state, world.block(used=1), [])
    producer = PRODUCERS[0].public
    assert state.read == {
        *(BEACONS.state_key(producer), ATTENDANCE.state_key(producer), WATCH.state_key()),
        *(PROGRESS.state_key(), NEXT.state_key(TIME), NEXT.state_key(HEIGHT)),
        *(UNSHARED.state_key(), BLOCK_UNITS.state_key, VOTE_UNITS.state_key),
        *(POTS.state_key(pot, "REEL") for pot in (POOL_POT, OWED_POT)),
        *(CONSTANTS.state_key(), PLAN.state_key()),
        *(fee.LEVEL.state_key(), CLOCK.state_key(), ORDER.state_key(), PAIRS.state_key()),
        *(WALK.state_key(), DRAFT.state_key(), PERIOD_BLOCKS.state_key),
    }
    BLOCK_UNITS.set(world.state, 0)
    VOTE_UNITS.set(world.state, 0)
    state = Noting(world.state)
    execute_block(state, world.block(used=1), [])
    assert len(state.read) == 18


def test_a_rejection_that_an_action_does_not_own_is_a_bug(world: World) -> None:
    broken = Module("broken", "Fails where it should not.")

    @broken.action(gas=1)
    @record("broken.act")
    class Act(Action):
        """Raise what only codecs raise."""

        def apply(self, context: Context) -> None:
            raise InvalidEncoding("ours")

    execution = BlockExecution(world.state, world.block(), Registry((*MODULES, broken)))
    with pytest.raises(RuntimeError, match="broken"):
        apply_to(execution, world.order(Act()))
