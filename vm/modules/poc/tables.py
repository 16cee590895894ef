"""The module `poc`: its rows, and what must hold between them."""

from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter, Digest, Uint
from consensus.record import Record, part, record
from vm.declare import Module
from vm.modules.account import HandleName
from vm.modules.activity_kind import ActivityKind
from vm.table import Table
from vm.view import View

poc = Module(
    "poc",
    "Proof of contribution: creators of neighbouring rank are paired, and one of each pair is "
    "promoted.",
)

POOL_POT = "poc.pool"
MOST_WEIGHT = 10_000
MOST_COEFFICIENT = 2**48 - 1

Weight = Annotated[int, Uint(MOST_WEIGHT)]
Coefficient = Annotated[int, Uint(MOST_COEFFICIENT)]
IdleDays = Annotated[int, Uint(30)]


@part
class Dimensions(Record):
    """What each dimension weighs in a creator's coefficient: videos published; how many of the
    newest in a row are in one channel (vertical); plays; likes, comments, payments and shares
    (interaction); and accounts that ever did any of these (fans)."""

    creation: Weight
    vertical: Weight
    play: Weight
    interaction: Weight
    fan: Weight


@part
class Contributions(Record):
    """What a creator's contribution of a day grows by for each account that plays, likes, comments
    on, pays for or shares its videos."""

    play: Weight
    like: Weight
    comment: Weight
    payment: Weight
    share: Weight

    def of(self, kind: ActivityKind) -> int:
        """For one kind; 0 for posts, which are the creator's own."""
        found = (0, self.play, self.like, self.comment, self.payment, self.share)
        return found[list(ActivityKind).index(kind)]


@record("poc.rules")
class Rules(Record):
    """What who is promoted gets (W_M) and the other of the pair (W_w), and the worth of the effort
    of contributing (e), all in units; what counts how much; and for how many days with blocks after
    its last contribution a creator stays among those who are paired."""

    promoted_units: Amount
    other_units: Amount
    effort_units: Amount
    dimensions: Dimensions
    contributions: Contributions
    idle_days: IdleDays


@part
class Standing(Record):
    """Where a creator stands: the day it is listed for, and its coefficient when it was."""

    day: Counter
    coefficient: Coefficient


@record("poc.creator")
class Creator(Record):
    """What a creator has ever done and got: videos; the channel of the newest (null: of none) and
    how many in a row were in it; plays, interactions and fans, each account once a day and kind;
    how many days there were with blocks at its last contribution; where it stands (null: nowhere);
    and how often it was paired and promoted, and the units earned."""

    posts: Counter
    channel: HandleName | None
    in_a_row: Counter
    plays: Counter
    interactions: Counter
    fans: Counter
    active_on: Counter
    standing: Standing | None
    pairings: Counter
    promotions: Counter
    earned: Amount


NEW = Creator(0, None, 0, 0, 0, 0, 0, None, 0, 0, 0)


@record("poc.contribution")
class Contribution(Record):
    """A creator's contribution on a day that is not over, or whose pairs are not all drawn."""

    units: Annotated[int, Uint(minimum=1)]


@record("poc.fan")
class Fan(Record):
    """The last day on which an account did something at a creator's videos, and what: a bit for
    each kind, as each counts once a day."""

    day: Counter
    kinds: Annotated[int, Uint(2 ** len(ActivityKind) - 1)]


@record("poc.standing")
class Listed(Record):
    """Lists the creators of a day by rank, the highest coefficient first."""


@record("poc.current")
class Current(Record):
    """The day for which contributions count."""

    day: Counter


@record("poc.walk")
class Walk(Record):
    """How far the pairs of a day that is over are drawn: the least height of the block whose beacon
    decides, the seed from it (null: not yet), how many pairs were paid, and how many were not, as
    the pool held too little."""

    day: Counter
    from_height: Counter
    seed: Digest | None
    paid: Counter
    unpaid: Counter


RULES: Table[Rules] = poc.table(Rules)
CREATORS: Table[Creator, bytes] = poc.table(Creator, creator=AccountId)
CONTRIBUTIONS: Table[Contribution, int, bytes] = poc.table(
    Contribution, day=Counter, creator=AccountId
)
FANS: Table[Fan, bytes, bytes] = poc.table(Fan, creator=AccountId, account=AccountId)
STANDINGS: Table[Listed, int, int, bytes] = poc.table(
    Listed, day=Counter, below=Coefficient, creator=AccountId
)
CURRENT: Table[Current] = poc.table(Current)
WALK: Table[Walk] = poc.table(Walk)


def contribution_of(view: View, day: int, creator: bytes) -> int:
    """A creator's contribution on a day."""
    row = CONTRIBUTIONS.get(view, day, creator)
    return 0 if row is None else row.units


@poc.invariant
def standings_agree(view: View) -> Iterator[str]:
    """Creators are listed where their rows say, for the day that is counted or that is drawn; and
    all who have contributed on such a day are listed."""
    walk, current = WALK.get(view), CURRENT.get(view)
    days = {row.day for row in (walk, current) if row is not None}
    listed = {creator: (day, below) for (day, below, creator), _ in STANDINGS.every(view)}
    told = {
        creator: (row.standing.day, MOST_COEFFICIENT - row.standing.coefficient)
        for (creator,), row in CREATORS.every(view)
        if row.standing is not None
    }
    if listed != told:
        yield f"{len(listed.items() ^ told.items())} creators are not listed as their rows say"
    if not {day for day, _ in listed.values()} <= days:
        yield "creators are listed for days that are neither counted nor drawn"
    for (day, creator), _ in CONTRIBUTIONS.every(view):
        if day not in days or creator not in listed:
            yield f"{creator.hex()} has contributed on the day {day}, and is not listed"


@poc.invariant
def fans_are_counted(view: View) -> Iterator[str]:
    """Each creator has as many fans as its row says."""
    found: dict[bytes, int] = {}
    for (creator, _), _ in FANS.every(view):
        found[creator] = found.get(creator, 0) + 1
    told = {creator: row.fans for (creator,), row in CREATORS.every(view) if row.fans}
    if found != told:
        yield f"{len(found.items() ^ told.items())} creators have other fans than their rows say"
