"""Attestations: who may make and end them, and when they count."""

import pytest

from consensus.address import format_address
from consensus.errors import InvalidTransaction
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BEN, CLEO, World, apply_to, key
from vm.modules.account import (
    ATTESTATIONS,
    Attest,
    Attestation,
    RevokeAttestation,
    attester_of,
    is_attested,
)
from vm.modules.account.attesting import (
    AnnulAttestation,
    AttestationRevoked,
    Attested,
    AttesterSet,
    SetAttester,
)

POLICY, ATTESTER, OTHER, PERSON = b"policy".ljust(32, b"."), ANNA.public, BEN.public, CLEO.public
COMMITMENT = bytes(range(32))
ATTEST = Attest(PERSON, COMMITMENT)


@pytest.fixture
def stage() -> Stage:
    """Anna is an attester."""
    made = Stage()
    assert made.act(POLICY, SetAttester(ATTESTER, True)) == "ok"
    assert made.events == [AttesterSet(ATTESTER, True)]
    return made


def attested(stage: Stage) -> bool:
    return is_attested(stage.world.state, PERSON)


def test_an_attester_attests_and_revokes(stage: Stage) -> None:
    assert not attested(stage)
    assert stage.act(ATTESTER, ATTEST) == "ok"
    assert stage.events[1] == Attested(PERSON, ATTESTER)
    assert attester_of(stage.world.state, PERSON) == ATTESTER
    row = ATTESTATIONS.get(stage.world.state, PERSON)
    assert row == Attestation(ATTESTER, COMMITMENT, stage.time_ms)
    assert stage.act(ATTESTER, RevokeAttestation(PERSON)) == "ok"
    assert stage.events[2] == AttestationRevoked(PERSON, ATTESTER)
    assert not attested(stage)
    assert ATTESTATIONS.get(stage.world.state, PERSON) is None


def test_nobody_else_can(stage: Stage) -> None:
    assert stage.act(OTHER, ATTEST) == "account.not-attester"
    assert stage.act(PERSON, ATTEST) == "account.not-attester"
    assert stage.act(ATTESTER, RevokeAttestation(PERSON)) == "account.not-attested"
    assert stage.act(ATTESTER, ATTEST) == "ok"
    for other in (OTHER, PERSON):
        assert stage.act(other, RevokeAttestation(PERSON)) == "account.other-attester"
    assert attested(stage)


def test_an_account_is_attested_once_at_a_time(stage: Stage) -> None:
    stage.act(POLICY, SetAttester(OTHER, True))
    assert stage.act(ATTESTER, ATTEST) == "ok"
    for attester in (ATTESTER, OTHER):
        assert stage.act(attester, ATTEST) == "account.already-attested"
    assert stage.act(ATTESTER, RevokeAttestation(PERSON)) == "ok"
    assert stage.act(OTHER, ATTEST) == "ok"


def test_the_word_of_who_is_no_attester_any_more_does_not_count(stage: Stage) -> None:
    stage.act(ATTESTER, ATTEST)
    assert stage.act(POLICY, SetAttester(ATTESTER, False)) == "ok"
    assert stage.events[-1] == AttesterSet(ATTESTER, False)
    assert not attested(stage)
    stage.act(POLICY, SetAttester(OTHER, True))
    assert stage.act(OTHER, ATTEST) == "ok"
    assert attester_of(stage.world.state, PERSON) == OTHER
    assert stage.act(ATTESTER, RevokeAttestation(PERSON)) == "account.other-attester"


def test_who_becomes_an_attester_again_has_its_word_back(stage: Stage) -> None:
    stage.act(ATTESTER, ATTEST)
    stage.act(POLICY, SetAttester(ATTESTER, False))
    stage.act(POLICY, SetAttester(ATTESTER, True))
    assert attested(stage)
    stage.act(POLICY, SetAttester(ATTESTER, False))
    assert stage.act(ATTESTER, RevokeAttestation(PERSON)) == "ok"


def test_a_proposal_ends_an_attestation(stage: Stage) -> None:
    assert stage.act(POLICY, AnnulAttestation(PERSON)) == "account.not-attested"
    stage.act(ATTESTER, ATTEST)
    assert stage.act(POLICY, AnnulAttestation(PERSON)) == "ok"
    assert stage.events[-1] == AttestationRevoked(PERSON, POLICY)
    assert not attested(stage)


def test_an_attester_is_set_once(stage: Stage) -> None:
    assert stage.act(POLICY, SetAttester(ATTESTER, True)) == "account.already-attester"
    assert stage.act(POLICY, SetAttester(OTHER, False)) == "account.not-attester"


def test_a_proposal_says_what_it_will_do() -> None:
    address = format_address(ATTESTER)
    told = [SetAttester(ATTESTER, attests).in_words() for attests in (True, False)]
    assert told == [f"let {address} attest accounts", f"let {address} attest accounts no longer"]
    assert AnnulAttestation(ATTESTER).in_words() == f"end the attestation of {address}"


@pytest.mark.parametrize("action", [SetAttester(ATTESTER, True), AnnulAttestation(PERSON)])
def test_no_account_can_do_what_proposals_do(action: SetAttester | AnnulAttestation) -> None:
    world = World.begin()
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(world.start(), world.order(action, by=key("anna")))
    assert caught.value.code == "chain.governed-action"
