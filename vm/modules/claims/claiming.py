"""Claiming: a holder names its account here by a message that its Ethereum key has signed."""

from typing import Annotated

from consensus.address import format_address
from consensus.errors import InvalidProof, InvalidSignature
from consensus.ethereum import SIGNATURE_BYTES, format_ethereum_address, recover_signer
from consensus.kinds import AccountId, Asset, Bytes, Counter, Digest
from consensus.merkle import verify_merkle
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.claims.tables import (
    CLAIMED,
    DEEPEST,
    MIGRATIONS,
    UNCLAIMED_POT,
    Claimed,
    EthereumAddress,
    Holding,
    Migration,
    MigrationName,
    claims,
)
from vm.modules.tokens import PositiveAmount, credit, drain_pot
from vm.view import View

# Of this 1,000 are for recovering the signer, which takes twice as long as checking one of a
# transaction's signatures, at 500.
CLAIM_GAS = 5_000
HASH_GAS = 50
_FIELDS = {"index": "place", "proof": "proof", "": "proof"}  # by those of a Merkle proof

UNKNOWN_MIGRATION = claims.error("unknown-migration", "There is no migration of this name.")
OVER = claims.error("over", "The time to claim is over.")
CLAIMED_ALREADY = claims.error("already-claimed", "The holder has claimed already.")
NOT_SIGNED = claims.error("not-signed", "The holder has not signed the text of this claim.")
NOT_A_HOLDING = claims.error("not-a-holding", "This is no holding of the migration's snapshot.")
USED_UP = claims.error("used-up", "Less is left of the migration than the holding says.")


@claims.event
@record("claims.was_claimed")
class WasClaimed(Record):
    """An account has got what a holder had in a migration's snapshot."""

    migration: MigrationName
    holder: EthereumAddress
    account: AccountId
    asset: Asset
    units: PositiveAmount


def claim_text(chain: bytes, migration: str, account: bytes) -> str:
    """The text that a holder signs in its Ethereum wallet (EIP-191), without a line's end at its
    end. It names chain and account, so that whoever sends it can change nothing."""
    return (
        f"Reelect: I claim my tokens of the migration {migration}\n"
        f"for the account {format_address(account)}\n"
        f"on the chain {chain.hex()}"
    )


@claims.action(gas=CLAIM_GAS, free=True)
@record("claims.claim")
class ClaimHolding(Action):
    """Give an account what an Ethereum address held in a migration's snapshot, once, by the text
    that its key has signed (ECONOMIES section 0). Anybody may send it; the account itself pays
    nothing. `place` and `proof` show the holding in the list; `signature` is r, s and v."""

    migration: MigrationName
    holder: EthereumAddress
    units: PositiveAmount
    place: Counter
    proof: Annotated[tuple[Digest, ...], AtMost(DEEPEST)]
    account: AccountId
    signature: Annotated[bytes, Bytes(SIGNATURE_BYTES, SIGNATURE_BYTES)]

    def derived_gas(self, view: View) -> int:
        return HASH_GAS * len(self.proof)

    def exemption(self, sender: bytes) -> bytes | None:
        key = CLAIMED.state_key(self.migration, self.holder)
        return key if sender == self.account else None

    def apply(self, context: Context) -> None:
        state, row = context.state, self._lasting(context)
        before = CLAIMED.get(state, self.migration, self.holder)
        if before is not None:
            raise CLAIMED_ALREADY.failed(
                f"the holder has claimed already, for {format_address(before.account)}",
                field="holder",
            )
        self._check_holding(row)
        self._check_signature(context.block.chain)
        if self.units > row.left:
            raise USED_UP.failed(f"{row.left} are left", field="units")
        CLAIMED.put(state, Claimed(self.account), self.migration, self.holder)
        following = replace(row, left=row.left - self.units, claimed=row.claimed + 1)
        MIGRATIONS.put(state, following, self.migration)
        drain_pot(state, UNCLAIMED_POT, row.asset, self.units)
        credit(state, self.account, row.asset, self.units)
        context.emit(WasClaimed(self.migration, self.holder, self.account, row.asset, self.units))

    def _lasting(self, context: Context) -> Migration:
        row = MIGRATIONS.get(context.state, self.migration)
        if row is None:
            raise UNKNOWN_MIGRATION.failed(field="migration")
        if context.block.time_ms >= row.until_ms:
            raise OVER.failed(field="migration")
        return row

    def _check_holding(self, row: Migration) -> None:
        item = Holding(self.holder, self.units).encode()
        try:
            verify_merkle(row.root, item, self.place, row.holders, self.proof)
        except InvalidProof as error:
            raise NOT_A_HOLDING.failed(error.message, field=_FIELDS[error.field]) from None

    def _check_signature(self, chain: bytes) -> None:
        text = claim_text(chain, self.migration, self.account)
        try:
            signer = recover_signer(text, self.signature)
        except InvalidSignature as error:
            raise NOT_SIGNED.failed(error.message, field="signature") from None
        if signer != self.holder:
            raise NOT_SIGNED.failed(
                f"for this chain, migration and account it is {format_ethereum_address(signer)}'s, "
                f"not {format_ethereum_address(self.holder)}'s: sign the text exactly",
                field="signature",
            )
