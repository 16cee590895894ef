"""What the API answers about profiles, matches, sessions and ratings, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest

from consensus.address import format_address
from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from genesis.file import Genesis, make_genesis
from tests.api.test_viewing import Ledger
from tests.api.world import ALICE, BOB, GENESIS, World, code_of, open_world
from tests.node.network import key
from vm.modules.ratings import Rate
from vm.modules.sessions import PAYABLE, Accept, Open, SetProfile, Settle, Ticket
from vm.modules.sessions.tables import Payable

CAROL, DAVE = key("carol"), key("dave")
TICKETS = key("tickets")
MATCH = "/v1/sessions/match/video/en/REEL"
PRICE = 60


def address(pair: KeyPair) -> str:
    return format_address(pair.public)


def of(pair: KeyPair, what: str) -> str:
    return f"/v1/accounts/{address(pair)}/{what}"


def sessions_genesis() -> Genesis:
    """Sessions are paid in REEL."""
    state = GENESIS.state()
    PAYABLE.put(state, Payable(), "REEL")
    return make_genesis(state)


def offered(*interests: str, price: int = PRICE) -> SetProfile:
    return SetProfile("video", ("en",), interests, "REEL", price, True)


class Market(Ledger):
    """Bob and Carol offer sessions; Alice and Dave have money."""

    def begin(self) -> None:
        for pair in (BOB, CAROL, DAVE):
            self.fund(pair.public)
        self.send(BOB, offered("art", "chess"))
        self.send(CAROL, offered("art", price=PRICE + 1))

    def open(self, by: KeyPair, to: KeyPair, price: int = PRICE) -> None:
        self.send(by, Open(to.public, "REEL", price, 10, TICKETS.public))

    def settle(self, number: int, seconds: int, *, is_last: bool) -> None:
        ticket = Ticket(self.world.chain.id, number, seconds, is_last).encode()
        signature = TICKETS.sign(ticket)
        self.send(BOB, Settle(number, seconds, is_last, signature, signature))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("tests.api.world.GENESIS", sessions_genesis())
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture
def market(world: World) -> Market:
    made = Market(world)
    made.begin()
    return made


async def json_of(client: httpx.AsyncClient, path: str, **params: str) -> JsonObject:
    answer = await client.get(path, params={"finality": "head", **params})
    assert answer.status_code == 200, answer.text
    return cast(JsonObject, answer.json())


async def items_of(client: httpx.AsyncClient, path: str, **params: str) -> list[dict[str, object]]:
    return cast(list[dict[str, object]], (await json_of(client, path, **params))["items"])


async def test_who_fits_comes_best_first_and_nothing_is_sent(market: Market) -> None:
    height = market.world.chain.fork.head.height
    async with market.world.client() as client:
        found = await json_of(client, MATCH, interest="art")
        fits = [item["fit"] for item in cast(list[dict[str, JsonObject]], found["items"])]
        assert [(fit["provider"], fit["shared"], fit["price"]) for fit in fits] == [
            (address(BOB), 1, PRICE),
            (address(CAROL), 1, PRICE + 1),
        ]
        assert found["candidates"] == 2
        cheap = await items_of(client, MATCH, most_price=str(PRICE))
        assert len(cheap) == 1
        others = await items_of(client, MATCH, caller=address(BOB))
        assert [cast(JsonObject, item["fit"])["provider"] for item in others] == [address(CAROL)]
        assert await items_of(client, MATCH.replace("video", "audio")) == []
        assert await items_of(client, MATCH.replace("REEL", "NONE")) == []
    assert market.world.chain.fork.head.height == height


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        (MATCH.replace("video", "smell"), {}, "kind"),
        (MATCH.replace("/en", "/English"), {}, "language"),
        (MATCH, {"interest": "Art"}, "interest"),
        (MATCH, {"interest": [f"i{n}" for n in range(17)]}, "interest"),
        (MATCH, {"most_price": "0"}, "most_price"),
        (MATCH, {"caller": "bob"}, "caller"),
        ("/v1/sessions/first", {}, "session"),
        ("/v1/sessions/99999999999999999", {}, "session"),
    ],
)
async def test_what_is_misspelled_is_named(
    world: World, path: str, params: dict[str, str], field: str
) -> None:
    async with world.client() as client:
        status, _, named = code_of(await client.get(path, params=params))
        assert (status, named) == (400, field)


async def test_a_session_is_shown_to_both_sides_until_it_is_over(market: Market) -> None:
    async with market.world.client() as client:
        market.open(DAVE, BOB)
        for side in (DAVE, BOB):
            (item,) = await items_of(client, of(side, "sessions"))
            assert (item["session"], item["request"]) == (0, None)
        market.send(BOB, Accept(0, TICKETS.public))
        market.settle(0, 61, is_last=False)
        shown = cast(dict[str, JsonObject], (await json_of(client, "/v1/sessions/0"))["item"])
        assert shown["terms"]["seconds"] == 61
        market.settle(0, 600, is_last=True)
        over = await client.get("/v1/sessions/0", params={"finality": "head"})
        assert code_of(over) == (404, "session-over", "session")
        assert "is over" in over.json()["detail"]
        never = await client.get("/v1/sessions/1", params={"finality": "head"})
        assert "no session 1 was opened" in never.json()["detail"]
        assert await items_of(client, of(BOB, "sessions")) == []


async def test_the_sessions_of_an_account_come_in_pages(market: Market) -> None:
    for price, pair in ((PRICE, BOB), (PRICE + 1, CAROL), (PRICE, BOB)):
        market.open(DAVE, pair, price)
    async with market.world.client() as client:
        first = await json_of(client, of(DAVE, "sessions"), limit="2")
        cursor = str(first["next"])
        rest = await json_of(client, of(DAVE, "sessions"), limit="2", cursor=cursor)
        pages = [cast(list[JsonObject], page["items"]) for page in (first, rest)]
        assert [[item["session"] for item in page] for page in pages] == [[0, 1], [2]]
        assert rest["next"] is None
        assert code_of(await client.get("/v1/accounts/@nobody/sessions"))[0] == 404


async def test_ratings_are_counted_and_what_may_be_rated_is_listed(market: Market) -> None:
    market.open(DAVE, BOB)
    market.send(BOB, Accept(0, TICKETS.public))
    market.settle(0, 600, is_last=True)
    market.send(DAVE, Rate(0, 4))
    async with market.world.client() as client:
        for path, holder in ((of(BOB, "standing"), "standing"), (of(BOB, "profile"), "standing")):
            standing = (await json_of(client, path))[holder]
            assert standing == {"counts": [0, 0, 0, 1, 0], "average_milli": 4_000}
        none = (await json_of(client, of(ALICE, "standing")))["standing"]
        assert none == {"counts": [0] * 5, "average_milli": 0}
        assert (await json_of(client, of(ALICE, "profile")))["profile"] is None
        for rater, stars, rated in ((DAVE, 4, BOB), (BOB, None, DAVE)):
            (item,) = await items_of(client, of(rater, "invitations"))
            invitation = cast(JsonObject, item["invitation"])
            assert (item["session"], invitation["stars"]) == (0, stars)
            assert invitation["rated"] == address(rated)
