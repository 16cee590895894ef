"""Endpoints about what the node has counted of final blocks, and recommends by it (T13)."""

from collections.abc import Callable

from starlette.responses import Response

from consensus.record import Record
from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.parameters import (
    ACCOUNT,
    CID,
    CURSOR,
    DAY,
    METRIC,
    ON_DAY,
    RANKED_ASSET,
    RANKED_KIND,
    limit,
)
from node.api.problems import busy
from node.query import recommendation_queries, state_queries, statistics_queries
from node.query.chain_view import ChainView, Finality, NotFound
from node.query.statistics_answers import (
    AccountStatisticsAnswer,
    DayAnswer,
    DaysAnswer,
    MetricRankingAnswer,
    RecommendationsAnswer,
    StatisticsAnswer,
    VideoStatisticsAnswer,
)
from node.query.statistics_queries import RankingAsked
from node.statistics.index import IndexView

DAYS_LIMIT = limit(30)
RANKING_LIMIT = limit(50)
RECOMMENDED_LIMIT = limit(20, 100)


async def _statistics(call: Call) -> Response:
    return await _read(call, statistics_queries.statistics)


async def _days(call: Call) -> Response:
    size, cursor = call.value(DAYS_LIMIT), call.value(CURSOR)
    return await _read(call, lambda view, index: statistics_queries.days(view, index, size, cursor))


async def _day(call: Call) -> Response:
    wanted = call.value(DAY)
    return await _read(call, lambda view, index: statistics_queries.day(view, index, wanted))


async def _ranking(call: Call) -> Response:
    kind, asset, day = call.value(RANKED_KIND), call.value(RANKED_ASSET), call.value(ON_DAY)
    asked = RankingAsked(call.value(METRIC), kind, asset, day)
    size, cursor = call.value(RANKING_LIMIT), call.value(CURSOR)
    return await _read(
        call, lambda view, index: statistics_queries.ranking(view, index, asked, size, cursor)
    )


async def _video_statistics(call: Call) -> Response:
    cid, day = call.value(CID), call.value(ON_DAY)
    return await _read(
        call, lambda view, index: statistics_queries.video_statistics(view, index, cid, day)
    )


async def _account_statistics(call: Call) -> Response:
    named, day = call.value(ACCOUNT), call.value(ON_DAY)
    return await _read(
        call,
        lambda view, index: statistics_queries.account_statistics(
            index, state_queries.account_of(view, named), day
        ),
    )


async def _for_video(call: Call) -> Response:
    cid, size = call.value(CID), call.value(RECOMMENDED_LIMIT)
    return await _read(
        call, lambda view, index: recommendation_queries.for_video(view, index, cid, size)
    )


async def _for_account(call: Call) -> Response:
    named, size = call.value(ACCOUNT), call.value(RECOMMENDED_LIMIT)
    return await _read(
        call,
        lambda view, index: recommendation_queries.for_account(
            view, index, state_queries.account_of(view, named), size
        ),
    )


async def _read(call: Call, query: Callable[[ChainView, IndexView], Record]) -> Response:
    """The answer by the index and by the final state, which is of the same block or a later one.
    Raises NotFound and Problem where there is no index."""
    statistics = call.node.services.statistics
    if statistics is None:
        raise NotFound(
            "this node keeps no statistics (statistics.keep_days is 0): ask one that does"
        )
    index = statistics.view()  # first: so all that it has counted is in the state, too
    if index is None:
        raise busy("this node's statistics are being made anew; try again")
    view = call.node.view(Finality.FINAL)
    return await call.node.in_thread(lambda: json_response(query(view, index)))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/statistics",
        "getStatistics",
        "What happened on the chain, in all and on the newest day, as this node has counted it "
        "(T13).",
        _statistics,
        json_answer(StatisticsAnswer),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/statistics/days",
        "listStatisticsDays",
        "What happened each day, the newest first (T13).",
        _days,
        json_answer(DaysAnswer),
        params=(DAYS_LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/statistics/days/{day}",
        "getStatisticsDay",
        "What happened on a day, each type of action counted (T13).",
        _day,
        json_answer(DayAnswer),
        params=(DAY,),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/statistics/rankings/{metric}",
        "listStatisticsRanking",
        "The videos, creators or accounts with the highest counts, of all days or of one (T13).",
        _ranking,
        json_answer(MetricRankingAnswer),
        params=(METRIC, RANKED_KIND, RANKED_ASSET, ON_DAY, RANKING_LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/videos/{cid}/statistics",
        "getVideoStatistics",
        "What happened at a version of a video, on all days or on one (T13).",
        _video_statistics,
        json_answer(VideoStatisticsAnswer),
        params=(CID, ON_DAY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/videos/{cid}/recommendations",
        "listVideoRecommendations",
        "What those who have viewed or liked a video also like, by how many of them (T13).",
        _for_video,
        json_answer(RecommendationsAnswer),
        params=(CID, RECOMMENDED_LIMIT),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/statistics",
        "getAccountStatistics",
        "What an account did, and what others did at its videos, on all days or on one (T13).",
        _account_statistics,
        json_answer(AccountStatisticsAnswer),
        params=(ACCOUNT, ON_DAY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/recommendations",
        "listAccountRecommendations",
        "What those like who like what an account likes, without what it knows already (T13).",
        _for_account,
        json_answer(RecommendationsAnswer),
        params=(ACCOUNT, RECOMMENDED_LIMIT),
        problems=(404,),
    ),
)
