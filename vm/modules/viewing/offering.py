"""Owners commit to keys, and say what it costs to get them, and who delivers them."""

from consensus.cid import Cid
from consensus.kinds import AccountId, Asset, Digest
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.referral import ReferralPpm, Teams, check_teams
from vm.modules.tokens import PositiveAmount, asset_row
from vm.modules.viewing.tables import (
    COMMITMENTS,
    DELIVERERS,
    NOT_THE_OWNER,
    OFFERS,
    Commitment,
    Deliverer,
    Offer,
    commitment_of,
    offer_of,
    owner_of,
    viewing,
)
from vm.view import View

COMMITTED = viewing.error("committed", "The owner has committed to a key already: for good.")
UNPAYABLE = viewing.error("unpayable", "Accounts cannot pay each other in this asset.")
NOT_OFFERED = viewing.error("not-offered", "The video is not for sale.")
NO_DELIVERER = viewing.error("no-deliverer", "An owner delivers its own keys without being named.")


@viewing.event
@record("viewing.committed")
class Committed(Record):
    """A video's owner has committed to the key that it is sealed with."""

    video: Cid
    commitment: Digest


@viewing.event
@record("viewing.offered")
class Offered(Record):
    """A video is for sale on these terms from now on."""

    video: Cid
    offer: Offer


@viewing.event
@record("viewing.closed")
class Closed(Record):
    """A video is no longer for sale."""

    video: Cid


@viewing.event
@record("viewing.appointed")
class Appointed(Record):
    """This account delivers the keys to an owner's videos from now on; null: the owner alone."""

    owner: AccountId
    deliverer: AccountId | None


@viewing.action(gas=3_000)
@record("viewing.commit")
class Commit(Action):
    """Commit to the key that the sender's video is sealed with, once and for good (T9)."""

    video: Cid
    commitment: Digest

    def apply(self, context: Context) -> None:
        check_owner(context, self.video)
        if COMMITMENTS.get(context.state, self.video) is not None:
            raise COMMITTED.failed(
                "a video keeps its key; publish it sealed with another one", field="video"
            )
        COMMITMENTS.put(context.state, Commitment(self.commitment), self.video)
        context.emit(Committed(self.video, self.commitment))


@viewing.action(gas=5_000)
@record("viewing.set_offer")
class SetOffer(Action):
    """Sell the key to the sender's video at this price from now on; of it, `sharer_ppm` goes to a
    sharer who has led the buyer to it, `team_ppm` if that is one of these teams (T6). Purchases
    that were made keep their terms."""

    video: Cid
    asset: Asset
    price: PositiveAmount
    sharer_ppm: ReferralPpm
    team_ppm: ReferralPpm
    teams: Teams

    def apply(self, context: Context) -> None:
        state, owner = context.state, check_owner(context, self.video)
        commitment_of(state, self.video)
        check_payable(state, self.asset)
        check_teams(self.teams)
        offer = Offer(owner, self.asset, self.price, self.sharer_ppm, self.team_ppm, self.teams)
        OFFERS.put(state, offer, self.video)
        context.emit(Offered(self.video, offer))


@viewing.action(gas=2_000)
@record("viewing.close_offer")
class CloseOffer(Action):
    """Sell the key to the sender's video no longer. Purchases that were made go on."""

    video: Cid

    def apply(self, context: Context) -> None:
        check_owner(context, self.video)
        if offer_of(context.state, self.video) is None:
            raise NOT_OFFERED.failed(field="video")
        OFFERS.delete(context.state, self.video)
        context.emit(Closed(self.video))


@viewing.action(gas=2_000)
@record("viewing.appoint")
class Appoint(Action):
    """Let another account deliver the keys to all videos of the sender, as a service whose key
    can do nothing else for it; null: none from now on."""

    deliverer: AccountId | None

    def apply(self, context: Context) -> None:
        owner = context.sender
        if self.deliverer == owner:
            raise NO_DELIVERER.failed(field="deliverer")
        if self.deliverer is None:
            DELIVERERS.delete(context.state, owner)
        else:
            DELIVERERS.put(context.state, Deliverer(self.deliverer), owner)
        context.emit(Appointed(owner, self.deliverer))


def check_owner(context: Context, video: Cid) -> bytes:
    """The sender, who must own the video; raises ActionFailed."""
    if owner_of(context.state, video) != context.sender:
        raise NOT_THE_OWNER.failed(field="video")
    return context.sender


def check_payable(view: View, asset: str) -> None:
    """Raise ActionFailed for an asset that accounts cannot send to each other."""
    if not asset_row(view, asset).transferable:
        raise UNPAYABLE.failed(f"{asset} cannot be sent from account to account", field="asset")
