"""The module `account`: its rows, and what must hold of each."""

from collections.abc import Collection
from functools import lru_cache
from typing import Annotated

from consensus.block import MAX_SLOT
from consensus.kinds import JSON_INTEGER_MAX, AccountId, Counter, PublicKey, Uint
from consensus.record import AtMost, Record, part, record
from consensus.transaction import MAX_SIGNATURES
from vm.declare import Module
from vm.modules.chain import MAX_GENESIS_TIME_MS, MAX_SLOT_MS
from vm.table import Table
from vm.view import View

account = Module(
    "account",
    "Who may act for an account, the order of its transactions, its handle, and who attests it.",
)

MOST_KEYS = 16
MOST_WEIGHT = 1_000
MOST_DELAY_S = 366 * 24 * 3600
PLAIN_KEPT = 4096  # most accounts never set an authority, and a transaction asks for it often

if 2 * MOST_KEYS > MAX_SIGNATURES:
    raise ValueError("all keys of a sender and of a payer must be able to sign one transaction")
if MAX_GENESIS_TIME_MS + MAX_SLOT * MAX_SLOT_MS + 1000 * MOST_DELAY_S > JSON_INTEGER_MAX:
    raise ValueError("the time when a recovery ends must fit the integers of blocks")


@part
class WeightedKey(Record):
    """A key that acts for an account, and how much it counts."""

    key: PublicKey
    weight: Annotated[int, Uint(MOST_WEIGHT, 1)]


@part
class Authority(Record):
    """Who may act for an account: keys, in order, whose weights together reach the threshold."""

    threshold: Annotated[int, Uint(MOST_KEYS * MOST_WEIGHT, 1)]
    keys: Annotated[tuple[WeightedKey, ...], AtMost(MOST_KEYS, 1)]

    def weight_of(self, keys: Collection[bytes]) -> int:
        """What these keys, each once, weigh together."""
        return sum(item.weight for item in self.keys if item.key in keys)

    def is_met_by(self, keys: Collection[bytes]) -> bool:
        """Whether these keys together may act."""
        return self.weight_of(keys) >= self.threshold


@lru_cache(maxsize=PLAIN_KEPT)
def plain_authority(account_id: bytes) -> Authority:
    """That of an account which never set another: its id is its one key."""
    return Authority(1, (WeightedKey(account_id, 1),))


@record("account.sender")
class Sender(Record):
    """An account that has sent transactions: how many, which is its next nonce, and the authority
    that it was given (null: the key that is its id)."""

    nonce: Counter
    authority: Authority | None = None


@part
class Guard(Record):
    """The account that may recover another, by its own authority, and the delay (seconds)."""

    recovery_account: AccountId
    delay_s: Annotated[int, Uint(MOST_DELAY_S, 1)]

    @property
    def delay_ms(self) -> int:
        """The delay in milliseconds."""
        return 1000 * self.delay_s


@part
class GuardChange(Record):
    """The guard (null: none) that holds from a time on (ms from the Unix epoch)."""

    guard: Guard | None
    from_ms: Counter


@record("account.recovery")
class Recovery(Record):
    """Who may recover an account and how fast; the change of it that waits for the delay, or is
    in force since; and when the account's authority was last replaced (ms from the Unix epoch; 0:
    not since it was first guarded)."""

    guard: Guard
    change: GuardChange | None
    authority_ms: Counter

    def guard_at(self, time_ms: int) -> Guard | None:
        """The guard that holds at a time."""
        if self.change is not None and self.change.from_ms <= time_ms:
            return self.change.guard
        return self.guard


@record("account.recovering")
class Recovering(Record):
    """A recovery that runs: the authority that the account will get, and from when on (ms from
    the Unix epoch); until then it can be cancelled."""

    authority: Authority
    from_ms: Counter


SENDERS: Table[Sender, bytes] = account.table(Sender, account=AccountId)
RECOVERIES: Table[Recovery, bytes] = account.table(Recovery, account=AccountId)
RECOVERING: Table[Recovering, bytes] = account.table(Recovering, account=AccountId)


def sender_row(view: View, account_id: bytes) -> Sender:
    """The account's row, or that of one that has sent nothing."""
    return SENDERS.get(view, account_id) or Sender(0)


def authority_of(view: View, account_id: bytes) -> Authority:
    """Who may act for the account now."""
    return sender_row(view, account_id).authority or plain_authority(account_id)
