"""What attacks on ranking, views and referral gain, computed (docs/economics.md)."""

from consensus.address import format_address
from tests.vm.days import DAY_MS
from tests.vm.fans import VIDEO, A, B, C, D, Fans
from tests.vm.world import ANNA, BEN, key
from vm.modules.gifts import Give, ListGift
from vm.modules.live import BuyPackets, Enter, Invite, OpenRoom
from vm.modules.ranking import CREATOR, ROOM
from vm.modules.ranking import VIDEO as VIDEO_KIND
from vm.modules.referral import SetTerms
from vm.modules.revenue import REVENUE_POT
from vm.modules.social import CountViews, Like, Share, Tip
from vm.modules.tokens import mint

CLEO = format_address(C)


def spent(fans: Fans) -> int:
    """What the platform has got in all: what an attacker who plays all parts has lost."""
    return fans.pot(REVENUE_POT)


def test_gifting_oneself_costs_at_least_a_unit_for_each_point() -> None:
    fans = Fans()
    together = fans.held(A) + fans.held(C)
    for _ in range(10):
        fans.must(A, Give("rose", C, VIDEO, None))
    lost = together - fans.held(A) - fans.held(C)
    assert lost == spent(fans) == 10 * 200
    assert fans.points(VIDEO_KIND, str(VIDEO)) == 200 + 100 + 50 + 25 + 12 + 6 + 3 + 1 < lost


def test_many_accounts_buy_what_one_large_gift_does_and_no_more() -> None:
    """Brushing by accounts that each give once: a point still costs a unit of fees."""
    fans = Fans()
    for place in range(20):
        farm = key(f"farm {place}").public
        mint(fans.world.state, farm, "REEL", 1_000)
        fans.must(farm, Give("rose", C, None, None))
    assert fans.points(CREATOR, CLEO) == spent(fans) == 20 * 200
    assert fans.decide(ListGift("car", "REEL", 20_000, VIDEO)) == "ok"
    fans.must(A, Give("car", D, None, None))
    assert fans.points(CREATOR, format_address(D)) == 20 * 200


def test_tips_too_small_for_a_fee_do_not_vote() -> None:
    fans = Fans()
    for _ in range(50):
        fans.must(A, Tip(VIDEO, "REEL", 19, None))
    assert (fans.points(VIDEO_KIND, str(VIDEO)), spent(fans)) == (0, 0)


def test_like_and_share_farms_move_no_ranking() -> None:
    fans = Fans()
    for place in range(30):
        for action in (Like(VIDEO), Share(VIDEO)):
            fans.must(key(f"farm {place}").public, action)
    assert fans.ranked() == 0


def test_view_farms_and_replayed_receipts_count_nothing() -> None:
    fans = Fans()
    farm = [fans.view(key(f"farm {place}")) for place in range(30)]
    assert fans.act(A, CountViews(tuple(farm))) == "social.nothing-counts"
    receipt = CountViews((fans.view(BEN),))
    fans.must(A, receipt)
    for _ in range(3):
        assert fans.act(A, receipt) == "social.nothing-counts"
        fans.time_ms += DAY_MS
        fans.live()
    assert fans.act(A, CountViews((fans.view(BEN, 0, ANNA),))) == "social.nothing-counts"


def test_referring_oneself_by_a_second_account_is_at_most_the_discount_offered_to_all() -> None:
    fans = Fans()
    fans.must(C, SetTerms(100_000, 250_000, ()))
    assert fans.act(B, Tip(VIDEO, "REEL", 1_000, B)) == "referral.bad-referrer"
    assert fans.act(B, Tip(VIDEO, "REEL", 1_000, C)) == "referral.bad-referrer"
    together = fans.held(B) + fans.held(D)
    fans.must(B, Tip(VIDEO, "REEL", 1_000, D))
    assert together - fans.held(B) - fans.held(D) == 1_000 - 950 // 10
    assert fans.points(VIDEO_KIND, str(VIDEO)) == spent(fans) == 50


def test_filling_ones_own_room_costs_what_it_ranks() -> None:
    fans = Fans()
    fans.must(C, BuyPackets(10))
    fans.must(C, OpenRoom("Mine", "https://live.example/a.m3u8", is_public=False))
    farm = tuple(key(f"farm {place}").public for place in range(10))
    fans.must(C, Invite(farm))
    for each in farm:
        fans.must(each, Enter(C))
    assert fans.points(ROOM, CLEO) == spent(fans)


def test_strangers_cannot_use_up_a_rooms_packets_by_keys_that_cost_nothing() -> None:
    fans = Fans()
    fans.must(C, BuyPackets(10))
    fans.must(C, OpenRoom("All", "https://live.example/a.m3u8", is_public=True))
    for place in range(20):
        assert fans.act(key(f"farm {place}").public, Enter(C)) == "live.not-invited"
