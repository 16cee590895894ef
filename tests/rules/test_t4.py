"""T4: like once, comment by content id, share, tip, and views that their viewers have signed."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.fans import DORA, VIDEO, A, B, C, Fans
from tests.vm.world import ANNA, BEN
from vm.modules.social import Counts, CountViews, Like, Share, Tip, WriteComment, counts_of

DISABLED = Disabled("vm.modules.social.receipts.verifies", lambda *arguments: True)


def test_what_users_do_with_a_video_is_counted_once() -> None:
    fans = Fans()
    for action in (Like(VIDEO), Share(VIDEO), CountViews((fans.view(BEN), fans.view(DORA)))):
        fans.must(A, action)
        assert fans.act(A, action) != "ok", "twice"
    fans.must(A, WriteComment(VIDEO, VIDEO, 5))
    assert counts_of(fans.world.state, VIDEO) == Counts(1, 1, 1, 2)


def test_a_view_that_its_viewer_has_not_signed_does_not_count() -> None:
    fans = Fans()
    signed = fans.view(BEN, signer=ANNA)
    forged = type(signed)(signed.video, B, signed.day, B, signed.signature)
    assert fans.act(A, CountViews((forged,))) == "social.forged-receipt"


def test_a_tip_is_the_owners_but_for_a_twentieth() -> None:
    fans = Fans()
    before = fans.held(C)
    fans.must(B, Tip(VIDEO, "REEL", 999, None))
    assert fans.held(C) - before == 999 - floor(Fraction(999, 20))
