"""Mail on four real nodes: sent at one while another is away, read there, and burnt at all."""

from pathlib import Path

from node.query.mail_answers import DELETED
from tests.end_to_end.commands import Ended, run, until
from tests.end_to_end.test_net import DEADLINE_S, disturbed
from tests.end_to_end.test_up import in_time


def test_a_letter_reaches_a_node_that_was_away_and_is_burnt_at_all(tmp_path: Path) -> None:
    async def mail(api: str, *arguments: str) -> Ended:
        return await run(tmp_path, "mail", *arguments, "--node", api, "--json")

    async def main() -> None:
        async with disturbed(tmp_path) as net:
            assert (await net("kill", "node-3")).code == 0
            sent = await mail(net.up.apis[0], "send", "dev1", "burn me", "--burn")
            identity = bytes.fromhex(str(sent.json["id"]))
            again = (await net("restart", "3")).json
            net.up.pids[3] = int(again["nodes"][3]["pid"])  # type: ignore[index]

            async def has_come() -> bool:
                return await net.clients[3].mail_state(identity) is not None

            await until(has_come)
            read = await mail(net.up.apis[3], "read", identity.hex(), "--account", "dev1")
            assert read.json["text"] == "burn me"

            async def is_gone() -> bool:
                states = [await client.mail_state(identity) for client in net.clients]
                return all(state is not None and state.state == DELETED for state in states)

            await until(is_gone)

    in_time(main, DEADLINE_S)
