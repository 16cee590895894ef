"""Ranking: who stands for election, in the order of the votes for them.

Votes are units of stake, whoever they are for; those for one who does not stand wait for it. The
ranking is kept as votes change, so that an election reads its first rows whatever the number of
voters.
"""

from collections.abc import Iterator

from consensus.codec import UINT64_MAX
from vm.modules.producer.tables import CANDIDATES, RANKS, VOTES, Candidate, Rank, Votes, producer
from vm.view import State, View


def votes_of(view: View, producer_id: bytes) -> int:
    """The votes for an account."""
    row = VOTES.get(view, producer_id)
    return 0 if row is None else row.units


def rank(votes: int) -> int:
    """The first key part of a candidate's rank: more votes come earlier."""
    return UINT64_MAX - votes


def change_votes(state: State, producer_id: bytes, change: int) -> None:
    """Add votes for an account, or take them away; they never become fewer than none nor more
    than there are units."""
    before = votes_of(state, producer_id)
    after = before + change
    candidate = CANDIDATES.get(state, producer_id)
    if candidate is not None:
        RANKS.delete(state, rank(before), producer_id)
        RANKS.put(state, Rank(candidate.key), rank(after), producer_id)
    if after:
        VOTES.put(state, Votes(after), producer_id)
    else:
        VOTES.delete(state, producer_id)


def let_stand(state: State, producer_id: bytes, key: bytes) -> None:
    """Rank a producer among the candidates, by the votes for it."""
    CANDIDATES.put(state, Candidate(key), producer_id)
    RANKS.put(state, Rank(key), rank(votes_of(state, producer_id)), producer_id)


def let_withdraw(state: State, producer_id: bytes) -> None:
    """Take a producer out of the ranking, if it is there."""
    if CANDIDATES.get(state, producer_id) is not None:
        CANDIDATES.delete(state, producer_id)
        RANKS.delete(state, rank(votes_of(state, producer_id)), producer_id)


@producer.invariant
def ranks_agree(view: View) -> Iterator[str]:
    """Each candidate has the rank of its votes, and no one else has one."""
    ranked = {
        (rank(votes_of(view, account)), account): row.key
        for (account,), row in CANDIDATES.every(view)
    }
    for (place, account), row in RANKS.every(view):
        if ranked.pop((place, account), None) != row.key:
            yield f"rank {place} of {account.hex()}: not a candidate of so many votes"
    for _, account in ranked:
        yield f"candidate {account.hex()}: it has no rank"
