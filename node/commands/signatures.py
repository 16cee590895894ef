"""Who has signed a transaction, with which weight, and what is missing: as JSON and for people."""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.address import format_address
from consensus.kinds import JsonObject
from consensus.record import replace
from consensus.transaction import Transaction
from node.failure import Refused
from vm.modules.account import PARTIES, UNSIGNED, Authority, fewest_of, is_authorized


@dataclass(frozen=True, slots=True)
class Party:
    """An account that must agree to a transaction: as its sender, or as the payer."""

    role: str
    account: bytes
    authority: Authority
    signed: frozenset[bytes]

    @property
    def weight(self) -> int:
        """What the keys that signed weigh."""
        return self.authority.weight_of(self.signed)

    @property
    def missing(self) -> int:
        """The weight that is missing."""
        return max(0, self.authority.threshold - self.weight)

    def to_json(self) -> JsonObject:
        """As programs read it."""
        return {
            "role": self.role,
            "account": format_address(self.account),
            "threshold": self.authority.threshold,
            "weight": self.weight,
            "missing": self.missing,
            "keys": [
                {**item.to_json(), "signed": item.key in self.signed}
                for item in self.authority.keys
            ],
        }

    def sentence(self) -> str:
        """As people read it."""
        who = f"{format_address(self.account)} has {self.weight} of {self.authority.threshold}"
        waiting = [item for item in self.authority.keys if item.key not in self.signed]
        if not self.missing:
            return f"{who}: enough"
        keys = ", ".join(f"{format_address(item.key)} ({item.weight})" for item in waiting)
        return f"{who}; {self.missing} missing, of {keys}"


@dataclass(frozen=True, slots=True)
class Signatures:
    """A transaction's signatures, as its parties' authorities count them."""

    transaction: Transaction
    authorities: Sequence[Authority]

    @property
    def signed(self) -> frozenset[bytes]:
        """The keys that signed."""
        return frozenset(item.key for item in self.transaction.signatures)

    @property
    def parties(self) -> list[Party]:
        """Who must agree."""
        accounts = (self.transaction.sender, self.transaction.fee_payer)
        parts = zip(PARTIES, accounts, self.authorities, strict=False)
        return [Party(role, account, each, self.signed) for role, account, each in parts]

    @property
    def are_enough(self) -> bool:
        """Whether the transaction can be sent."""
        return is_authorized(self.authorities, self.signed)

    def to_json(self) -> JsonObject:
        """As programs read it."""
        return {
            "parties": [party.to_json() for party in self.parties],
            "signed_by": [key.hex() for key in sorted(self.signed)],
            "enough": self.are_enough,
        }

    def to_fields(self) -> JsonObject:
        """As people read it."""
        return {
            "signed by": [format_address(key) for key in sorted(self.signed)] or "nobody",
            **{party.role: party.sentence() for party in self.parties},
        }

    def needed(self) -> Transaction:
        """The transaction with as few of its signatures as it needs: the chain refuses more.
        Raises Refused, saying what is missing."""
        if not self.are_enough:
            lacking = [party.sentence() for party in self.parties if party.missing]
            raise Refused("; ".join(lacking), field="signatures", code=UNSIGNED.code)
        kept = fewest_of(self.authorities, self.signed)
        signatures = tuple(item for item in self.transaction.signatures if item.key in kept)
        return replace(self.transaction, signatures=signatures)
