"""Matching: the best fit among the available, by wishes that are frozen before the beacon (P7)."""

from consensus.kinds import AccountId, Counter, Digest
from consensus.record import Record, part
from vm.modules.draws import draw_seed, lot
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
    minute, and its lot, of which the smallest wins between equals."""

    provider: AccountId
    shared: Counter
    price: Price
    lot: Digest

    @property
    def place(self) -> tuple[int, int, bytes]:
        """The fit with the least of these is the match."""
        return -self.shared, self.price, self.lot


def match_seed(beacon: bytes, session: int) -> bytes:
    """What decides the match of a request: the beacon, another way for each."""
    return draw_seed("sessions.match", beacon, session)


def match(view: View, caller: bytes | None, wish: Wish, seed: bytes) -> bytes | None:
    """The provider for a caller's wishes: the best of `fits`; None if there is none."""
    found = fits(view, caller, wish, seed)
    return found[0].provider if found else None


def fits(view: View, caller: bytes | None, wish: Wish, seed: bytes) -> list[Fit]:
    """Who fits a caller's wishes, the best first: of the candidates whose asset is the wish's, at
    no more than its price, the one who shares most interests, then the cheapest, then the one with
    the smallest lot. The caller itself is none."""
    if PAYABLE.get(view, wish.asset) is None:
        return []
    found: list[Fit] = []
    for provider in candidates(view, wish, seed):
        profile = PROFILES.get(view, provider)
        if profile is not None and provider != caller and _is_within(profile, wish):
            shared = len(set(profile.interests) & set(wish.interests))
            found.append(Fit(provider, shared, profile.price, lot(seed, provider)))
    return sorted(found, key=lambda fit: fit.place)


def candidates(view: View, wish: Wish, seed: bytes) -> list[bytes]:
    """The available of the wish's kind and language that are looked at: from the first whose id is
    not below the seed on, round the list, `sessions.candidates` at most."""
    most = CANDIDATES.read(view)
    start = LISTED.state_key(wish.kind, wish.language, seed)
    after = [
        key[2] for key, _ in LISTED.scan(view, wish.kind, wish.language, start=start, limit=most)
    ]
    before = LISTED.scan(view, wish.kind, wish.language, limit=most - len(after))
    return after + [key[2] for key, _ in before if key[2] < seed]


def _is_within(profile: Profile, wish: Wish) -> bool:
    return profile.asset == wish.asset and profile.price <= wish.most_price
