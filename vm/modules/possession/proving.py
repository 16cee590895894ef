"""Proving: a provider shows the segments that were drawn for it, and gets what it has earned."""

from typing import Annotated

from consensus.cid import Cid
from consensus.errors import InvalidProof
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, record, replace
from consensus.segments import SegmentProof, verify_segment
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.possession.drawing import drawn_segments
from vm.modules.possession.settling import count_done, put_pledge, take_earned
from vm.modules.possession.tables import (
    AGENDA,
    MAX_SEGMENTS,
    PERIOD_BLOCKS,
    PLEDGES,
    ROOTS,
    Challenge,
    Pledge,
    Provider,
    pledge_row,
    possession,
    root_row,
)
from vm.modules.tokens import credit
from vm.view import View

SEGMENT_GAS = 400  # the hash of a KiB
HASH_GAS = 50  # of each node on the way up

NOT_OPEN = possession.error("not-open", "No challenge of this number is open for the account.")
TOO_LATE = possession.error("too-late", "The challenge can be answered no more.")
WRONG_NUMBER = possession.error("wrong-number", "Each drawn segment is shown, in order.")
BAD_PROOF = possession.error("bad-proof", "What is shown is not the drawn segment of the video.")


@possession.event
@record("possession.kept")
class Kept(Record):
    """A provider has answered a challenge, and has got what its pledge had earned since the last
    that it answered."""

    cid: Cid
    provider: AccountId
    period: Counter
    earned: Amount


@possession.action(gas=10_000, free=True)
@record("possession.prove")
class Prove(Action):
    """Answer the open challenge of this number with the drawn segments, in order. It proves that
    the sender could get these segments in time, by which it earns; another's challenge draws
    others."""

    cid: Cid
    period: Counter
    proofs: Annotated[tuple[SegmentProof, ...], AtMost(MAX_SEGMENTS, 1)]

    def derived_gas(self, view: View) -> int:
        return sum(SEGMENT_GAS + HASH_GAS * len(proof.path) for proof in self.proofs)

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        pledge = pledge_row(state, self.cid, sender)
        challenge = self._open_challenge(pledge, context.block.height)
        self._check(state, challenge)
        AGENDA.remove(state, pledge.due_height, self.cid, sender)
        earned, settled = take_earned(state, pledge)
        credit(state, sender, chain_constants(state).native_asset, earned)
        due_height = challenge.height + PERIOD_BLOCKS.read(state)
        waiting = replace(settled, missed=0, due_height=due_height, challenge=None)
        put_pledge(state, self.cid, sender, waiting)
        count_done(state, sender, Provider(1, 0, 0, earned, 0))
        context.emit(Kept(self.cid, sender, self.period, earned))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (PLEDGES.state_key(self.cid, sender), ROOTS.state_key(self.cid))

    def _open_challenge(self, pledge: Pledge, height: int) -> Challenge:
        if pledge.challenge is None or self.period != pledge.period:
            raise NOT_OPEN.failed(
                f"the newest challenge is {pledge.period}, the next falls due at height "
                f"{pledge.due_height}"
                if pledge.challenge is None
                else f"challenge {pledge.period} is open",
                field="period",
            )
        if height >= pledge.due_height:
            raise TOO_LATE.failed(f"it was open below height {pledge.due_height}", field="period")
        return pledge.challenge

    def _check(self, view: View, challenge: Challenge) -> None:
        root = root_row(view, self.cid)
        if len(self.proofs) != challenge.segments:
            raise WRONG_NUMBER.failed(
                f"{challenge.segments} segments are drawn, {len(self.proofs)} shown", field="proofs"
            )
        drawn = drawn_segments(challenge, root.size_bytes)
        for i, (index, proof) in enumerate(zip(drawn, self.proofs, strict=True)):
            try:
                verify_segment(root.root, root.size_bytes, index, proof)
            except InvalidProof as error:
                field = error.within(f"proofs[{i}]").field
                raise BAD_PROOF.failed(f"segment {index}: {error.message}", field=field) from None
