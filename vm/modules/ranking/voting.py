"""Voting: what users spend votes by the platform's fee on it, and takes nothing from who earns it
(T5)."""

from consensus.address import format_address
from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import Asset
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.content import VIDEOS
from vm.modules.ranking.strength import repeated_points, strengthened
from vm.modules.ranking.tables import (
    AGENDA,
    BACKINGS,
    CREATOR,
    HALF_LIFE_S,
    PLACES,
    REPEAT_PPM,
    REPEAT_WINDOW_S,
    RESPONSES,
    ROOM,
    SCORES,
    TEMPO,
    VIDEO,
    WEIGHTS,
    AssetPoints,
    Backing,
    Place,
    Points,
    Response,
    Score,
    Subject,
    SubjectKind,
    Tempo,
    Weight,
    place_key,
    ranking,
    score_of,
    tempo_of,
)
from vm.modules.tokens import asset_row
from vm.parameter import PARTS_PER_MILLION
from vm.view import State, View

ENDED_A_BLOCK = 256
_MEAN_OF = 8  # how much of a mean is what was before


@ranking.event
@record("ranking.voted")
class Voted(Record):
    """A subject has got this many points."""

    kind: SubjectKind
    subject: Subject
    points: Points


@ranking.event
@record("ranking.weight_set")
class WeightSet(Record):
    """A million units of an asset's fees weigh so many points from now on."""

    asset: Asset
    points: AssetPoints


@ranking.action(gas=2_000, governed=True)
@record("ranking.set_weight")
class SetWeight(Action):
    """Let the platform's fees in an asset vote: so many points for each million units. Where none
    is set a unit of the native asset is a point, and other assets do not vote (T5)."""

    asset: Asset
    points: AssetPoints

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        return f"let a million units of fees in {self.asset} weigh {self.points} points"

    def apply(self, context: Context) -> None:
        asset_row(context.state, self.asset)
        WEIGHTS.put(context.state, Weight(self.points), self.asset)
        context.emit(WeightSet(self.asset, self.points))


def vote(
    context: Context,
    *,
    voter: bytes,
    creator: bytes,
    asset: str,
    fee: int,
    video: Cid | None,
    in_room: bool = False,
) -> None:
    """Let a fee that an account has paid vote for a creator and for the video, or the creator's
    live room, that it was paid for. The account's further votes for this creator in the window
    weigh less each time (T5); no vote weighs more than its fee."""
    state = context.state
    points = _points_of(state, asset, fee)
    if not points:
        return
    points = repeated_points(points, _count(context, voter, creator), REPEAT_PPM.read(state))
    add_points(context, CREATOR, format_address(creator), points)
    if video is not None:
        add_points(context, VIDEO, subject_of(state, video), points)
    elif in_room:
        add_points(context, ROOM, format_address(creator), points)


def add_points(context: Context, kind: str, subject: str, points: int) -> None:
    """Give a subject these points, which decay from now on."""
    if not points:
        return
    state, row = context.state, score_of(context.state, kind, subject)
    tick = _tick(state, context.block.time_ms)
    is_listed = row.is_listed or kind != ROOM  # a room is listed while it is open
    put_score(
        state,
        kind,
        subject,
        Score(strengthened(row.strength, points, tick), row.votes + 1, is_listed),
    )
    context.emit(Voted(kind, subject, points))


def list_subject(state: State, kind: str, subject: str, *, is_listed: bool) -> None:
    """Put a subject into the ranking, or take it out; its votes stay."""
    row = replace(score_of(state, kind, subject), is_listed=is_listed)
    put_score(state, kind, subject, row)


def put_score(state: State, kind: str, subject: str, score: Score) -> None:
    """Write a score, and its place in the ranking."""
    before = SCORES.get(state, kind, subject)
    if before is not None and before.is_listed:
        PLACES.delete(state, *place_key(kind, subject, before))
    if score.is_listed:
        PLACES.put(state, Place(), *place_key(kind, subject, score))
    SCORES.put(state, score, kind, subject)


def subject_of(view: View, video: Cid) -> str:
    """What stands for all versions of a published video: its first."""
    row = VIDEOS.get(view, video)
    return str(video if row is None else row.first)


def note_response(state: State, account: bytes, waited_ms: int) -> None:
    """Count how long an account let a buyer wait (T5)."""
    row = RESPONSES.get(state, account)
    mean_ms = waited_ms
    if row is not None:
        mean_ms = (row.mean_ms * (_MEAN_OF - 1) + waited_ms) // _MEAN_OF
    RESPONSES.put(state, Response(mean_ms), account)


@ranking.begin_block
def end_windows(context: Context) -> None:
    """Forget the windows that are over, a bounded number a block."""
    now_ms = context.block.time_ms
    for _, voter, creator in AGENDA.take(context.state, now_ms, limit=ENDED_A_BLOCK):
        BACKINGS.delete(context.state, voter, creator)


def _points_of(view: View, asset: str, fee: int) -> int:
    row = WEIGHTS.get(view, asset)
    if row is None:
        return fee if asset == chain_constants(view).native_asset else 0
    return min(fee * row.points // PARTS_PER_MILLION, UINT64_MAX)


def _count(context: Context, voter: bytes, creator: bytes) -> int:
    """How many votes came before in this window; counts this one, which may begin another."""
    state, now_ms = context.state, context.block.time_ms
    row = BACKINGS.get(state, voter, creator)
    if row is not None and row.until_ms > now_ms:
        BACKINGS.put(state, replace(row, votes=row.votes + 1), voter, creator)
        return row.votes
    if row is not None:  # over, and not forgotten yet
        AGENDA.remove(state, row.until_ms, voter, creator)
    until_ms = now_ms + 1000 * REPEAT_WINDOW_S.read(state)
    BACKINGS.put(state, Backing(1, until_ms), voter, creator)
    AGENDA.add(state, until_ms, voter, creator)
    return 0


def _tick(state: State, time_ms: int) -> int:
    """The tick of a vote, by the half-life that holds; a new one holds from this tick on."""
    tempo, half_life_s = tempo_of(state), HALF_LIFE_S.read(state)
    tick = tempo.tick_at(time_ms)
    if TEMPO.get(state) is None:
        TEMPO.put(state, tempo)
    elif half_life_s != tempo.half_life_s:
        TEMPO.put(state, Tempo(tick, time_ms, half_life_s))
    return tick
