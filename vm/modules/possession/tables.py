"""The module `possession`: its rows, and what must hold between them.

Pledges to hold videos are proved again and again by segments that the beacon draws (ECONOMIES T12).
"""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Counter, Digest, Uint
from consensus.record import Record, part, record
from vm.declare import Module
from vm.modules.agenda import HEIGHT, Agenda
from vm.modules.chain import chain_constants
from vm.modules.content import SizeBytes
from vm.modules.draws import MOST_BLOCKS_BETWEEN
from vm.modules.tokens import PositiveAmount, pot_of
from vm.parameter import PARTS_PER_MILLION
from vm.table import KeyPart, Table
from vm.view import View

possession = Module("possession", "Who stores what: pledges to hold videos, and proofs of it.")

PLEDGED_POT = "possession.pledged"
OWED_POT = "possession.owed"  # what pledges have earned since they were last settled
STORAGE_POT = "storage"  # the community's, out of which pledges earn
MAX_SEGMENTS = 16  # of a challenge
MAX_PERIODS = 10_000
MIB = 1_048_576

SegmentCount = Annotated[int, Uint(MAX_SEGMENTS, 1)]
Periods = Annotated[int, Uint(MAX_PERIODS, 1)]

PLEDGE_MIB_UNITS = possession.parameter(
    "pledge_mib_units",
    default=10_000_000,
    minimum=1,
    maximum=10**15,
    unit="units",
    sentence="What a provider pledges for each begun MiB of a video.",
)
PERIOD_BLOCKS = possession.parameter(
    "period_blocks",
    default=86_400,
    minimum=MOST_BLOCKS_BETWEEN,  # so that nobody can know a challenge when he pledges
    maximum=10_000_000,
    unit="blocks",
    sentence="How many blocks after a pledge, and after each challenge, its next challenge is "
    "drawn.",
)
WINDOW_BLOCKS = possession.parameter(
    "window_blocks",
    default=3_600,
    minimum=5,
    maximum=1_000_000,
    unit="blocks",
    sentence="How many blocks can take the answer to a challenge, the one that draws it among "
    "them.",
)
SEGMENTS = possession.parameter(
    "segments",
    default=4,
    minimum=1,
    maximum=MAX_SEGMENTS,
    unit="segments",
    sentence="How many segments a challenge draws.",
)
LEAST_PERIODS = possession.parameter(
    "least_periods",
    default=7,
    minimum=1,
    maximum=MAX_PERIODS,
    unit="challenges",
    sentence="The shortest term of a pledge.",
)
MAX_PROVIDERS = possession.parameter(
    "max_providers",
    default=16,
    minimum=1,
    maximum=256,
    unit="pledges",
    sentence="How many may pledge for one video at a time.",
)
MAX_MISSES = possession.parameter(
    "max_misses",
    default=3,
    minimum=1,
    maximum=100,
    unit="challenges",
    sentence="How many challenges missed in a row end a pledge.",
)
MISS_PPM = possession.parameter(
    "miss_ppm",
    default=100_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The share of what was pledged that a missed challenge costs, rounded down.",
)
BURN_PPM = possession.parameter(
    "burn_ppm",
    default=PARTS_PER_MILLION,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The share of what a missed challenge costs that is burned, rounded down; the rest "
    "goes to the storage pot.",
)
MIB_DAY_UNITS = possession.parameter(
    "mib_day_units",
    default=10_000,
    minimum=0,
    maximum=10**12,
    unit="units",
    sentence="The most that a pledge earns in a day for each begun MiB.",
)
DAY_UNITS = possession.parameter(
    "day_units",
    default=10_000_000_000,
    minimum=0,
    maximum=UINT64_MAX,
    unit="units",
    sentence="The most that all pledges together earn in a day.",
)


@record("possession.root")
class Root(Record):
    """The segment root of a video, the bytes that it is of, and how many pledge for it."""

    root: Digest
    size_bytes: SizeBytes
    providers: Counter


@part
class Challenge(Record):
    """Segments that were drawn: so many, from the seed, in the block of a height."""

    seed: Digest
    height: Counter
    segments: SegmentCount


@record("possession.pledge")
class Pledge(Record):
    """A provider's pledge to hold a video: what is left of the `pledged` native units, the begun
    MiB that it counts for, how many challenges it stands for at least (`term`) and how many were
    drawn (`period`), how many it has missed in a row, and up to which of `possession.earnings` it
    is settled. At `due_height` its next challenge is drawn or, if one is open, counts as missed."""

    units: PositiveAmount
    pledged: PositiveAmount
    mib: Annotated[int, Uint(minimum=1)]
    term: Periods
    period: Counter
    missed: Counter
    settled: Amount
    due_height: Counter
    challenge: Challenge | None


@record("possession.provided")
class Provided(Record):
    """Lists the videos that an account pledges to hold."""


@record("possession.provider")
class Provider(Record):
    """What an account has done as a provider: challenges kept and missed, pledges that misses have
    ended, and native units earned and lost; counts stop at their largest."""

    kept: Counter
    missed: Counter
    ended: Counter
    earned: Amount
    lost: Amount


@record("possession.earnings")
class Earnings(Record):
    """The begun MiB of all pledges, each counted for each, and what one of them has earned since
    the chain began."""

    mib: Amount
    mib_units: Amount


@record("possession.due")
class Due(Record):
    """Lists the pledges in the order of the heights at which something falls due."""


@record("possession.stall")
class Stall(Record):
    """The newest block that had to stay empty, as too many before it were not final."""

    height: Counter


ROOTS: Table[Root, Cid] = possession.table(Root, cid=Cid)
PLEDGES: Table[Pledge, Cid, bytes] = possession.table(Pledge, cid=Cid, provider=AccountId)
PROVIDED: Table[Provided, bytes, Cid] = possession.table(Provided, provider=AccountId, cid=Cid)
PROVIDERS: Table[Provider, bytes] = possession.table(Provider, provider=AccountId)
EARNINGS: Table[Earnings] = possession.table(Earnings)
DUE: Table[Due, int, Cid, bytes] = possession.table(
    Due, height=Counter, cid=Cid, provider=AccountId
)
AGENDA: Agenda[Cid, bytes] = Agenda(DUE, Due(), HEIGHT)
STALL: Table[Stall] = possession.table(Stall)

NO_ROOT = possession.error("no-root", "The video has no segment root yet: its owner registers it.")
NO_PLEDGE = possession.error("no-pledge", "The account has no pledge for this video.")

_NO_EARNINGS = Earnings(0, 0)


def earnings_of(view: View) -> Earnings:
    """What a MiB has earned, and how many there are."""
    return EARNINGS.get(view) or _NO_EARNINGS


def root_row(view: View, cid: Cid) -> Root:
    """The video's segment root; raises ActionFailed if it has none."""
    row = ROOTS.get(view, cid)
    if row is None:
        raise NO_ROOT.failed(field="cid")
    return row


def pledge_row(view: View, cid: Cid, provider: bytes) -> Pledge:
    """The provider's pledge for a video; raises ActionFailed if there is none."""
    row = PLEDGES.get(view, cid, provider)
    if row is None:
        raise NO_PLEDGE.failed(field="cid")
    return row


def begun_mib(size_bytes: int) -> int:
    """What a video counts for."""
    return -(-size_bytes // MIB)


@possession.invariant
def pots_agree(view: View) -> Iterator[str]:
    """The pots hold, to the unit, what is pledged and what pledges have earned."""
    earnings, asset = earnings_of(view), chain_constants(view).native_asset
    pledged = owed = mib = 0
    for _, row in PLEDGES.every(view):
        pledged += row.units
        mib += row.mib
        owed += row.mib * (earnings.mib_units - row.settled)
    if mib != earnings.mib:
        yield f"{earnings.mib} MiB are counted, the pledges have {mib}"
    for pot, units in ((PLEDGED_POT, pledged), (OWED_POT, owed)):
        held = pot_of(view, pot, asset)
        if held != units:
            yield f"the pot {pot} holds {held}, the rows say {units}"


@possession.invariant
def pledges_are_listed(view: View) -> Iterator[str]:
    """Each pledge is listed under its provider and on the agenda, and counted at its video."""
    wanted: set[tuple[KeyPart, ...]] = set()
    providers: Tally[Cid] = Tally()
    listed = {key for key, _ in PROVIDED.every(view)}
    for (cid, provider), row in PLEDGES.every(view):
        wanted.add((row.due_height, cid, provider))
        providers[cid] += 1
        if (provider, cid) not in listed:
            yield f"the pledge of {provider.hex()} for {cid} is not listed"
        listed.discard((provider, cid))
        if row.units > row.pledged:
            yield f"the pledge of {provider.hex()} for {cid} has more left than was pledged"
    for provider, cid in sorted(listed):
        yield f"no pledge of {provider.hex()} for {cid}, which is listed"
    for (cid,), root in ROOTS.every(view):
        if root.providers != providers.pop(cid, 0):
            yield f"{root.providers} are not those who pledge for {cid}"
    for cid in providers:
        yield f"pledges for {cid}, which has no root"
    yield from AGENDA.disagreements(view, wanted)
