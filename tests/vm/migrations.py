"""A chain on which the holders of an Ethereum token claim, for tests of claims."""

from dataclasses import dataclass
from typing import Any

from coincurve import PrivateKey

from consensus.errors import ActionFailed
from consensus.ethereum import keccak256, signed_digest
from consensus.hashing import sha256
from consensus.merkle import merkle_proof, merkle_root
from consensus.record import replace
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN
from vm.declare import Action
from vm.modules.claims import (
    MIGRATIONS,
    ClaimHolding,
    Holding,
    Migration,
    OpenMigration,
    claim_text,
    end_migrations,
)
from vm.modules.pots import Destination
from vm.modules.tokens import IssueToPot

NAME = "wepos"
OPEN_S = 1_000
BURNED = Destination(None, None, None)
TO_TREASURY = Destination("treasury", None, None)
FUND = "migration"


@dataclass(frozen=True)
class EthereumKey:
    """A holder's key, named by a short text."""

    name: str

    @property
    def _secret(self) -> PrivateKey:
        return PrivateKey(sha256(self.name.encode()))

    @property
    def address(self) -> bytes:
        """The 20 bytes."""
        return keccak256(self._secret.public_key.format(compressed=False)[1:])[12:]

    def sign(self, text: str) -> bytes:
        """What a wallet answers when it is asked to sign a text: v is 27 or 28."""
        made = self._secret.sign_recoverable(signed_digest(text), hasher=None)
        return made[:64] + bytes([27 + made[64]])


UNITS = {"first": 30, "second": 20, "third": 50}
HOLDERS = {name: EthereumKey(name) for name in UNITS}
LIST = sorted(Holding(key.address, UNITS[name]).encode() for name, key in HOLDERS.items())
OPEN = OpenMigration(NAME, "REEL", FUND, 100, merkle_root(LIST), 3, OPEN_S, TO_TREASURY)


def claim_of(
    name: str, account: bytes, chain: bytes, *, migration: str = NAME, by: str | None = None
) -> ClaimHolding:
    """A holder's claim for an account; `by`: another holder has signed it."""
    holder = HOLDERS[name].address
    place = LIST.index(Holding(holder, UNITS[name]).encode())
    signature = HOLDERS[by or name].sign(claim_text(chain, migration, account))
    proof = merkle_proof(LIST, place)
    return ClaimHolding(migration, holder, UNITS[name], place, proof, account, signature)


@dataclass
class Migrations(Days):
    """A hundred units are in the pot of the migration, and nothing is opened."""

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.decide(IssueToPot(FUND, "REEL", 100, "")) == "ok"

    def open(self, opened: OpenMigration = OPEN) -> None:
        """Open it."""
        assert self.decide(opened) == "ok"

    def claim(self, name: str, account: bytes = ANNA.public, **changed: Any) -> str:
        """Ben sends a holder's claim, with other values in these fields."""
        action = claim_of(name, account, self.block.chain)
        return self.act(BEN.public, replace(action, **changed))

    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.time_ms += 1000 * seconds
        self.step(end_migrations)

    def failure_of(self, sender: bytes, action: Action) -> ActionFailed:
        """Why an action fails."""
        try:
            action.apply(self.context(sender))
        except ActionFailed as error:
            return error
        raise AssertionError("it did not fail")

    def migration(self, name: str = NAME) -> Migration:
        """Its row."""
        row = MIGRATIONS.get(self.world.state, name)
        if row is None:
            raise AssertionError(f"no migration {name}")
        return row
