"""Matching: the best fit among the available, by wishes that are frozen before the beacon (P7)."""

from vm.modules.draws import draw_seed, lot
from vm.modules.sessions.tables import CANDIDATES, LISTED, PAYABLE, PROFILES, Profile, Wish
from vm.view import View


def match_seed(beacon: bytes, session: int) -> bytes:
    """What decides the match of a request: the beacon, another way for each."""
    return draw_seed("sessions.match", beacon, session)


def match(view: View, caller: bytes, wish: Wish, seed: bytes) -> bytes | None:
    """The provider for a caller's wishes: of the candidates whose asset is the wish's, at no more
    than its price, the one who shares most interests, then the cheapest, then the one with the
    smallest lot; None if there is none. The caller itself is none."""
    if PAYABLE.get(view, wish.asset) is None:
        return None
    ranked = []
    for provider in candidates(view, wish, seed):
        profile = PROFILES.get(view, provider)
        if profile is not None and provider != caller and _fits(profile, wish):
            shared = len(set(profile.interests) & set(wish.interests))
            ranked.append((-shared, profile.price, lot(seed, provider), provider))
    return min(ranked)[-1] if ranked else None


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


def _fits(profile: Profile, wish: Wish) -> bool:
    return profile.asset == wish.asset and profile.price <= wish.most_price
