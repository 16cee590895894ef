"""What happened in a final block, as far as it is counted. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from consensus.block import Body
from consensus.cid import Cid
from consensus.record import Record
from consensus.transaction import Transaction
from node.block_results import BlockResults
from node.statistics.metrics import Metric
from vm.modules.content import Published, Transferred
from vm.modules.gifts import Given
from vm.modules.live import Opened
from vm.modules.social import Commented, Liked, Shared, Tipped, Unliked, Viewed
from vm.modules.tokens import Transferred as Moved
from vm.modules.viewing import PaidOut
from vm.receipt import OK, Receipt
from vm.registry import REGISTRY

PAID_METRICS = {
    Metric.GIFTS: Metric.GIFT_UNITS,
    Metric.TIPS: Metric.TIP_UNITS,
    Metric.SALES: Metric.SALE_UNITS,
}


@dataclass(frozen=True, slots=True)
class Happening:
    """So much more of a metric: of which asset or type of action (`of`; else empty), by which
    account, at which video, and for which creator, as far as there are any. Without a creator it is
    the video's owner."""

    metric: Metric
    units: int = 1
    of: str = ""
    account: bytes | None = None
    video: Cid | None = None
    creator: bytes | None = None


@dataclass(frozen=True, slots=True)
class Like:
    """An account likes a video from now on, or no longer."""

    account: bytes
    video: Cid
    is_liked: bool


@dataclass(frozen=True, slots=True)
class Ownership:
    """A version belongs to a video, named by its first version, which has this owner."""

    version: Cid
    first: Cid
    owner: bytes


Fact: TypeAlias = Happening | Like | Ownership


def facts_of(body: Body, results: BlockResults) -> Iterator[Fact]:
    """All that counts of a block: its transactions first, then its events, each in order."""
    for transaction, receipt in zip(body.transactions, results.receipts, strict=True):
        yield from _of_transaction(transaction, receipt)
    for event in results.events:
        cls = REGISTRY.events[str(event.data[0])]
        yield from facts_of_event(cls.unpack(event.data))


def _of_transaction(transaction: Transaction, receipt: Receipt) -> Iterator[Happening]:
    sender, is_good = transaction.sender, receipt.status == OK
    yield Happening(Metric.TRANSACTIONS, account=sender)
    yield Happening(Metric.ACTIVE_ACCOUNTS, account=sender)
    if not is_good:
        yield Happening(Metric.FAILED, account=sender)
    if transaction.nonce == 0:
        yield Happening(Metric.NEW_ACCOUNTS)
    if receipt.fee:
        asset, payer = transaction.fee_asset, transaction.fee_payer
        yield Happening(Metric.FEES, receipt.fee, asset, account=payer)
    for action in transaction.actions:
        yield Happening(Metric.ACTIONS if is_good else Metric.FAILED_ACTIONS, of=str(action[0]))


def facts_of_event(event: Record) -> Iterator[Fact]:
    """What counts of an event; nothing of those that are not counted."""
    match event:
        case Published():
            yield Ownership(event.cid, event.first, event.owner)
            if event.cid == event.first:
                yield Happening(Metric.VIDEOS, account=event.owner, creator=event.owner)
        case Transferred():
            yield Ownership(event.video, event.video, event.owner)
        case Liked() | Unliked():
            yield Like(event.account, event.video, isinstance(event, Liked))
        case Commented():
            yield Happening(Metric.COMMENTS, account=event.author, video=event.video)
        case Shared():
            yield Happening(Metric.SHARES, account=event.account, video=event.video)
        case Viewed():
            yield Happening(Metric.VIEWS, account=event.viewer, video=event.video)
            yield Happening(Metric.ACTIVE_ACCOUNTS, account=event.viewer)
        case Opened():
            yield Happening(Metric.SHOWS, account=event.owner, creator=event.owner)
        case Moved():
            yield Happening(Metric.TRANSFERRED, event.amount, event.asset, account=event.source)
        case _:
            yield from _of_payment(event)


def _of_payment(event: Record) -> Iterator[Happening]:
    match event:
        case Given():
            yield from _paid(
                Metric.GIFTS,
                event.asset,
                event.price,
                event.earned,
                account=event.giver,
                video=event.video,
                creator=event.to,
            )
        case Tipped():
            yield from _paid(
                Metric.TIPS,
                event.asset,
                event.amount,
                event.amount - event.fee - event.referral,
                account=event.account,
                video=event.video,
                creator=event.owner,
            )
        case PaidOut():
            yield from _paid(
                Metric.SALES,
                event.asset,
                event.amount + event.referral + event.fee,
                event.amount,
                account=event.buyer,
                video=event.video,
                creator=event.seller,
            )


def _paid(
    metric: Metric,
    asset: str,
    price: int,
    earned: int,
    *,
    account: bytes,
    video: Cid | None,
    creator: bytes,
) -> Iterator[Happening]:
    """One payment more, its price, and what the creator got of it."""
    yield Happening(metric, account=account, video=video, creator=creator)
    yield Happening(
        PAID_METRICS[metric], price, asset, account=account, video=video, creator=creator
    )
    yield Happening(Metric.INCOME, earned, asset, video=video, creator=creator)
