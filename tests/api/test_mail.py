"""The mailbox by HTTP and WebSocket: envelopes are sent, fetched, followed and deleted."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio

from consensus.keys import KeyPair
from consensus.mail import Deletion, Envelope, delete
from node.api import mail_stream
from node.api.server import listen, serve
from node.client_mail import sign_fetch
from node.client_stream import MailEvents, mail_events
from node.failure import Refused, Unreachable
from node.wallet.letter import Letter, Sender, make_envelope, seal_for
from tests.api.world import ALICE, BOB, World, code_of
from tests.node.network import key

CBOR = {"content-type": "application/cbor"}
EVE = key("eve")
DAY_MS = 24 * 3600 * 1000


def envelope(world: World, text: str = "hello", by: KeyPair = ALICE, to: KeyPair = BOB) -> Envelope:
    sender = Sender(world.chain.id, by.public, by, pays=True)
    letter = Letter(by.public, world.now_ms, False, text)
    expires_ms = world.now_ms + DAY_MS
    return make_envelope(sender, to.public, seal_for(to.public), letter, expires_ms)


def fetch(world: World, by: KeyPair, after: bytes | None = None) -> bytes:
    return sign_fetch(world.chain.id, by, world.now_ms, after).encode()


async def post(client: httpx.AsyncClient, path: str, body: bytes) -> httpx.Response:
    return await client.post(f"/v1/mail/{path}", content=body, headers=CBOR)


async def test_mail_is_sent_fetched_by_its_receiver_only_and_deleted(world: World) -> None:
    made = envelope(world)
    async with world.client() as client:
        sent = await post(client, "envelopes", made.encode())
        assert (sent.status_code, sent.json()["state"]) == (202, "held")
        assert world.network.told == [made]
        found = (await post(client, "fetch", fetch(world, BOB))).json()
        assert found == {"items": [made.encode().hex()], "next": made.id.hex()}
        for nothing in (fetch(world, EVE), fetch(world, ALICE), fetch(world, BOB, made.id)):
            assert (await post(client, "fetch", nothing)).json() == {"items": [], "next": None}
        state = f"/v1/mail/envelopes/{made.id.hex()}"
        assert (await client.get(state)).json()["state"] == "held"
        deletion = delete(made.head, made.signature, BOB)
        gone = await post(client, "deletions", deletion.encode())
        assert (gone.status_code, gone.json()["state"]) == (202, "deleted")
        assert (await client.get(state)).json()["deletion"] == deletion.encode().hex()
        again = await post(client, "envelopes", made.encode())
        assert again.json()["state"] == "deleted"
        assert (await post(client, "fetch", fetch(world, BOB))).json()["items"] == []
        assert world.network.told == [made, deletion]


async def test_what_is_wrong_is_named(world: World) -> None:
    made = envelope(world)
    poor = envelope(world, by=EVE)
    foreign = delete(made.head, made.signature, EVE)
    late = sign_fetch(world.chain.id, BOB, world.now_ms - 10**6).encode()
    async with world.client() as client:
        await post(client, "envelopes", made.encode())
        for path, body, expected in (
            ("envelopes", b"garbage", (400, "invalid-encoding", "")),
            ("envelopes", made.encode()[:-1], (400, "invalid-encoding", "")),
            ("envelopes", bytes(70_000), (413, "body-too-large", "body")),
            ("envelopes", poor.encode(), (422, "mail-unpaid", "head.work")),
            ("deletions", foreign.encode(), (422, "invalid-mail", "by")),
            ("fetch", late, (422, "invalid-mail", "fetch.time_ms")),
            ("fetch", made.encode(), (413, "body-too-large", "body")),
        ):
            answer = await post(client, path, body)
            assert code_of(answer) == expected, path
        unknown = await client.get(f"/v1/mail/envelopes/{'ab' * 32}")
        assert code_of(unknown) == (404, "not-found", "")
        plain = await client.get("/v1/mail/stream")
        assert code_of(plain) == (426, "upgrade-required", "")
        assert plain.headers["upgrade"] == "websocket"


async def test_a_full_mailbox_says_to_try_later(world: World) -> None:
    async with world.client() as client:
        for number in range(1000):
            answer = await post(client, "envelopes", envelope(world, str(number)).encode())
            if answer.status_code != 202:
                break
        assert code_of(answer) == (503, "mail-full", "")
        assert answer.headers["retry-after"]


@asynccontextmanager
async def followed(world: World, by: KeyPair) -> AsyncIterator[MailEvents]:
    """The stream of a key on a real socket."""
    listener = await listen("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        app = world.app(loopback=True)
        url = f"http://127.0.0.1:{listener.port}"
        await nursery.start(partial(serve, app, listener))
        path = f"/v1/mail/stream?fetch={fetch(world, by).hex()}"
        with trio.fail_after(30):
            async with mail_events(url, path) as events:
                yield events
        nursery.cancel_scope.cancel()


async def test_a_stream_tells_what_is_held_then_what_comes(world: World) -> None:
    first, second = envelope(world, "first"), envelope(world, "second")
    other = envelope(world, to=EVE)
    world.mail.send(first)
    async with followed(world, BOB) as events:
        assert (await anext(events)).envelope == first.encode()
        told = await anext(events)
        assert (told.envelope, told.deletion) == (None, None)
        world.mail.send(other)
        world.mail.send(second)
        assert (await anext(events)).envelope == second.encode()
        deletion = delete(first.head, first.signature, BOB)
        world.mail.delete(deletion)
        assert (await anext(events)).deletion == deletion.encode()


async def test_the_sender_is_told_of_a_deletion(world: World) -> None:
    made = envelope(world)
    world.mail.send(made)
    async with followed(world, ALICE) as events:
        assert (await anext(events)).envelope is None
        world.mail.delete(delete(made.head, made.signature, BOB))
        told = await anext(events)
        assert told.deletion is not None
        assert Deletion.decode(told.deletion).by == BOB.public


async def to_the_end(events: MailEvents) -> None:
    async for _ in events:
        continue


async def test_a_client_that_is_too_slow_is_put_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_stream, "MAX_WAITING", 1)
    async with followed(world, BOB) as events:
        assert (await anext(events)).envelope is None
        for number in range(3):  # at once, while nothing is sent
            world.mail.send(envelope(world, str(number)))
        with pytest.raises(Unreachable, match="too slow"):
            await to_the_end(events)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (lambda _: "", "malformed"),
        (lambda _: "?fetch=xyz", "malformed"),
        (lambda _: "?fetch=00", "malformed"),
        (lambda world: f"?fetch={late_fetch(world)}", "invalid-mail"),
    ],
)
async def test_a_stream_is_refused_in_words(
    world: World, query: Callable[[World], str], code: str
) -> None:
    listener = await listen("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, world.app(), listener))
        url = f"http://127.0.0.1:{listener.port}"
        with pytest.raises(Refused) as caught:
            async with mail_events(url, "/v1/mail/stream" + query(world)):
                raise AssertionError
        assert caught.value.code == code
        nursery.cancel_scope.cancel()


def late_fetch(world: World) -> str:
    return sign_fetch(world.chain.id, BOB, world.now_ms - 10**6).encode().hex()
