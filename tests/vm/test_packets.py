"""Red packets: what goes in comes out, to each once, and nobody gains by when or how it claims."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import replace
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, key
from vm.declare import Action
from vm.modules.account.attesting import Attest, SetAttester
from vm.modules.packets import (
    CLAIMS,
    EQUAL,
    HELD_POT,
    KEPT_MS,
    LONGEST_MS,
    PACKETS,
    RANDOM,
    Claim,
    Invitation,
    Make,
    divide_packets,
    end_packets,
    random_shares,
)
from vm.modules.tokens import Create, Issue

LINK = key("a link")
HOUR_MS = 3_600_000
PEOPLE = [key(f"guest {i}") for i in range(8)]


@dataclass
class Party(Days):
    """Days on which packets end and are drawn, as in each block."""

    made: "count[int]" = field(default_factory=lambda: count(1))

    def pack(self, units: int, parts: int, split: str = EQUAL, **changed: object) -> int:
        """The number of a packet of Anna's for an hour."""
        until_ms = self.time_ms + HOUR_MS
        packet = Make("REEL", units, parts, split, None, False, until_ms, "")
        assert self.act(ANNA.public, replace(packet, **changed)) == "ok"
        return next(self.made)

    def claim(self, by: KeyPair, packet: int = 1, signed_by: KeyPair | None = None) -> str:
        signature = None if signed_by is None else self.signed(signed_by, by, packet)
        return self.act(by.public, Claim(packet, signature))

    def signed(self, link: KeyPair, guest: KeyPair, packet: int = 1) -> bytes:
        return link.sign(Invitation(self.block.chain, packet, guest.public).encode())

    def pass_blocks(self, blocks: int = 1, ms: int = 0) -> None:
        """So many blocks begin, and all this time passes before the first."""
        self.time_ms += ms
        for _ in range(blocks):
            self.world.height += 1
            self.step(end_packets, divide_packets)

    def shares(self, packet: int = 1) -> dict[bytes, int]:
        rows = CLAIMS.every(self.world.state, packet)
        return {account: row.units for (_, account), row in rows}


@pytest.fixture
def party() -> Party:
    return Party()


def test_equal_shares_are_paid_at_once_and_what_rounding_leaves_comes_back(party: Party) -> None:
    party.pack(1_000, 3)
    assert party.held(ANNA.public) == FUNDS - 1_000
    assert [party.claim(who) for who in PEOPLE[:2]] == ["ok", "ok"]
    assert [party.held(who.public) for who in PEOPLE[:3]] == [333, 333, 0]
    assert party.pot(HELD_POT) == 334
    assert party.claim(PEOPLE[2]) == "ok"
    assert (party.held(ANNA.public), party.pot(HELD_POT)) == (FUNDS - 999, 0)
    assert party.claim(PEOPLE[3]) == "packets.not-open"
    assert party.sound()


def test_random_shares_are_drawn_when_all_are_claimed(party: Party) -> None:
    party.pack(1_000, 3, RANDOM)
    assert [party.claim(who) for who in PEOPLE[:3]] == ["ok", "ok", "ok"]
    assert party.shares() == dict.fromkeys((who.public for who in PEOPLE[:3]), 0)
    assert party.claim(PEOPLE[3]) == "packets.not-open"
    party.pass_blocks(2)
    assert party.pot(HELD_POT) == 1_000, "of 4 producers 3 must have made blocks"
    party.pass_blocks()
    shares = party.shares()
    assert (sum(shares.values()), party.pot(HELD_POT)) == (1_000, 0)
    assert min(shares.values()) >= 1
    assert all(party.held(who) == share for who, share in shares.items())
    assert party.sound()


def test_what_nobody_has_claimed_comes_back_after_the_end(party: Party) -> None:
    party.pack(1_000, 4)
    party.pack(1_000, 4, RANDOM)
    party.pack(1_000, 4, RANDOM)
    assert [party.claim(PEOPLE[0], n) for n in (1, 2)] == ["ok", "ok"]
    party.pass_blocks(1, HOUR_MS - 1)
    assert party.pot(HELD_POT) == 2_750
    party.pass_blocks(1, 1)
    assert party.claim(PEOPLE[1]) == "packets.not-open"
    assert party.pot(HELD_POT) == 1_000, "one has shares to be drawn"
    party.pass_blocks(3)
    (share,) = party.shares(2).values()
    assert party.held(PEOPLE[0].public) == 250 + share
    assert party.held(ANNA.public) == FUNDS - 250 - share
    assert party.sound()


def test_a_claim_in_the_last_moment_counts_and_a_later_one_does_not(party: Party) -> None:
    party.pack(1_000, 2)
    party.time_ms += HOUR_MS - 1
    assert party.claim(PEOPLE[0]) == "ok"
    party.time_ms += 1
    assert party.claim(PEOPLE[1]) == "packets.not-open", "also before the block's steps have run"


def test_a_packet_that_is_over_is_removed_with_its_claims(party: Party) -> None:
    party.pack(1_000, 2)
    assert [party.claim(who) for who in PEOPLE[:2]] == ["ok", "ok"]
    party.pass_blocks(1, HOUR_MS + KEPT_MS - 1)
    assert len(party.shares()) == 2
    party.pass_blocks(1, 1)
    assert (party.shares(), PACKETS.get(party.world.state, 1)) == ({}, None)
    assert party.claim(PEOPLE[3]) == "packets.unknown-packet"
    assert party.sound()


def test_a_chain_that_stood_still_ends_draws_and_removes_in_order(party: Party) -> None:
    party.pack(1_000, 4, RANDOM)
    party.claim(PEOPLE[0])
    party.pass_blocks(1, HOUR_MS)
    party.pass_blocks(2, 2 * KEPT_MS)
    assert party.pot(HELD_POT) == 1_000
    party.pass_blocks(2)
    assert party.held(PEOPLE[0].public) + party.held(ANNA.public) == FUNDS
    assert PACKETS.get(party.world.state, 1) is None
    assert party.sound()


def test_many_packets_end_in_batches(party: Party) -> None:
    for _ in range(20):
        party.pack(100, 2)
    party.pass_blocks(1, HOUR_MS)
    assert party.pot(HELD_POT) == 1_200
    party.pass_blocks(2)
    assert party.pot(HELD_POT) == 0
    assert party.sound()


def test_who_sees_a_claim_with_a_link_can_take_nothing_by_it(party: Party) -> None:
    """What front-running gains: nothing, as the signature is for the account that claims."""
    party.pack(1_000, 4, link=LINK.public)
    seen = party.signed(LINK, PEOPLE[0])
    assert party.act(CLEO.public, Claim(1, seen)) == "packets.bad-signature"
    party.pack(1_000, 4, link=LINK.public)
    assert party.act(PEOPLE[0].public, Claim(2, seen)) == "packets.bad-signature"
    assert party.act(PEOPLE[0].public, Claim(1, seen)) == "ok"
    assert party.held(CLEO.public) == 0


def test_many_accounts_of_one_gain_nothing_where_persons_are_asked_for(party: Party) -> None:
    """Without: all of a packet that anybody may claim. With: a share for each person."""
    party.pack(1_000, 4)
    assert [party.claim(who) for who in PEOPLE[:4]] == ["ok"] * 4
    party.decide(SetAttester(BEN.public, True))
    party.act(BEN.public, Attest(PEOPLE[0].public, bytes(32)))
    party.pack(1_000, 4, persons_only=True)
    refused = [party.claim(who, 2) for who in PEOPLE[:4]]
    assert refused == ["ok", *["packets.not-a-person"] * 3]
    assert party.claim(PEOPLE[0], 2) == "packets.claimed-already"


def test_the_place_of_a_claim_gains_nothing() -> None:
    """The mean share of each place, over many draws, is units ÷ parts: a place that had more by 5%
    would be off by more than six times what chance makes of 4000 draws."""
    units, parts, draws = 3_000, 5, 4_000
    sums = [0] * parts
    for turn in range(draws):
        for place, share in enumerate(random_shares(sha256(turn.to_bytes(4)), units, parts)):
            sums[place] += share
    means = [Fraction(total, draws) for total in sums]
    assert all(abs(mean / Fraction(units, parts) - 1) < Fraction(1, 20) for mean in means)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 100), st.integers(0, 2**64 - 101))
def test_shares_are_one_unit_at_least_and_the_amount_in_all(
    seed: bytes, parts: int, spare: int
) -> None:
    shares = random_shares(seed, parts + spare, parts)
    assert (len(shares), sum(shares)) == (parts, parts + spare)
    assert min(shares) >= 1


GOOD = Make("REEL", 1_000, 4, EQUAL, None, False, HOUR_MS, "")


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (replace(GOOD, asset="NONE"), "token.unknown-asset"),
        (replace(GOOD, asset="FIXED"), "token.not-transferable"),
        (replace(GOOD, units=FUNDS + 1), "token.insufficient-balance"),
        (replace(GOOD, units=3), "packets.too-small"),
        (replace(GOOD, link=bytes(32)), "packets.not-a-key"),
        (replace(GOOD, until_ms=0), "packets.ends-too-early"),
        (replace(GOOD, until_ms=LONGEST_MS + 1), "packets.ends-too-late"),
        (Claim(9, None), "packets.unknown-packet"),
        (Claim(1, bytes(64)), "packets.bad-signature"),
        (Claim(2, None), "packets.bad-signature"),
        (Claim(2, bytes(64)), "packets.bad-signature"),
    ],
)
def test_what_cannot_be_is_named_and_changes_nothing(
    party: Party, action: Action, code: str
) -> None:
    party.decide(Create("FIXED", "Fixed", 0, 10**6, False, False, None))
    party.decide(Issue(ANNA.public, "FIXED", 1_000, ""))
    party.pack(1_000, 4)
    party.pack(1_000, 4, link=LINK.public)
    if isinstance(action, Make):
        action = replace(action, until_ms=action.until_ms + party.time_ms)
    before = dict(party.world.state.writes())
    assert party.act(ANNA.public, action) == code
    assert dict(party.world.state.writes()) == before


def test_what_can_be_transferred_and_not_traded_can_be_given(party: Party) -> None:
    party.decide(Create("POS", "Points", 0, 10**6, True, False, None))
    party.decide(Issue(ANNA.public, "POS", 1_000, ""))
    party.pack(1_000, 4, asset="POS")
    assert party.claim(BEN) == "ok"
    assert party.held(BEN.public, "POS") == 250


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=40))
def test_whatever_happens_nothing_is_made_or_lost(
    turns: Sequence[tuple[int, int]],
) -> None:
    party = Party()
    party.pack(100, 2)
    party.pack(1_001, 3, RANDOM)
    party.pack(77, 7, RANDOM, link=LINK.public)
    for packet, who in turns:
        if packet:
            party.claim(PEOPLE[who], packet, LINK if packet == 3 else None)
        else:
            party.pass_blocks(1, who * HOUR_MS // 10)
        assert party.sound()
    party.pass_blocks(5, HOUR_MS)
    assert party.pot(HELD_POT) == 0
    assert sum(party.held(who.public) for who in [ANNA, *PEOPLE]) == FUNDS


def test_the_invariants_see_what_is_not_kept(party: Party) -> None:
    party.pack(1_000, 4)
    party.claim(BEN)
    row = PACKETS.get(party.world.state, 1)
    assert row is not None
    PACKETS.put(party.world.state, replace(row, left=row.left - 1), 1)
    assert not party.sound()
    PACKETS.put(party.world.state, replace(row, claimed=2), 1)
    assert not party.sound()
