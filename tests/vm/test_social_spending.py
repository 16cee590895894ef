"""Shares, view receipts, tips, and what who shares earns by them."""

import pytest

from consensus.errors import ActionFailed
from consensus.record import replace
from tests.vm.days import DAY_MS
from tests.vm.fans import DORA, UNKNOWN, VIDEO, A, B, C, D, Fans
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, commit_to, key, publish
from vm.declare import Action
from vm.modules.account import Authority, SetAuthority, WeightedKey
from vm.modules.economy import turn_day
from vm.modules.gifts import Give
from vm.modules.referral import BROUGHT, NO_TERMS, TERMS, Brought, Referred, SetTerms, Terms
from vm.modules.revenue import REVENUE_POT
from vm.modules.social import (
    COUNTS,
    MOST_RECEIPTS,
    SEEN,
    SHARERS,
    TIPS,
    VIEWERS,
    VIEWS_A_DAY,
    Counts,
    CountViews,
    Share,
    SignedView,
    Tip,
    Tipped,
    Tips,
    ViewReceipt,
    counts_of,
    forget_seen,
)
from vm.modules.tokens import Create, GatewayIssue

TERMS_OF_CLEO = SetTerms(100_000, 250_000, (D,))


def failure(fans: Fans, who: bytes, action: Action) -> tuple[str, str]:
    with pytest.raises(ActionFailed) as caught:
        action.apply(fans.context(who))
    return caught.value.code, caught.value.field


# Shares


def test_a_video_is_shared_once_by_each() -> None:
    fans = Fans()
    fans.must(A, Share(VIDEO))
    assert failure(fans, A, Share(VIDEO)) == ("social.already-shared", "video")
    assert failure(fans, A, Share(UNKNOWN)) == ("social.unknown-video", "video")
    fans.must(B, Share(VIDEO))
    assert counts_of(fans.world.state, VIDEO) == Counts(0, 0, 2, 0)
    assert fans.sound()
    SHARERS.delete(fans.world.state, VIDEO, A)
    assert not fans.sound()


# Views


def views(fans: Fans) -> int:
    row = COUNTS.get(fans.world.state, VIDEO)
    return 0 if row is None else row.views


def test_anybody_submits_the_views_of_persons_and_each_counts_once_a_day() -> None:
    fans = Fans()
    batch = CountViews((fans.view(BEN), fans.view(DORA)))
    fans.must(A, batch)
    assert views(fans) == 2
    assert failure(fans, C, batch) == ("social.nothing-counts", "views")
    fans.live()
    assert failure(fans, A, batch) == ("social.nothing-counts", "views"), "yesterday's, counted"
    fans.must(A, CountViews((fans.view(BEN), fans.view(BEN, 1), fans.view(BEN, 1))))
    assert views(fans) == 3
    assert fans.sound()


def test_what_does_not_count_is_passed_over() -> None:
    fans = Fans()
    others = (fans.view(ANNA), fans.view(CLEO), fans.view(BEN, 1), fans.view(BEN, 7))
    assert failure(fans, A, CountViews(others)) == ("social.nothing-counts", "views")
    fans.must(A, CountViews((*others, fans.view(BEN))))
    assert views(fans) == 1


def test_forged_receipts_are_refused() -> None:
    fans, good = Fans(), Fans().view(BEN)
    forged = [
        fans.view(BEN, signer=ANNA),
        replace(good, key=A),
        replace(good, viewer=D),
        replace(good, signature=bytes(64)),
        SignedView(
            VIDEO, B, 0, B, BEN.sign(ViewReceipt(bytes(32), VIDEO, B, 0).encode())
        ),  # of another chain
    ]
    for each in forged:
        action = CountViews((fans.view(ANNA), each))
        assert failure(fans, A, action) == ("social.forged-receipt", "views[1].signature")
    unknown = CountViews((replace(good, video=UNKNOWN),))
    assert failure(fans, A, unknown) == ("social.unknown-video", "views[0].video")
    assert views(fans) == 0


def test_a_receipt_is_signed_by_a_key_that_acts_for_the_viewer_alone() -> None:
    fans, new = Fans(), key("new")
    keys = sorted([WeightedKey(new.public, 2), WeightedKey(B, 1)], key=lambda each: each.key)
    fans.must(B, SetAuthority(Authority(2, tuple(keys))))
    assert fans.act(A, CountViews((fans.view(BEN),))) == "social.forged-receipt"
    fans.must(A, CountViews((fans.view(BEN, signer=new),)))


def test_a_persons_views_of_a_day_are_capped() -> None:
    fans = Fans()
    VIEWS_A_DAY.set(fans.world.state, 2)
    videos = []
    for place in range(3):
        action = publish(b"another %d" % place)
        commit_to(fans.world.state, action, by=CLEO)
        fans.must(C, action)
        videos.append(action.cid)
    signed = []
    for cid in videos:
        receipt = ViewReceipt(fans.world.block().chain, cid, B, 0).encode()
        signed.append(SignedView(cid, B, 0, B, BEN.sign(receipt)))
    fans.must(A, CountViews(tuple(signed)))
    assert [counts_of(fans.world.state, cid).views for cid in videos] == [1, 1, 0]
    fans.live()
    assert fans.act(A, CountViews((signed[2],))) == "social.nothing-counts", "yesterday's limit"
    fans.must(A, CountViews((fans.view(BEN, 1),)))


def test_what_was_seen_is_forgotten_when_its_receipts_cannot_be_shown_any_more() -> None:
    fans = Fans()
    fans.must(A, CountViews((fans.view(BEN),)))
    fans.live()
    fans.step(forget_seen)
    assert len(list(SEEN.every(fans.world.state))) == 1
    fans.live()
    fans.step(forget_seen)
    assert list(SEEN.every(fans.world.state)) == []
    assert fans.act(A, CountViews((fans.view(BEN),))) == "social.nothing-counts"
    assert fans.sound()


def test_days_without_blocks_let_nothing_count_twice() -> None:
    fans = Fans()
    fans.must(A, CountViews((fans.view(BEN),)))
    fans.time_ms += 5 * DAY_MS
    fans.step(turn_day, forget_seen)
    assert fans.act(A, CountViews((fans.view(BEN),))) == "social.nothing-counts"
    fans.must(A, CountViews((fans.view(BEN, 5),)))
    row = VIEWERS.get(fans.world.state, B)
    assert row is not None
    assert (row.day, row.views, row.views_before) == (5, 1, 0)


def test_a_batch_has_a_bound_and_pays_for_each_receipt() -> None:
    fans = Fans()
    each = fans.view(BEN)
    gas = CountViews((each,) * MOST_RECEIPTS).derived_gas(fans.world.state)
    assert gas == MOST_RECEIPTS * CountViews((each,)).derived_gas(fans.world.state) > 0


# Tips


def test_a_tip_is_the_owners_but_for_the_fee() -> None:
    fans = Fans()
    fans.must(B, Tip(VIDEO, "REEL", 1_010, None))
    assert fans.held(B) == FUNDS - 1_010
    fee = 50  # a twentieth, rounded down
    assert fans.pot(REVENUE_POT) == fee
    assert TIPS.get(fans.world.state, VIDEO, "REEL") == Tips(1, 1_010)
    assert fans.events[-1] == Tipped(VIDEO, B, C, "REEL", 1_010, fee, None, 0)
    assert fans.sound()


def test_who_cannot_tip_is_told_why() -> None:
    fans = Fans()
    assert failure(fans, C, Tip(VIDEO, "REEL", 5, None)) == ("social.own-video", "video")
    assert failure(fans, B, Tip(UNKNOWN, "REEL", 5, None)) == ("social.unknown-video", "video")
    assert failure(fans, B, Tip(VIDEO, "NONE", 5, None)) == ("token.unknown-asset", "asset")
    for referrer in (B, C):
        found = failure(fans, B, Tip(VIDEO, "REEL", 5, referrer))
        assert found == ("referral.bad-referrer", "referrer")
    found = failure(fans, B, Tip(VIDEO, "REEL", 5, key("nobody").public))
    assert found == ("referral.unknown-referrer", "referrer")
    assert failure(fans, D, Tip(VIDEO, "REEL", 5, None))[0] == "token.insufficient-balance"


def test_an_asset_that_accounts_cannot_send_tips_nobody() -> None:
    fans = Fans()
    assert fans.decide(Create("POINT", "Point", 0, 9, False, False, A)) == "ok"
    fans.must(A, GatewayIssue(B, "POINT", 5, ""))
    assert failure(fans, B, Tip(VIDEO, "POINT", 5, None)) == ("social.unpayable", "asset")


# Referral


@pytest.mark.parametrize(("referrer", "ppm"), [(A, 100_000), (D, 250_000)])
def test_tips_and_gifts_through_a_link_are_split(referrer: bytes, ppm: int) -> None:
    fans = Fans()
    fans.must(C, TERMS_OF_CLEO)
    before, creators = fans.held(referrer), fans.held(C)
    fans.must(B, Tip(VIDEO, "REEL", 1_000, referrer))
    tip = 950 * ppm // 10**6
    assert Referred(referrer, B, C, "REEL", 950, tip) in fans.events
    fans.must(B, Give("rose", C, VIDEO, referrer))
    gift = 800 * ppm // 10**6
    assert fans.held(referrer) - before == tip + gift
    assert fans.held(C) - creators == 950 + 800 - tip - gift
    brought = BROUGHT.get(fans.world.state, referrer, "REEL")
    assert brought == Brought(2, 950 + 800, tip + gift)
    assert fans.sound()


def test_without_terms_a_referrer_gets_nothing_and_is_counted() -> None:
    fans = Fans()
    before = fans.held(C)
    fans.must(B, Tip(VIDEO, "REEL", 1_000, A))
    assert fans.held(C) == before + 950
    assert BROUGHT.get(fans.world.state, A, "REEL") == Brought(1, 950, 0)


def test_terms_are_set_changed_and_ended() -> None:
    fans, low, high = Fans(), *sorted([A, D])
    assert failure(fans, C, SetTerms(1, 1, (high, low))) == ("referral.teams-unordered", "teams")
    assert failure(fans, C, SetTerms(1, 1, (C,))) == ("referral.own-team", "teams")
    fans.must(C, TERMS_OF_CLEO)
    assert TERMS.get(fans.world.state, C) == Terms(100_000, 250_000, (D,))
    fans.must(C, SetTerms(0, 0, ()))
    assert TERMS.get(fans.world.state, C) is None
    assert NO_TERMS.ppm(A) == 0
    TERMS.put(fans.world.state, Terms(0, 0, (C,)), C)
    assert not fans.sound()


def test_gifts_name_a_referrer_that_neither_gives_nor_gets() -> None:
    fans = Fans()
    for referrer in (B, C):
        found = failure(fans, B, Give("rose", C, None, referrer))
        assert found == ("referral.bad-referrer", "referrer")
    assert fans.held(B) == FUNDS
