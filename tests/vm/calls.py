"""A chain on which Ben offers calls and Anna has money, for tests of sessions and ratings."""

from dataclasses import dataclass, field, replace

from consensus.errors import ActionFailed
from consensus.keys import KeyPair
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, World, key
from vm.declare import Action
from vm.modules.draws import deciding_height
from vm.modules.ratings import end_invitations
from vm.modules.sessions import (
    ESCROW_POT,
    SESSIONS,
    Accept,
    Ask,
    Open,
    Session,
    SetAsset,
    SetProfile,
    Settle,
    Ticket,
    Wish,
    close_due,
    draw_requests,
)
from vm.modules.tokens import balance_of, pot_of
from vm.registry import REGISTRY

CALLER, PROVIDER, OTHER = ANNA.public, BEN.public, CLEO.public
POLICY = b"p" * 32
PRICE, MINUTES = 100, 10
TICKETS, COUNTERS = key("tickets"), key("countersigned")
ACCEPT, SILENCE, CHALLENGE, RATE = 120, 24 * 3600, 3600, 7 * 24 * 3600


def profile(price: int = PRICE, *interests: str, available: bool = True) -> SetProfile:
    """An offer of video calls in German and English."""
    return SetProfile("video", ("de", "en"), interests, "REEL", price, available)


def wish(most_price: int = PRICE, *interests: str) -> Wish:
    """Wishes for a video call in English."""
    return Wish("video", "en", interests, "REEL", most_price)


def ask(wanted: Wish | None = None) -> Ask:
    """A request for whoever fits."""
    return Ask(wanted or wish(), MINUTES, TICKETS.public)


def call(price: int = PRICE, minutes: int = MINUTES, provider: bytes = PROVIDER) -> Open:
    """A call of a provider."""
    return Open(provider, "REEL", price, minutes, TICKETS.public)


@dataclass
class Calls(Stage):
    """Ben offers video calls."""

    world: World = field(default_factory=lambda: World.begin(BARE))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.must(POLICY, SetAsset("REEL", True))
        self.must(PROVIDER, profile())

    def must(self, sender: bytes, action: Action) -> None:
        """Carry out what must succeed."""
        result = self.act(sender, action)
        if result != "ok":
            raise AssertionError(f"{action.tag}: {result}")

    def begin_call(self, price: int = PRICE, minutes: int = MINUTES, number: int = 0) -> None:
        """Anna calls Ben, who accepts."""
        self.must(CALLER, call(price, minutes))
        self.must(PROVIDER, Accept(number, COUNTERS.public))

    def ticket(
        self,
        seconds: int,
        number: int = 0,
        *,
        by: KeyPair = TICKETS,
        counter: KeyPair | None = None,
        last: bool = False,
        of: tuple[bytes, int] | None = None,
    ) -> Settle:
        """A ticket that is shown; `of`: signed for another chain and session."""
        chain, session = of or (self.block.chain, number)
        message = Ticket(chain, session, seconds, last).encode()
        signature = None if counter is None else counter.sign(message)
        return Settle(number, seconds, last, by.sign(message), signature)

    def settle(self, seconds: int, number: int = 0) -> None:
        """Both sides sign the last ticket."""
        self.must(CALLER, self.ticket(seconds, number, counter=COUNTERS, last=True))

    def wait(self, seconds: int) -> None:
        """Time passes; a block follows."""
        self.time_ms += 1000 * seconds
        self.step(close_due, end_invitations)

    def draw(self, beacon: bytes) -> None:
        """The block that decides what was asked in this one has this beacon."""
        block = replace(self.block, height=deciding_height(self.block), beacon=beacon)
        self.step(draw_requests, block=block)

    def failure(self, sender: bytes, action: Action) -> tuple[str, str]:
        """Code and field of an action's failure."""
        try:
            action.apply(self.context(sender))
        except ActionFailed as error:
            return error.code.partition(".")[2], error.field
        raise AssertionError("it did not fail")

    def held(self, account: bytes) -> int:
        """What an account holds."""
        return balance_of(self.world.state, account, "REEL")

    def pot(self, name: str = ESCROW_POT) -> int:
        """What a pot holds."""
        return pot_of(self.world.state, name, "REEL")

    def session(self, number: int = 0) -> Session | None:
        """A call on its way."""
        return SESSIONS.get(self.world.state, number)

    def faults(self) -> list[str]:
        """What is wrong with the state: nothing."""
        return list(REGISTRY.broken_invariants(self.world.state))
