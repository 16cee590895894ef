"""The client of commands, against the application and against servers that are none."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
import trio.testing

from consensus.cid import RAW, cid_of
from consensus.keys import KeyPair
from node.client import Client, Until
from node.failure import Refused, TimedOut, Unreachable, Usage
from node.query.answers import PROBLEM_PREFIX
from node.query.chain_view import Finality
from tests.api.world import ALICE, BASE_URL, BOB, World
from tests.node.network import key, transfer
from vm.modules.tokens import balance_of


def direct(world: World, **options: object) -> Client:
    """A client whose requests go straight into the application."""
    return Client(BASE_URL, transport=httpx.ASGITransport(world.app(**options)))


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> Client:
    """A client of something that answers so."""
    return Client(BASE_URL, transport=httpx.MockTransport(handler))


async def test_what_commands_ask(world: World) -> None:
    world.slots([1, 2], [transfer(world.chain, ALICE, BOB.public, 5, 0)])
    async with direct(world) as client:
        assert (await client.status()).head.height == 2
        assert (await client.ready()).ready
        world.reasons = ("no peers",)
        assert (await client.ready()).reasons == ("no peers",)
        assert [item.height for item in await client.finality(0)] == [1]
        assert [b.height for b in (await client.blocks()).items] == [1, 0]
        assert (await client.block("2")).summary.state == "included"
        account = await client.account(BOB.public)
        assert account.balances[0].amount == 5
        row = await client.row("token.asset", "REEL")
        assert row is not None
        assert row.item.row["decimals"] == 8
        assert await client.row("token.asset", "NONE") is None
        assert await client.video(cid_of(RAW, b"x")) is None
        assert [item async for item in client.videos()] == []
        with pytest.raises(Refused) as caught:
            await client.block("99")
        assert caught.value.code == "not-found"


async def test_all_rows_over_several_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    recipients = [key(f"r{i}") for i in range(5)]
    payments = [transfer(world.chain, ALICE, to.public, 1, i) for i, to in enumerate(recipients)]
    world.slots([1], payments)
    monkeypatch.setattr("node.client.ROWS_PER_PAGE", 2)
    async with direct(world) as client:
        rows = [row async for row in client.rows("token.balance", finality=Finality.HEAD)]
    assert len({json.dumps(row.key) for row in rows}) == len(rows) >= len(recipients) + 1


async def test_a_trial_says_what_is_wrong_in_the_case_at_hand(world: World) -> None:
    async with direct(world) as client:
        payment = transfer(world.chain, ALICE, BOB.public, 10**18, 0)
        tried = await client.simulate(payment.transaction)
        assert tried.receipt.status == "token.insufficient-balance"
        assert tried.failure is not None
        assert tried.failure.field == "actions[0].amount"
        held = balance_of(world.chain.state_of(world.chain.fork.head), ALICE.public, "REEL")
        left = held - tried.receipt.fee
        assert tried.failure.message == f"it has {left} units of REEL, not {10**18}"


async def test_a_transaction_is_sent_and_awaited(world: World) -> None:
    payment = transfer(world.chain, ALICE, BOB.public, 5, 0)
    async with direct(world) as client:
        assert await client.transaction(payment.id) is None
        simulated = await client.simulate(payment.transaction)
        assert simulated.receipt.status == "ok"
        assert await client.submit(payment.transaction.encode()) == payment.id
        known = await client.transaction(payment.id)
        assert known is not None
        assert known.state == "pending"
        states: list[str] = []
        included = trio.Event()

        async def wait(until: Until) -> None:
            states.append((await client.wait(payment.id, until, 60)).state)
            included.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, Until.INCLUDED)
            nursery.start_soon(wait, Until.FINAL)
            await trio.testing.wait_all_tasks_blocked()
            world.slots([1])
            await included.wait()
            assert states == ["included"]
            world.slots([2])
        assert states == ["included", "final"]


async def test_waiting_has_an_end(world: World, autojump_clock: trio.testing.MockClock) -> None:
    async with direct(world) as client:
        with pytest.raises(TimedOut, match="not final after 3 s"):
            await client.wait(b"x" * 32, Until.FINAL, 3)


async def test_a_batch(world: World) -> None:
    payment = transfer(world.chain, ALICE, BOB.public, 5, 0)
    async with direct(world) as client:
        good, bad = await client.submit_batch([payment.transaction.encode(), b"\xff"])
    assert (good.id, good.problem, bad.id) == (payment.id, None, None)
    assert bad.problem is not None
    assert bad.problem["status"] == 400


async def test_content_goes_up_and_comes_down(world: World) -> None:
    data = b"content"
    cid = cid_of(RAW, data)
    async with direct(world) as client:
        with pytest.raises(Refused) as caught:
            await client.fetch_block(cid)
        assert caught.value.code == "not-found"
        await client.upload_block(cid, data)
        await client.upload_block(cid, data)
        assert await client.fetch_block(cid) == data
    async with direct(world, loopback=False, admin_token="t") as client:
        with pytest.raises(Refused, match="admin token") as caught:
            await client.upload_block(cid, data)
        assert (caught.value.code, caught.value.field) == ("unauthorized", "authorization")
    transport = httpx.ASGITransport(world.app(loopback=False, admin_token="t"))
    async with Client(BASE_URL, token="t", transport=transport) as client:
        await client.upload_block(cid, data)


async def test_a_refusal_keeps_code_and_field(world: World) -> None:
    payment = transfer(world.chain, KeyPair.from_seed(b"p" * 32), BOB.public, 5, 0)
    async with direct(world) as client:
        with pytest.raises(Refused) as caught:
            await client.submit(payment.transaction.encode())
    assert (caught.value.code, caught.value.field) == ("fee.payer-balance", "sender")
    assert caught.value.exit_code == 1


async def test_nobody_answers() -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}") as client:
            with pytest.raises(Unreachable, match=f"127.0.0.1:{port}") as caught:
                await client.status()
    assert caught.value.exit_code == 3


@asynccontextmanager
async def silent_server(answer: bytes | None) -> AsyncIterator[int]:
    """A server that answers every request with these bytes, or never."""

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        if answer is None:
            await trio.sleep_forever()
        else:
            await stream.send_all(answer)
            await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_a_node_that_does_not_answer_in_time() -> None:
    async with (
        silent_server(None) as port,
        Client(f"http://127.0.0.1:{port}", timeout_s=0.1) as client,
    ):
        with pytest.raises(TimedOut, match="in time") as caught:
            await client.status()
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]
)
async def test_connections_that_break(answer: bytes) -> None:
    async with silent_server(answer) as port, Client(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(Unreachable, match="broke"):
            await client.status()


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (httpx.Response(200, text="<html>"), "answer-not-understood"),
        (httpx.Response(200, json={"ready": 1}), "answer-not-understood"),
        (httpx.Response(200, text="[" * 100_000), "answer-not-understood"),
        (
            httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"")),
            "answer-not-understood",
        ),
        (httpx.Response(500, text="oops"), "not-a-node"),
        (httpx.Response(404, json={"type": "about:blank"}), "not-a-node"),
        (httpx.Response(302, headers={"location": "/"}), "not-a-node"),
        (httpx.Response(403, json={"type": f"{PROBLEM_PREFIX}no-admin-token"}), "no-admin-token"),
    ],
)
async def test_answers_of_others(response: httpx.Response, code: str) -> None:
    async with answering(lambda _: response) as client:
        with pytest.raises(Refused) as caught:
            await client.status()
    assert caught.value.code == code


async def test_an_answer_that_is_too_large_is_cut_off() -> None:
    big = b"x" * (2 * 2**20 + 1)
    async with answering(lambda _: httpx.Response(200, content=big)) as client:
        with pytest.raises(Refused) as caught:
            await client.fetch_block(cid_of(RAW, big))
    assert caught.value.code == "answer-too-large"


async def test_a_gateway_timeout_is_a_timeout() -> None:
    problem = {"type": f"{PROBLEM_PREFIX}fetch-timeout", "detail": "no peer", "field": ""}
    async with answering(lambda _: httpx.Response(504, json=problem)) as client:
        with pytest.raises(TimedOut, match="no peer"):
            await client.fetch_block(cid_of(RAW, b"x"))


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:7480", "ftp://host", "http://", "http://h:99999", "http://h:x", "http://h?a=1"],
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(Usage) as caught:
        Client(url)
    assert caught.value.field == "client.node"


def test_a_slash_at_the_end_is_dropped() -> None:
    assert Client("http://127.0.0.1:7480/").base_url == "http://127.0.0.1:7480"
