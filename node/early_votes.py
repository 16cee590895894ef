"""Votes that came before their block: kept for it, a bounded number of each member's."""

from consensus.block import Vote
from consensus.cid import Cid
from consensus.producers import MAX_PRODUCERS

MAX_PER_MEMBER = 64
# The sets at the final block and at the head, and those that follow them.
MAX_MEMBERS = 4 * MAX_PRODUCERS


class EarlyVotes:
    """Verified votes by block and member; a member's oldest give way to its newest."""

    def __init__(self) -> None:
        self._by_member: dict[bytes, dict[Cid, Vote]] = {}

    def __contains__(self, vote: Vote) -> bool:
        """Whether a vote by this member for this block is kept."""
        return vote.block_id in self._by_member.get(vote.key, {})

    def keep(self, vote: Vote) -> None:
        """Keep a vote; a second one by its member for the same block changes nothing."""
        votes = self._by_member.setdefault(vote.key, {})
        votes.setdefault(vote.block_id, vote)
        if len(votes) > MAX_PER_MEMBER:
            del votes[next(iter(votes))]
        if len(self._by_member) > MAX_MEMBERS:
            del self._by_member[next(iter(self._by_member))]

    def take(self, block_id: Cid) -> list[Vote]:
        """The votes for a block, no longer kept."""
        found = [votes.pop(block_id, None) for votes in self._by_member.values()]
        return [vote for vote in found if vote is not None]
