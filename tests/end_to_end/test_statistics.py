"""Statistics of a real node: counted as blocks become final, and once, also over a restart."""

import signal
from pathlib import Path

from node.client import Client
from node.query.statistics_answers import StatisticsAnswer
from tests.end_to_end.commands import run, until
from tests.end_to_end.test_net import DEADLINE_S
from tests.end_to_end.test_up import QUICK, Up, in_time, started


def test_a_node_counts_what_is_final_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def counted_beyond(up: Up, height: int) -> StatisticsAnswer:
        async with Client(up.apis[0]) as client:

            async def has_counted() -> bool:
                return (await client.statistics()).counted.at.height > height

            await until(has_counted)
            return await client.statistics()

    async def main() -> None:
        async with started(tmp_path, *QUICK) as up:
            sent = await run(tmp_path, "tx", "transfer", "dev1", "5", "--json")
            assert sent.code == 0, sent.err
            height = await up.head()
            first = await counted_beyond(up, height)
            assert first.total.traffic.transactions == 1
            await up.stop(signal.SIGKILL)
            await up.gone()
        async with started(tmp_path) as up:
            again = await counted_beyond(up, first.counted.at.height)
            assert again.counted.first_height == first.counted.first_height == 1
            assert again.total.traffic == first.total.traffic
            shown = await run(tmp_path, "statistics", "show", "--json")
            assert shown.json["total"] == again.total.to_json()
            await up.stop(signal.SIGTERM)

    in_time(main, DEADLINE_S)
