"""What counts as activity: persons, caps, distinct accounts, averages; what goes in time."""

import pytest

from consensus.cid import RAW, cid_of
from consensus.record import replace
from tests.vm.days import Days
from tests.vm.liveliness import BASE, KINDS, PPM, QUARTER, RULES, Liveliness
from tests.vm.world import ANNA, BEN, CLEO, commit_to, publish
from vm.context import Context
from vm.modules import activity
from vm.modules.account import Attest
from vm.modules.activity import (
    ACCOUNTS,
    CURRENT,
    DAYS,
    ActivityKind,
    Counts,
    Due,
    Indicators,
    Valid,
    index_of,
    note,
    note_online,
    note_viewers,
)
from vm.modules.content import CreateSpace, Place
from vm.modules.gifts import Give, ListGift
from vm.modules.poa import Divide
from vm.modules.poc import CREATORS
from vm.modules.social import Like, Unlike, WriteComment


def done(stage: Liveliness, account: bytes) -> activity.Done:
    current = CURRENT.get(stage.world.state)
    assert current is not None
    return ACCOUNTS.get(stage.world.state, current.day, account) or activity.tables.NOTHING_DONE


def test_only_persons_count_and_so_often_a_day() -> None:
    stage = Liveliness()
    (somebody,) = stage.attest(1)
    assert stage.do(BEN.public) == 0, "nobody attests him"
    assert stage.do(somebody, times=6) == 4
    assert stage.do(somebody, ActivityKind.PLAY, creator=somebody) == 0, "a video of its own"
    assert done(stage, somebody).e_ppm == 4 * QUARTER
    assert (stage.today.active_accounts, stage.today.counts.like) == (1, 4)
    assert (stage.today.accounts.like, stage.today.roots) == (1, PPM)
    stage.live()
    assert stage.do(somebody) == 1, "another day"
    assert stage.sound()


def test_a_bond_makes_a_person_where_the_community_says_so() -> None:
    stage = Liveliness()
    assert stage.do(BEN.public) == 0
    stage.set("personhood.bond_units", 1)
    assert stage.do(BEN.public) == 0, "nothing bonded"


@pytest.mark.parametrize("valid", [Valid(0, 4), Valid(QUARTER, 0)])
def test_a_kind_without_weight_or_room_does_not_count(valid: Valid) -> None:
    stage = Liveliness()
    (somebody,) = stage.attest(1)
    stage.weigh(replace(KINDS, share=valid))
    assert stage.do(somebody, ActivityKind.SHARE) == 0
    assert stage.today == activity.NO_TOTALS


def test_time_online_and_viewers_count_as_they_are_reported() -> None:
    stage = Liveliness()
    first, second = stage.attest(2)
    stage.set("activity.most_online_s", 100)

    def report(context: Context) -> None:
        note_online(context, first, 60)
        note_online(context, first, 60)
        note_online(context, second, 30)
        note_online(context, BEN.public, 30)
        note_viewers(context, 12)
        note_viewers(context, 7)

    stage.call(report)
    totals = stage.today
    assert (totals.online_s, totals.online_accounts, totals.peak_viewers) == (130, 2, 12)
    assert (totals.active_accounts, totals.roots) == (0, 0), "being online alone earns nothing"
    assert stage.sound()


def test_the_index_weighs_each_indicator() -> None:
    totals = activity.Totals(
        active_accounts=2,
        counts=Counts(3, 5, 7, 11, 0, 0),
        accounts=Counts(13, 3, 19, 23, 0, 0),
        online_accounts=4,
        online_s=411,
        peak_viewers=29,
        roots=0,
    )
    # 5 plays of 3 accounts are 1666 thousandths, 411 s of 4 accounts 102.
    values = [2, 3, 13, 5, 3, 7, 19, 11, 23, 1666, 102, 29]
    none = dict.fromkeys((field.name for field in Indicators.fields), 0)
    for name, value in zip(none, values, strict=True):
        assert index_of(Indicators(**{**none, name: 10}), totals) == 10 * value
    every = Indicators(**dict.fromkeys(none, 1))
    assert index_of(every, totals) == sum(values)
    assert index_of(every, activity.NO_TOTALS) == 0


def test_the_pool_is_no_more_than_the_fund_holds_and_parts_exactly() -> None:
    stage = Liveliness()
    assert stage.decide(replace(RULES, base_units=3 * 10**11 + 1, poa_ppm=333_333)) == "ok"
    parts = list[tuple[int, int]]()
    for _ in range(5):
        before = (stage.pot("poa.pool"), stage.pot("poc.pool"))
        stage.live()
        parts.append((stage.pot("poa.pool") - before[0], stage.pot("poc.pool") - before[1]))
    assert [sum(part) for part in parts] == [3 * 10**11 + 1] * 3 + [10**11 - 3, 0]
    assert [part[0] for part in parts] == [sum(part) * 333_333 // PPM for part in parts]


def test_days_without_blocks_are_no_days_of_the_mean() -> None:
    stage = Liveliness()
    for account in stage.attest(4):
        stage.do(account)
    stage.live()
    stage.time_ms += 3 * 60_000
    for account in stage.attest(4):
        stage.do(account)
    stage.live()
    current = CURRENT.get(stage.world.state)
    assert current is not None
    assert (current.indexes, current.day) == ((4, 4), 5)


def test_what_nobody_claims_in_time_goes_back_and_its_rows_go_in_batches() -> None:
    stage = Liveliness()
    stage.set("activity.keep_days", 2)
    for account in stage.attest(150):
        stage.do(account)
    stage.live()
    owed = stage.pot("poa.owed")
    assert owed > 0
    stage.live()
    assert (stage.pot("poa.owed"), len(list(ACCOUNTS.every(stage.world.state, 0)))) == (owed, 150)
    before = stage.pot("poa.pool")
    stage.live()
    assert (stage.pot("poa.owed"), stage.pot("poa.pool")) == (0, before + owed + BASE * 3 // 10)
    left = list[int]()
    for _ in range(3):
        left.append(len(list(ACCOUNTS.every(stage.world.state, 0))))
        assert stage.sound()
        stage.blocks(1)
    assert left == [150 - 64, 150 - 128, 0]
    assert [day for (day,), _ in DAYS.every(stage.world.state)] == [1, 2, 3]


def test_what_is_done_at_videos_counts_for_their_owners() -> None:
    stage = Liveliness()
    creator, fan, space = BEN.public, CLEO.public, "bens-room"
    for account in (creator, fan):
        assert stage.act(ANNA.public, Attest(account, account)) == "ok"
    stage.set("account.handle_fee_units", 0)
    assert stage.act(creator, CreateSpace(space, "music", "Ben's")) == "ok"
    assert stage.act(creator, Divide(space, 400_000)) == "ok"
    at_home = publish(b"one", place=Place(space, "one"))
    elsewhere = publish(b"two")
    commit_to(stage.world.state, at_home, elsewhere, by=BEN)
    stage.world.height = 20
    for action in (at_home, elsewhere):
        assert stage.act(creator, action) == "ok"
    row = CREATORS.get(stage.world.state, creator)
    assert row is not None
    assert (row.posts, row.channel, row.in_a_row) == (2, None, 0)
    comment = WriteComment(at_home.cid, cid_of(RAW, b"nice"), 4)
    for opinion in (Like(at_home.cid), Like(elsewhere.cid), comment):
        assert stage.act(fan, opinion) == "ok"
    assert stage.act(creator, Like(at_home.cid)) == "ok"
    # A quarter each: 40 % of what is done in the space, 20 % elsewhere.
    parts = QUARTER * (400_000 + 200_000 + 400_000)
    assert done(stage, fan).dues == (Due(creator, parts),)
    assert done(stage, fan).counts == Counts(0, 0, 2, 1, 0, 0)
    assert done(stage, creator).counts == Counts(2, 0, 0, 0, 0, 0)
    assert stage.sound()


def test_a_gift_bought_counts_as_a_payment_to_who_gets_it() -> None:
    stage = Liveliness()
    assert stage.act(ANNA.public, Attest(BEN.public, bytes(32))) == "ok"
    assert stage.decide(ListGift("rose", "REEL", 101, cid_of(RAW, b"animation"))) == "ok"
    assert stage.act(BEN.public, Give("rose", CLEO.public, None, None)) == "ok"
    assert done(stage, BEN.public) == activity.Done(
        Counts(0, 0, 0, 0, 1, 0), 0, QUARTER, (Due(CLEO.public, QUARTER * 200_000),)
    )
    assert CREATORS.get(stage.world.state, CLEO.public) is None, "she is not attested"


def test_liking_anew_counts_no_more_than_a_days_cap() -> None:
    stage = Liveliness()
    assert stage.act(ANNA.public, Attest(BEN.public, bytes(32))) == "ok"
    action = publish(b"one")
    commit_to(stage.world.state, action, by=CLEO)
    stage.world.height = 20
    assert stage.act(CLEO.public, action) == "ok"
    for _ in range(6):
        assert stage.act(BEN.public, Like(action.cid)) == "ok"
        assert stage.act(BEN.public, Unlike(action.cid)) == "ok"
    assert done(stage, BEN.public).counts.like == KINDS.like.most_a_day


def test_no_more_than_so_many_creators_are_owed_for_a_day() -> None:
    stage = Liveliness()
    fan, *creators = stage.attest(34)
    stage.weigh(replace(KINDS, like=Valid(1, 100)))
    assert sum(stage.do(fan, creator=creator) for creator in creators) == 32
    assert stage.do(fan, creator=creators[0]) == 1
    assert stage.do(fan, creator=creators[32]) == 0


def test_a_community_without_rules_counts_nothing() -> None:
    stage = Days()
    stage.step(lambda context: note_viewers(context, 5))
    stage.step(lambda context: note_online(context, ANNA.public, 5))
    assert not note(stage.context(ANNA.public), ANNA.public, ActivityKind.LIKE)
    assert not list(DAYS.every(stage.world.state))
    assert not list(ACCOUNTS.every(stage.world.state))


def test_rules_that_contradict_themselves_are_refused() -> None:
    stage = Liveliness()
    assert stage.decide(replace(RULES, lo_ppm=PPM, hi_ppm=PPM - 1)) == "activity.lo-above-hi"
