"""What providers offer, and in which assets sessions are paid."""

from itertools import pairwise

from consensus.kinds import AccountId, Asset
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.sessions.tables import (
    LISTED,
    PAYABLE,
    PROFILES,
    Interests,
    Kind,
    Languages,
    Listed,
    Payable,
    Price,
    Profile,
    sessions,
)
from vm.modules.tokens import asset_row
from vm.view import State, View

UNPAYABLE = sessions.error("unpayable", "Sessions are not paid in this asset.")
UNORDERED = sessions.error("unordered", "These are named in order, each once.")
NO_PROFILE = sessions.error("no-profile", "The account offers no sessions.")


@sessions.event
@record("sessions.asset_set")
class AssetSet(Record):
    """Sessions may be paid in an asset from now on, or no longer."""

    asset: Asset
    is_payable: bool


@sessions.event
@record("sessions.profile_set")
class ProfileSet(Record):
    """A provider offers this from now on; null: nothing."""

    provider: AccountId
    profile: Profile | None


@sessions.action(gas=2_000, governed=True)
@record("sessions.set_asset")
class SetAsset(Action):
    """Let sessions be paid in an asset, or no longer (P2, P7). Sessions on their way go on."""

    asset: Asset
    is_payable: bool

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        return f"let sessions be paid in {self.asset}{'' if self.is_payable else ' no longer'}"

    def apply(self, context: Context) -> None:
        if not asset_row(context.state, self.asset).transferable:
            raise UNPAYABLE.failed("accounts cannot pay each other in it", field="asset")
        if self.is_payable:
            PAYABLE.put(context.state, Payable(), self.asset)
        else:
            PAYABLE.delete(context.state, self.asset)
        context.emit(AssetSet(self.asset, self.is_payable))


@sessions.action(gas=8_000)
@record("sessions.set_profile")
class SetProfile(Action):
    """Offer sessions: their kind, the provider's languages and interests, the price per minute, and
    whether it is available now (P7). Sessions on their way keep their price."""

    kind: Kind
    languages: Languages
    interests: Interests
    asset: Asset
    price: Price
    is_available: bool

    def apply(self, context: Context) -> None:
        check_payable(context.state, self.asset)
        check_order(self.languages, "languages")
        check_order(self.interests, "interests")
        profile = Profile(
            self.kind, self.languages, self.interests, self.asset, self.price, self.is_available
        )
        put_profile(context.state, context.sender, profile)
        context.emit(ProfileSet(context.sender, profile))


@sessions.action(gas=6_000)
@record("sessions.withdraw")
class Withdraw(Action):
    """Offer no sessions any more (P7). Sessions on their way go on."""

    def apply(self, context: Context) -> None:
        if PROFILES.get(context.state, context.sender) is None:
            raise NO_PROFILE.failed()
        put_profile(context.state, context.sender, None)
        context.emit(ProfileSet(context.sender, None))


def check_payable(view: View, asset: str, field: str = "asset") -> None:
    """Raise ActionFailed unless sessions may be paid in this asset."""
    if PAYABLE.get(view, asset) is None:
        raise UNPAYABLE.failed(f"sessions are not paid in {asset} here", field=field)


def check_order(names: tuple[str, ...], field: str) -> None:
    """Raise ActionFailed unless these are in order, each once."""
    if any(low >= high for low, high in pairwise(names)):
        raise UNORDERED.failed(f"name {field} in order, each once", field=field)


def put_profile(state: State, provider: bytes, profile: Profile | None) -> None:
    """Let a provider offer this, or nothing, and list it as it is available."""
    before = PROFILES.get(state, provider)
    if before is not None and before.is_available:
        for language in before.languages:
            LISTED.delete(state, before.kind, language, provider)
    if profile is None:
        PROFILES.delete(state, provider)
        return
    PROFILES.put(state, profile, provider)
    for language in profile.languages if profile.is_available else ():
        LISTED.put(state, Listed(), profile.kind, language, provider)


def leave_list(state: State, provider: bytes) -> None:
    """Take a provider that is in a session off the list; it says itself when it is available
    again."""
    profile = PROFILES.get(state, provider)
    if profile is not None and profile.is_available:
        put_profile(state, provider, replace(profile, is_available=False))
