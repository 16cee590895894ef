"""Votes that come before their block."""

from consensus.block import Vote
from consensus.cid import RAW, Cid, cid_of
from node.early_votes import MAX_MEMBERS, MAX_PER_MEMBER, EarlyVotes


def block(number: int) -> Cid:
    return cid_of(RAW, b"%d" % number)


def vote(member: int, number: int, signature: bytes = bytes(64)) -> Vote:
    return Vote(block(number), b"%032d" % member, signature)


def test_votes_wait_for_their_block_once() -> None:
    early = EarlyVotes()
    for item in (vote(1, 7), vote(2, 7), vote(1, 8), vote(1, 7, b"x" * 64)):
        early.keep(item)
    assert vote(2, 7) in early
    assert vote(2, 8) not in early
    assert early.take(block(7)) == [vote(1, 7), vote(2, 7)]
    assert early.take(block(7)) == []
    assert early.take(block(8)) == [vote(1, 8)]


def test_one_member_cannot_crowd_out_another() -> None:
    early = EarlyVotes()
    early.keep(vote(1, 0))
    for number in range(MAX_PER_MEMBER + 5):
        early.keep(vote(2, number))
    assert early.take(block(0)) == [vote(1, 0)]
    assert early.take(block(4)) == []
    assert early.take(block(5)) == [vote(2, 5)]


def test_members_are_bounded() -> None:
    early = EarlyVotes()
    for member in range(MAX_MEMBERS + 1):
        early.keep(vote(member, 0))
    assert len(early.take(block(0))) == MAX_MEMBERS
