"""A community in which nobody holds a token gets going from nothing (ECONOMIES section 0)."""

import pytest

from consensus.cid import RAW, cid_of
from consensus.errors import InvalidBlock
from consensus.keys import KeyPair
from consensus.transaction import Transaction
from genesis.build import build_genesis
from genesis.preset import load_preset
from tests.vm.world import GENESIS_TIME_MS, World, key, producer_records
from vm.declare import Action
from vm.modules.account import Attest, is_attested
from vm.modules.gov import POLICIES, Propose, Vote
from vm.modules.gov.tables import YES
from vm.modules.tasks import TASKS
from vm.modules.tasks import Propose as ProposeTask
from vm.modules.tokens import BALANCES, Pay, balance_of

ROLES = ("attester", "media", "developer", "participant")
CLEO = key("cleo")


class Village(World):
    """The WePoS preset, whose roles are keys of their names; mana pays for all that is sent."""

    def send(self, by: KeyPair, nonce: int, *actions: Action) -> str:
        """The status of a transaction in a block of its own."""
        asked: Transaction = self.order(
            *actions, by=by, nonce=nonce, max_fee=0, fee_asset="POS", valid_until_height=200
        )
        (receipt,) = self.run(asked).receipts
        return receipt.status


@pytest.fixture
def village() -> Village:
    roles = {role: key(role).public for role in ROLES}
    made = build_genesis(load_preset("wepos"), producer_records(), [], GENESIS_TIME_MS, roles=roles)
    return Village(made, made.state())


def test_who_has_no_token_attests_proposes_votes_and_is_paid(village: Village) -> None:
    assert list(BALANCES.every(village.state)) == []
    attester, media, developer = map(key, ROLES[:3])
    for nonce, account in enumerate((media, developer)):
        assert village.send(attester, nonce, Attest(account.public, bytes(32))) == "ok"
        assert is_attested(village.state, account.public)
    pay = Pay("issue", CLEO.public, "POS", 500, "for an article").pack()
    assert village.send(media, 0, Propose("committee", "Pay", "", (pay,))) == "ok"
    assert balance_of(village.state, CLEO.public, "POS") == 0
    assert village.send(developer, 0, Vote(1, YES)) == "ok"
    assert balance_of(village.state, CLEO.public, "POS") == 500


def test_who_has_no_token_and_no_seat_proposes_a_form_of_taking_part(village: Village) -> None:
    assert village.send(key("attester"), 0, Attest(CLEO.public, bytes(32))) == "ok"
    assert village.send(CLEO, 0, ProposeTask("A meeting", cid_of(RAW, b"how"))) == "ok"
    row = TASKS.get(village.state, 1)
    assert row is not None
    assert (row.proposer, row.is_accepted) == (CLEO.public, False)


def test_nobody_else_can_make_the_network_work_for_nothing(village: Village) -> None:
    stranger = village.order(Attest(CLEO.public, bytes(32)), by=CLEO, max_fee=0, fee_asset="POS")
    with pytest.raises(InvalidBlock, match="mana"):
        village.run(stranger)
    assert POLICIES.get(village.state, "committee") is not None
