"""What a node answers about taking part: tasks, claims on them, and check-ins."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter, Text
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.checkin import Rules, Settled
from vm.modules.checkin.tables import PAST_KEPT
from vm.modules.tasks import ClaimRow, Task

PROPOSED, OPEN, FULL, ENDED = "proposed", "open", "full", "ended"
TaskState = Annotated[str, Text(8, 1, f"{PROPOSED}|{OPEN}|{FULL}|{ENDED}")]


@part
class TaskItem(Record):
    """A task and what can be done with it: accept it (`proposed`), claim it (`open`), nothing as
    all places are taken (`full`), or only decide on its claims (`ended`); and what an approved
    claim is paid now, its reward times the step that rewards have reached (W3, W5)."""

    task: Counter
    state: TaskState
    pays: Amount
    row: Task


@part
class TaskAnswer(Record):
    """A task."""

    item: TaskItem
    at: Place


@part
class TasksAnswer(Record):
    """A page of tasks, by number."""

    items: Annotated[tuple[TaskItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class ClaimItem(Record):
    """A claim of an account on a task."""

    account: AccountId
    row: ClaimRow


@part
class ClaimsAnswer(Record):
    """A page of the claims on a task, by account. Those that were not asked for are left out: a
    page may be short, and another may follow."""

    items: Annotated[tuple[ClaimItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class CheckinAnswer(Record):
    """How check-ins stand (W4): whether accounts can check in, by which rules; the open period, and
    when it ends if each day has a block (ms from the Unix epoch; null: nobody has checked in yet);
    what is locked for it by all and by the account; its airdrop and the account's share if it ended
    now; what the account can take back of a period that is over, with which share; and the newest
    periods that it has settled, the newest last."""

    account: AccountId
    is_on: bool
    rules: Rules | None
    period: Counter | None
    ends_ms: Counter | None
    locked_by_all: Amount
    locked: Amount
    airdrop_now: Amount
    share_now: Amount
    back: Amount
    share: Amount
    periods: Annotated[tuple[Settled, ...], AtMost(PAST_KEPT)]
    at: Place
