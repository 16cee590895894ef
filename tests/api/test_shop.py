"""What the API answers about auctions, offers and vouchers, page by page."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from consensus.address import format_address
from consensus.kinds import JsonObject
from genesis.file import make_genesis
from tests.api.world import ALICE, BOB, World, code_of, open_world
from tests.commands.community import TOKEN, genesis_of
from tests.node.network import signed
from vm.modules.auctions import Bid, Donate
from vm.modules.redemption import OFFERS, MakeOffer, Offer, Redeem
from vm.modules.redemption.tables import NUMBERING, OPEN, Numbering


def _sale(place: str) -> JsonObject:
    return {
        "type": "auctions.open",
        "place": place,
        "asset": "REEL",
        "shows_s": 100,
        "reserve": str(TOKEN),
        "step_ppm": 100_000,
        "open_s": 60,
        "extension_s": 10,
        "most_extension_s": 30,
        "pot": "treasury",
    }


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Bob bids 2 for the banner, and Alice adds 1; nobody bids for the footer. Bob offers a book
    for 3, which Alice redeems twice, and a film, which is not let in."""
    pool: JsonObject = {"type": "redemption.set_pool", "pot": "treasury"}
    state = genesis_of(["auctions.open"], _sale("banner"), _sale("footer"), pool).state()
    book = Offer(BOB.public, "A book", 3 * TOKEN, 2, 600, OPEN, 0, 0)
    OFFERS.put(state, book, 1)
    NUMBERING.put(state, Numbering(2, 1))
    monkeypatch.setattr("tests.api.world.GENESIS", make_genesis(state))
    with open_world(tmp_path / "world") as made:
        given = [
            signed(made.chain, BOB, Bid(1, 2 * TOKEN), 0, max_fee=TOKEN),
            signed(made.chain, ALICE, Donate(1, BOB.public, TOKEN), 0, max_fee=TOKEN),
            signed(made.chain, BOB, MakeOffer("A film", TOKEN, 1, 600), 1, max_fee=TOKEN),
            signed(made.chain, ALICE, Redeem(1, 3 * TOKEN), 1, max_fee=TOKEN),
            signed(made.chain, ALICE, Redeem(1, 3 * TOKEN), 2, max_fee=TOKEN),
        ]
        made.slots([1], given)
        made.slots([2, 3])
        yield made


async def pages(client: httpx.AsyncClient, path: str, **params: str) -> list[JsonObject]:
    """All items of a list, an item a page."""
    found: list[JsonObject] = []
    cursor: str | None = None
    while True:
        query = {"limit": "1", **params} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get(path, params=query)).json()
        assert len(page["items"]) <= 1
        found += page["items"]
        if (cursor := page["next"]) is None:
            return found


async def test_auctions_come_in_pages_and_those_of_the_past_when_asked_for(world: World) -> None:
    async with world.client() as client:
        banner, footer = await pages(client, "/v1/auctions", finality="head")
        assert (banner["auction"], banner["state"], banner["needed"]) == (1, "open", "330000000")
        assert (footer["auction"], footer["state"], footer["needed"]) == (2, "open", "100000000")
        assert await pages(client, "/v1/auctions", place="footer") == [footer]
        world.slots(range(4, 70))
        (sold,) = await pages(client, "/v1/auctions", finality="head")
        assert (sold["auction"], sold["state"], sold["needed"]) == (1, "sold", None)
        both = await pages(client, "/v1/auctions", finality="head", past="true")
        assert [item["state"] for item in both] == ["sold", "unsold"]
        one = (await client.get("/v1/auctions/2", params={"finality": "head"})).json()["item"]
        assert one == both[1]
        unknown = code_of(await client.get("/v1/auctions/3"))
        assert unknown == (404, "auctions.unknown-auction", "auction")
        assert code_of(await client.get("/v1/auctions/-1"))[2] == "auction"
        assert code_of(await client.get("/v1/auctions", params={"past": "yes"}))[2] == "past"


async def test_who_gave_what_to_which_bid_comes_in_pages(world: World) -> None:
    async with world.client() as client:
        given = await pages(client, "/v1/auctions/1/bids")
        assert {(item["giver"], item["units"]) for item in given} == {
            (format_address(BOB.public), str(2 * TOKEN)),
            (format_address(ALICE.public), str(TOKEN)),
        }
        bids = {(item["bidder"], item["total"]) for item in given}
        assert bids == {(format_address(BOB.public), str(3 * TOKEN))}
        assert code_of(await client.get("/v1/auctions/3/bids"))[:2] == (
            404,
            "auctions.unknown-auction",
        )


async def test_slots_are_of_a_place_and_not_over(world: World) -> None:
    async with world.client() as client:
        slots = await pages(client, "/v1/slots")
        assert [item["auction"] for item in slots] == [1, 2]
        (footer,) = await pages(client, "/v1/slots", place="footer")
        assert footer == slots[1]
        assert await pages(client, "/v1/slots", place="header") == []
        world.slots(range(4, 195))
        assert await pages(client, "/v1/slots", finality="head") == []
        assert await pages(client, "/v1/slots", finality="head", place="banner") == []


async def test_offers_are_of_a_status_and_a_provider(world: World) -> None:
    async with world.client() as client:
        book, film = await pages(client, "/v1/offers")
        assert (book["offer"], book["price_now"]) == (1, str(3 * TOKEN))
        assert await pages(client, "/v1/offers", status="open") == [book]
        assert await pages(client, "/v1/offers", status="proposed") == [film]
        assert await pages(client, "/v1/offers", provider=format_address(ALICE.public)) == []
        assert (await client.get("/v1/offers/2")).json()["item"] == film
        unknown = code_of(await client.get("/v1/offers/3"))
        assert unknown == (404, "redemption.unknown-offer", "offer")
        assert code_of(await client.get("/v1/offers", params={"status": "new"}))[2] == "status"


async def test_vouchers_are_of_a_holder_or_an_offer(world: World) -> None:
    alice, bob = format_address(ALICE.public), format_address(BOB.public)
    async with world.client() as client:
        first, second = await pages(client, "/v1/offers/1/vouchers")
        assert [first["voucher"], second["voucher"]] == [1, 2]
        assert await pages(client, f"/v1/accounts/{alice}/vouchers") == [first, second]
        assert await pages(client, f"/v1/accounts/{bob}/vouchers") == []
        one = (await client.get("/v1/vouchers/2")).json()["item"]
        assert one == second
        assert one["of"]["row"]["title"] == "A book"
        assert code_of(await client.get("/v1/vouchers/3")) == (
            404,
            "redemption.unknown-voucher",
            "voucher",
        )
        assert code_of(await client.get("/v1/offers/3/vouchers"))[0] == 404
