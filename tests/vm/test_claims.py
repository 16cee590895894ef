"""Migration claims: each holder's once, for the account that it names, until the end."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.address import parse_address
from consensus.ethereum import format_ethereum_address, recover_signer
from consensus.merkle import merkle_proof, merkle_root
from consensus.record import replace
from tests.consensus.textbook_secp256k1 import N
from tests.vm.migrations import (
    BURNED,
    FUND,
    HOLDERS,
    NAME,
    OPEN,
    OPEN_S,
    TO_TREASURY,
    UNITS,
    Migrations,
    claim_of,
)
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, key
from vm.declare import Action
from vm.modules.claims import (
    CLAIMED,
    ENDED_A_BLOCK,
    MIGRATIONS,
    UNCLAIMED_POT,
    Claimed,
    Holding,
    claim_text,
)
from vm.modules.claims.claiming import WasClaimed
from vm.modules.claims.opening import Over
from vm.modules.pots import Destination
from vm.modules.tokens import ASSETS, IssueToPot

A, C = ANNA.public, CLEO.public


def opened() -> Migrations:
    made = Migrations()
    made.open()
    return made


def test_each_holder_claims_once_for_the_account_that_it_names() -> None:
    chain = opened()
    assert (chain.pot(FUND), chain.pot(UNCLAIMED_POT)) == (0, 100)
    assert chain.claim("first", C) == "ok"
    assert chain.claim("first", C) == chain.claim("first", A) == "claims.already-claimed"
    assert chain.claim("third", C) == "ok"
    assert (chain.held(C), chain.held(BEN.public), chain.pot(UNCLAIMED_POT)) == (80, FUNDS, 20)
    row = chain.migration()
    assert (row.units, row.left, row.claimed) == (100, 20, 2)
    assert list(CLAIMED.every(chain.world.state)) == [
        ((NAME, holder), Claimed(C))
        for holder in sorted(HOLDERS[name].address for name in ("first", "third"))
    ]
    events = [event for event in chain.events if isinstance(event, WasClaimed)]
    assert events[0] == WasClaimed(NAME, HOLDERS["first"].address, C, "REEL", 30)
    assert chain.sound()


def test_the_text_is_that_which_another_implementation_has_signed() -> None:
    file = Path(__file__).parent.parent / "vectors" / "ethereum.json"
    vector = json.loads(file.read_text("utf-8"))["claim"]
    account = parse_address(vector["account"])
    text = claim_text(bytes.fromhex(vector["chain"]), vector["migration"], account)
    assert text == vector["text"]
    signer = recover_signer(text, bytes.fromhex(vector["signature"]))
    assert format_ethereum_address(signer) == vector["address"]


def test_what_was_signed_for_another_chain_account_or_migration_is_refused() -> None:
    chain = opened()
    chain.decide(IssueToPot(FUND, "REEL", 100, ""))
    chain.open(replace(OPEN, migration="kol"))
    here = chain.block.chain
    elsewhere = claim_of("first", C, bytes(32))
    other_account = replace(claim_of("first", A, here), account=C)
    other_migration = replace(claim_of("first", C, here, migration="kol"), migration=NAME)
    for wrong in (elsewhere, other_account, other_migration):
        assert chain.act(BEN.public, wrong) == "claims.not-signed"
    assert chain.claim("first", C) == "ok"
    assert chain.act(BEN.public, claim_of("first", C, here, migration="kol")) == "ok"
    assert chain.held(C) == 60, "once in each migration"
    assert chain.sound()


def test_nobody_claims_what_another_holds() -> None:
    chain = opened()
    assert chain.act(C, claim_of("first", C, chain.block.chain, by="second")) == "claims.not-signed"
    foreign = replace(claim_of("second", C, chain.block.chain), holder=HOLDERS["first"].address)
    assert chain.act(C, foreign) == "claims.not-a-holding"


def test_a_holding_that_is_not_in_the_snapshot_is_refused() -> None:
    chain = opened()
    made = [claim_of(name, C, chain.block.chain) for name in HOLDERS]
    good = next(claim for claim in made if len(claim.proof) == 2)
    wrong = [
        replace(good, units=good.units + 1),
        replace(good, holder=bytes(20)),
        replace(good, place=(good.place + 1) % 3),
        replace(good, place=3),
        replace(good, proof=good.proof[:-1]),
        replace(good, proof=()),
        replace(good, proof=(*good.proof, bytes(32))),
        replace(good, proof=tuple(reversed(good.proof))),
        replace(good, proof=(bytes(32), *good.proof[1:])),
    ]
    assert {chain.act(C, action) for action in wrong} == {"claims.not-a-holding"}
    assert chain.act(C, good) == "ok"


def test_only_the_form_that_wallets_give_is_a_signature() -> None:
    chain = opened()
    good = claim_of("first", C, chain.block.chain)
    signed, parity = good.signature[:64], good.signature[64] - 27
    high = signed[:32] + (N - int.from_bytes(signed[32:], "big")).to_bytes(32, "big")
    for wrong in (
        high + bytes([28 - parity]),
        *(signed + bytes([v]) for v in (2, 3, 26, 29, 35, 255, 1 - parity)),
        bytes(65),
        b"\xff" * 65,
    ):
        assert chain.act(C, replace(good, signature=wrong)) == "claims.not-signed"
    assert chain.act(C, replace(good, signature=signed + bytes([parity]))) == "ok"


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"migration": "no"}, "migration", "no migration"),
        ({"place": 9}, "place", "no item 9"),
        ({"proof": ()}, "proof", "too short"),
        ({"signature": bytes(65)}, "signature", "no key can"),
        ({"account": A}, "signature", "sign the text exactly"),
    ],
)
def test_a_refusal_names_the_field_and_what_to_do(
    changed: dict[str, Any], field: str, said: str
) -> None:
    chain = opened()
    action = replace(claim_of("first", C, chain.block.chain), **changed)
    failure = chain.failure_of(C, action)
    assert failure.field == field
    assert said in failure.message


def test_the_last_claim_comes_before_the_end_and_the_rest_goes_where_it_is_to() -> None:
    chain = opened()
    before = chain.pot("treasury")
    chain.wait(OPEN_S - 1)
    assert chain.claim("second") == "ok"
    chain.wait(1)
    assert chain.claim("first") == "claims.over"
    assert chain.pot("treasury") == before + 80
    assert chain.pot(UNCLAIMED_POT) == 0
    row = chain.migration()
    assert (row.is_over, row.left, row.claimed) == (True, 80, 1)
    assert chain.events[-1] == Over(NAME, TO_TREASURY, "REEL", 80)
    chain.wait(OPEN_S)
    assert chain.pot("treasury") == before + 80, "once"
    assert chain.sound()


def test_the_rest_can_be_burned() -> None:
    chain = Migrations()
    chain.open(replace(OPEN, leftover=BURNED))
    chain.claim("first")
    before = ASSETS.get(chain.world.state, "REEL")
    chain.wait(OPEN_S)
    after = ASSETS.get(chain.world.state, "REEL")
    assert before is not None
    assert after == replace(before, burned=before.burned + 70)
    assert chain.sound()


def test_nothing_is_claimed_after_the_end_while_others_wait_to_be_ended() -> None:
    chain = Migrations()
    chain.decide(IssueToPot(FUND, "REEL", 100 * ENDED_A_BLOCK, ""))
    names = [f"m{place:02}" for place in range(ENDED_A_BLOCK + 1)]
    for name in names:
        chain.open(replace(OPEN, migration=name))
    chain.wait(OPEN_S)
    last = claim_of("first", C, chain.block.chain, migration=names[-1])
    assert not chain.migration(names[-1]).is_over
    assert chain.act(C, last) == "claims.over"
    chain.wait(0)
    assert all(chain.migration(name).is_over for name in names)
    assert chain.sound()


def test_a_name_is_not_used_again() -> None:
    chain = opened()
    chain.wait(OPEN_S)
    chain.decide(IssueToPot(FUND, "REEL", 100, ""))
    assert chain.decide(OPEN) == "claims.exists"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"asset": "NONE"}, "token.unknown-asset"),
        ({"units": 101}, "claims.unfunded"),
        ({"pot": "empty"}, "claims.unfunded"),
        ({"leftover": Destination("a", A, None)}, "claims.bad-leftover"),
        ({"leftover": Destination(None, None, "REEL")}, "claims.bad-leftover"),
    ],
)
def test_what_cannot_be_opened_is_named(changed: dict[str, Any], code: str) -> None:
    chain = Migrations()
    opening: Action = replace(OPEN, **changed)
    assert chain.decide(opening) == code
    assert chain.pot(FUND) == 100


def test_a_snapshot_whose_holdings_are_more_than_its_units_pays_who_comes_first() -> None:
    chain = Migrations()
    chain.open(replace(OPEN, units=60))
    assert chain.claim("third") == "ok"
    assert chain.claim("first") == "claims.used-up"
    assert chain.sound()


def test_one_address_twice_in_a_snapshot_claims_one_of_its_holdings() -> None:
    holder = HOLDERS["first"].address
    items = [Holding(holder, 30).encode(), Holding(holder, 40).encode()]
    chain = Migrations()
    chain.open(replace(OPEN, root=merkle_root(items), holders=2, units=70))
    of_both = [
        replace(
            claim_of("first", C, chain.block.chain),
            units=units,
            place=place,
            proof=merkle_proof(items, place),
        )
        for place, units in enumerate((30, 40))
    ]
    assert [chain.act(C, action) for action in of_both] == ["ok", "claims.already-claimed"]


def test_the_invariants_see_what_is_not_kept() -> None:
    chain = opened()
    chain.claim("first")
    CLAIMED.put(chain.world.state, Claimed(A), NAME, bytes(20))
    assert not chain.sound()
    chain = opened()
    MIGRATIONS.put(chain.world.state, replace(chain.migration(), left=99), NAME)
    assert not chain.sound()
    chain = opened()
    MIGRATIONS.put(chain.world.state, replace(chain.migration(), until_ms=1), NAME)
    assert not chain.sound()


def test_opening_is_governed_and_said_in_words() -> None:
    assert OPEN.in_words() == (
        "let 3 Ethereum holders claim 100 units of REEL out of the pot migration for 1000 seconds, "
        "as the migration wepos"
    )
    assert OPEN.scope == "claims.open:wepos"


class ClaimMachine(RuleBasedStateMachine):
    """Against a dictionary of who has what."""

    @initialize()
    def begin(self) -> None:
        """Two migrations of the same snapshot, of which the second lasts longer."""
        self.chain = Migrations()
        self.chain.decide(IssueToPot(FUND, "REEL", 100, ""))
        self.ends = {"one": OPEN_S, "two": 2 * OPEN_S}
        for name, open_s in self.ends.items():
            self.chain.open(replace(OPEN, migration=name, open_s=open_s))
        self.now = 0
        self.treasury = self.chain.pot("treasury")
        self.claimed: dict[tuple[str, str], bytes] = {}

    @rule(
        migration=st.sampled_from(["one", "two"]),
        name=st.sampled_from(sorted(UNITS)),
        by=st.sampled_from(sorted(UNITS)),
        account=st.sampled_from([C, key("dora").public]),
    )
    def claim(self, migration: str, name: str, by: str, account: bytes) -> None:
        """Claim, by the holder's or another's signature."""
        good = by == name and self.now < self.ends[migration]
        good = good and (migration, name) not in self.claimed
        action = claim_of(name, account, self.chain.block.chain, migration=migration, by=by)
        assert (self.chain.act(A, action) == "ok") is good
        if good:
            self.claimed[migration, name] = account

    @rule(seconds=st.sampled_from([1, 300, OPEN_S]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.chain.wait(seconds)
        self.now += seconds

    @invariant()
    def agrees(self) -> None:
        """Everybody has what the dictionary says, and so has the treasury."""
        held: Counter[bytes] = Counter()
        for (_, name), account in self.claimed.items():
            held[account] += UNITS[name]
        for account in (C, key("dora").public):
            assert self.chain.held(account) == held[account]
        left = {
            migration: 100 - sum(UNITS[n] for m, n in self.claimed if m == migration)
            for migration in self.ends
        }
        swept = sum(left[name] for name, end in self.ends.items() if self.now >= end)
        assert self.chain.pot("treasury") == self.treasury + swept
        assert self.chain.pot(UNCLAIMED_POT) == sum(left.values()) - swept
        assert self.chain.sound()


TestClaimMachine = ClaimMachine.TestCase
TestClaimMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
