"""Ranking: who stands for election, in the order of the votes for them.

Votes are units of stake, whoever they are for; those for one who does not stand wait for it. The
ranking is kept as votes change, so that an election reads its first rows whatever the number of
voters. A block moves each candidate once, at its end, however often its votes changed.
"""

from collections.abc import Iterator

from consensus.codec import UINT64_MAX
from vm.context import Context
from vm.modules.producer.tables import CANDIDATES, RANKS, VOTES, Candidate, Rank, Votes, producer
from vm.view import State, View


def votes_of(view: View, producer_id: bytes) -> int:
    """The votes for an account."""
    row = VOTES.get(view, producer_id)
    return 0 if row is None else row.units


def votes_below(votes: int) -> int:
    """The first key part of a candidate's rank: more votes come earlier."""
    return UINT64_MAX - votes


def change_votes(state: State, producer_id: bytes, change: int) -> None:
    """Add votes for an account, or take away some that it has."""
    units = votes_of(state, producer_id) + change
    if units:
        VOTES.put(state, Votes(units), producer_id)
    else:
        VOTES.delete(state, producer_id)


def let_stand(state: State, producer_id: bytes, key: bytes) -> None:
    """Rank a producer among the candidates, by the votes for it."""
    votes = votes_of(state, producer_id)
    CANDIDATES.put(state, Candidate(key, votes), producer_id)
    RANKS.put(state, Rank(key), votes_below(votes), producer_id)


def let_withdraw(state: State, producer_id: bytes) -> None:
    """Take a producer out of the ranking, if it is there."""
    candidate = CANDIDATES.get(state, producer_id)
    if candidate is not None:
        CANDIDATES.delete(state, producer_id)
        RANKS.delete(state, votes_below(candidate.votes), producer_id)


@producer.end_block
def rank_anew(context: Context) -> None:
    """Move the candidates whose votes the block has changed."""
    state = context.state
    for (producer_id,) in VOTES.written(state):
        candidate = CANDIDATES.get(state, producer_id)
        if candidate is not None and candidate.votes != votes_of(state, producer_id):
            let_withdraw(state, producer_id)
            let_stand(state, producer_id, candidate.key)


@producer.invariant
def ranks_agree(view: View) -> Iterator[str]:
    """Each candidate has the rank of its votes, and no one else has one."""
    ranked = {
        (votes_below(votes_of(view, account)), account): row.key
        for (account,), row in CANDIDATES.every(view)
    }
    for (below, account), row in RANKS.every(view):
        if ranked.pop((below, account), None) != row.key:
            yield f"rank {below} of {account.hex()}: not a candidate of so many votes"
    for _, account in ranked:
        yield f"candidate {account.hex()}: it has no rank"
