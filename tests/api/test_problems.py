"""Bad input: one problem each, with the status, code and field that it deserves."""

import json

import httpx
import pytest
import trio
import trio.testing
from starlette.types import Message

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.codec import encode
from consensus.record import replace
from consensus.transaction import MAX_TRANSACTION_BYTES, Authorization, Transaction
from node.api.endpoint import MAX_DROPPED_BYTES
from node.api.node_access import MAX_REQUESTS
from node.api.transaction_endpoints import MAX_BATCH_BODY_BYTES, MAX_TRANSACTION_BODY_BYTES
from node.mempool import Mempool
from tests.api.world import ALICE, BOB, Exchange, World, code_of
from tests.node.network import FUNDS, transfer
from vm.forms import transaction_to_json

CID = str(cid_of(RAW, b"x"))
ALICE_ADDRESS = format_address(ALICE.public)
CBOR = {"content-type": "application/cbor"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/nothing", (404, "no-such-path", "")),
        ("/v1/status?verbose=1", (400, "unknown-parameter", "verbose")),
        ("/v1/blocks?limit=0", (400, "invalid-encoding", "limit")),
        ("/v1/blocks?limit=101", (400, "invalid-encoding", "limit")),
        ("/v1/blocks?limit=-1", (400, "invalid-encoding", "limit")),
        ("/v1/blocks?limit=1e1", (400, "invalid-encoding", "limit")),
        ("/v1/blocks?limit=%D9%A1", (400, "invalid-encoding", "limit")),
        ("/v1/blocks?limit=1&limit=2", (400, "malformed", "limit")),
        ("/v1/blocks?limit=", (400, "invalid-encoding", "limit")),
        ("/v1/blocks?finality=soon", (400, "invalid-encoding", "finality")),
        ("/v1/blocks?cursor=x", (400, "invalid-encoding", "cursor")),
        ("/v1/blocks?cursor=gwEA", (400, "invalid-encoding", "cursor")),
        ("/v1/blocks?cursor=%FF", (400, "invalid-encoding", "cursor")),
        ("/v1/blocks/007", (400, "invalid-encoding", "block")),
        ("/v1/blocks/-1", (400, "invalid-encoding", "block")),
        ("/v1/blocks/99999999999999999999", (400, "invalid-encoding", "block")),
        ("/v1/blocks/1?format=xml", (400, "invalid-encoding", "format")),
        ("/v1/blocks/12", (404, "not-found", "")),
        (f"/v1/blocks/{CID}", (404, "not-found", "")),
        (f"/v1/blocks/{CID.upper()}", (400, "invalid-encoding", "block")),
        ("/v1/transactions/00", (400, "invalid-encoding", "id")),
        (f"/v1/transactions/{'AB' * 32}", (400, "invalid-encoding", "id")),
        (f"/v1/transactions/{'ab' * 32}", (404, "not-found", "")),
        ("/v1/accounts/alice", (400, "invalid-encoding", "address")),
        (f"/v1/accounts/{ALICE_ADDRESS[:-1]}q", (400, "invalid-encoding", "address")),
        (f"/v1/accounts/{ALICE_ADDRESS.upper()}", (400, "invalid-encoding", "address")),
        ("/v1/tables/no.table/rows", (404, "not-found", "table")),
        ("/v1/tables/token.balance/rows?key=x", (400, "invalid-encoding", "key.account")),
        ("/v1/tables/token.asset/rows?key=A&key=B", (400, "invalid-encoding", "key")),
        ("/v1/tables/token.asset/rows/reel", (400, "invalid-encoding", "key.asset")),
        ("/v1/content/blocks/bafy", (400, "invalid-encoding", "cid")),
        (f"/v1/videos/{CID}%20", (400, "invalid-encoding", "cid")),
        (f"/v1/videos/{CID}", (404, "not-found", "")),
        (f"/v1/videos?owner={ALICE_ADDRESS}x", (400, "invalid-encoding", "owner")),
        ("/v1/finality?after_height=x", (400, "invalid-encoding", "after_height")),
        ("/v1/events?kinds=heads", (400, "invalid-encoding", "kinds")),
    ],
)
async def test_bad_paths_and_queries(
    world: World, path: str, expected: tuple[int, str, str]
) -> None:
    async with world.client() as client:
        assert code_of(await client.get(path)) == expected


async def test_a_method_that_a_path_does_not_have(world: World) -> None:
    async with world.client() as client:
        response = await client.request("DELETE", f"/v1/content/blocks/{CID}")
        assert code_of(response) == (405, "method-not-allowed", "")
        assert response.headers["allow"] == "GET, PUT, HEAD"
        simulate = await client.get("/v1/transactions/simulate")
        assert code_of(simulate) == (405, "method-not-allowed", "")


async def send(
    world: World, body: bytes, media_type: str | None = "application/cbor"
) -> tuple[int, str, str]:
    headers = {} if media_type is None else {"content-type": media_type}
    async with world.client() as client:
        response = await client.post("/v1/transactions", content=body, headers=headers)
    assert len(world.mempool) == 0
    return code_of(response)


async def test_bodies_of_the_wrong_type_or_size(world: World) -> None:
    assert await send(world, b"{}", None) == (415, "unsupported-media-type", "content-type")
    assert await send(world, b"{}", "text/plain") == (
        415,
        "unsupported-media-type",
        "content-type",
    )
    big = b"\x00" * (MAX_TRANSACTION_BYTES + 1)
    assert await send(world, big) == (400, "invalid-encoding", "")
    assert await send(world, big * 8) == (413, "body-too-large", "body")


async def test_a_body_without_a_length_is_bounded_as_it_comes(world: World) -> None:
    pieces = 0

    async def receive() -> Message:
        nonlocal pieces
        pieces += 1
        return {"type": "http.request", "body": b"\x00" * 65_536, "more_body": True}

    exchange = Exchange("/v1/transactions", receive=receive)
    await exchange.run(world.app())
    assert (exchange.status, exchange.problem) == (413, "body-too-large")
    assert pieces == (MAX_TRANSACTION_BODY_BYTES + MAX_DROPPED_BYTES) // 65_536 + 1


async def test_a_body_that_does_not_come(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    exchange = Exchange("/v1/transactions")
    await exchange.run(world.app())
    assert (exchange.status, exchange.problem) == (408, "body-timeout")


async def test_a_client_that_goes_inside_its_body(world: World) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    exchange = Exchange("/v1/transactions", receive=receive)
    await exchange.run(world.app())
    assert exchange.status == 400
    assert len(world.mempool) == 0


async def test_more_requests_than_the_node_takes_at_once(world: World) -> None:
    app = world.app()
    async with trio.open_nursery() as nursery:
        for _ in range(MAX_REQUESTS):
            nursery.start_soon(Exchange("/v1/transactions").run, app)
        await trio.testing.wait_all_tasks_blocked()
        refused = Exchange("/v1/status", "GET")
        await refused.run(app)
        assert (refused.status, refused.problem) == (503, "node-busy")
        assert refused.answered["retry-after"] == "1"
        nursery.cancel_scope.cancel()
    served = Exchange("/v1/status", "GET")
    await served.run(app)
    assert served.status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'{"transaction": 5}',
        b'{"transaction": "0"}',
        b'{"transaction": "0G"}',
        b'{"transaction": "FF"}',
        b'{"nonce": NaN}',
        b'{"nonce": 1e999}',
        b"[" * 100_000,
        b'{"' + b"9" * 5000 + b'": ' + b"9" * 5000 + b"}",
    ],
)
async def test_json_that_is_no_transaction(world: World, body: bytes) -> None:
    assert (await send(world, body, "application/json"))[0] == 400


def changed(world: World, **fields: object) -> Transaction:
    payment = transfer(world.chain, ALICE, BOB.public, 1, 0).transaction
    return replace(payment, signatures=(), **fields).signed(ALICE)


async def test_transactions_that_the_rules_refuse(world: World) -> None:
    world.slots([1, 2], [transfer(world.chain, ALICE, BOB.public, 1, 0)])
    good = changed(world, nonce=1)
    (signed,) = good.signatures
    order = 2**252 + 27742317777372353535851937790883648493  # of Ed25519's group
    s_and_order = int.from_bytes(signed.signature[32:], "little") + order

    def signed_by(signature: bytes) -> Transaction:
        return replace(good, signatures=(Authorization(signed.key, signature),))

    flipped = signed_by(bytes([signed.signature[0] ^ 1]) + signed.signature[1:])
    malleated = signed_by(signed.signature[:32] + s_and_order.to_bytes(32, "little"))
    cases = [
        (changed(world, chain=b"x" * 32, nonce=1), 422, "chain.wrong-chain", "chain"),
        (changed(world, nonce=0), 422, "account.nonce-used", "nonce"),
        (changed(world, nonce=1000), 422, "nonce-too-high", "nonce"),
        (changed(world, nonce=1, valid_until_height=1), 422, "chain.expired", "valid_until_height"),
        (changed(world, nonce=1, max_fee=1), 422, "fee.max-too-low", "max_fee"),
        (changed(world, nonce=1, fee_asset="NONE"), 422, "fee.asset-not-accepted", "fee_asset"),
        (
            changed(world, nonce=1, actions=(["no.action", 1],)),
            422,
            "chain.unknown-action",
            "actions[0]",
        ),
        (replace(good, signatures=()), 422, "account.signature-missing", "signatures"),
        (flipped, 422, "invalid-signature", "signatures[0]"),
        (malleated, 422, "invalid-signature", "signatures[0]"),
    ]
    for transaction, *expected in cases:
        assert await send(world, transaction.encode()) == tuple(expected)
    assert await send(world, good.encode()[:-1]) == (400, "invalid-encoding", "")
    assert await send(world, good.encode() + b"\x00") == (400, "invalid-encoding", "")


async def test_a_json_transaction_names_the_field_at_fault(world: World) -> None:
    form = transaction_to_json(changed(world))
    action = {
        "type": "token.transfer",
        "to": format_address(BOB.public),
        "asset": "REEL",
        "amount": "1",
        "memo": "",
    }
    cases = [
        ({**form, "sender": "bob"}, "sender"),
        ({**form, "max_fee": 2**64}, "max_fee"),
        ({**form, "nonce": True}, "nonce"),
        ({**form, "nonce": 1.0}, "nonce"),
        ({**form, "colour": 1}, "colour"),
        ({name: form[name] for name in form if name != "chain"}, "chain"),
        ({**form, "actions": []}, "actions"),
        ({**form, "actions": [{**action, "amount": "-1"}]}, "actions[0].amount"),
        ({**form, "actions": [{**action, "to": "reel1"}]}, "actions[0].to"),
        ({**form, "actions": [{**action, "type": "token.steal"}]}, "actions[0].type"),
    ]
    for body, field in cases:
        result = await send(world, json.dumps(body).encode(), "application/json")
        assert result == (400, "invalid-encoding", field)


async def test_a_full_mempool_asks_to_come_back(world: World) -> None:
    world.mempool = Mempool(max_transactions=0)
    async with world.client() as client:
        response = await client.post(
            "/v1/transactions", content=changed(world).encode(), headers=CBOR
        )
    assert code_of(response) == (503, "mempool-full", "")
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'["0"]', "application/json", 400),
        (json.dumps(["00"] * 1001).encode(), "application/json", 400),
        (encode([]), "application/cbor", 400),
        (encode([b"x", "y"]), "application/cbor", 400),
        (encode(b"x"), "application/cbor", 400),
        (encode([b"x"] * 1001), "application/cbor", 400),
        (b"\x00" * (MAX_BATCH_BODY_BYTES + 1), "application/cbor", 413),
    ],
)
async def test_bad_batches(world: World, body: bytes, media_type: str, status: int) -> None:
    async with world.client() as client:
        headers = {"content-type": media_type}
        response = await client.post("/v1/transactions/batch", content=body, headers=headers)
    assert code_of(response)[0] == status


async def put(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    media = {"content-type": "application/octet-stream"}
    return await client.put(f"/v1/content/blocks/{CID}", content=b"x", headers=media | headers)


async def test_content_is_taken_from_the_own_machine_only(world: World) -> None:
    async with world.client(loopback=False) as client:
        assert code_of(await put(client)) == (403, "no-admin-token", "")
    async with world.client() as client:
        # Names of pages that were made to lead to this machine.
        for host in ("rebound.example", "localhost.example", "127.0.0.1.example:80", "[::1", ""):
            response = await put(client, host=host)
            assert code_of(response) == (403, "no-admin-token", "")
        assert not world.content.has(cid_of(RAW, b"x"))
        for host in ("localhost", "127.0.0.1:7480", "[::1]:1"):
            assert (await put(client, host=host)).status_code in (200, 201)


async def test_content_is_taken_from_who_has_the_token(world: World) -> None:
    async with world.client(loopback=False, admin_token="secret") as client:
        for authorization in ("", "Bearer", "Bearer secre", "Basic secret", "Bearer secret2"):
            response = await put(client, authorization=authorization)
            assert code_of(response) == (401, "unauthorized", "authorization")
            assert response.headers["www-authenticate"] == "Bearer"
        assert not world.content.has(cid_of(RAW, b"x"))
        assert (await put(client, authorization="Bearer secret")).status_code == 201


async def test_a_wrong_block_changes_nothing(world: World) -> None:
    raw = {"content-type": "application/octet-stream"}
    async with world.client() as client:
        wrong = await client.put(f"/v1/content/blocks/{CID}", content=b"y", headers=raw)
        assert code_of(wrong) == (422, "invalid-proof", "body")
        large = b"x" * (2 * 2**20 + 1)
        path = f"/v1/content/blocks/{cid_of(RAW, large)}"
        too_large = await client.put(path, content=large, headers=raw)
        assert code_of(too_large) == (413, "body-too-large", "body")
    assert world.content.size == 0


async def test_a_bug_is_a_problem_too(world: World) -> None:
    async with world.client() as client:
        world.now_ms = "x"  # type: ignore[assignment]
        client._transport.raise_app_exceptions = False  # type: ignore[attr-defined]
        response = await client.get("/v1/status")
    assert code_of(response) == (500, "bug", "")
    assert "TypeError" not in response.text


async def test_overspending_is_a_receipt(world: World) -> None:
    payment = transfer(world.chain, ALICE, BOB.public, FUNDS * 2, 0)
    world.slots([1, 2], [payment])
    async with world.client() as client:
        answer = (await client.get(f"/v1/transactions/{payment.id.hex()}")).json()
    assert answer["receipt"]["status"] == "token.insufficient-balance"
