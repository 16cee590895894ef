"""Matching: the best fit among the available, by wishes that are frozen before the beacon (P7)."""

from consensus.hashing import sha256
from consensus.kinds import AccountId, Counter, Digest
from consensus.record import Record, part
from vm.modules.sessions.tables import (
    CANDIDATES,
    LISTED,
    PAYABLE,
    PROFILES,
    Price,
    Profile,
    Wish,
)
from vm.view import View


@part
class Fit(Record):
    """A provider that fits a wish (P7): how many of the wish's interests it shares, its price per
    minute, and its draw, H(beacon ‖ provider), of which the smallest wins between equals."""

    provider: AccountId
    shared: Counter
    price: Price
    draw: Digest

    @property
    def place(self) -> tuple[int, int, bytes]:
        """The fit with the least of these is the match."""
        return -self.shared, self.price, self.draw


def match(view: View, caller: bytes | None, wish: Wish, beacon: bytes) -> bytes | None:
    """The provider for a caller's wishes: the best of `fits`; None if there is none."""
    found = fits(view, caller, wish, beacon)
    return found[0].provider if found else None


def fits(view: View, caller: bytes | None, wish: Wish, beacon: bytes) -> list[Fit]:
    """Who fits a caller's wishes, the best first: of the candidates whose asset is the wish's, at
    no more than its price, the one who shares most interests, then the cheapest, then the one with
    the smallest draw. The caller itself is none."""
    if PAYABLE.get(view, wish.asset) is None:
        return []
    found: list[Fit] = []
    for provider in candidates(view, wish, beacon):
        profile = PROFILES.get(view, provider)
        if profile is not None and provider != caller and _is_within(profile, wish):
            shared = len(set(profile.interests) & set(wish.interests))
            found.append(Fit(provider, shared, profile.price, sha256(beacon + provider)))
    return sorted(found, key=lambda fit: fit.place)


def candidates(view: View, wish: Wish, beacon: bytes) -> list[bytes]:
    """The available of the wish's kind and language that are looked at: from the first whose id is
    not below the beacon on, round the list, `sessions.candidates` at most."""
    most = CANDIDATES.read(view)
    start = LISTED.state_key(wish.kind, wish.language, beacon)
    after = [
        key[2] for key, _ in LISTED.scan(view, wish.kind, wish.language, start=start, limit=most)
    ]
    before = LISTED.scan(view, wish.kind, wish.language, limit=most - len(after))
    return after + [key[2] for key, _ in before if key[2] < beacon]


def _is_within(profile: Profile, wish: Wish) -> bool:
    return profile.asset == wish.asset and profile.price <= wish.most_price
