"""A stage for what fans do: Cleo has published a video and owns a space, Anna and Ben have money, a
rose of 1,000 units is in the catalogue, Ben and Dora are attested."""

from dataclasses import dataclass

from consensus.cid import RAW, cid_of
from consensus.keys import KeyPair
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, commit_to, key, publish
from vm.declare import Action
from vm.modules.account import SENDERS, Attest, Sender
from vm.modules.account.attesting import let_attest
from vm.modules.content import CreateSpace
from vm.modules.gifts import ListGift
from vm.modules.ranking import SCORES, points_at, score_of, tempo_of
from vm.modules.social import SignedView, ViewReceipt
from vm.modules.tokens import mint

A, B, C, D = ANNA.public, BEN.public, CLEO.public, key("dora").public
DORA = key("dora")
ATTESTER = key("attester").public
PRICE = 1_000
VIDEO = publish().cid
UNKNOWN = cid_of(RAW, b"unknown")
FUNDS_OF_CLEO = 10**12


@dataclass
class Fans(Days):
    """Anna is nobody's person, Ben and Dora are; all four are known."""

    def __post_init__(self) -> None:
        super().__post_init__()
        state = self.world.state
        mint(state, C, "REEL", FUNDS_OF_CLEO)
        mint(state, A, "REEL", FUNDS_OF_CLEO)
        commit_to(state, publish(), by=CLEO)
        let_attest(state, ATTESTER)
        for who in (A, B, C, D):
            SENDERS.put(state, Sender(1), who)
        for sender, action in (
            (C, publish()),
            (C, CreateSpace("cleos-space", "music", "Cleo's")),
            (ATTESTER, Attest(B, bytes(32))),
            (ATTESTER, Attest(D, bytes(32))),
        ):
            self.must(sender, action)
        if self.decide(ListGift("rose", "REEL", PRICE, UNKNOWN)) != "ok":
            raise AssertionError("no rose")
        self.events.clear()

    def must(self, sender: bytes, action: Action) -> None:
        """Carry out what must succeed."""
        result = self.act(sender, action)
        if result != "ok":
            raise AssertionError(f"{action.tag}: {result}")

    def points(self, kind: str, subject: str) -> int:
        """A score now."""
        strength = score_of(self.world.state, kind, subject).strength
        return points_at(strength, tempo_of(self.world.state).tick_at(self.time_ms))

    def ranked(self) -> int:
        """How many subjects have a score."""
        return len(list(SCORES.every(self.world.state)))

    def view(self, viewer: KeyPair, day: int = 0, signer: KeyPair | None = None) -> SignedView:
        """A view of the video, and its receipt signed."""
        receipt = ViewReceipt(self.world.block().chain, VIDEO, viewer.public, day)
        by = signer or viewer
        return SignedView(VIDEO, viewer.public, day, by.public, by.sign(receipt.encode()))
