"""Keys come to accounts: delivered to buyers, granted to others, and proved wrong."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Bytes, Counter
from consensus.record import Record, record, replace
from consensus.sealed_key import (
    SealedKey,
    ViewingKey,
    commitment_to,
    open_sealed_key,
    viewing_key_of,
)
from vm.context import Context
from vm.declare import Action
from vm.modules.ranking import note_response
from vm.modules.viewing.buying import ALREADY_BOUGHT, OWN_VIDEO, refund
from vm.modules.viewing.offering import check_owner
from vm.modules.viewing.tables import (
    ACCESS,
    AGENDA,
    DELIVERERS,
    DELIVERY_S,
    DISPUTE_S,
    PURCHASES,
    Access,
    Purchase,
    commitment_of,
    owner_of,
    viewing,
)
from vm.view import View

NO_PURCHASE = viewing.error("no-purchase", "No price for this video is in escrow by this account.")
NOT_A_DELIVERER = viewing.error(
    "not-a-deliverer", "Only the video's owner and whom it has appointed deliver keys."
)
DELIVERED = viewing.error("delivered", "The key was delivered already.")
NOT_DELIVERED = viewing.error("not-delivered", "The key is not delivered yet.")
TOO_LATE = viewing.error("too-late", "The time for this is over.")
WRONG_SECRET = viewing.error("wrong-secret", "The secret is not the viewing key's.")
KEY_IS_RIGHT = viewing.error("key-is-right", "The key is the one that the owner has committed to.")


@viewing.event
@record("viewing.delivered")
class Delivered(Record):
    """A buyer's key is on the chain; the buyer has until `due_ms` (ms from the Unix epoch) to
    show that it is wrong, and then the seller is paid."""

    video: Cid
    buyer: AccountId
    seller: AccountId
    due_ms: Counter


@viewing.event
@record("viewing.granted")
class Granted(Record):
    """A video's owner has given an account the key to it."""

    video: Cid
    account: AccountId


@viewing.action(gas=6_000)
@record("viewing.deliver")
class Deliver(Action):
    """Give a buyer the key to a video, sealed to the viewing key of the purchase. The price is
    paid out to the video's owner once the time for disputes is over (T9)."""

    video: Cid
    buyer: AccountId
    sealed: SealedKey

    def apply(self, context: Context) -> None:
        state, seller = context.state, owner_of(context.state, self.video)
        appointed = DELIVERERS.get(state, seller)
        if context.sender not in (seller, None if appointed is None else appointed.account):
            raise NOT_A_DELIVERER.failed(field="video")
        row = _purchase(context, self.video, self.buyer)
        if row.seller is not None:
            raise DELIVERED.failed(field="buyer")
        due_ms = context.block.time_ms + 1000 * DISPUTE_S.read(state)
        bought_ms = row.due_ms - 1000 * DELIVERY_S.read(state)
        note_response(state, seller, max(0, context.block.time_ms - bought_ms))
        AGENDA.remove(state, row.due_ms, self.video, self.buyer)
        AGENDA.add(state, due_ms, self.video, self.buyer)
        PURCHASES.put(state, replace(row, due_ms=due_ms, seller=seller), self.video, self.buyer)
        access = Access(row.viewing_key, self.sealed, is_bought=True)
        ACCESS.put(state, access, self.buyer, self.video)
        context.emit(Delivered(self.video, self.buyer, seller, due_ms))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (PURCHASES.state_key(self.video, self.buyer),)


@viewing.action(gas=8_000)
@record("viewing.dispute")
class Dispute(Action):
    """Show that the key which was delivered to the sender is wrong, by the secret of the viewing
    key of that purchase: what it opens is not what the owner has committed to. The whole price
    goes back (T9). Whoever has the secret can read the sealed key, so that it must be for one
    purchase only."""

    video: Cid
    secret: Annotated[bytes, Bytes(32, 32)]

    def apply(self, context: Context) -> None:
        state, buyer = context.state, context.sender
        row = _purchase(context, self.video, buyer)
        sealed = _sealed(state, buyer, self.video)
        if sealed is None:
            raise NOT_DELIVERED.failed(field="video")
        if viewing_key_of(self.secret) != row.viewing_key:
            raise WRONG_SECRET.failed(field="secret")
        key = open_sealed_key(sealed, self.secret)
        if key is not None and commitment_to(key) == commitment_of(state, self.video):
            raise KEY_IS_RIGHT.failed(field="video")
        AGENDA.remove(state, row.due_ms, self.video, buyer)
        refund(context, self.video, buyer, row, is_disputed=True)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (PURCHASES.state_key(self.video, sender), ACCESS.state_key(sender, self.video))


@viewing.action(gas=4_000)
@record("viewing.grant")
class Grant(Action):
    """Give an account the key to the sender's video for nothing, sealed to this viewing key. It
    takes the place of one granted before, never of one that was bought."""

    video: Cid
    account: AccountId
    viewing_key: ViewingKey
    sealed: SealedKey

    def apply(self, context: Context) -> None:
        state, owner = context.state, check_owner(context, self.video)
        commitment_of(state, self.video)
        if self.account == owner:
            raise OWN_VIDEO.failed(field="account")
        before = ACCESS.get(state, self.account, self.video)
        if before is not None and before.is_bought:
            raise ALREADY_BOUGHT.failed(field="account")
        access = Access(self.viewing_key, self.sealed, is_bought=False)
        ACCESS.put(state, access, self.account, self.video)
        context.emit(Granted(self.video, self.account))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (ACCESS.state_key(self.account, self.video),)


def _purchase(context: Context, video: Cid, buyer: bytes) -> Purchase:
    """The purchase, whose time is not over; raises ActionFailed."""
    row = PURCHASES.get(context.state, video, buyer)
    if row is None:
        raise NO_PURCHASE.failed(field="video")
    if row.due_ms <= context.block.time_ms:  # it waits for its turn to be settled
        raise TOO_LATE.failed(field="video")
    return row


def _sealed(view: View, account: bytes, video: Cid) -> bytes | None:
    access = ACCESS.get(view, account, video)
    return None if access is None else access.sealed
