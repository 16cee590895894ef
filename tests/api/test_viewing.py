"""What the API answers about sealed videos: offers, purchases in escrow, access, what was paid."""

import httpx
import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.keys import KeyPair
from consensus.sealed_key import commitment_to
from consensus.transaction import EncodedTransaction
from node.client import Client
from node.query.chain_view import Finality
from node.query.viewing_answers import SpendingItem
from tests.api.world import ALICE, BASE_URL, World, code_of
from tests.node.network import key, signed, transfer
from tests.vm.shop import CONTENT_KEY, PRICE, VIDEO, buy, deliver, offer
from tests.vm.world import publish
from vm.declare import Action
from vm.modules import content
from vm.modules.content import Claim
from vm.modules.viewing import Commit, Spending

REEL = 10**8
BUYERS = sorted((key(f"buyer {i}") for i in range(3)), key=lambda pair: pair.public)


class Ledger:
    """Transactions of some accounts, each in a block of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slot = 0
        self.nonces: dict[bytes, int] = {}

    def send(self, by: KeyPair, *actions: Action) -> None:
        """One transaction for each action."""
        for action in actions:
            self._include(signed(self.world.chain, by, action, self._nonce(by), max_fee=10**8))

    def fund(self, account: bytes) -> None:
        """Money from Alice."""
        nonce = self._nonce(ALICE)
        self._include(transfer(self.world.chain, ALICE, account, 10 * REEL, nonce))

    def final(self) -> None:
        """What was sent becomes final."""
        for _ in range(2):
            self.slot += 1
            self.world.slots([self.slot])

    def _include(self, pending: EncodedTransaction) -> None:
        self.slot += 1
        self.world.slots([self.slot], [pending])

    def _nonce(self, by: KeyPair) -> int:
        nonce = self.nonces.get(by.public, 0)
        self.nonces[by.public] = nonce + 1
        return nonce


@pytest.fixture
def ledger(world: World) -> Ledger:
    """Alice sells a sealed video, and three have bought it."""
    made = Ledger(world)
    claim = Claim(ALICE.public, VIDEO, publish().salt)
    made.send(ALICE, content.Commit(claim.commitment))
    made.send(ALICE, publish(), Commit(VIDEO, commitment_to(CONTENT_KEY)), offer())
    for buyer in BUYERS:
        made.fund(buyer.public)
        made.send(buyer, buy())
    return made


def client_of(world: World) -> Client:
    return Client(BASE_URL, transport=httpx.ASGITransport(world.app()))


async def test_how_a_video_can_be_viewed(world: World, ledger: Ledger) -> None:
    async with client_of(world) as client:
        head = await client.viewing(VIDEO, finality=Finality.HEAD)
        assert head is not None
        assert head.commitment == commitment_to(CONTENT_KEY)
        assert head.offer is not None
        assert (head.offer.owner, head.offer.price, head.spending) == (ALICE.public, PRICE, ())
        assert await client.viewing(cid_of(RAW, b"never published")) is None
        ledger.send(ALICE, deliver(buyer=BUYERS[0].public))
        world.slots([ledger.slot + 121, ledger.slot + 122, ledger.slot + 123])
        paid = await client.viewing(VIDEO)
        assert paid is not None
        assert paid.spending == (SpendingItem("REEL", Spending(1, PRICE, 0)),)


async def test_purchases_in_escrow_and_who_has_which_key(world: World, ledger: Ledger) -> None:
    first, *others = BUYERS
    async with client_of(world) as client:
        assert [item async for item in client.accesses(key("nobody").public)] == []
        delivery = deliver(buyer=first.public)
        ledger.send(ALICE, delivery)
        ledger.final()
        items = [item async for item in client.purchases(VIDEO)]
        assert [item.buyer for item in items] == [buyer.public for buyer in BUYERS]
        assert [item.purchase.seller for item in items] == [ALICE.public, None, None]
        (own,) = [item async for item in client.accesses(first.public)]
        assert (own.video, own.access.sealed) == (VIDEO, delivery.sealed)
        assert own.purchase == items[0].purchase
        (other,) = [item async for item in client.accesses(others[0].public)]
        assert (other.access.sealed, other.access.is_bought) == (None, True)


async def test_pages_and_what_is_refused(world: World, ledger: Ledger) -> None:
    ledger.final()
    path = f"/v1/videos/{VIDEO}/purchases"
    async with world.client() as client:
        found: list[str] = []
        cursor: str | None = None
        for _ in BUYERS:
            params = {"limit": "1"} | ({} if cursor is None else {"cursor": cursor})
            page = (await client.get(path, params=params)).json()
            found += [item["buyer"] for item in page["items"]]
            cursor = page["next"]
        assert (found, cursor) == ([format_address(buyer.public) for buyer in BUYERS], None)
        wrong = await client.get(path, params={"cursor": "AAAA"})
        assert code_of(wrong)[0] == 400
        assert code_of(await client.get("/v1/accounts/@nobody/viewing"))[0] == 404
        missing = await client.get(f"/v1/videos/{cid_of(RAW, b'no')}/viewing")
        assert code_of(missing) == (404, "not-found", "")
        empty = await client.get(f"/v1/videos/{cid_of(RAW, b'no')}/purchases")
        assert (empty.status_code, empty.json()["items"]) == (200, [])
