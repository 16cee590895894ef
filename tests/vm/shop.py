"""A chain on which Anna sells a sealed video, for tests of viewing."""

from dataclasses import dataclass, field

from nacl import bindings

from consensus.errors import ActionFailed
from consensus.hashing import sha256
from consensus.sealed_key import commitment_to, viewing_key_of
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, World, commit_to, key, publish
from vm.declare import Action
from vm.modules.account import SENDERS, Sender
from vm.modules.tokens import Create, GatewayIssue, balance_of, pot_of
from vm.modules.viewing import (
    ACCESS,
    ESCROW_POT,
    PURCHASES,
    Access,
    Buy,
    Commit,
    Deliver,
    Purchase,
    SetOffer,
    settle_due,
)
from vm.registry import REGISTRY

OWNER, BUYER, SHARER, TEAM = ANNA.public, BEN.public, CLEO.public, key("team").public
POLICY = b"p" * 32
PRICE = 1_000
SHARER_PPM, TEAM_PPM = 100_000, 250_000
VIDEO = publish().cid
CONTENT_KEY = b"content key".ljust(32, b".")


def secret(name: str) -> bytes:
    """A secret of a viewing key."""
    return sha256(name.encode())


def sealed(name: str = "ben", content_key: bytes = CONTENT_KEY) -> bytes:
    """A content key sealed to the viewing key of that secret."""
    return bindings.crypto_box_seal(content_key, viewing_key_of(secret(name)))


def buy(name: str = "ben", referrer: bytes | None = None, price: int = PRICE) -> Buy:
    """A purchase, the key to be sealed for that secret."""
    return Buy(VIDEO, "REEL", price, viewing_key_of(secret(name)), referrer)


def deliver(name: str = "ben", content_key: bytes = CONTENT_KEY, buyer: bytes = BUYER) -> Deliver:
    """The delivery of it."""
    return Deliver(VIDEO, buyer, sealed(name, content_key))


def offer(price: int = PRICE, asset: str = "REEL") -> SetOffer:
    """An offer by which single sharers get a tenth, and one team a quarter."""
    return SetOffer(VIDEO, asset, price, SHARER_PPM, TEAM_PPM, (TEAM,))


@dataclass
class Shop(Stage):
    """Anna has published and sealed a video, and Ben has money. Cleo and the team are known."""

    world: World = field(default_factory=lambda: World.begin(BARE))

    def __post_init__(self) -> None:
        super().__post_init__()
        for account in (OWNER, SHARER, TEAM):
            SENDERS.put(self.world.state, Sender(1), account)
        commit_to(self.world.state, publish())
        for made in (publish(), Commit(VIDEO, commitment_to(CONTENT_KEY)), offer()):
            self.must(OWNER, made)
        self.events.clear()

    def must(self, sender: bytes, action: Action) -> None:
        """Carry out what must succeed."""
        result = self.act(sender, action)
        if result != "ok":
            raise AssertionError(f"{action.tag}: {result}")

    def issue(self, asset: str, to: bytes, units: int, *, transferable: bool = True) -> None:
        """A new asset, of which one account gets so much."""
        self.must(POLICY, Create(asset, asset, 6, units, transferable, False, POLICY))
        self.must(POLICY, GatewayIssue(to, asset, units, ""))

    def wait(self, seconds: int) -> None:
        """Time passes; a block follows."""
        self.time_ms += 1000 * seconds
        self.step(settle_due)

    def failure(self, sender: bytes, action: Action) -> tuple[str, str]:
        """Code and field of an action's failure."""
        try:
            action.apply(self.context(sender))
        except ActionFailed as error:
            return error.code.removeprefix("viewing."), error.field
        raise AssertionError("it did not fail")

    def held(self, account: bytes, asset: str = "REEL") -> int:
        """What an account holds."""
        return balance_of(self.world.state, account, asset)

    @property
    def escrow(self) -> int:
        """What is in escrow."""
        return pot_of(self.world.state, ESCROW_POT, "REEL")

    def purchase(self, buyer: bytes = BUYER) -> Purchase | None:
        """A purchase in escrow."""
        return PURCHASES.get(self.world.state, VIDEO, buyer)

    def access(self, account: bytes = BUYER) -> Access | None:
        """What an account has of the video."""
        return ACCESS.get(self.world.state, account, VIDEO)

    def faults(self) -> list[str]:
        """What is wrong with the state: nothing."""
        return list(REGISTRY.broken_invariants(self.world.state))
