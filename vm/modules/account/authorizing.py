"""Whose signatures let a transaction act: enough of each party's keys, and none too many."""

from collections.abc import Collection, Sequence

from consensus.transaction import Transaction
from vm.modules.account.tables import Authority, account, authority_of
from vm.view import View

UNSIGNED = account.error("signature-missing", "A key that must sign has not signed.")
STRAY = account.error(
    "signature-unneeded", "A key signed that acts for neither party, or is not needed."
)

PARTIES = ("sender", "payer")


def authorities_of(view: View, transaction: Transaction) -> tuple[Authority, ...]:
    """Those that must be met: the sender's and, if another pays, the payer's; as PARTIES."""
    sender = authority_of(view, transaction.sender)
    if transaction.fee_payer == transaction.sender:
        return (sender,)
    return (sender, authority_of(view, transaction.fee_payer))


def is_authorized(authorities: Sequence[Authority], signed: Collection[bytes]) -> bool:
    """Whether these keys together may act for each party."""
    return all(authority.is_met_by(signed) for authority in authorities)


def check_authorization(view: View, transaction: Transaction) -> None:
    """Raise InvalidTransaction unless the keys that signed may act for each party, and would not
    without any one of them.

    A signature that is not needed is refused: anyone could take it away, or add one of a key of
    their own, and so change the transaction's id. That the signatures verify is checked by
    `Transaction.check_signatures`.
    """
    signed = frozenset(item.key for item in transaction.signatures)
    authorities = authorities_of(view, transaction)
    for party, authority in zip(PARTIES, authorities, strict=False):
        if not authority.is_met_by(signed):
            raise UNSIGNED.refused(_missing(party, authority, signed), field="signatures")
    if len(signed) == 1:  # as in most transactions: nobody is met by none
        return
    for key in sorted(signed):
        if is_authorized(authorities, signed - {key}):
            acts = any(key == item.key for authority in authorities for item in authority.keys)
            why = "is not needed beside the others" if acts else "acts for neither sender nor payer"
            raise STRAY.refused(f"the key {key.hex()} {why}", field="signatures")


def _missing(party: str, authority: Authority, signed: Collection[bytes]) -> str:
    if len(authority.keys) == 1:
        return f"the {party}'s key {authority.keys[0].key.hex()} has not signed"
    weight = authority.weight_of(signed)
    return f"the {party}'s keys that signed weigh {weight}, {authority.threshold} are needed"


def enough_of(authorities: Sequence[Authority], keys: Sequence[bytes]) -> frozenset[bytes]:
    """Those of `keys`, which may act for each party, that are needed: the first ones are left out
    as far as the others do without them."""
    kept = frozenset(keys)
    for key in keys:
        if is_authorized(authorities, kept - {key}):
            kept -= {key}
    return kept


def fewest_of(authorities: Sequence[Authority], keys: Collection[bytes]) -> frozenset[bytes]:
    """Those of `keys`, which may act for each party, that should sign: light ones are left out."""
    return enough_of(authorities, _by_weight(authorities, keys))


def most_of(authorities: Sequence[Authority]) -> frozenset[bytes]:
    """As many of the parties' keys as could come to sign: heavy ones are left out."""
    keys = {item.key for authority in authorities for item in authority.keys}
    return enough_of(authorities, _by_weight(authorities, keys)[::-1])


def _by_weight(authorities: Sequence[Authority], keys: Collection[bytes]) -> list[bytes]:
    """The lightest first; one that acts for both parties counts for both."""
    return sorted(keys, key=lambda key: (sum(a.weight_of((key,)) for a in authorities), key))


def acts_for(view: View, account_id: bytes, key: bytes) -> bool:
    """Whether the key is one of the account's."""
    return any(item.key == key for item in authority_of(view, account_id).keys)
