"""Tips: a video's owner is paid, but for the platform's fee and a referrer's part (T4, T6)."""

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import ActivityKind
from vm.modules.content import note_at, owner_of
from vm.modules.ranking import vote
from vm.modules.rebate import collect
from vm.modules.referral import check_referrer, pay_creator, terms_of
from vm.modules.social.tables import TIP_FEE_PPM, TIPS, UNKNOWN_VIDEO, Tips, social
from vm.modules.tokens import BALANCES, PositiveAmount, asset_row, debit
from vm.view import View

OWN_VIDEO = social.error("own-video", "The video is the account's own.")
UNPAYABLE = social.error("unpayable", "Accounts cannot pay each other in this asset.")


@social.event
@record("social.tipped")
class Tipped(Record):
    """An account has tipped for a video: of `amount`, `fee` is the platform's and `referral` the
    referrer's; the rest is the owner's."""

    video: Cid
    account: AccountId
    owner: AccountId
    asset: Asset
    amount: Amount
    fee: Amount
    referrer: AccountId | None
    referral: Amount


@social.action(gas=8_000)
@record("social.tip")
class Tip(Action):
    """Tip for a video: its owner gets the amount at once, but for the platform's fee and the part
    of the referrer, who has led the sender to it (T4, T6). The fee votes for the video (T5)."""

    video: Cid
    asset: Asset
    amount: PositiveAmount
    referrer: AccountId | None

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        owner = self._payee(state, sender)
        check_referrer(state, self.referrer, payer=sender, creator=owner)
        debit(state, sender, self.asset, self.amount)
        fee = collect(
            context,
            source=social.name,
            payer=sender,
            provider=owner,
            asset=self.asset,
            gross=self.amount,
            fee_ppm=TIP_FEE_PPM.read(state),
        )
        referral = pay_creator(
            context,
            payer=sender,
            creator=owner,
            asset=self.asset,
            amount=self.amount - fee,
            referrer=self.referrer,
            ppm=terms_of(state, owner).ppm(self.referrer),
        )
        before = TIPS.get(state, self.video, self.asset) or Tips(0, 0)
        units = min(before.units + self.amount, UINT64_MAX)
        TIPS.put(state, Tips(before.count + 1, units), self.video, self.asset)
        vote(context, voter=sender, creator=owner, asset=self.asset, fee=fee, video=self.video)
        note_at(context, sender, self.video, ActivityKind.PAYMENT)
        paid = (self.asset, self.amount, fee, self.referrer, referral)
        context.emit(Tipped(self.video, sender, owner, *paid))

    def _payee(self, view: View, sender: bytes) -> bytes:
        owner = owner_of(view, self.video)
        if owner is None:
            raise UNKNOWN_VIDEO.failed(f"{self.video} is not published here", field="video")
        if owner == sender:
            raise OWN_VIDEO.failed(field="video")
        if not asset_row(view, self.asset).transferable:
            raise UNPAYABLE.failed(
                f"{self.asset} cannot be sent from account to account", field="asset"
            )
        return owner

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (BALANCES.state_key(sender, self.asset), TIPS.state_key(self.video, self.asset))
