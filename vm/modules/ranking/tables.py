"""The module `ranking`: its parameters and rows, and what must hold between them."""

from collections.abc import Iterator
from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.chain import chain_constants
from vm.modules.ranking.strength import TICKS
from vm.parameter import PARTS_PER_MILLION
from vm.table import KeyPart, Table
from vm.view import View

ranking = Module(
    "ranking", "What fees vote for: scores that decay, and the recommendation slots filled by them."
)

VIDEO, CREATOR, ROOM = "video", "creator", "room"
KINDS = (VIDEO, CREATOR, ROOM)
MOST_CANDIDATES = 64
POLICIES = ("rank", "rotation", "random", "hash", "least-shown", "fastest-response")

SUBJECT_TEXT = Text(8, 4, "|".join(KINDS))
SubjectKind = Annotated[str, SUBJECT_TEXT]
# The first version's content id of a video, the address of a creator or of a room's owner.
Subject = Annotated[str, Text(80, 1, "[a-z0-9]+")]
Subjects = Annotated[tuple[Subject, ...], AtMost(MOST_CANDIDATES)]
PolicyName = Annotated[str, Text(16, 4, "|".join(POLICIES))]
Points = Annotated[int, Uint(UINT64_MAX)]
AssetPoints = Annotated[int, Uint(10**15)]

HALF_LIFE_S = ranking.parameter(
    "half_life_s",
    default=7 * 24 * 3600,
    minimum=3600,
    maximum=366 * 24 * 3600,
    unit="seconds",
    sentence="In how long a score decays to half (T5); another value holds from the next vote on.",
)
REPEAT_WINDOW_S = ranking.parameter(
    "repeat_window_s",
    default=24 * 3600,
    minimum=60,
    maximum=31 * 24 * 3600,
    unit="seconds",
    sentence="How long after an account's vote for a creator its further ones weigh less (T5).",
)
REPEAT_PPM = ranking.parameter(
    "repeat_ppm",
    default=500_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="What each further vote within the window weighs of the one before it, in ppm; what "
    "comes of it is rounded down (T5).",
)
POLICY = ranking.parameter(
    "policy",
    default=0,
    minimum=0,
    maximum=len(POLICIES) - 1,
    unit="policy",
    sentence="How recommendation slots are filled: 0 rank, 1 rotation, 2 random, 3 hash, 4 "
    "least-shown, 5 fastest-response (T5).",
)
SLOTS_SHOWN = ranking.parameter(
    "slots",
    default=8,
    minimum=1,
    maximum=MOST_CANDIDATES,
    unit="slots",
    sentence="How many recommendation slots there are for each kind of subject (T5).",
)
CANDIDATES = ranking.parameter(
    "candidates",
    default=32,
    minimum=1,
    maximum=MOST_CANDIDATES,
    unit="subjects",
    sentence="How many of the highest scores of a kind are candidates for its slots (T5).",
)
PERIOD_BLOCKS = ranking.parameter(
    "period_blocks",
    default=60,
    minimum=30,
    maximum=1_000_000,
    unit="blocks",
    sentence="How often recommendation slots are filled anew (T5).",
)


@record("ranking.score")
class Score(Record):
    """What a subject's votes are worth: their `strength`, of which the score's decayed points
    follow (`docs/protocol.md`), how many votes it got, and whether it is in the ranking."""

    strength: Amount
    votes: Counter
    is_listed: bool


@record("ranking.place")
class Place(Record):
    """Lists the subjects of a kind, the highest score first: `descent` is 2^64 - 1 - strength."""


@record("ranking.tempo")
class Tempo(Record):
    """The half-life that holds, and how many ticks, of 64 to a half-life, there had been when it
    began to (ms from the Unix epoch)."""

    ticks: Counter
    since_ms: Counter
    half_life_s: Counter

    def tick_at(self, time_ms: int) -> int:
        """How many ticks there have been at a time."""
        return self.ticks + max(0, time_ms - self.since_ms) * TICKS // (1000 * self.half_life_s)


@record("ranking.backing")
class Backing(Record):
    """How often an account has voted for a creator in the window that ends at `until_ms` (ms from
    the Unix epoch)."""

    votes: Counter
    until_ms: Counter


@record("ranking.ending")
class Ending(Record):
    """Lists the windows by their ends."""


@record("ranking.weight")
class Weight(Record):
    """How many points a million units of an asset's fees weigh; without a row a million of the
    native asset, and none of any other."""

    points: AssetPoints


@part
class Candidates(Record):
    """The subjects of a kind with the highest scores, the highest first."""

    kind: SubjectKind
    subjects: Subjects


@record("ranking.draft")
class Draft(Record):
    """Candidates that are frozen until the beacon of a block of `height` or above fills the slots
    of this period."""

    period: Counter
    height: Counter
    candidates: Annotated[tuple[Candidates, ...], AtMost(len(KINDS))]


@record("ranking.slots")
class Slots(Record):
    """What is recommended, the first first, since which height, in which period and by which
    policy. By `hash` these are all candidates, of which each viewer has its own choice."""

    subjects: Subjects
    policy: PolicyName
    period: Counter
    height: Counter


@record("ranking.shown")
class Shown(Record):
    """In how many periods a subject was in a slot."""

    periods: Counter


@record("ranking.response")
class Response(Record):
    """How long an account lets its buyers wait for a key, in ms: each answer counts an eighth of
    the mean, the first all of it."""

    mean_ms: Counter


SCORES: Table[Score, str, str] = ranking.table(Score, kind=SubjectKind, subject=Subject)
PLACES: Table[Place, str, int, str] = ranking.table(
    Place, kind=SubjectKind, descent=Amount, subject=Subject
)
TEMPO: Table[Tempo] = ranking.table(Tempo)
BACKINGS: Table[Backing, bytes, bytes] = ranking.table(Backing, voter=AccountId, creator=AccountId)
ENDINGS: Table[Ending, int, bytes, bytes] = ranking.table(
    Ending, until_ms=Counter, voter=AccountId, creator=AccountId
)
AGENDA: Agenda[bytes, bytes] = Agenda(ENDINGS, Ending())
WEIGHTS: Table[Weight, str] = ranking.table(Weight, asset=Asset)
DRAFT: Table[Draft] = ranking.table(Draft)
SLOTS: Table[Slots, str] = ranking.table(Slots, kind=SubjectKind)
SHOWN: Table[Shown, str, str] = ranking.table(Shown, kind=SubjectKind, subject=Subject)
RESPONSES: Table[Response, bytes] = ranking.table(Response, account=AccountId)

_UNTOLD = Score(0, 0, is_listed=False)


def score_of(view: View, kind: str, subject: str) -> Score:
    """A subject's score; nothing if it has none."""
    return SCORES.get(view, kind, subject) or _UNTOLD


def tempo_of(view: View) -> Tempo:
    """The tempo that holds: from genesis on the half-life that was set at the first vote."""
    row = TEMPO.get(view)
    if row is not None:
        return row
    return Tempo(0, chain_constants(view).genesis_time_ms, HALF_LIFE_S.read(view))


def place_key(kind: str, subject: str, score: Score) -> tuple[str, int, str]:
    """The key under which the ranking lists a subject."""
    return kind, UINT64_MAX - score.strength, subject


@ranking.invariant
def the_listed_are_ranked(view: View) -> Iterator[str]:
    """The ranking lists each listed subject once, by its strength, and nothing else."""
    wanted = {place_key(*key, row) for key, row in SCORES.every(view) if row.is_listed}
    if wanted != {key for key, _ in PLACES.every(view)}:
        yield "the ranking is not that of the scores"


@ranking.invariant
def windows_end(view: View) -> Iterator[str]:
    """Each window is listed by its end."""
    wanted: set[tuple[KeyPart, ...]] = {(row.until_ms, *key) for key, row in BACKINGS.every(view)}
    yield from AGENDA.disagreements(view, wanted)
