"""Statistics and recommendations over HTTP: what was counted, by which blocks, and what not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of
from consensus.keys import KeyPair
from consensus.record import Record
from genesis.file import make_genesis
from node.api.app import make_app
from node.block_results import BlockResults
from node.query import recommendation_queries
from node.query.answers import Place
from node.query.statistics_answers import (
    INDEX,
    AccountStatisticsAnswer,
    ActionCount,
    AssetUnits,
    DayAnswer,
    DaysAnswer,
    MetricRankingAnswer,
    RankedItem,
    RecommendationsAnswer,
    StatisticsAnswer,
    VideoStatisticsAnswer,
)
from node.statistics.index import StatisticsIndex
from node.statistics.metrics import RANKED_KINDS, RANKED_METRICS
from tests.api.community import DAY_SLOTS, FEE_PPM, USDT, community_genesis
from tests.api.world import ALICE, BASE_URL, BOB, STATISTICS_DAYS, World, code_of, open_world
from tests.node.network import GENESIS_TIME_MS, key, signed
from tests.simulation.database import MemoryDatabase
from tests.vm.world import publish
from vm.declare import Action
from vm.modules.account import Attest
from vm.modules.content import TAKEN_DOWN, Claim, Commit, TakenDown
from vm.modules.gifts import Give
from vm.modules.social import (
    Counts,
    CountViews,
    Like,
    Share,
    SignedView,
    Unlike,
    ViewReceipt,
    WriteComment,
)
from vm.modules.tokens import Transfer

CAROL, DAVE = key("carol"), key("dave")
FILMS = [publish(b"film %d" % n, title=f"Film {n}") for n in range(4)]
ONE, TWO, THREE, FOUR = (film.cid for film in FILMS)
ALICES, BOBS, CAROLS, DAVES = (format_address(who.public) for who in (ALICE, BOB, CAROL, DAVE))
COMMENT = cid_of(RAW, b"well done")
SOME_FEE = 10**9

R = TypeVar("R", bound=Record)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Day 0: Alice publishes four films. Day 1: likes, a share, comments, a view, a gift. The last
    film is taken down."""
    state = community_genesis().state()
    TAKEN_DOWN.put(state, TakenDown("as an example", 0, GENESIS_TIME_MS), FOUR)
    monkeypatch.setattr("tests.api.world.GENESIS", make_genesis(state))
    with open_world(tmp_path) as made:
        send(made, ALICE, *(Transfer(who.public, "REEL", SOME_FEE, "") for who in (CAROL, DAVE)))
        send(made, ALICE, Transfer(BOB.public, "REEL", SOME_FEE, ""))
        for film in FILMS:
            send(made, ALICE, Commit(Claim(ALICE.public, film.cid, film.salt).commitment))
            send(made, ALICE, film)
        made.slots([DAY_SLOTS])
        send(made, BOB, *map(Like, (ONE, TWO, THREE)), Attest(CAROL.public, b"c" * 32))
        send(made, CAROL, *map(Like, (ONE, TWO)), view(made, CAROL, FOUR))
        send(
            made, DAVE, *map(Like, (TWO, FOUR)), Share(FOUR), Give("rose", ALICE.public, TWO, None)
        )
        send(made, DAVE, WriteComment(TWO, COMMENT, 9), WriteComment(TWO, COMMENT, 9))
        send(made, ALICE, Give("rose", BOB.public, None, None))
        empty(made, 3)
        yield made


def send(world: World, sender: KeyPair, *actions: Action) -> None:
    """Each of these in a block."""
    for action in actions:
        slot, nonce = world.chain.fork.head.slot + 1, world.next_nonce(sender.public)
        world.slots([slot], [signed(world.chain, sender, action, nonce)])


def empty(world: World, slots: int) -> None:
    """So many blocks, and what was before is final and counted."""
    first = world.chain.fork.head.slot + 1
    world.slots(range(first, first + slots))


def view(world: World, viewer: KeyPair, video: Cid) -> CountViews:
    receipt = ViewReceipt(world.chain.id, video, viewer.public, 1).encode()
    signature = viewer.sign(receipt)
    return CountViews((SignedView(video, viewer.public, 1, viewer.public, signature),))


async def get(world: World, path: str, answer: type[R]) -> R:
    async with world.client() as client:
        response = await client.get(f"/v1/{path}")
    assert response.status_code == 200, response.text
    return answer.from_json(response.json())


async def refused(world: World, path: str) -> tuple[int, str, str]:
    async with world.client() as client:
        response: httpx.Response = await client.get(f"/v1/{path}")
    return code_of(response)


async def test_what_happened_in_all_and_on_the_newest_day(world: World) -> None:
    answer = await get(world, "statistics", StatisticsAnswer)
    total, newest = answer.total, answer.newest_day
    assert newest is not None
    assert (newest.day, newest.begins_ms) == (1, GENESIS_TIME_MS + DAY_SLOTS * 1000)
    assert newest.ends_ms - newest.begins_ms == DAY_SLOTS * 1000
    assert (total.active_accounts, total.new_accounts) == (4, 4)
    assert (newest.chain.active_accounts, newest.chain.new_accounts) == (4, 3)
    assert (total.traffic.transactions, newest.chain.traffic.transactions) == (25, 14)
    assert total.traffic.failed == newest.chain.traffic.failed == 1, "Dave has no USDT"
    assert total.traffic.transferred == (AssetUnits("REEL", 3 * SOME_FEE),)
    assert newest.chain.traffic.transferred == ()
    attention = newest.chain.attention
    assert (total.attention.videos, attention.videos) == (4, 0)
    assert (attention.likes, attention.shares, attention.views) == (7, 1, 1)
    assert (attention.comments, attention.commenters) == (2, 1)
    assert (attention.gifts, attention.gift_units) == (1, (AssetUnits("USDT", USDT),))
    assert attention.income == (AssetUnits("USDT", USDT - USDT * FEE_PPM // 10**6),)
    counts = {each.type: each for each in answer.actions}
    assert counts["gifts.give"] == ActionCount("gifts.give", 1, 1)
    assert counts["social.like"] == ActionCount("social.like", 7, 0)
    heights = range(1, answer.counted.at.height + 1)
    results = [BlockResults.decode(world.chain.blocks.receipts(n) or b"") for n in heights]
    fees = sum(receipt.fee for each in results for receipt in each.receipts)
    assert total.traffic.fees == (AssetUnits("REEL", fees),)


async def test_answers_say_whose_they_are_and_which_blocks_were_counted(world: World) -> None:
    final = world.chain.durable_final
    for path, answer in (
        ("statistics", StatisticsAnswer),
        ("statistics/days", DaysAnswer),
        ("statistics/days/1", DayAnswer),
        ("statistics/rankings/likes", MetricRankingAnswer),
        (f"videos/{ONE}/statistics", VideoStatisticsAnswer),
        (f"videos/{ONE}/recommendations", RecommendationsAnswer),
        (f"accounts/{ALICES}/statistics", AccountStatisticsAnswer),
        (f"accounts/{ALICES}/recommendations", RecommendationsAnswer),
    ):
        counted = (await get(world, path, answer)).counted  # type: ignore[attr-defined]
        assert counted.source == INDEX
        assert (counted.first_height, counted.first_day) == (1, 0)
        assert counted.at == Place(final.id, final.height, final.slot)


async def test_days_are_listed_the_newest_first_in_pages(world: World) -> None:
    empty(world, DAY_SLOTS)
    whole = await get(world, "statistics/days", DaysAnswer)
    assert ([item.day for item in whole.items], whole.next) == ([2, 1, 0], None)
    first = await get(world, "statistics/days?limit=2", DaysAnswer)
    second = await get(world, f"statistics/days?limit=2&cursor={first.next}", DaysAnswer)
    assert (first.items + second.items, second.next) == (whole.items, None)
    one = await get(world, "statistics/days/0", DayAnswer)
    assert one.day == whole.items[-1]
    assert ActionCount("content.publish", 4, 0) in one.actions
    assert one.on_chain is None, "this chain has no pool for activity"


async def test_days_that_are_not_kept_are_not_told_of(world: World) -> None:
    assert await refused(world, "statistics/days/2") == (404, "not-found", "day")
    slot = DAY_SLOTS * (STATISTICS_DAYS + 1)
    world.slots(range(slot, slot + 3))
    whole = await get(world, "statistics/days", DaysAnswer)
    assert [item.day for item in whole.items] == [STATISTICS_DAYS + 1]
    assert whole.counted.first_day == 2
    for path in ("statistics/days/1", "statistics/rankings/likes?day=1"):
        assert await refused(world, path) == (404, "not-found", "day")
    assert await refused(world, f"statistics/days/{STATISTICS_DAYS}") == (404, "not-found", "day")
    assert (await get(world, "statistics", StatisticsAnswer)).total.attention.likes == 7


async def test_rankings_leave_out_what_was_taken_down(world: World) -> None:
    ranking = await get(world, "statistics/rankings/likes", MetricRankingAnswer)
    wanted = [RankedItem(str(TWO), 3), RankedItem(str(ONE), 2), RankedItem(str(THREE), 1)]
    assert list(ranking.items) == wanted
    on_day = await get(world, "statistics/rankings/likes?day=1", MetricRankingAnswer)
    assert (on_day.items, on_day.day) == (ranking.items, 1)
    assert not (await get(world, "statistics/rankings/likes?day=0", MetricRankingAnswer)).items
    found: list[RankedItem] = []
    path = "statistics/rankings/likes?limit=1"
    page = await get(world, path, MetricRankingAnswer)
    while page.next is not None:
        found += page.items
        page = await get(world, f"{path}&cursor={page.next}", MetricRankingAnswer)
    assert found + list(page.items) == wanted
    assert not (await get(world, "statistics/rankings/views", MetricRankingAnswer)).items


async def test_a_page_of_a_ranking_looks_at_a_bounded_number_of_rows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.query.statistics_queries.MOST_SCANNED", 1)
    found: list[str] = []
    page = await get(world, "statistics/rankings/shares", MetricRankingAnswer)
    assert (page.items, page.next) == ((), None), "the only one was taken down"
    page = await get(world, "statistics/rankings/likes", MetricRankingAnswer)
    while page.next is not None:
        found += [item.subject for item in page.items]
        path = f"statistics/rankings/likes?cursor={page.next}"
        page = await get(world, path, MetricRankingAnswer)
    assert found[:2] == [str(TWO), str(ONE)]


async def test_creators_and_accounts_are_ranked_too(world: World) -> None:
    async def ranked(path: str) -> list[tuple[str, int]]:
        answer = await get(world, f"statistics/rankings/{path}", MetricRankingAnswer)
        return [(item.subject, item.count) for item in answer.items]

    assert await ranked("likes?kind=creator") == [(ALICES, 7)]
    assert await ranked("likes?kind=account") == [
        *((BOBS, 3),),
        *sorted([(CAROLS, 2), (DAVES, 2)], key=lambda item: address(item[0])),
    ]
    assert await ranked("videos?kind=creator") == [(ALICES, 4)]
    earned = USDT - USDT * FEE_PPM // 10**6
    assert await ranked("income?kind=creator&asset=USDT") == [(BOBS, earned)]
    assert await ranked("income?kind=creator") == [], "no REEL was earned"
    assert await ranked("commenters") == [(str(TWO), 1)]


def address(text: str) -> bytes:
    return next(who.public for who in (CAROL, DAVE) if format_address(who.public) == text)


@pytest.mark.parametrize("metric", sorted(RANKED_METRICS))
@pytest.mark.parametrize("kind", RANKED_KINDS)
async def test_every_metric_is_ranked(world: World, metric: str, kind: str) -> None:
    path = f"statistics/rankings/{metric}?kind={kind}"
    answer = await get(world, path, MetricRankingAnswer)
    assert (answer.metric, answer.kind) == (metric, kind)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("statistics/rankings/comments", (400, "invalid-encoding", "metric")),
        ("statistics/rankings/likes?kind=room", (400, "invalid-encoding", "kind")),
        ("statistics/rankings/likes?asset=REEL", (400, "invalid-encoding", "asset")),
        ("statistics/rankings/fees?asset=NONE", (404, "not-found", "asset")),
        ("statistics/rankings/likes?day=99", (404, "not-found", "day")),
        ("statistics/rankings/likes?day=x", (400, "invalid-encoding", "day")),
        ("statistics/rankings/likes?cursor=x", (400, "invalid-encoding", "cursor")),
        ("statistics/days?cursor=x", (400, "invalid-encoding", "cursor")),
        ("statistics/days/yesterday", (400, "invalid-encoding", "day")),
        (f"videos/{COMMENT}/statistics", (404, "not-found", "")),
        (f"videos/{COMMENT}/recommendations", (404, "not-found", "")),
        (f"videos/{ONE}/statistics?day=99", (404, "not-found", "day")),
        (f"accounts/{ALICES}/statistics?day=99", (404, "not-found", "day")),
        ("accounts/@nobody/statistics", (404, "not-found", "address")),
        ("accounts/@nobody/recommendations", (404, "not-found", "address")),
        ("statistics?finality=head", (400, "unknown-parameter", "finality")),
    ],
)
async def test_what_is_wrong_is_said(world: World, path: str, wanted: tuple[int, str, str]) -> None:
    assert await refused(world, path) == wanted


async def test_a_cursor_of_another_ranking_is_refused(world: World) -> None:
    page = await get(world, "statistics/rankings/likes?limit=1", MetricRankingAnswer)
    other = f"statistics/rankings/likes?kind=creator&cursor={page.next}"
    assert await refused(world, other) == (400, "invalid-encoding", "cursor")


async def test_a_video_and_the_chains_own_counters_of_it(world: World) -> None:
    send(world, BOB, Unlike(TWO), Like(TWO), Unlike(TWO))
    empty(world, 3)
    answer = await get(world, f"videos/{TWO}/statistics", VideoStatisticsAnswer)
    assert answer.attention.likes == 3, "a like counts once, and stays"
    assert (answer.attention.comments, answer.attention.commenters) == (2, 1)
    assert answer.on_chain == Counts(likes=2, comments=2)
    before = await get(world, f"videos/{TWO}/statistics?day=0", VideoStatisticsAnswer)
    assert (before.day, before.attention.likes) == (0, 0)


async def test_what_an_account_did_and_what_others_did_at_its_videos(world: World) -> None:
    answer = await get(world, f"accounts/{ALICES}/statistics", AccountStatisticsAnswer)
    assert answer.traffic.transactions == 12
    assert answer.traffic.transferred == (AssetUnits("REEL", 3 * SOME_FEE),)
    assert (answer.given.likes, answer.given.gifts) == (0, 1)
    assert (answer.received.likes, answer.received.views, answer.received.videos) == (7, 1, 4)
    today = await get(world, f"accounts/{ALICES}/statistics?day=1", AccountStatisticsAnswer)
    assert (today.traffic.transactions, today.received.videos) == (1, 0)
    carol = await get(world, f"accounts/{CAROLS}/statistics", AccountStatisticsAnswer)
    assert (carol.given.views, carol.given.likes, carol.received.likes) == (1, 2, 0)


async def test_what_is_recommended_beside_a_video(world: World) -> None:
    async def beside(video: Cid) -> list[tuple[Cid, int]]:
        path = f"videos/{video}/recommendations"
        answer = await get(world, path, RecommendationsAnswer)
        assert answer.reason == "liked-by-viewers"
        return [(item.cid, item.count) for item in answer.items]

    assert await beside(ONE) == [(TWO, 2), (THREE, 1)]
    assert await beside(TWO) == [(ONE, 2), (THREE, 1)], "and not what was taken down"
    assert await beside(FOUR) == [(TWO, 2), (ONE, 1)], "its viewer's likes, and its liker's"
    send(world, CAROL, Unlike(TWO))
    empty(world, 3)
    assert await beside(ONE) == sorted([(TWO, 1), (THREE, 1)])


async def test_what_is_recommended_to_an_account_and_why(world: World) -> None:
    async def to(address: str) -> tuple[str, list[tuple[Cid, int]]]:
        path = f"accounts/{address}/recommendations"
        answer = await get(world, path, RecommendationsAnswer)
        return answer.reason, [(item.cid, item.count) for item in answer.items]

    assert await to(CAROLS) == ("liked-by-likers", [(THREE, 1)])
    assert await to(DAVES) == ("liked-by-likers", [(ONE, 2), (THREE, 1)])
    assert await to(ALICES) == ("total-ranking", []), "all are its own"
    assert await to(BOBS) == ("total-ranking", []), "it likes all that is left"
    stranger = format_address(key("stranger").public)
    everything = [(TWO, 3), (ONE, 2), (THREE, 1)]
    assert await to(stranger) == ("day-ranking", everything)
    empty(world, DAY_SLOTS)
    assert await to(stranger) == ("total-ranking", everything)
    path = f"accounts/{stranger}/recommendations?limit=1"
    (item,) = (await get(world, path, RecommendationsAnswer)).items
    assert (item.cid, item.title, item.owner) == (TWO, "Film 1", ALICE.public)


async def test_a_view_is_remembered_while_its_day_is_kept(world: World) -> None:
    send(world, CAROL, view(world, CAROL, THREE))
    empty(world, 3)
    path = f"accounts/{CAROLS}/recommendations"
    assert not (await get(world, path, RecommendationsAnswer)).items, "she has seen the third"
    slot = DAY_SLOTS * (STATISTICS_DAYS + 1)
    world.slots(range(slot, slot + 3))
    (item,) = (await get(world, path, RecommendationsAnswer)).items
    assert item.cid == THREE


async def test_a_query_reads_a_bounded_number_of_likes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommendation_queries, "LIKES_CONSIDERED", 1)
    answer = await get(world, f"videos/{ONE}/recommendations", RecommendationsAnswer)
    assert [(item.cid, item.count) for item in answer.items] == sorted([(TWO, 1), (THREE, 1)])
    monkeypatch.setattr(recommendation_queries, "LIKERS_CONSIDERED", 1)
    answer = await get(world, f"videos/{ONE}/recommendations", RecommendationsAnswer)
    assert [item.cid for item in answer.items] == [TWO], "only Carol's newest like"


async def test_a_node_that_keeps_none_says_so(world: World) -> None:
    for index, wanted in ((None, (404, "not-found", "")), (unmade(), (503, "node-busy", ""))):
        services = replace(world.services, statistics=index)
        transport = httpx.ASGITransport(make_app(services))
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            for path in ("statistics", f"videos/{ONE}/recommendations"):
                assert code_of(await client.get(f"/v1/{path}")) == wanted


def unmade() -> StatisticsIndex:
    return StatisticsIndex(MemoryDatabase(), STATISTICS_DAYS)
