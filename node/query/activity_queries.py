"""Answers about activity and the rewards for it. Any thread may call."""

from typing import cast

from node.events import place_of
from node.query.activity_answers import (
    AccountActivityAnswer,
    AccountDay,
    ActivityAnswer,
    ActivityDay,
    ActivityDaysAnswer,
    PairingAnswer,
    StandingItem,
    StandingsAnswer,
)
from node.query.answers import MAX_PAGE
from node.query.chain_view import ChainView, NotFound
from node.query.state_queries import scan
from vm.modules import poa, poc
from vm.modules.activity import (
    ACCOUNTS,
    CURRENT,
    DAYS,
    POA_POOL_POT,
    RULES,
    Day,
    index_of,
    payable_of,
    totals_of,
)
from vm.modules.chain import chain_constants
from vm.modules.personhood import is_person
from vm.modules.tokens import pot_of


def activity(view: ChainView) -> ActivityAnswer:
    """How activity counts and what has; raises NotFound where it does not."""
    state, rules, current = view.state, RULES.get(view.state), CURRENT.get(view.state)
    if rules is None or current is None:
        raise NotFound("no reward pool follows from activity on this chain")
    totals, before = totals_of(state, current.day), current.indexes
    index = index_of(rules.indicators, totals)
    return ActivityAnswer(
        rules,
        current.day,
        totals,
        index,
        sum(before) // len(before) if before else None,
        payable_of(state, rules, index, before),
        pot_of(state, POA_POOL_POT, chain_constants(state).native_asset),
        bool(poa.IS_TEAM.read(state)),
        poa.target_of(state, totals),
        place_of(view.block),
    )


def days(view: ChainView, limit: int, cursor: str | None) -> ActivityDaysAnswer:
    """The days that are kept, in order; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, DAYS.prefix(), limit, cursor)
    numbers = [cast(int, DAYS.key_parts(key)[0]) for key, _ in found]
    items = tuple(
        ActivityDay(number, Day.decode(value), poa.DAYS.get(view.state, number))
        for number, (_, value) in zip(numbers, found, strict=True)
    )
    return ActivityDaysAnswer(items, following, place_of(view.block))


def account_activity(view: ChainView, account: bytes) -> AccountActivityAnswer:
    """What an account has done on the days that are kept and can claim, and what as a creator."""
    state = view.state
    rows = (_account_day(view, day, account) for (day,), _ in DAYS.scan(state, limit=MAX_PAGE))
    return AccountActivityAnswer(
        account,
        is_person(state, account),
        tuple(row for row in rows if row is not None),
        poc.CREATORS.get(state, account),
        place_of(view.block),
    )


def _account_day(view: ChainView, day: int, account: bytes) -> AccountDay | None:
    done, current = ACCOUNTS.get(view.state, day, account), CURRENT.get(view.state)
    if done is None or current is None:
        return None
    shared = poa.DAYS.get(view.state, day)
    units, to_creators = (
        (0, {}) if shared is None else poa.division_of(poa.reward_of(shared, done), done)
    )
    return AccountDay(day, done, day != current.day, units, sum(to_creators.values()))


def pairing(view: ChainView) -> PairingAnswer:
    """How creators are paired; raises NotFound where they are not."""
    state, rules, current = view.state, poc.RULES.get(view.state), poc.CURRENT.get(view.state)
    if rules is None or current is None:
        raise NotFound("no creators are paired on this chain")
    pool = pot_of(state, poc.POOL_POT, chain_constants(state).native_asset)
    return PairingAnswer(rules, current.day, poc.WALK.get(state), pool, place_of(view.block))


def standings(view: ChainView, limit: int, cursor: str | None) -> StandingsAnswer:
    """Creators by rank; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, poc.STANDINGS.prefix(), limit, cursor)
    items = tuple(
        _standing(view, *cast(tuple[int, int, bytes], poc.STANDINGS.key_parts(key)))
        for key, _ in found
    )
    return StandingsAnswer(items, following, place_of(view.block))


def _standing(view: ChainView, day: int, below: int, creator: bytes) -> StandingItem:
    coefficient = poc.MOST_COEFFICIENT - below
    contribution = poc.contribution_of(view.state, day, creator)
    return StandingItem(creator, day, coefficient, poc.level_of(coefficient), contribution)
