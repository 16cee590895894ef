"""A newer protocol holds from its height on; a program that does not know it stops before."""

import pytest

from consensus.errors import ProtocolTooNew
from node.failure import Refused, failure_of
from tests.vm.assembly import Assembly, members, person, stage
from vm.modules import upgrade
from vm.modules.upgrade import (
    PLAN,
    PROTOCOL,
    Activated,
    Cancel,
    Plan,
    Protocol,
    Schedule,
    activate,
    protocol_of,
)

ADMIN = person(1)


@pytest.fixture
def hall() -> Assembly:
    made = Assembly()
    made.found("admin", members(1), ADMIN)
    made.permit("rule", stage("admin", 100), scopes=["upgrade.schedule", "upgrade.cancel"])
    return made


def rule(hall: Assembly, action: Schedule | Cancel, number: int) -> str:
    assert hall.propose("rule", action, by=ADMIN) == "ok"
    return hall.proposal(number).code or hall.status(number)


def at_height(hall: Assembly, height: int) -> None:
    hall.chain.world.height = height
    hall.chain.step(activate)


def test_a_known_protocol_holds_from_its_height_on(
    hall: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "KNOWN_PROTOCOL", 2)
    state = hall.chain.world.state
    assert protocol_of(state) == 1
    assert rule(hall, Schedule(2, 50), 1) == "passed"
    at_height(hall, 49)
    assert (protocol_of(state), PLAN.get(state)) == (1, Plan(2, 50))
    at_height(hall, 50)
    assert (protocol_of(state), PLAN.get(state)) == (2, None)
    assert PROTOCOL.get(state) == Protocol(2, 50)
    assert hall.chain.events[-1] == Activated(2)
    assert rule(hall, Schedule(2, 99), 2) == "upgrade.not-newer"


def test_a_program_that_does_not_know_the_protocol_stops_before_it(hall: Assembly) -> None:
    assert rule(hall, Schedule(7, 50), 1) == "passed"
    at_height(hall, 49)
    with pytest.raises(ProtocolTooNew) as caught:
        at_height(hall, 50)
    assert (caught.value.protocol, caught.value.height) == (7, 50)
    said = failure_of(ExceptionGroup("nursery", [caught.value]))
    assert isinstance(said, Refused)
    assert said.code == "protocol-too-new"
    assert "version 7" in said.message
    assert "install a newer one" in said.message


def test_what_is_planned_can_be_changed_and_cancelled(hall: Assembly) -> None:
    assert rule(hall, Cancel(), 1) == "upgrade.not-planned"
    assert rule(hall, Schedule(2, 1), 2) == "upgrade.too-soon"
    assert rule(hall, Schedule(1, 50), 3) == "upgrade.not-newer"
    assert rule(hall, Schedule(2, 50), 4) == "passed"
    assert rule(hall, Schedule(3, 60), 5) == "passed"
    assert PLAN.get(hall.chain.world.state) == Plan(3, 60)
    assert rule(hall, Cancel(), 6) == "passed"
    at_height(hall, 100)
    assert protocol_of(hall.chain.world.state) == 1
