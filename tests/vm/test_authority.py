"""Who may sign for an account: the rule against a naive model, and how an authority changes."""

from collections.abc import Collection
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import ActionFailed, InvalidTransaction
from consensus.keys import is_public_key
from consensus.record import replace
from consensus.transaction import Transaction
from tests.vm.stage import Stage
from tests.vm.test_transition import Noting
from tests.vm.world import (
    ANNA,
    BEN,
    CLEO,
    CONSENSUS,
    PRODUCERS,
    World,
    commit_to,
    commitment_of,
    key,
    pay,
    publish,
)
from vm.modules.account import (
    SENDERS,
    Authority,
    AuthoritySet,
    Sender,
    SetAuthority,
    WeightedKey,
    authority_of,
    check_authorization,
    fewest_of,
    is_authorized,
    most_of,
    plain_authority,
)
from vm.modules.account.tables import MOST_KEYS
from vm.modules.producer import NO_PROFILE, Recommit, Register, is_duty
from vm.modules.producer.registration import possession_message
from vm.modules.tokens import balance_of
from vm.registry import REGISTRY
from vm.simulation import quote, simulate

SIGNERS = sorted((key(f"signer {i}") for i in range(6)), key=lambda item: item.public)
PUBLIC = [item.public for item in SIGNERS]
BY_PUBLIC = {item.public: item for item in (*SIGNERS, ANNA, BEN)}
SMALL_ORDER = bytes(31) + b"\x80"
NO_POINT = b"\x02" + bytes(31)


def authority(threshold: int, weights: dict[int, int]) -> Authority:
    """That of the signers at these places, with these weights."""
    keys = tuple(WeightedKey(PUBLIC[i], weight) for i, weight in sorted(weights.items()))
    return Authority(threshold, keys)


@st.composite
def authorities(draw: st.DrawFn) -> Authority:
    """One that can be met; few and small weights, so that ties and surplus are common."""
    weights = draw(st.dictionaries(st.integers(0, 5), st.integers(1, 4), min_size=1, max_size=6))
    return authority(draw(st.integers(1, sum(weights.values()))), weights)


def enough(both: Collection[Authority], keys: Collection[bytes]) -> bool:
    """Naively: each party's weights, added up one by one, reach its threshold."""
    for each in both:
        total = 0
        for item in each.keys:
            for signer in keys:
                if signer == item.key:
                    total += item.weight
        if total < each.threshold:
            return False
    return True


def allowed(both: Collection[Authority], keys: Collection[bytes]) -> bool:
    """Naively: they are enough, and no smaller set of them is."""
    smaller = [subset for size in range(len(keys)) for subset in combinations(sorted(keys), size)]
    return enough(both, keys) and not any(enough(both, subset) for subset in smaller)


def world_of(sender: Authority, payer: Authority | None) -> World:
    """Anna, and Ben if he pays, have these authorities."""
    world = World.begin()
    SENDERS.put(world.state, Sender(0, sender), ANNA.public)
    if payer is not None:
        SENDERS.put(world.state, Sender(0, payer), BEN.public)
    return world


def order(world: World, payer: Authority | None, signers: Collection[bytes]) -> Transaction:
    """An order of Anna's that these have signed."""
    draft = world.order(pay(), payer=None if payer is None else BEN)
    return replace(draft, signatures=()).signed(*(BY_PUBLIC[each] for each in signers))


@given(
    sender=authorities(),
    payer=st.none() | authorities(),
    signed=st.sets(st.sampled_from(PUBLIC)),
)
def test_who_may_sign_is_what_a_naive_model_says(
    sender: Authority, payer: Authority | None, signed: set[bytes]
) -> None:
    world = world_of(sender, payer)
    both = [sender] if payer is None else [sender, payer]
    made = order(world, payer, signed)
    if allowed(both, signed):
        check_authorization(world.state, made)
        return
    with pytest.raises(InvalidTransaction) as caught:
        check_authorization(world.state, made)
    missing = not enough(both, signed)
    assert caught.value.field == "signatures"
    assert caught.value.code == f"account.signature-{'missing' if missing else 'unneeded'}"


@given(sender=authorities(), payer=st.none() | authorities(), held=st.sets(st.sampled_from(PUBLIC)))
def test_of_the_keys_at_hand_just_enough_are_chosen(
    sender: Authority, payer: Authority | None, held: set[bytes]
) -> None:
    both = [sender] if payer is None else [sender, payer]
    assert is_authorized(both, held) is enough(both, held)
    if enough(both, held):
        assert allowed(both, fewest_of(both, held))
    assert allowed(both, most_of(both))


@given(sender=authorities(), payer=st.none() | authorities())
def test_nobody_without_a_key_can_change_the_id(sender: Authority, payer: Authority | None) -> None:
    world, both = world_of(sender, payer), [sender] if payer is None else [sender, payer]
    made = order(world, payer, fewest_of(both, PUBLIC))
    check_authorization(world.state, made)
    others = [
        replace(made, signatures=made.signatures[:i] + made.signatures[i + 1 :])
        for i in range(len(made.signatures))
    ]
    for changed in (*others, made.signed(CLEO)):
        with pytest.raises(InvalidTransaction):
            check_authorization(world.state, changed)


@given(sender=authorities(), payer=st.none() | authorities())
def test_an_unsigned_transaction_is_simulated_as_signed_by_enough(
    sender: Authority, payer: Authority | None
) -> None:
    world = world_of(sender, payer)
    unsigned = order(world, payer, ())
    quoted = quote(world.state, unsigned)
    receipt = simulate(world.state, world.block(), unsigned).receipt
    assert (receipt.status, receipt.fee <= quoted.fee) == ("ok", True)


def test_a_quote_covers_all_that_must_sign() -> None:
    three = authority(3, dict.fromkeys(range(5), 1))
    world = world_of(three, None)
    unsigned = order(world, None, ())
    max_fee = quote(world.state, unsigned).fee
    signed = replace(unsigned, max_fee=max_fee).signed(*SIGNERS[:3])
    assert world.run(signed).receipts[0].status == "ok"


def test_a_plain_transfer_reads_no_row_for_its_authority() -> None:
    world = World.begin()
    state = Noting(world.state)
    check_authorization(state, world.order(pay()))
    assert state.read == {SENDERS.state_key(ANNA.public)}  # which has its nonce, too


TWO_OF_THREE = authority(2, {0: 1, 1: 1, 2: 1})


def test_an_account_keeps_its_id_and_funds_when_its_keys_change() -> None:
    world = World.begin()
    outcome = world.run(world.order(SetAuthority(TWO_OF_THREE)))
    assert outcome.receipts[0].status == "ok"
    assert AuthoritySet.unpack(outcome.events[0].data) == AuthoritySet(ANNA.public, TWO_OF_THREE)
    assert authority_of(world.state, ANNA.public) == TWO_OF_THREE
    unsigned = replace(world.order(pay(CLEO, 3), nonce=1), signatures=())
    for refused in (unsigned.signed(ANNA), unsigned.signed(SIGNERS[0])):
        with pytest.raises(InvalidTransaction) as caught:
            check_authorization(world.state, refused)
        assert caught.value.code == "account.signature-missing"
    assert world.run(unsigned.signed(*SIGNERS[1:3])).receipts[0].status == "ok"
    assert balance_of(world.state, CLEO.public, "REEL") == 3
    assert SENDERS.get(world.state, ANNA.public) == Sender(2, TWO_OF_THREE)


def test_the_first_key_can_come_back_and_leaves_no_trace() -> None:
    stage = Stage()
    assert stage.act(ANNA.public, SetAuthority(TWO_OF_THREE)) == "ok"
    assert stage.act(ANNA.public, SetAuthority(plain_authority(ANNA.public))) == "ok"
    assert SENDERS.get(stage.world.state, ANNA.public) == Sender(0)


def test_an_authority_holds_from_the_next_transaction_of_its_block() -> None:
    world = World.begin()
    later = replace(world.order(pay(), nonce=1), signatures=()).signed(*SIGNERS[:2])
    outcome = world.run(world.order(SetAuthority(TWO_OF_THREE), pay()), later)
    assert [receipt.status for receipt in outcome.receipts] == ["ok", "ok"]


def test_one_whose_later_action_fails_changes_nothing() -> None:
    world = World.begin()
    outcome = world.run(world.order(SetAuthority(TWO_OF_THREE), pay(amount=2**60)))
    assert outcome.receipts[0].failed_action == 1
    assert SENDERS.get(world.state, ANNA.public) == Sender(1)


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (authority(4, {0: 1, 1: 2}), "threshold"),
        (replace(TWO_OF_THREE, keys=TWO_OF_THREE.keys[::-1]), "keys"),
        (replace(TWO_OF_THREE, keys=(TWO_OF_THREE.keys[0],) * 2), "keys"),
        (Authority(1, (WeightedKey(SMALL_ORDER, 1),)), "keys[0].key"),
        (Authority(1, (WeightedKey(NO_POINT, 1),)), "keys[0].key"),
    ],
)
def test_what_nobody_could_meet_is_refused(made: Authority, field: str) -> None:
    stage = Stage()
    context = stage.context(ANNA.public)
    with pytest.raises(ActionFailed) as caught:
        SetAuthority(made).apply(context)
    assert caught.value.code == "account.authority-unusable"
    assert caught.value.field == f"authority.{field}"


def test_the_keys_of_both_parties_fit_one_transaction() -> None:
    many = sorted((key(f"many {i}") for i in range(2 * MOST_KEYS)), key=lambda k: k.public)
    halves = [
        Authority(MOST_KEYS, tuple(WeightedKey(item.public, 1) for item in half))
        for half in (many[:MOST_KEYS], many[MOST_KEYS:])
    ]
    world = world_of(*halves)
    signed = replace(world.order(pay(), payer=BEN), signatures=()).signed(*many)
    assert world.run(signed).receipts[0].status == "ok"


def test_only_points_of_the_prime_order_group_are_keys() -> None:
    number = int.from_bytes(ANNA.public, "little")
    y, sign = number & (2**255 - 1), number >> 255
    with_order_two = (2**255 - 19 - y | (1 - sign) << 255).to_bytes(32, "little")
    assert is_public_key(ANNA.public)
    for bad in (
        with_order_two,
        SMALL_ORDER,
        NO_POINT,
        ANNA.public[:31],
        (1).to_bytes(32, "little"),
    ):
        assert not is_public_key(bad)


# The account's keys and a producer's consensus key


def test_a_consensus_key_sends_duties_after_the_account_changed_its_keys() -> None:
    world = World.begin()
    world.run(world.order(SetAuthority(TWO_OF_THREE), by=PRODUCERS[0], payer=ANNA))
    duty = world.duty(Recommit(commitment_of(0, b"other salt")), nonce=1)
    assert is_duty(world.state, duty)
    assert world.run(duty).receipts[0].status == "ok"


def test_a_consensus_key_that_acts_for_the_account_sends_no_duties() -> None:
    world = World.begin()
    own = Authority(1, (WeightedKey(CONSENSUS[0].public, 1),))
    SENDERS.put(world.state, Sender(0, own), PRODUCERS[0].public)
    world.run(world.order(pay(PRODUCERS[0], 10**6)))
    commit_to(world.state, publish(), by=PRODUCERS[0])
    draft = replace(world.order(publish(), by=PRODUCERS[0]), signatures=())
    assert world.run(draft.signed(CONSENSUS[0])).receipts[0].status == "ok"


def test_a_key_that_acts_for_the_account_is_no_consensus_key() -> None:
    stage = Stage()
    assert stage.act(ANNA.public, SetAuthority(TWO_OF_THREE)) == "ok"
    message = possession_message(stage.world.genesis.chain, ANNA.public, PUBLIC[0])
    action = Register(PUBLIC[0], "anna", NO_PROFILE, 0, commitment_of(0), SIGNERS[0].sign(message))
    assert stage.act(ANNA.public, action) == "producer.key-of-account"


def test_authorities_are_checked_as_a_whole() -> None:
    stage = Stage()
    for bad in (authority(9, {0: 1}), plain_authority(ANNA.public)):
        SENDERS.put(stage.world.state, Sender(1, bad), ANNA.public)
        assert any(
            fault.startswith("account: ") for fault in REGISTRY.broken_invariants(stage.world.state)
        )
