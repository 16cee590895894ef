"""W7: holders vote by tokens for the best nodes; the ranking is public."""

from tests.rules.disabled import Disabled
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, PRODUCERS
from vm.modules.producer.tables import RANKS
from vm.modules.stake import Approve, Bond

DISABLED = Disabled("vm.modules.stake.approving.change_votes", lambda *arguments: None)


def test_nodes_are_ranked_by_what_is_bonded_for_them() -> None:
    stage = Days()
    first, second = PRODUCERS[0].public, PRODUCERS[1].public
    assert stage.act(ANNA.public, Bond(60)) == stage.act(BEN.public, Bond(40)) == "ok"
    assert stage.act(ANNA.public, Approve((second,))) == "ok"
    assert stage.act(BEN.public, Approve((first, second))) == "ok"
    ranking = [account for (_, account), _ in RANKS.scan(stage.world.state, limit=2)]
    assert ranking == [second, first], "by 100 and by 40"
