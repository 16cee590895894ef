"""Answers about one-to-one sessions. Any thread may call."""

from typing import cast

from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.session_answers import (
    FitItem,
    MatchAnswer,
    ProfileAnswer,
    SessionAnswer,
    SessionItem,
    SessionsAnswer,
)
from node.query.state_queries import scan
from vm.modules.ratings import standing_of_account
from vm.modules.sessions import (
    NUMBERS,
    PROFILES,
    REQUESTS,
    SESSIONS,
    SIDES,
    Wish,
    candidates,
    fits,
    match_seed,
)

OVER = "session-over"  # the code of a session that was, and is no longer on its way


def profile(view: ChainView, account: bytes) -> ProfileAnswer:
    """What an account offers, and how it is rated."""
    return ProfileAnswer(
        account,
        PROFILES.get(view.state, account),
        standing_of_account(view.state, account),
        place_of(view.block),
    )


def session(view: ChainView, number: int) -> SessionAnswer:
    """A session on its way; raises NotFound, which tells one that is over from one that never
    was."""
    item = _item(view, number)
    if item.terms is None and item.request is None:
        numbers = NUMBERS.get(view.state)
        if numbers is not None and number < numbers.given:
            raise NotFound(
                f"session {number} is over: it was paid, or its escrow has returned",
                field="session",
                code=OVER,
            )
        raise NotFound(
            f"no session {number} was opened by height {view.block.height}", field="session"
        )
    return SessionAnswer(item, place_of(view.block))


def sessions(view: ChainView, account: bytes, limit: int, cursor: str | None) -> SessionsAnswer:
    """The sessions of an account on their way; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, SIDES.prefix(account), limit, cursor)
    numbers = [cast(int, SIDES.key_parts(key)[1]) for key, _ in found]
    items = tuple(_item(view, number) for number in numbers)
    return SessionsAnswer(items, following, place_of(view.block))


def match(view: ChainView, caller: bytes | None, wish: Wish) -> MatchAnswer:
    """Who fits a wish, the best first, as if the block's own beacon decided the next request (P7);
    nothing is sent."""
    state, beacon = view.state, view.block.beacon
    numbers = NUMBERS.get(state)
    seed = match_seed(beacon, 0 if numbers is None else numbers.given)
    return MatchAnswer(
        tuple(
            FitItem(fit, standing_of_account(state, fit.provider))
            for fit in fits(state, caller, wish, seed)
        ),
        len(candidates(state, wish, seed)),
        beacon,
        place_of(view.block),
    )


def _item(view: ChainView, number: int) -> SessionItem:
    terms, request = SESSIONS.get(view.state, number), REQUESTS.get(view.state, number)
    return SessionItem(number, terms, request)
