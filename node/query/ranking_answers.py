"""What a node answers about the ranking and live rooms."""

from typing import Annotated

from consensus.kinds import AccountId, Counter
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.live import Prepaid, Room, Show
from vm.modules.ranking import MOST_CANDIDATES, Points, PolicyName, Subject, SubjectKind


@part
class RankingItem(Record):
    """A subject of the ranking: its points now, decayed, and how many votes it ever got (T5)."""

    subject: Subject
    points: Points
    votes: Counter


@part
class RankingAnswer(Record):
    """A page of the ranking, the highest score first."""

    kind: SubjectKind
    items: Annotated[tuple[RankingItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class SlotsAnswer(Record):
    """What is recommended now, the first first; by which policy and since which height (null: no
    slots were filled yet) (T5)."""

    kind: SubjectKind
    policy: PolicyName | None
    height: Counter | None
    items: Annotated[tuple[RankingItem, ...], AtMost(MOST_CANDIDATES)]
    at: Place


@part
class RoomItem(Record):
    """An open live room: its owner, its show so far, and its points in the ranking (T7)."""

    owner: AccountId
    room: Room
    show: Show
    points: Points


@part
class RoomsAnswer(Record):
    """A page of the open live rooms, by owner."""

    items: Annotated[tuple[RoomItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class LiveAnswer(Record):
    """An account's live room (null: it is closed), and the data packets that it holds (T7)."""

    owner: AccountId
    item: RoomItem | None
    prepaid: Prepaid
    at: Place
