"""Rotation: an account's keys are replaced, and its id stays."""

from collections.abc import Iterator
from itertools import pairwise

from consensus.keys import is_public_key
from consensus.kinds import AccountId
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.account.tables import (
    RECOVERIES,
    SENDERS,
    Authority,
    account,
    plain_authority,
    sender_row,
)
from vm.view import View

UNUSABLE = account.error(
    "authority-unusable",
    "Keys are distinct, in order and Ed25519 keys, and together reach the threshold.",
)


@account.event
@record("account.authority_set")
class AuthoritySet(Record):
    """An account has another authority from here on."""

    account: AccountId
    authority: Authority


@account.action(gas=12_000)
@record("account.set_authority")
class SetAuthority(Action):
    """Replace the keys that act for the account, their weights and the threshold, at once. The
    account's id and all that it has stay (T1)."""

    authority: Authority

    def apply(self, context: Context) -> None:
        check_usable(self.authority)
        put_authority(context, context.sender, self.authority)


def put_authority(context: Context, account_id: bytes, authority: Authority) -> None:
    """Give the account a usable authority, and note when, if it is guarded."""
    state = context.state
    kept = None if authority == plain_authority(account_id) else authority
    SENDERS.put(state, replace(sender_row(state, account_id), authority=kept), account_id)
    guarded = RECOVERIES.get(state, account_id)
    if guarded is not None:
        noted = replace(guarded, authority_ms=context.block.time_ms)
        RECOVERIES.put(state, noted, account_id)
    context.emit(AuthoritySet(account_id, authority))


def check_usable(authority: Authority) -> None:
    """Raise ActionFailed for an authority that nobody could meet or that has two spellings."""
    for why, field in _faults(authority):
        raise UNUSABLE.failed(why, field=f"authority.{field}")


def _faults(authority: Authority) -> Iterator[tuple[str, str]]:
    keys = authority.keys
    if any(low.key >= high.key for low, high in pairwise(keys)):
        yield "keys must be distinct and in order", "keys"
    for i, item in enumerate(keys):
        if not is_public_key(item.key):
            yield "not an Ed25519 public key: nobody can sign with it", f"keys[{i}].key"
    total = sum(item.weight for item in keys)
    if authority.threshold > total:
        yield f"the keys weigh {total} together, less than the threshold", "threshold"


@account.invariant
def authorities_are_usable(view: View) -> Iterator[str]:
    """Each authority can be met, and is written in the one way."""
    for (account_id,), row in SENDERS.every(view):
        if row.authority is None:
            continue
        for why, _ in _faults(row.authority):
            yield f"{account_id.hex()}: {why}"
        if row.authority == plain_authority(account_id):
            yield f"{account_id.hex()}: an authority that is the id's key is null"
