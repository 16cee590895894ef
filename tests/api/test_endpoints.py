"""What the endpoints answer: head and final, pages, transactions on their way."""

import json
from collections.abc import Mapping

import httpx
import pytest

from consensus.address import format_address
from consensus.block import Block
from consensus.cid import RAW, cid_of
from consensus.codec import encode
from consensus.kinds import JsonObject
from consensus.merkle import merkle_root
from consensus.transaction import EncodedTransaction
from genesis.file import parse_genesis
from node.block_results import BlockResults
from node.content.file_fetch import MAX_RUNNING, FetchState
from node.query.answers import (
    AccountAnswer,
    BlockAnswer,
    BlocksAnswer,
    ProducersAnswer,
    SimulationAnswer,
    StatusAnswer,
    TransactionAnswer,
    TransactionsAnswer,
)
from tests.api.world import ALICE, BOB, GENESIS, SEATS, World, code_of
from tests.node.network import FUNDS, key, signed, transfer
from vm.forms import transaction_to_json
from vm.modules.account import ClaimHandle, plain_authority

HEAD = {"finality": "head"}
CBOR = {"content-type": "application/cbor"}


async def get(
    client: httpx.AsyncClient, path: str, params: Mapping[str, str | int] | None = None
) -> JsonObject:
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    answer: JsonObject = response.json()
    return answer


def pay(world: World, amount: int, nonce: int) -> EncodedTransaction:
    return transfer(world.chain, ALICE, BOB.public, amount, nonce)


async def test_status(world: World) -> None:
    world.slots([1, 2, 4])
    async with world.client() as client:
        status = StatusAnswer.from_json(await get(client, "/v1/status"))
    chain = world.chain
    assert status.chain == chain.id
    assert (status.head.id, status.head.height, status.head.slot) == (chain.fork.head.id, 3, 4)
    assert (status.final.id, status.final.height) == (chain.durable_final.id, 1)
    assert status.justified.height == 3
    assert (status.slot, status.finality_lag_slots, status.missed_slots) == (4, 3, 1)
    assert status.ready
    assert status.seats == tuple(list(SEATS)[:1])


async def test_an_unready_node_says_why(world: World) -> None:
    world.reasons = ("catching up",)
    async with world.client() as client:
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"ready": False, "reasons": ["catching up"]}
        assert (await client.get("/livez")).status_code == 200
        assert not StatusAnswer.from_json(await get(client, "/v1/status")).ready
        world.reasons = ()
        assert (await client.get("/readyz")).json() == {"ready": True, "reasons": []}


async def test_a_payment_goes_from_pending_to_included_to_final(world: World) -> None:
    world.slots([1])
    payment = pay(world, 5_000, 0)
    path = f"/v1/transactions/{payment.id.hex()}"
    bob = f"/v1/accounts/{format_address(BOB.public)}"
    async with world.client() as client:
        assert code_of(await client.get(path)) == (404, "not-found", "")
        sent = await client.post(
            "/v1/transactions", content=payment.transaction.encode(), headers=CBOR
        )
        assert sent.status_code == 202
        assert sent.json() == {"id": payment.id.hex()}
        assert sent.headers["location"] == path
        pending = TransactionAnswer.from_json(await get(client, path))
        assert (pending.state, pending.height, pending.receipt) == ("pending", None, None)

        world.slots([2])
        included = TransactionAnswer.from_json(await get(client, path))
        assert (included.state, included.height, included.index) == ("included", 2, 0)
        assert included.block == world.chain.fork.head.id
        # The final block, which is below, knows nothing of it.
        below = await client.get(path, params={"finality": "final"})
        assert code_of(below) == (404, "not-found", "")
        assert AccountAnswer.from_json(await get(client, bob)).balances == ()
        at_head = AccountAnswer.from_json(await get(client, bob, HEAD))
        assert [(h.asset, h.amount) for h in at_head.balances] == [("REEL", 5_000)]

        world.slots([3])
        final = TransactionAnswer.from_json(await get(client, path))
        assert (final.state, final.height) == ("final", 2)
        assert final.receipt is not None
        assert (final.receipt.status, final.receipt.transaction) == ("ok", payment.id)
        (event,) = final.events
        assert event["data"] == {
            "type": "token.transferred",
            "source": format_address(ALICE.public),
            "to": format_address(BOB.public),
            "asset": "REEL",
            "amount": "5000",
            "memo": "",
        }
        assert final.transaction == transaction_to_json(payment.transaction)
        at_final = AccountAnswer.from_json(await get(client, bob))
        assert at_final.balances == at_head.balances
        assert at_final.at.id == world.chain.durable_final.id


async def test_the_three_spellings_of_a_transaction_are_one(world: World) -> None:
    payment = pay(world, 1, 0)
    data = payment.transaction.encode()
    async with world.client() as client:
        for body in ({"transaction": data.hex()}, transaction_to_json(payment.transaction)):
            answer = await client.post("/v1/transactions", json=body)
            assert (answer.status_code, answer.json()) == (202, {"id": payment.id.hex()})
    assert len(world.mempool) == 1


async def test_an_account_is_found_by_its_handle_once_it_has_one(world: World) -> None:
    async with world.client() as client:
        path = "/v1/accounts/@the-handle"
        assert code_of(await client.get(path)) == (404, "not-found", "address")
        claim = signed(world.chain, ALICE, ClaimHandle("the-handle"), 0, max_fee=10**9)
        await client.post("/v1/transactions", content=claim.data, headers=CBOR)
        world.slots([1, 2])
        account = AccountAnswer.from_json(await get(client, path))
        assert (account.account, account.handle) == (ALICE.public, "the-handle")
        assert account.authority == plain_authority(ALICE.public)
        assert account.attester is None
        for bad in ("@", "@ab", "@The-Handle"):
            answer = await client.get(f"/v1/accounts/{bad}")
            assert code_of(answer) == (400, "invalid-encoding", "address")


async def test_the_next_nonce_counts_what_waits(world: World) -> None:
    async with world.client() as client:
        for nonce in (0, 1):
            payment = pay(world, 1, nonce)
            await client.post("/v1/transactions", json={"transaction": _hex(payment)})
        alice = f"/v1/accounts/{format_address(ALICE.public)}"
        account = AccountAnswer.from_json(await get(client, alice))
        assert (account.nonce, account.next_nonce) == (0, 2)
        assert account.balances[0].amount == FUNDS
        world.slots([1])
        account = AccountAnswer.from_json(await get(client, alice, HEAD))
        assert (account.nonce, account.next_nonce) == (2, 2)


def _hex(pending: EncodedTransaction) -> str:
    return pending.transaction.encode().hex()


@pytest.mark.parametrize("as_cbor", [False, True])
async def test_a_batch_is_taken_one_by_one(world: World, *, as_cbor: bool) -> None:
    items = [pay(world, 1, 0), pay(world, FUNDS * 2, 9999), pay(world, 2, 1)]
    blobs = [item.transaction.encode() for item in items]
    blobs.insert(1, b"\xff")
    body = encode([*blobs]) if as_cbor else json.dumps([blob.hex() for blob in blobs]).encode()
    kind = "application/cbor" if as_cbor else "application/json"
    async with world.client() as client:
        response = await client.post(
            "/v1/transactions/batch", content=body, headers={"content-type": kind}
        )
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["id"] for result in results] == [
        items[0].id.hex(),
        None,
        None,
        items[2].id.hex(),
    ]
    assert results[1]["problem"]["type"] == "urn:reelect:problem:invalid-encoding"
    assert results[2]["problem"]["field"] == "nonce"
    assert len(world.mempool) == 2


async def test_simulation_tells_cost_and_effect_and_changes_nothing(world: World) -> None:
    world.slots([1])
    payment = pay(world, 7, 0).transaction
    unsigned = {**transaction_to_json(payment), "signatures": []}
    async with world.client() as client:
        answers = []
        for body in (unsigned, transaction_to_json(payment)):
            response = await client.post("/v1/transactions/simulate", json=body)
            assert response.status_code == 200, response.text
            answers.append(SimulationAnswer.from_json(response.json()))
        broke = {**unsigned, "sender": format_address(BOB.public)}
        refused = await client.post("/v1/transactions/simulate", json=broke)
        assert code_of(refused) == (422, "fee.payer-balance", "sender")
    assert answers[0].receipt.status == "ok"
    assert answers[0].events == answers[1].events
    assert answers[0].fee >= answers[0].receipt.fee > 0
    assert answers[0].at.id == world.chain.fork.head.id
    assert len(world.mempool) == 0
    world.slots([2], [pay(world, 7, 0)])
    (receipt,) = BlockResults.decode(world.chain.head_chain()[-1].results).receipts
    assert receipt.fee == answers[1].receipt.fee


async def test_a_failing_action_is_an_answer_not_a_problem(world: World) -> None:
    too_much = pay(world, FUNDS * 2, 0).transaction
    async with world.client() as client:
        response = await client.post(
            "/v1/transactions/simulate", content=too_much.encode(), headers=CBOR
        )
    answer = SimulationAnswer.from_json(response.json())
    assert (answer.receipt.status, answer.receipt.failed_action) == (
        "token.insufficient-balance",
        0,
    )


async def test_a_block_in_json_and_in_its_own_bytes(world: World) -> None:
    world.slots([1, 2], [pay(world, 1, 0)])
    block_id = str(world.chain.durable_final.id)
    async with world.client() as client:
        block = BlockAnswer.from_json(await get(client, f"/v1/blocks/{block_id}"))
        same = await get(client, "/v1/blocks/1")
        assert BlockAnswer.from_json(same) == block
        raw = (await client.get("/v1/blocks/1", params={"format": "cbor"})).content
        by_header = await client.get("/v1/blocks/1", headers={"accept": "application/cbor"})
        assert by_header.content == raw
        assert by_header.headers["content-type"] == "application/cbor"
        assert code_of(await client.get("/v1/blocks/2")) == (404, "not-found", "")
        at_head = BlockAnswer.from_json(await get(client, "/v1/blocks/2", HEAD))
        transactions = TransactionsAnswer.from_json(await get(client, "/v1/blocks/1/transactions"))
    decoded = Block.decode(raw)
    assert decoded.header == block.header
    assert decoded.signature == block.signature
    assert block.header.id() == block.summary.id
    assert merkle_root(list(block.transaction_ids)) == block.header.transactions_root
    assert (block.summary.state, at_head.summary.state) == ("final", "included")
    assert block.summary.size_bytes == len(raw)
    assert [item.id for item in transactions.items] == list(block.transaction_ids)


async def test_blocks_are_walked_once_each_from_the_newest_down(world: World) -> None:
    world.slots([1, 2, 3, 5, 6])
    async with world.client() as client:
        heights: list[int] = []
        cursor: str | None = None
        while True:
            query: dict[str, str | int] = {"limit": 2, **HEAD}
            page = BlocksAnswer.from_json(
                await get(client, "/v1/blocks", query | ({"cursor": cursor} if cursor else {}))
            )
            heights += [item.height for item in page.items]
            if len(heights) == 2:
                world.slots([7, 8])  # newer blocks do not disturb the walk
            if (cursor := page.next) is None:
                break
    assert heights == [5, 4, 3, 2, 1, 0]
    genesis = page.items[-1]
    assert (genesis.id, genesis.producer, genesis.parent) == (GENESIS.header.id(), None, None)


async def test_a_blocks_transactions_are_walked_once_each(world: World) -> None:
    payments = [pay(world, 1, nonce) for nonce in range(5)]
    world.slots([1, 2], payments)
    async with world.client() as client:
        ids: list[bytes] = []
        query: dict[str, str | int] = {"limit": 2}
        while True:
            page = TransactionsAnswer.from_json(
                await get(client, "/v1/blocks/1/transactions", query)
            )
            ids += [item.id for item in page.items]
            if page.next is None:
                break
            query["cursor"] = page.next
        assert ids == [payment.id for payment in payments]
        stray = await client.get("/v1/blocks/2/transactions", params={**query, **HEAD})
        assert code_of(stray) == (400, "invalid-encoding", "cursor")


async def test_rows_are_walked_once_each(world: World) -> None:
    recipients = [key(f"recipient {i}").public for i in range(7)]
    world.slots(
        [1, 2, 3],
        [transfer(world.chain, ALICE, to, 10 + i, i) for i, to in enumerate(recipients)],
    )
    async with world.client() as client:
        path, query = "/v1/tables/token.balance/rows", {"limit": "3"}
        seen: list[str] = []
        while True:
            page = await get(client, path, query)
            items = page["items"]
            assert isinstance(items, list)
            seen += [item["key"]["account"] for item in items]
            if not isinstance(page["next"], str):
                break
            query["cursor"] = page["next"]
        assert len(seen) == len(set(seen))
        assert set(seen) >= {format_address(account) for account in recipients}

        one = format_address(recipients[3])
        under = await get(client, path, {"key": one})
        assert [item["row"] for item in under["items"]] == [{"amount": "13"}]  # type: ignore
        row = await get(client, f"{path}/{one}/REEL")
        assert row["item"] == {
            "table": "token.balance",
            "key": {"account": one, "asset": "REEL"},
            "row": {"amount": "13"},
        }
        assert code_of(await client.get(f"{path}/{one}/NONE")) == (404, "not-found", "")
        assert code_of(await client.get(f"{path}/{one}")) == (400, "invalid-encoding", "")
        assert code_of(await client.get(f"{path}/x/REEL")) == (
            400,
            "invalid-encoding",
            "key.account",
        )
        other = {"cursor": query["cursor"]}
        stray = await client.get("/v1/tables/token.asset/rows", params=other)
        assert code_of(stray) == (400, "invalid-encoding", "cursor")


async def test_producers_tell_who_missed(world: World) -> None:
    world.slots([1, 2, 5, 6])
    async with world.client() as client:
        producers = ProducersAnswer.from_json(await get(client, "/v1/producers", HEAD))
    assert sum(item.produced for item in producers.items) == 4
    assert sum(item.missed for item in producers.items) == 2
    assert [item.producer for item in producers.items] == [
        member.producer for member in world.chain.fork.head.members.members
    ]
    assert [item.here for item in producers.items].count(True) == 1
    assert (producers.first_slot, producers.last_slot, producers.quorum) == (1, 6, 3)
    first = producers.schedule[0]
    assert (first.slot, first.time_ms) == (7, world.chain.clock.start_ms(7))
    world.slots([7])
    assert world.chain.fork.head.header.producer == first.producer
    turns = [slot.producer for slot in producers.schedule[:4]]
    assert len(set(turns)) == 4


async def test_content_is_listed_stored_and_fetched(world: World) -> None:
    data, far = b"a block of content", b"of a peer"
    cid, far_cid = cid_of(RAW, data), cid_of(RAW, far)
    world.elsewhere[far_cid] = far
    path = f"/v1/content/blocks/{cid}"
    raw = {"content-type": "application/octet-stream"}
    async with world.client() as client:
        assert code_of(await client.get(path)) == (404, "not-found", "")
        stored = await client.put(path, content=data, headers=raw)
        assert (stored.status_code, stored.json()) == (
            201,
            {"cid": str(cid), "size_bytes": len(data)},
        )
        assert (await client.put(path, content=data, headers=raw)).status_code == 200
        fetched = await client.get(path)
        assert fetched.content == data
        assert "immutable" in fetched.headers["cache-control"]
        assert (await client.get(f"/v1/content/blocks/{far_cid}")).content == far
        wrong = await client.put(f"/v1/content/blocks/{far_cid}", content=data, headers=raw)
        assert code_of(wrong) == (422, "invalid-proof", "body")
        assert await get(client, "/v1/videos") == await get(
            client, "/v1/videos", {"owner": format_address(BOB.public)}
        )
        assert code_of(await client.get(f"/v1/videos/{cid}")) == (404, "not-found", "")


async def test_a_file_is_fetched_and_asked_after(world: World) -> None:
    root = cid_of(RAW, b"a file")
    path = f"/v1/content/{root}/fetch"
    async with world.client() as client:
        assert code_of(await client.get(path)) == (404, "not-found", "")
        begun = await client.post(path)
        assert begun.status_code == 202
        running = {
            "cid": str(root),
            "state": "running",
            "reason": "",
            "done_bytes": 0,
            "size_bytes": None,
            "sources": [],
        }
        assert begun.json() == running
        assert (await client.post(path)).json() == running
        (fetch,) = world.begun.fetches
        fetch.state, fetch.reason = FetchState.FAILED, "nobody has it"
        assert (await get(client, path)) == running | {"state": "failed", "reason": fetch.reason}


async def test_only_so_many_files_are_fetched_at_once(world: World) -> None:
    roots = [cid_of(RAW, bytes([i])) for i in range(MAX_RUNNING + 1)]
    async with world.client() as client:
        answers = [await client.post(f"/v1/content/{root}/fetch") for root in roots]
        assert [answer.status_code for answer in answers] == [202] * MAX_RUNNING + [503]
        world.begun.fetches[0].state = FetchState.WHOLE
        assert (await client.post(f"/v1/content/{roots[-1]}/fetch")).status_code == 202


async def test_who_may_not_change_the_node_may_not_have_it_fetch(world: World) -> None:
    async with world.client(loopback=False) as client:
        answer = await client.post(f"/v1/content/{cid_of(RAW, b'')}/fetch")
    assert code_of(answer)[:2] == (403, "no-admin-token")
    assert world.begun.fetches == []


async def test_a_full_store_says_so(world: World) -> None:
    raw = {"content-type": "application/octet-stream"}
    async with world.client() as client:
        statuses = []
        for i in range(5):
            data = bytes([i]) * 2 * 2**20
            response = await client.put(
                f"/v1/content/blocks/{cid_of(RAW, data)}", content=data, headers=raw
            )
            statuses.append(response.status_code)
    assert statuses == [201] * 4 + [507]
    assert code_of(response) == (507, "content-store-full", "")


async def test_finality_of_the_latest_blocks(world: World) -> None:
    world.slots(range(1, 6))
    async with world.client() as client:
        every = (await get(client, "/v1/finality"))["items"]
        assert isinstance(every, list)
        assert [item["height"] for item in every] == [1, 2, 3, 4]
        assert every[0] == {"height": 1, "slot": 1, "transactions": 0, "finality_ms": 701}
        later = await get(client, "/v1/finality", {"after_height": 2, "limit": 1})
        assert [item["height"] for item in later["items"]] == [3]  # type: ignore


async def test_genesis_and_declarations(world: World) -> None:
    async with world.client() as client:
        genesis = parse_genesis((await client.get("/v1/genesis")).content)
        assert genesis.chain == world.chain.id
        modules = (await get(client, "/v1/modules"))["items"]
        assert isinstance(modules, list)
        token = next(module for module in modules if module["name"] == "token")
        (action,) = (item for item in token["actions"] if item["type"] == "token.transfer")
        assert action["gas"] == 1000
        assert "memo" in action["schema"]["properties"]
        parameters = (await get(client, "/v1/parameters"))["items"]
        assert isinstance(parameters, list)
        base = next(item for item in parameters if item["name"] == "fee.base_gas")
        assert (base["value"], base["unit"]) == ("1000", "gas")
        tables = (await get(client, "/v1/tables"))["items"]
        assert isinstance(tables, list)
        assert "token.balance" in {item["table"] for item in tables}
