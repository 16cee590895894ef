"""Paid viewing: escrow until the key is there, exact shares, refunds, and proof of a wrong key."""

import pytest

from consensus.cid import RAW, cid_of
from consensus.codec import UINT64_MAX
from consensus.record import replace
from consensus.sealed_key import commitment_to, open_sealed_key, viewing_key_of
from tests.vm.shop import (
    BUYER,
    CONTENT_KEY,
    OWNER,
    POLICY,
    PRICE,
    SHARER,
    SHARER_PPM,
    TEAM,
    TEAM_PPM,
    VIDEO,
    Shop,
    buy,
    deliver,
    offer,
    sealed,
    secret,
)
from tests.vm.world import FUNDS, commit_to, key, publish
from vm.modules.content import Accept, TakeDown, Transfer, owner_of
from vm.modules.tokens import BALANCES, Balance
from vm.modules.viewing import (
    COMMITMENTS,
    DELIVERY_S,
    DISPUTE_S,
    OFFERS,
    PURCHASES,
    SPENDING,
    Access,
    Appoint,
    Appointed,
    Bought,
    Closed,
    CloseOffer,
    Commit,
    Delivered,
    Dispute,
    Grant,
    Granted,
    Offer,
    Offered,
    PaidOut,
    Refunded,
    SetOffer,
    Spending,
    offer_of,
)
from vm.modules.viewing.buying import DUE_A_BLOCK

STRANGER = key("stranger").public
UNKNOWN = cid_of(RAW, b"never published")
DELIVERY, DISPUTE = 600, 120  # of devnet


@pytest.fixture
def shop() -> Shop:
    return Shop()


def hand_over(shop: Shop, to: bytes) -> None:
    """The video gets another owner."""
    shop.must(owner_of(shop.world.state, VIDEO) or OWNER, Transfer(VIDEO, to))
    shop.must(to, Accept(VIDEO))


def test_the_price_waits_until_the_key_has_stood_the_test(shop: Shop) -> None:
    shop.must(BUYER, buy())
    due_ms = shop.time_ms + 1000 * DELIVERY
    assert (shop.escrow, shop.held(BUYER)) == (PRICE, FUNDS - PRICE)
    assert shop.access() == Access(viewing_key_of(secret("ben")), None, is_bought=True)
    shop.wait(DELIVERY - 1)
    shop.must(OWNER, deliver())
    assert (shop.escrow, shop.held(OWNER)) == (PRICE, FUNDS)
    access = shop.access()
    assert access is not None
    assert access.sealed is not None
    assert open_sealed_key(access.sealed, secret("ben")) == CONTENT_KEY
    paid_ms = shop.time_ms + 1000 * DISPUTE
    shop.wait(DISPUTE - 1)
    assert (shop.escrow, shop.held(OWNER)) == (PRICE, FUNDS)
    shop.wait(1)
    assert (shop.escrow, shop.held(OWNER)) == (0, FUNDS + PRICE)
    assert (shop.purchase(), shop.access(), shop.faults()) == (None, access, [])
    assert shop.events == [
        Bought(VIDEO, BUYER, viewing_key_of(secret("ben")), "REEL", PRICE, None, due_ms),
        Delivered(VIDEO, BUYER, OWNER, paid_ms),
        PaidOut(VIDEO, BUYER, "REEL", OWNER, PRICE, None, 0, 0),
    ]


def test_without_a_key_in_time_the_price_goes_back(shop: Shop) -> None:
    shop.must(BUYER, buy())
    shop.wait(DELIVERY)
    assert (shop.escrow, shop.held(BUYER), shop.access()) == (0, FUNDS, None)
    assert shop.events[-1] == Refunded(VIDEO, BUYER, "REEL", PRICE, is_disputed=False)
    assert shop.failure(OWNER, deliver()) == ("no-purchase", "video")
    shop.must(BUYER, buy("ben again"))
    assert shop.faults() == []


def test_who_is_due_and_waits_for_its_turn_can_do_nothing_more(shop: Shop) -> None:
    shop.must(BUYER, buy())
    shop.time_ms += 1000 * DELIVERY
    assert shop.failure(OWNER, deliver()) == ("too-late", "video")
    shop.time_ms -= 1
    shop.must(OWNER, deliver(content_key=b"x" * 32))
    shop.time_ms += 1000 * DISPUTE
    assert shop.failure(BUYER, Dispute(VIDEO, secret("ben"))) == ("too-late", "video")
    shop.time_ms -= 1
    shop.must(BUYER, Dispute(VIDEO, secret("ben")))


def test_a_block_settles_so_many_and_the_next_one_the_others(shop: Shop) -> None:
    buyers = [key(f"buyer {i}").public for i in range(DUE_A_BLOCK + 1)]
    shop.issue("USDT", OWNER, 10**6)
    shop.must(OWNER, offer(asset="USDT"))
    row = BALANCES.get(shop.world.state, OWNER, "USDT")
    assert row is not None
    BALANCES.put(shop.world.state, Balance(row.amount - len(buyers) * PRICE), OWNER, "USDT")
    for buyer in buyers:
        BALANCES.put(shop.world.state, Balance(PRICE), buyer, "USDT")
        shop.must(buyer, replace(buy(), asset="USDT"))
    shop.wait(DELIVERY)
    assert len(list(PURCHASES.every(shop.world.state))) == 1
    assert shop.faults() == []
    shop.wait(0)
    assert [shop.held(buyer, "USDT") for buyer in buyers] == [PRICE] * len(buyers)


@pytest.mark.parametrize(
    ("price", "referrer", "share"),
    [
        (PRICE, None, 0),
        (PRICE, SHARER, 100),
        (PRICE, TEAM, 250),
        (1, SHARER, 0),
        (9, SHARER, 0),
        (10, SHARER, 1),
        (19, TEAM, 4),
        (999_999, SHARER, 99_999),
    ],
    ids=lambda value: value.hex()[:6] if isinstance(value, bytes) else None,
)
def test_referrals_are_rounded_down_and_the_rest_is_the_sellers(
    shop: Shop, price: int, referrer: bytes | None, share: int
) -> None:
    """T6: a percentage for any single sharer, another for registered teams."""
    shop.must(OWNER, offer(price))
    shop.must(BUYER, buy(referrer=referrer, price=price))
    shop.must(OWNER, deliver())
    shop.wait(DISPUTE)
    assert shop.held(OWNER) == FUNDS + price - share
    assert shop.held(SHARER) == (share if referrer == SHARER else 0)
    assert shop.held(TEAM) == (share if referrer == TEAM else 0)
    assert shop.events[-1] == PaidOut(
        VIDEO, BUYER, "REEL", OWNER, price - share, referrer, share, 0
    )
    spent = Spending(1, price, 0 if referrer is None else price)
    assert SPENDING.get(shop.world.state, VIDEO, "REEL") == spent
    assert shop.faults() == []


def test_all_may_go_to_who_has_led_the_buyer_there(shop: Shop) -> None:
    shop.must(OWNER, SetOffer(VIDEO, "REEL", PRICE, 1_000_000, 0, ()))
    shop.must(BUYER, buy(referrer=SHARER))
    shop.must(OWNER, deliver())
    shop.wait(DISPUTE)
    assert (shop.held(OWNER), shop.held(SHARER)) == (FUNDS, PRICE)
    assert shop.faults() == []


def test_what_was_spent_is_counted_to_the_end_of_the_integers(shop: Shop) -> None:
    before = Spending(7, UINT64_MAX - 1, UINT64_MAX)
    SPENDING.put(shop.world.state, before, VIDEO, "REEL")
    shop.must(BUYER, buy(referrer=SHARER))
    shop.must(OWNER, deliver())
    shop.wait(DISPUTE)
    after = SPENDING.get(shop.world.state, VIDEO, "REEL")
    assert after == Spending(8, UINT64_MAX, UINT64_MAX)


@pytest.mark.parametrize(
    "wrong",
    [
        sealed(content_key=b"x" * 32),
        sealed("somebody else"),
        bytes(80),
        bytes(32) + sealed()[32:],
        bytes(byte ^ (place == 79) for place, byte in enumerate(sealed())),
    ],
    ids=["another key", "for another", "nothing", "no point", "altered"],
)
def test_a_wrong_key_is_proved_and_the_whole_price_goes_back(shop: Shop, wrong: bytes) -> None:
    """T9: the key must match the commitment made at publication."""
    shop.must(BUYER, buy(referrer=SHARER))
    shop.must(OWNER, replace(deliver(), sealed=wrong))
    shop.must(BUYER, Dispute(VIDEO, secret("ben")))
    assert (shop.escrow, shop.held(BUYER), shop.held(OWNER)) == (0, FUNDS, FUNDS)
    assert shop.events[-1] == Refunded(VIDEO, BUYER, "REEL", PRICE, is_disputed=True)
    assert (shop.access(), shop.purchase(), shop.faults()) == (None, None, [])
    shop.wait(DISPUTE)
    assert (shop.held(OWNER), SPENDING.get(shop.world.state, VIDEO, "REEL")) == (FUNDS, None)
    shop.must(BUYER, buy("another secret"))


def test_a_right_key_is_not_disputed_away(shop: Shop) -> None:
    shop.must(BUYER, buy())
    assert shop.failure(BUYER, Dispute(VIDEO, secret("ben"))) == ("not-delivered", "video")
    shop.must(OWNER, deliver())
    assert shop.failure(BUYER, Dispute(VIDEO, secret("ben"))) == ("key-is-right", "video")
    assert shop.failure(BUYER, Dispute(VIDEO, secret("eve"))) == ("wrong-secret", "secret")
    assert shop.failure(STRANGER, Dispute(VIDEO, secret("ben"))) == ("no-purchase", "video")
    shop.wait(DISPUTE)
    assert shop.failure(BUYER, Dispute(VIDEO, secret("ben"))) == ("no-purchase", "video")
    assert shop.held(OWNER) == FUNDS + PRICE


def test_who_may_deliver_and_once(shop: Shop) -> None:
    service = key("service").public
    shop.must(BUYER, buy())
    for sender in (service, BUYER, SHARER):
        assert shop.failure(sender, deliver()) == ("not-a-deliverer", "video")
    shop.must(OWNER, Appoint(service))
    assert shop.events[-1] == Appointed(OWNER, service)
    assert shop.failure(OWNER, deliver(buyer=STRANGER)) == ("no-purchase", "video")
    assert shop.failure(service, replace(deliver(), video=UNKNOWN)) == ("unknown-video", "video")
    shop.must(service, deliver())
    assert shop.failure(OWNER, deliver()) == ("delivered", "buyer")
    shop.wait(DISPUTE)
    assert (shop.held(OWNER), shop.held(service)) == (FUNDS + PRICE, 0)
    shop.must(OWNER, Appoint(None))
    shop.must(TEAM, Appoint(service))
    hand_over(shop, SHARER)
    assert shop.failure(service, deliver()) == ("not-a-deliverer", "video")
    assert shop.failure(OWNER, Appoint(OWNER)) == ("no-deliverer", "deliverer")


def test_another_price_is_not_taken_without_the_buyers_word(shop: Shop) -> None:
    shop.must(OWNER, offer(PRICE + 1))
    assert shop.failure(BUYER, buy()) == ("offer-changed", "price")
    shop.must(OWNER, offer())
    assert shop.failure(BUYER, replace(buy(), asset="USDT")) == ("offer-changed", "price")
    shop.must(BUYER, buy())


def test_purchases_keep_the_terms_on_which_they_were_made(shop: Shop) -> None:
    shop.must(BUYER, buy(referrer=TEAM))
    shop.must(OWNER, SetOffer(VIDEO, "REEL", 5, 0, 0, ()))
    shop.must(OWNER, CloseOffer(VIDEO))
    assert shop.events[-1] == Closed(VIDEO)
    assert shop.failure(STRANGER, buy(price=5)) == ("not-offered", "video")
    assert shop.failure(OWNER, CloseOffer(VIDEO)) == ("not-offered", "video")
    shop.must(OWNER, deliver())
    shop.wait(DISPUTE)
    share = PRICE * TEAM_PPM // 10**6
    assert (shop.held(OWNER), shop.held(TEAM)) == (FUNDS + PRICE - share, share)


def test_a_new_owner_delivers_and_is_paid_and_makes_its_own_offer(shop: Shop) -> None:
    shop.must(BUYER, buy(referrer=SHARER))
    hand_over(shop, STRANGER)
    assert offer_of(shop.world.state, VIDEO) is None
    assert shop.failure(TEAM, buy()) == ("not-offered", "video")
    assert shop.failure(STRANGER, CloseOffer(VIDEO)) == ("not-offered", "video")
    assert shop.failure(OWNER, deliver()) == ("not-a-deliverer", "video")
    shop.must(STRANGER, deliver())
    hand_over(shop, TEAM)
    shop.wait(DISPUTE)
    share = PRICE * SHARER_PPM // 10**6
    assert (shop.held(OWNER), shop.held(STRANGER)) == (FUNDS, PRICE - share)
    shop.must(TEAM, SetOffer(VIDEO, "REEL", 7, 0, 0, ()))
    assert shop.events[-1] == Offered(VIDEO, Offer(TEAM, "REEL", 7, 0, 0, ()))
    assert shop.faults() == []


def test_what_is_taken_down_is_not_sold_and_what_was_sold_is_delivered(shop: Shop) -> None:
    shop.must(BUYER, buy())
    shop.must(POLICY, TakeDown(VIDEO, "not ours to show"))
    assert shop.failure(STRANGER, buy()) == ("not-offered", "video")
    shop.must(OWNER, deliver())
    shop.wait(DISPUTE)
    assert (shop.held(OWNER), shop.faults()) == (FUNDS + PRICE, [])


def test_a_buyer_who_becomes_the_owner_can_settle_with_itself(shop: Shop) -> None:
    shop.must(BUYER, buy())
    hand_over(shop, BUYER)
    shop.must(BUYER, deliver())
    shop.wait(DISPUTE)
    assert (shop.held(BUYER), shop.faults()) == (FUNDS, [])


def test_nobody_buys_twice_or_its_own(shop: Shop) -> None:
    assert shop.failure(OWNER, buy()) == ("own-video", "video")
    shop.must(BUYER, buy())
    assert shop.failure(BUYER, buy("again")) == ("already-bought", "video")
    shop.must(OWNER, deliver())
    assert shop.failure(BUYER, buy("again")) == ("already-bought", "video")
    shop.wait(DISPUTE)
    assert shop.failure(BUYER, buy("again")) == ("already-bought", "video")


@pytest.mark.parametrize(
    ("referrer", "code"),
    [
        (BUYER, "referral.bad-referrer"),
        (OWNER, "referral.bad-referrer"),
        (STRANGER, "referral.unknown-referrer"),
    ],
)
def test_who_is_no_referrer(shop: Shop, referrer: bytes, code: str) -> None:
    assert shop.failure(BUYER, buy(referrer=referrer)) == (code, "referrer")


def test_who_cannot_pay_does_not_buy(shop: Shop) -> None:
    assert shop.failure(STRANGER, buy()) == ("token.insufficient-balance", "")


def test_an_asset_that_accounts_cannot_send_pays_for_nothing(shop: Shop) -> None:
    shop.issue("POINT", BUYER, PRICE, transferable=False)
    assert shop.failure(OWNER, offer(asset="POINT")) == ("unpayable", "asset")
    assert shop.failure(OWNER, offer(asset="NONE")) == ("token.unknown-asset", "asset")
    row = offer_of(shop.world.state, VIDEO)
    assert row is not None
    OFFERS.put(shop.world.state, replace(row, asset="POINT"), VIDEO)
    assert shop.failure(BUYER, replace(buy(), asset="POINT")) == ("unpayable", "asset")


def test_only_owners_commit_once_and_offer_what_they_have_sealed(shop: Shop) -> None:
    commit = Commit(VIDEO, commitment_to(CONTENT_KEY))
    assert shop.failure(OWNER, commit) == ("committed", "video")
    for action in (commit, offer(), CloseOffer(VIDEO), grant()):
        assert shop.failure(BUYER, action) == ("not-the-owner", "video")
        assert shop.failure(OWNER, replace(action, video=UNKNOWN)) == ("unknown-video", "video")
    other = publish(b"other")
    commit_to(shop.world.state, other)
    shop.must(OWNER, other)
    for action in (offer(), grant()):
        assert shop.failure(OWNER, replace(action, video=other.cid)) == ("not-committed", "video")
    assert COMMITMENTS.get(shop.world.state, other.cid) is None


def test_teams_stand_in_order_each_once(shop: Shop) -> None:
    low, high = sorted([TEAM, SHARER])
    for teams in ((high, low), (low, low)):
        assert shop.failure(OWNER, replace(offer(), teams=teams)) == (
            "referral.teams-unordered",
            "teams",
        )
    shop.must(OWNER, replace(offer(), teams=(low, high)))


def grant(name: str = "ben", account: bytes = BUYER) -> Grant:
    return Grant(VIDEO, account, viewing_key_of(secret(name)), sealed(name))


def test_an_owner_grants_the_key_for_nothing(shop: Shop) -> None:
    shop.must(OWNER, grant())
    assert shop.events == [Granted(VIDEO, BUYER)]
    first = shop.access()
    shop.must(OWNER, grant("ben's new secret"))
    assert shop.access() != first
    assert (shop.held(BUYER), shop.escrow) == (FUNDS, 0)
    assert shop.failure(OWNER, grant(account=OWNER)) == ("own-video", "account")


def test_a_grant_does_not_hinder_a_purchase_nor_take_its_place(shop: Shop) -> None:
    """Else an owner could keep an account from buying, or take what it has bought."""
    shop.must(OWNER, replace(grant(), sealed=bytes(80)))
    shop.must(BUYER, buy())
    assert shop.failure(OWNER, grant()) == ("already-bought", "account")
    shop.must(OWNER, deliver())
    shop.wait(DISPUTE)
    assert shop.failure(OWNER, grant()) == ("already-bought", "account")
    assert shop.faults() == []


def test_times_are_parameters(shop: Shop) -> None:
    DELIVERY_S.set(shop.world.state, 20)
    DISPUTE_S.set(shop.world.state, 30)
    shop.must(BUYER, buy())
    shop.wait(19)
    shop.must(OWNER, deliver())
    shop.wait(29)
    assert shop.escrow == PRICE
    shop.wait(1)
    assert shop.escrow == 0


def test_the_invariants_find_what_is_wrong(shop: Shop) -> None:
    shop.must(BUYER, buy())
    row = shop.purchase()
    assert row is not None
    state = shop.world.state
    for wrong in (
        replace(row, price=PRICE + 1),
        replace(row, due_ms=row.due_ms + 1),
        replace(row, seller=OWNER),
        replace(row, viewing_key=bytes(32)),
    ):
        PURCHASES.put(state, wrong, VIDEO, BUYER)
        assert shop.faults() != []
    PURCHASES.put(state, row, VIDEO, BUYER)
    assert shop.faults() == []
    COMMITMENTS.delete(state, VIDEO)
    assert shop.faults() != []


def test_nobody_can_be_paid_by_the_policy_that_is_no_account(shop: Shop) -> None:
    """A proposal's policy owns nothing: it is no deliverer either."""
    shop.must(BUYER, buy())
    assert shop.failure(POLICY, deliver()) == ("not-a-deliverer", "video")
