"""K9: red packets, swaps, and trades over the counter."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.test_otc import Counter
from tests.vm.test_packets import HOUR_MS, PEOPLE, Party
from tests.vm.test_swaps import SECRET, Ledger
from tests.vm.world import ANNA, BEN, FUNDS
from vm.modules.otc import Release
from vm.modules.packets import EQUAL, RANDOM
from vm.modules.tokens import Create, Issue

DISABLED = Disabled("vm.modules.packets.claiming._end", lambda *arguments: None)


def test_two_of_three_claim_equal_shares_in_any_asset_and_the_rest_comes_back() -> None:
    party = Party()
    party.decide(Create("CENT", "Cents", 2, 10**6, True, False, None))
    party.decide(Issue(ANNA.public, "CENT", 1_000, ""))
    party.pack(1_000, 3, EQUAL, asset="CENT")
    share = floor(Fraction(1_000, 3))
    assert [party.claim(who) for who in (PEOPLE[0], PEOPLE[1], PEOPLE[0])] == [
        "ok",
        "ok",
        "packets.claimed-already",
    ]
    assert [party.held(who.public, "CENT") for who in PEOPLE[:2]] == [share, share]
    party.pass_blocks(1, HOUR_MS)
    assert party.held(ANNA.public, "CENT") == 1_000 - 2 * share


def test_random_shares_make_up_the_whole() -> None:
    party = Party()
    party.pack(999, 3, RANDOM)
    assert [party.claim(who) for who in PEOPLE[:3]] == ["ok"] * 3
    party.pass_blocks(3)
    shares = [party.held(who.public) for who in PEOPLE[:3]]
    assert (sum(shares), party.held(ANNA.public)) == (999, FUNDS - 999)
    assert len(set(shares)) > 1


def test_a_swap_between_two_chains_has_both_halves_or_none() -> None:
    for secret, ends in ((SECRET, (FUNDS - 300, FUNDS + 200)), (None, (FUNDS, FUNDS))):
        one, other = Ledger(), Ledger()
        one.lock(ANNA, BEN, 300, 8)
        other.lock(BEN, ANNA, 200, 4)
        if secret is not None:
            assert [other.claim(secret=secret), one.claim(secret=secret)] == ["ok", "ok"]
        one.wait(8)
        other.wait(8)
        assert (one.held(ANNA.public), other.held(ANNA.public)) == ends


def test_a_trade_over_the_counter_is_in_escrow_until_the_seller_releases_it() -> None:
    counter = Counter()
    counter.sold(paid=True)
    assert counter.held(BEN.public, "CENT") == 0
    assert counter.do(ANNA, Release(1)) == "ok"
    assert counter.ends() == (-300, 300, 0, 0)
