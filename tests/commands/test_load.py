"""`reelect load`, against a node that makes a block whenever its status is asked for."""

from functools import partial
from typing import cast

import httpx
import pytest
import trio
import trio.testing

from consensus.kinds import JsonObject
from tests.api.world import World
from tests.commands.conftest import LivingTransport, Run


@pytest.fixture(autouse=True)
def _node(world: World, node: LivingTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks go on with time, which passes at once where nothing else happens."""
    answer = node.handle_async_request

    async def living(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/status":
            world.slots([world.chain.fork.head.slot + 1])
        return await answer(request)

    monkeypatch.setattr(node, "handle_async_request", living)
    clock = trio.testing.MockClock(autojump_threshold=0.05)
    monkeypatch.setattr("trio.run", partial(trio.run, clock=clock))


def test_all_that_is_offered_becomes_final(run: Run) -> None:
    answer = run("load", "--tps", "30", "--seconds", "3", "--json")
    assert (answer.code, answer.err) == (0, "")
    told = answer.json
    assert (told["offered"], told["accepted"], told["final"]) == (90, 90, 90)
    assert (told["not_final"], told["refusals"]) == (0, {})
    latency = cast(JsonObject, told["latency_ms"])
    assert set(latency) == {"p50", "p90", "p99", "max"}


def test_the_report_for_people(run: Run) -> None:
    lines = run("load", "--tps", "8", "--seconds", "1").out.splitlines()
    assert lines[0].split() == ["offered", "8", "in", "1", "s"]
    assert [line.split()[0] for line in lines] == [
        *("offered", "accepted", "final", "not", "latency", "in", "refusals"),
    ]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--tps", "0"), "--tps"),
        (("--tps", "100000", "--seconds", "86400"), "--tps"),
        (("--seconds", "0"), "--seconds"),
        (("--from", "nobody"), "--from"),
    ],
)
def test_a_mistake_names_its_argument(run: Run, words: tuple[str, ...], field: str) -> None:
    answer = run("load", *words, "--json")
    assert (answer.code, answer.error["field"]) == (2, field)
