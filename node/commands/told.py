"""What people must know of a transaction to go on: the number of what it has made."""

from collections.abc import Mapping

from consensus.kinds import JsonObject
from vm.modules.apps import PaymentMade
from vm.modules.auctions import Raised
from vm.modules.fund import Founded
from vm.modules.fund import Proposed as FundProposed
from vm.modules.gifts import Ordered
from vm.modules.gov import Proposed
from vm.modules.market import Rested
from vm.modules.orders import BatchGathered, Placed
from vm.modules.otc import Offered as OfferMade
from vm.modules.otc import Sold
from vm.modules.packets import Made
from vm.modules.redemption import Offered, Redeemed
from vm.modules.sessions import Opened, Requested
from vm.modules.swaps import Locked
from vm.modules.tasks import Airdropped, Published

# By the event: how people call it, and the event's field.
_TOLD = {
    Proposed.tag: ("proposal", "proposal"),
    Rested.tag: ("order", "number"),
    Ordered.tag: ("order", "order"),
    Placed.tag: ("order", "order"),
    BatchGathered.tag: ("batch", "batch"),
    Opened.tag: ("session", "session"),
    Requested.tag: ("session", "session"),
    Published.tag: ("task", "task"),
    Airdropped.tag: ("airdrop", "airdrop"),
    Offered.tag: ("offer", "offer"),
    Redeemed.tag: ("voucher", "voucher"),
    Locked.tag: ("swap", "swap"),
    OfferMade.tag: ("offer", "offer"),
    Sold.tag: ("sale", "sale"),
    Founded.tag: ("fund", "fund"),
    FundProposed.tag: ("proposal", "proposal"),
    Made.tag: ("packet", "packet"),
    Raised.tag: ("leads", "leads"),
    PaymentMade.tag: ("payment", "payment"),
}


def told(events: tuple[JsonObject, ...]) -> JsonObject:
    """What the first event says that later commands must name, if one does."""
    for event in events:
        data = event["data"]
        if isinstance(data, Mapping) and data["type"] in _TOLD:
            name, field = _TOLD[str(data["type"])]
            return {name: data[field]}
    return {}
