"""The module `viewing`: its rows, and what must hold between them (T6, T9)."""

from collections import Counter as Tally
from collections.abc import Iterator
from itertools import pairwise

from consensus.block import MAX_SLOT
from consensus.cid import Cid
from consensus.kinds import JSON_INTEGER_MAX, AccountId, Amount, Asset, Counter, Digest
from consensus.record import Record, record
from consensus.sealed_key import SealedKey, ViewingKey
from vm.declare import Module
from vm.modules import content
from vm.modules.agenda import Agenda
from vm.modules.chain import MAX_GENESIS_TIME_MS, MAX_SLOT_MS
from vm.modules.content import VIDEOS
from vm.modules.referral import ReferralPpm, Teams, Terms
from vm.modules.tokens import POTS, PositiveAmount
from vm.parameter import PARTS_PER_MILLION
from vm.table import KeyPart, Table
from vm.view import View

viewing = Module("viewing", "Paid and private viewing: prices of videos, and the keys to them.")

ESCROW_POT = "viewing.escrow"
MOST_WAIT_S = 90 * 24 * 3600

if MAX_GENESIS_TIME_MS + MAX_SLOT * MAX_SLOT_MS + 1000 * MOST_WAIT_S > JSON_INTEGER_MAX:
    raise ValueError("the time when a purchase is due must fit the integers of blocks")

DELIVERY_S = viewing.parameter(
    "delivery_s",
    default=3 * 24 * 3600,
    minimum=10,
    maximum=MOST_WAIT_S,
    unit="seconds",
    sentence="How long an owner has to deliver the key to a buyer, who else gets the price back.",
)
DISPUTE_S = viewing.parameter(
    "dispute_s",
    default=24 * 3600,
    minimum=10,
    maximum=MOST_WAIT_S,
    unit="seconds",
    sentence="How long a buyer can show that a delivered key is wrong; then the price is paid out.",
)


FEE_PPM = viewing.parameter(
    "fee_ppm",
    default=0,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The platform's part of the price of a video's key, rounded down; it votes for the "
    "video (T5, T6).",
)


@record("viewing.commitment")
class Commitment(Record):
    """What a video's owner has committed to: the key that its content is sealed with. Never
    changed."""

    commitment: Digest


@record("viewing.offer")
class Offer(Record):
    """What it costs to be given a video's key, and what part of the price (ppm) goes to who has
    led the buyer to it: to any single sharer, and to the distribution teams named here, in order.
    It holds as long as `owner` owns the video."""

    owner: AccountId
    asset: Asset
    price: PositiveAmount
    sharer_ppm: ReferralPpm
    team_ppm: ReferralPpm
    teams: Teams

    def referral_ppm(self, referrer: bytes | None) -> int:
        """The part of the price that a referrer gets."""
        return Terms(self.sharer_ppm, self.team_ppm, self.teams).ppm(referrer)


@record("viewing.purchase")
class Purchase(Record):
    """A purchase whose price is in escrow, on the terms of the offer that the buyer took. Until
    the key is delivered `seller` is null, and the price goes back at `due_ms` (ms from the Unix
    epoch); then it is paid out at `due_ms`, to who owned the video at the delivery."""

    viewing_key: ViewingKey
    asset: Asset
    price: PositiveAmount
    referrer: AccountId | None
    referral_ppm: ReferralPpm
    due_ms: Counter
    seller: AccountId | None


@record("viewing.access")
class Access(Record):
    """An account's key to a video, sealed to the viewing key that it named; null while what it
    has bought is not delivered."""

    viewing_key: ViewingKey
    sealed: SealedKey | None
    is_bought: bool


@record("viewing.deliverer")
class Deliverer(Record):
    """Who, beside an owner itself, delivers the keys to its videos."""

    account: AccountId


@record("viewing.spending")
class Spending(Record):
    """What was paid for a video in an asset, all and through referrals: a vote for it (T6). The
    amounts stay at 2^64 - 1 once they have reached it."""

    purchases: Counter
    units: Amount
    referred_units: Amount


@record("viewing.due")
class Due(Record):
    """Lists the purchases in escrow in the order of the times when they are due."""


COMMITMENTS: Table[Commitment, Cid] = viewing.table(Commitment, video=Cid)
OFFERS: Table[Offer, Cid] = viewing.table(Offer, video=Cid)
PURCHASES: Table[Purchase, Cid, bytes] = viewing.table(Purchase, video=Cid, buyer=AccountId)
ACCESS: Table[Access, bytes, Cid] = viewing.table(Access, account=AccountId, video=Cid)
DELIVERERS: Table[Deliverer, bytes] = viewing.table(Deliverer, owner=AccountId)
SPENDING: Table[Spending, Cid, str] = viewing.table(Spending, video=Cid, asset=Asset)
DUE: Table[Due, int, Cid, bytes] = viewing.table(Due, time_ms=Counter, video=Cid, buyer=AccountId)
AGENDA: Agenda[Cid, bytes] = Agenda(DUE, Due())

UNKNOWN_VIDEO = viewing.error("unknown-video", "No such video is published on this chain.")
NOT_THE_OWNER = viewing.error("not-the-owner", "Only the video's owner can do this.")
NOT_COMMITTED = viewing.error("not-committed", "The video's owner has committed to no key for it.")


def owner_of(view: View, video: Cid) -> bytes:
    """Who owns a video; raises ActionFailed if it is not published."""
    owner = content.owner_of(view, video)
    if owner is None:
        raise UNKNOWN_VIDEO.failed(f"{video} is not published here", field="video")
    return owner


def commitment_of(view: View, video: Cid) -> bytes:
    """What the owner has committed to; raises ActionFailed if it has not."""
    row = COMMITMENTS.get(view, video)
    if row is None:
        raise NOT_COMMITTED.failed(field="video")
    return row.commitment


def offer_of(view: View, video: Cid) -> Offer | None:
    """The offer that holds: one that a former owner has left does not, nor one of a video that was
    taken down."""
    offer = OFFERS.get(view, video)
    if offer is None or offer.owner != owner_of(view, video):
        return None
    return offer if content.is_served(view, video) else None


@viewing.invariant
def escrow_is_kept(view: View) -> Iterator[str]:
    """The pot holds the prices of all purchases, which are listed under their times."""
    prices: Tally[str] = Tally()
    listed: set[tuple[KeyPart, ...]] = set()
    for (video, buyer), row in PURCHASES.every(view):
        prices[row.asset] += row.price
        listed.add((row.due_ms, video, buyer))
    held = {asset: row.amount for (pot, asset), row in POTS.every(view) if pot == ESCROW_POT}
    if held != dict(prices):
        yield f"the pot {ESCROW_POT} holds {held}, the purchases say {dict(prices)}"
    yield from AGENDA.disagreements(view, listed)


@viewing.invariant
def access_agrees(view: View) -> Iterator[str]:
    """Who has a purchase in escrow has access to come, and a key once it is delivered; no other
    access is without a key."""
    open_purchases = {(buyer, video): row for (video, buyer), row in PURCHASES.every(view)}
    for (account, video), access in ACCESS.every(view):
        purchase = open_purchases.pop((account, video), None)
        is_delivered = purchase is None or purchase.seller is not None
        if (access.sealed is not None) != is_delivered:
            yield f"{account.hex()} has a key to {video}, or none, against its purchase"
        if purchase is not None and not (
            access.is_bought and access.viewing_key == purchase.viewing_key
        ):
            yield f"what {account.hex()} has bought of {video} is not what it gets"
    for buyer, video in open_purchases:
        yield f"{buyer.hex()} has bought {video} and has no access to come"


@viewing.invariant
def only_sealed_videos_are_sold(view: View) -> Iterator[str]:
    """Offers, access and spending are of published videos whose owner has committed to a key."""
    named = {video for (video,), _ in OFFERS.every(view)}
    named |= {video for (_, video), _ in ACCESS.every(view)}
    named |= {video for (video, _), _ in SPENDING.every(view)}
    for video in sorted(named, key=str):
        if COMMITMENTS.get(view, video) is None:
            yield f"{video} is sold or granted without a commitment"
    for (video,), _ in COMMITMENTS.every(view):
        if VIDEOS.get(view, video) is None:
            yield f"{video} has a commitment and is not published"
    for (video,), offer in OFFERS.every(view):
        if any(low >= high for low, high in pairwise(offer.teams)):
            yield f"the teams of {video} are not in order, each once"
