"""The part of a node's HTTP API that is about statistics and recommendations.

GET  /v1/statistics                            StatisticsAnswer
GET  /v1/statistics/days                       DaysAnswer; newest first
GET  /v1/statistics/days/{day}                 DayAnswer
GET  /v1/statistics/rankings/{metric}          MetricRankingAnswer; ?kind=, ?asset=, ?day=
GET  /v1/videos/{cid}/statistics               VideoStatisticsAnswer; ?day=
GET  /v1/videos/{cid}/recommendations          RecommendationsAnswer
GET  /v1/accounts/{address}/statistics         AccountStatisticsAnswer; ?day=
GET  /v1/accounts/{address}/recommendations    RecommendationsAnswer

All are of final blocks, as the node has counted them for itself."""

from consensus.address import format_address
from consensus.cid import Cid
from node.client_connection import Connection
from node.query.statistics_answers import (
    AccountStatisticsAnswer,
    DayAnswer,
    DaysAnswer,
    MetricRankingAnswer,
    RecommendationsAnswer,
    StatisticsAnswer,
    VideoStatisticsAnswer,
)


class StatisticsClient(Connection):
    """Calls about statistics and recommendations. Those that name a day or a video raise Missing
    for one that the node does not know; all of them do where it keeps no statistics."""

    async def statistics(self) -> StatisticsAnswer:
        """What happened in all, and on the newest day."""
        return await self._get(StatisticsAnswer, "/v1/statistics")

    async def statistics_days(self, most: int) -> DaysAnswer:
        """The newest days."""
        return await self._get(DaysAnswer, "/v1/statistics/days", {"limit": most})

    async def statistics_day(self, day: int) -> DayAnswer:
        """A day."""
        return await self._get(DayAnswer, f"/v1/statistics/days/{day}")

    async def metric_ranking(
        self, metric: str, kind: str, *, asset: str | None, day: int | None, most: int
    ) -> MetricRankingAnswer:
        """The first of a ranking, on a day or on all."""
        query = {"kind": kind, "limit": most, **_on(day)}
        if asset is not None:
            query["asset"] = asset
        return await self._get(MetricRankingAnswer, f"/v1/statistics/rankings/{metric}", query)

    async def video_statistics(self, cid: Cid, day: int | None) -> VideoStatisticsAnswer:
        """A version of a video, on a day or on all."""
        return await self._get(VideoStatisticsAnswer, f"/v1/videos/{cid}/statistics", _on(day))

    async def account_statistics(self, account: bytes, day: int | None) -> AccountStatisticsAnswer:
        """An account, on a day or on all."""
        path = f"/v1/accounts/{format_address(account)}/statistics"
        return await self._get(AccountStatisticsAnswer, path, _on(day))

    async def beside_video(self, cid: Cid, most: int) -> RecommendationsAnswer:
        """What those who have viewed or liked a video also like."""
        path = f"/v1/videos/{cid}/recommendations"
        return await self._get(RecommendationsAnswer, path, {"limit": most})

    async def recommended_to(self, account: bytes, most: int) -> RecommendationsAnswer:
        """What is recommended to an account."""
        path = f"/v1/accounts/{format_address(account)}/recommendations"
        return await self._get(RecommendationsAnswer, path, {"limit": most})


def _on(day: int | None) -> dict[str, str | int]:
    return {} if day is None else {"day": day}
