"""Statistics of a real node: counted as blocks become final, and once, also over a restart."""

import signal
from pathlib import Path

from tests.end_to_end.commands import Ended, run, until
from tests.end_to_end.test_up import QUICK, Up, in_time, started

PAYMENTS = 3


def test_a_node_counts_what_is_final_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def statistics(*arguments: str) -> Ended:
        return await run(tmp_path, "statistics", *arguments, "--json")

    async def transactions() -> int:
        total = (await statistics("show")).json["total"]
        return int(total["traffic"]["transactions"])  # type: ignore[index]

    async def counts_on(up: Up, height: int) -> None:
        async def has_counted() -> bool:
            counted = (await statistics("show")).json["counted"]
            return int(counted["at"]["height"]) > height  # type: ignore[index]

        await until(has_counted)

    async def main() -> None:
        async with started(tmp_path, *QUICK) as up:
            for _ in range(PAYMENTS):
                sent = await run(tmp_path, "tx", "transfer", "dev1", "5", "--json")
                assert sent.code == 0, sent.err
            height = await up.head()
            await counts_on(up, height)
            assert await transactions() == PAYMENTS
            await up.stop(signal.SIGKILL)
            await up.gone()
        async with started(tmp_path) as up:
            await counts_on(up, height + 3)
            assert await transactions() == PAYMENTS
            ranked = await statistics("ranking", "transactions", "--kind", "account")
            (item,) = ranked.json["items"]  # type: ignore[misc]
            assert item["count"] == str(PAYMENTS)  # type: ignore[index]
            beside = await run(tmp_path, "recommend", "account", "dev1", "--json")
            assert beside.json["items"] == []
            await up.stop(signal.SIGTERM)

    in_time(main)
