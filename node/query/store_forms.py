"""What a node answers and is told of its content store, by its operator."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import Counter, Text, Uint
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor
from storage.content_pin import MAX_PIN_NAME, Pin, PinKind

MAX_MISSING = 256
MAX_LOST = 1024
MAX_AGE_S = 2**32
GRACE_S = 3_600  # what was added this recently may belong to what is still being added

PinWord = Annotated[str, Text(8, 1, "|".join(kind.value for kind in PinKind))]


@part
class StoreAnswer(Record):
    """How much content a node stores, at most `quota_bytes`; no pin holds the loose blocks."""

    blocks: Counter
    size_bytes: Counter
    loose_blocks: Counter
    loose_bytes: Counter
    pins: Counter
    quota_bytes: Counter | None


@part
class PinsAnswer(Record):
    """Pins, in the order of their CIDs."""

    items: Annotated[tuple[Pin, ...], AtMost(MAX_PAGE)]
    next: Cursor | None


@part
class RootAnswer(Record):
    """A block and what is below it: `references` are its pins and the links of held nodes to it;
    `missing` are the first blocks that are not stored, none if all of it is."""

    cid: Cid
    references: Counter
    pins: Annotated[tuple[Pin, ...], AtMost(len(PinKind))]
    missing: Annotated[tuple[Cid, ...], AtMost(MAX_MISSING)]


@part
class PinForm(Record):
    """Why content is pinned, and as what."""

    kind: PinWord
    name: Annotated[str, Text(MAX_PIN_NAME, 0, r"[^\n\t]*")]


@part
class Collection(Record):
    """Remove loose blocks that were added at least `min_age_s` ago, from the place `start` on,
    until the store takes at most `target_bytes`."""

    target_bytes: Counter
    min_age_s: Annotated[int, Uint(MAX_AGE_S)]
    start: Counter


@part
class CollectedAnswer(Record):
    """What a step of a collection removed; `next` is where the next one starts, null at the end."""

    blocks: Counter
    size_bytes: Counter
    next: Counter | None


@part
class Verification(Record):
    """Read some stored blocks, those after the block `after` in the order of their CIDs."""

    after: Cid | None


@part
class VerifiedAnswer(Record):
    """What a step of a verification read; `lost` were corrupt or gone. The next one goes on after
    `next`, null at the end."""

    blocks: Counter
    size_bytes: Counter
    lost: Annotated[tuple[Cid, ...], AtMost(MAX_LOST)]
    next: Cid | None
