"""T3: content is claimed once, by who committed to it first; versions follow, and a name in a space
stands for the newest."""

from consensus.cid import Cid
from tests.rules.disabled import Disabled
from tests.vm.fans import A, C, Fans
from tests.vm.world import ANNA, CLEO, commit_to, publish
from vm.modules.content import Place, owner_of, resolve

DISABLED = Disabled("vm.modules.content.publishing.use_commitment", lambda *arguments: None)
HERE = Place("cleos-space", "first")


def test_a_claim_that_was_not_committed_to_is_nobodys() -> None:
    fans, seen = Fans(), publish(b"seen on its way")
    assert fans.act(A, seen) == "content.not-committed"
    commit_to(fans.world.state, seen, by=CLEO)
    assert fans.act(A, seen) == "content.not-committed", "another's commitment is no help"
    fans.must(C, seen)
    commit_to(fans.world.state, seen, by=ANNA)
    assert fans.act(A, seen) == "content.already-published"
    assert owner_of(fans.world.state, seen.cid) == C


def test_a_name_in_a_space_stands_for_the_newest_version() -> None:
    fans = Fans()
    first = publish(b"named", place=HERE)
    commit_to(fans.world.state, first, by=CLEO)
    fans.must(C, first)
    assert _newest(fans) == first.cid
    second = publish(b"named, again", replaces=first.cid)
    commit_to(fans.world.state, second, by=CLEO)
    fans.must(C, second)
    assert _newest(fans) == second.cid


def _newest(fans: Fans) -> Cid | None:
    line = resolve(fans.world.state, HERE)
    return None if line is None else line.newest
