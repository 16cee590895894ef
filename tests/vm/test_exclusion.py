"""A proposal keeps a producer from standing; the next in votes takes its place."""

import pytest

from tests.vm.assembly import Assembly, members, person, stage
from tests.vm.world import CONSENSUS, commitment_of
from vm.modules.producer import CANDIDATES, NO_PROFILE, Exclude, Register, Stand, elect
from vm.modules.producer.registration import Deregister, possession_message

ADMIN = person(1)


@pytest.fixture
def hall() -> Assembly:
    made = Assembly()
    made.found("admin", members(1), ADMIN)
    made.permit("rule", stage("admin", 100), scopes=["producer.exclude"])
    return made


def exclude(hall: Assembly, producer: bytes, seconds: int, number: int) -> str:
    assert hall.propose("rule", Exclude(producer, seconds), by=ADMIN) == "ok"
    return hall.proposal(number).code or hall.status(number)


def test_who_is_excluded_stands_no_longer_and_must_not_till_its_time_is_over(
    hall: Assembly,
) -> None:
    everyone, state = hall.producers(5), hall.chain.world.state
    assert exclude(hall, everyone[0], 60, 1) == "passed"
    elected = elect(state)
    assert elected is not None
    assert {member.producer for member in elected.members} == set(everyone[1:])
    assert hall.chain.act(everyone[0], Stand(standing=True)) == "producer.excluded"
    hall.wait(60)
    assert hall.chain.act(everyone[0], Stand(standing=True)) == "ok"
    assert hall.sound() == []


def test_four_must_be_left_and_only_producers_are_excluded(hall: Assembly) -> None:
    everyone = hall.producers(5)
    assert exclude(hall, person(77), 60, 1) == "producer.not-registered"
    assert exclude(hall, everyone[4], 60, 2) == "passed"
    assert exclude(hall, everyone[0], 60, 3) == "producer.too-few-left"
    assert exclude(hall, everyone[4], 0, 4) == "passed"
    assert hall.chain.act(everyone[4], Stand(standing=True)) == "ok"
    assert exclude(hall, everyone[4], 0, 5) == "passed"
    assert CANDIDATES.get(hall.chain.world.state, everyone[4]) is not None


def test_to_register_anew_is_no_way_around_it(hall: Assembly) -> None:
    everyone, chain = hall.producers(5), hall.chain
    exclude(hall, everyone[4], 60, 1)
    assert chain.act(everyone[4], Deregister()) == "ok"
    key = CONSENSUS[0]
    message = possession_message(chain.world.genesis.chain, everyone[4], key.public)
    again = Register(key.public, "p4", NO_PROFILE, 0, commitment_of(9), key.sign(message))
    assert chain.act(everyone[4], again) == "producer.excluded"
    assert CANDIDATES.get(chain.world.state, everyone[4]) is None
