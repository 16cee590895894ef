"""Commitments: who wants to publish something first says so in a way that tells nobody what.

A commitment is the hash of the sender, the content id and a salt. It is kept for its sender, so
that a copy of it is useless to others; and when `content.publish` shows the content id, who then
commits to it is too late by `content.commit_blocks` blocks (T3).
"""

from collections.abc import Iterator

from consensus.cid import Cid
from consensus.hashing import sha256
from consensus.kinds import AccountId, Counter, Digest
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import MAX_SLOT_MS
from vm.modules.content.tables import AGENDA, COMMITMENTS, CommitmentRow, content
from vm.view import State, View

MOST_COMMITMENTS = 16  # of an account at one time
LAPSES_A_BLOCK = 128
MOST_COMMIT_BLOCKS = 100
LEAST_COMMIT_S = 7_200

if MOST_COMMIT_BLOCKS * MAX_SLOT_MS >= 1000 * LEAST_COMMIT_S:
    raise ValueError("a commitment must not lapse before it is old enough")

COMMIT_BLOCKS = content.parameter(
    "commit_blocks",
    default=8,
    minimum=1,
    maximum=MOST_COMMIT_BLOCKS,
    unit="blocks",
    sentence="How old a commitment must be when its content is published: more blocks than "
    "producers who work together against a publisher can make one after the other.",
)
COMMIT_S = content.parameter(
    "commit_s",
    default=24 * 3600,
    minimum=LEAST_COMMIT_S,
    maximum=30 * 24 * 3600,
    unit="seconds",
    sentence="When a commitment lapses whose content is not published.",
)

COMMITTED = content.error("already-committed", "The account has made this commitment already.")
TOO_MANY_COMMITMENTS = content.error(
    "too-many-commitments", "So many commitments of the account wait: publish, or let them lapse."
)
NOT_COMMITTED = content.error(
    "not-committed",
    "The account has not committed to publish this, or that has lapsed: `content.commit` is first.",
)
TOO_EARLY = content.error("too-early", "The commitment is not old enough: wait for more blocks.")


@record("content.claim")
class Claim(Record):
    """What a commitment is the hash of."""

    sender: AccountId
    cid: Cid
    salt: Digest

    @property
    def commitment(self) -> bytes:
        """Its SHA-256."""
        return sha256(self.encode())


@content.event
@record("content.committed")
class Committed(Record):
    """An account has committed to publish something, which it can do from a height on, until the
    commitment lapses (ms from the Unix epoch)."""

    account: AccountId
    commitment: Digest
    from_height: Counter
    lapses_ms: Counter


@content.event
@record("content.lapsed")
class Lapsed(Record):
    """A commitment has lapsed."""

    account: AccountId
    commitment: Digest


@content.action(gas=4_000)
@record("content.commit")
class Commit(Action):
    """Commit to publish something: the SHA-256 of a `content.claim` record of the sender, the
    content id and a secret salt. `content.publish` shows both, some blocks later
    (T3)."""

    commitment: Digest

    def apply(self, context: Context) -> None:
        state, sender, block = context.state, context.sender, context.block
        held = [key[1] for key, _ in COMMITMENTS.scan(state, sender, limit=MOST_COMMITMENTS)]
        if self.commitment in held:
            raise COMMITTED.failed(field="commitment")
        if len(held) == MOST_COMMITMENTS:
            raise TOO_MANY_COMMITMENTS.failed(f"{MOST_COMMITMENTS} wait already")
        lapses_ms = block.time_ms + 1000 * COMMIT_S.read(state)
        keep_commitment(state, CommitmentRow(block.height, lapses_ms), sender, self.commitment)
        from_height = block.height + COMMIT_BLOCKS.read(state)
        context.emit(Committed(sender, self.commitment, from_height, lapses_ms))


@content.begin_block
def let_lapse(context: Context) -> None:
    """Remove the commitments that lapse at this block's time, a bounded number a block."""
    due = AGENDA.take(context.state, context.block.time_ms, limit=LAPSES_A_BLOCK)
    for _, account, commitment in due:
        COMMITMENTS.delete(context.state, account, commitment)
        context.emit(Lapsed(account, commitment))


def keep_commitment(state: State, row: CommitmentRow, account: bytes, commitment: bytes) -> None:
    """Write an account's new commitment, and list it under the time when it lapses."""
    COMMITMENTS.put(state, row, account, commitment)
    AGENDA.add(state, row.lapses_ms, account, commitment)


def use_commitment(context: Context, cid: Cid, salt: bytes) -> None:
    """Remove the sender's commitment to this content; raises ActionFailed unless there is one, old
    enough and not lapsed."""
    state, sender, block = context.state, context.sender, context.block
    commitment = Claim(sender, cid, salt).commitment
    row = COMMITMENTS.get(state, sender, commitment)
    if row is None or row.lapses_ms <= block.time_ms:
        raise NOT_COMMITTED.failed(field="salt")
    from_height = row.height + COMMIT_BLOCKS.read(state)
    if block.height < from_height:
        raise TOO_EARLY.failed(f"it can be published from height {from_height} on", field="salt")
    _remove(state, row, sender, commitment)


def forget_commitments(state: State) -> None:
    """Remove all commitments, for a chain that goes on from another's state: heights begin anew."""
    for (account, commitment), row in list(COMMITMENTS.every(state)):
        _remove(state, row, account, commitment)


def _remove(state: State, row: CommitmentRow, account: bytes, commitment: bytes) -> None:
    COMMITMENTS.delete(state, account, commitment)
    AGENDA.remove(state, row.lapses_ms, account, commitment)


@content.invariant
def commitments_agree(view: View) -> Iterator[str]:
    """Each commitment is listed under the time when it lapses."""
    rows = COMMITMENTS.every(view)
    yield from AGENDA.disagreements(view, {(row.lapses_ms, *key) for key, row in rows})
