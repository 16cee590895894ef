"""Producers: who may hold a seat, the reveals they are committed to, and what bars them."""

from vm.modules.producer.attendance import ATTENDANCE, WATCH, absentees, attend
from vm.modules.producer.duties import check_duty, is_duty
from vm.modules.producer.election import Stand, elect
from vm.modules.producer.ranking import change_votes, let_stand, let_withdraw, rank, votes_of
from vm.modules.producer.registration import Register, possession_message, register
from vm.modules.producer.reveals import Recommit, current_beacon
from vm.modules.producer.tables import (
    BEACONS,
    CANDIDATES,
    KEYS,
    NOT_REGISTERED,
    OFFENCES,
    PRODUCERS,
    RANKS,
    SUSPENSIONS,
    VOTES,
    Beacon,
    Candidate,
    Commitment,
    Offence,
    Producer,
    ProducerName,
    Rank,
    Suspension,
    Votes,
    producer,
)

__all__ = [
    "ATTENDANCE",
    "BEACONS",
    "CANDIDATES",
    "KEYS",
    "NOT_REGISTERED",
    "OFFENCES",
    "PRODUCERS",
    "RANKS",
    "SUSPENSIONS",
    "VOTES",
    "WATCH",
    "Beacon",
    "Candidate",
    "Commitment",
    "Offence",
    "Producer",
    "ProducerName",
    "Rank",
    "Recommit",
    "Register",
    "Stand",
    "Suspension",
    "Votes",
    "absentees",
    "attend",
    "change_votes",
    "check_duty",
    "current_beacon",
    "elect",
    "is_duty",
    "let_stand",
    "let_withdraw",
    "possession_message",
    "producer",
    "rank",
    "register",
    "votes_of",
]
