"""Tasks: published or proposed, claimed with evidence, and judged by a committee in batches."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.steps import reward_factor
from vm.modules.tasks.granting import grant
from vm.modules.tasks.tables import (
    APPROVED,
    CLAIMS,
    CLOSED_A_BLOCK,
    DECIDE_S,
    NUMBERING,
    PROPOSAL_S,
    PROPOSED,
    REFUSED,
    TASK_AGENDA,
    TASKS,
    WAITING,
    ClaimRow,
    Places,
    PlacesLeft,
    Proposed,
    Task,
    Title,
    check_end,
    numbering_of,
    sweep,
    tasks,
)
from vm.view import State

MOST_JUDGED = 32
MOST_PROPOSED = 8

UNKNOWN_TASK = tasks.error("unknown-task", "There is no such task, or it is closed.")
TOO_MANY_PROPOSED = tasks.error(
    "too-many-proposed", "Too much that the account has proposed waits to be accepted."
)
ACCEPTED = tasks.error("already-accepted", "The task was accepted already.")
NOT_ACCEPTED = tasks.error("not-accepted", "The task is proposed, and not yet accepted.")
NO_PLACE = tasks.error("no-place", "The task pays nobody more.")
OVER = tasks.error("over", "The time to claim the task is over.")
CLAIMED = tasks.error("already-claimed", "The account has claimed this task already.")
NO_CLAIM = tasks.error("no-claim", "The account has no claim on this task that is not decided.")

Accounts = Annotated[tuple[AccountId, ...], AtMost(MOST_JUDGED)]


@tasks.event
@record("tasks.published")
class Published(Record):
    """A task of this number can be claimed, or is proposed, if it has no places."""

    task: Counter
    title: Title
    places: PlacesLeft


@tasks.event
@record("tasks.judged")
class Judged(Record):
    """The committee has decided on an account's claim: so much was paid; 0: it was refused."""

    task: Counter
    account: AccountId
    units: Amount


@tasks.event
@record("tasks.closed")
class Closed(Record):
    """A task is removed: nothing more is decided about it."""

    task: Counter


@tasks.action(gas=4_000, governed=True)
@record("tasks.publish")
class Publish(Action):
    """Publish a task: an event, an article, a form, or anything else that its description asks for
    (W5)."""

    name: Title
    brief: Cid
    reward: Amount
    places: Places
    until_ms: Counter

    def in_words(self) -> str:
        return f"publish the task {self.name!r}, which pays {self.reward} units {self.places} times"

    def apply(self, context: Context) -> None:
        check_end(context, self.until_ms)
        closes_ms = _decided_by(context.state, self.until_ms)
        task = Task(None, self.name, self.brief, self.reward, self.places, self.until_ms, closes_ms)
        _put_new(context, task)


@tasks.action(gas=8_000, free=True)
@record("tasks.propose")
class Propose(Action):
    """Propose a new form of taking part, for the committee to accept as a task in time (W5)."""

    title: Title
    brief: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if len(list(PROPOSED.scan(state, sender, limit=MOST_PROPOSED))) == MOST_PROPOSED:
            raise TOO_MANY_PROPOSED.failed(
                f"{MOST_PROPOSED} that the account has proposed wait to be accepted"
            )
        closes_ms = context.block.time_ms + 1000 * PROPOSAL_S.read(state)
        number = _put_new(context, Task(sender, self.title, self.brief, 0, 0, 0, closes_ms))
        PROPOSED.put(state, Proposed(), sender, number)


@tasks.action(gas=4_000, governed=True)
@record("tasks.accept")
class Accept(Action):
    """Accept a form of taking part that was proposed, as a task (W5)."""

    task: Counter
    reward: Amount
    places: Places
    until_ms: Counter

    def in_words(self) -> str:
        return f"accept the proposed task {self.task}, which pays {self.reward} units"

    def apply(self, context: Context) -> None:
        state, row = context.state, _task_row(context, self.task)
        if row.proposer is None or row.is_accepted:
            raise ACCEPTED.failed(field="task")
        check_end(context, self.until_ms)
        TASK_AGENDA.remove(state, row.closes_ms, self.task)
        PROPOSED.delete(state, row.proposer, self.task)
        row = replace(
            row,
            reward=self.reward,
            places=self.places,
            until_ms=self.until_ms,
            closes_ms=_decided_by(state, self.until_ms),
        )
        TASKS.put(state, row, self.task)
        TASK_AGENDA.add(state, row.closes_ms, self.task)
        context.emit(Published(self.task, row.title, row.places))


@tasks.action(gas=4_000, free=True)
@record("tasks.claim")
class Claim(Action):
    """Claim a task's reward, once, with the content id of what shows that one has done it (W5)."""

    task: Counter
    evidence: Cid

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, _task_row(context, self.task)
        if not row.is_accepted:
            raise NOT_ACCEPTED.failed(field="task")
        if context.block.time_ms >= row.until_ms:
            raise OVER.failed(field="task")
        if not row.places:
            raise NO_PLACE.failed(field="task")
        if CLAIMS.get(state, self.task, sender) is not None:
            raise CLAIMED.failed(field="task")
        CLAIMS.put(state, ClaimRow(self.evidence, WAITING), self.task, sender)


@tasks.action(gas=20_000, governed=True)
@record("tasks.judge")
class Judge(Action):
    """Decide on claims of a task: those approved are paid its reward times the step that rewards
    have reached (W3, W5), out of the pot of grants; those refused are not."""

    task: Counter
    approved: Accounts
    refused: Accounts

    def in_words(self) -> str:
        return (
            f"pay {len(self.approved)} accounts for task {self.task}, and refuse "
            f"{len(self.refused)}"
        )

    def apply(self, context: Context) -> None:
        state, row = context.state, _task_row(context, self.task)
        if len(self.approved) > row.places:
            raise NO_PLACE.failed(f"{row.places} places are left", field="approved")
        units = row.reward * reward_factor(state)
        for status, accounts in ((APPROVED, self.approved), (REFUSED, self.refused)):
            for i, account in enumerate(accounts):
                claim = CLAIMS.get(state, self.task, account)
                if claim is None or claim.status != WAITING:
                    raise NO_CLAIM.failed(field=f"{status}[{i}]")
                CLAIMS.put(state, replace(claim, status=status), self.task, account)
                paid = units if status == APPROVED else 0
                if paid:
                    grant(context, account, paid)
                context.emit(Judged(self.task, account, paid))
        TASKS.put(state, replace(row, places=row.places - len(self.approved)), self.task)


@tasks.begin_block
def close_tasks(context: Context) -> None:
    """Remove tasks that are closed, and proposals that nobody has accepted in time, with their
    claims, of a bounded number of tasks and rows a block."""
    state, now_ms = context.state, context.block.time_ms
    for _, number in TASK_AGENDA.take(state, now_ms, limit=CLOSED_A_BLOCK):
        row = TASKS.get(state, number)
        if row is not None:
            TASKS.delete(state, number)
            if row.proposer is not None:
                PROPOSED.delete(state, row.proposer, number)
            context.emit(Closed(number))
        if not sweep(state, CLAIMS, number):
            TASK_AGENDA.add(state, now_ms, number)


def _task_row(context: Context, number: int) -> Task:
    """The task; raises ActionFailed (`task`) if there is none, or it is closed."""
    row = TASKS.get(context.state, number)
    if row is None or context.block.time_ms >= row.closes_ms:
        raise UNKNOWN_TASK.failed(f"there is no task {number}, or it is closed", field="task")
    return row


def _decided_by(state: State, until_ms: int) -> int:
    """When a task of this end is closed."""
    return until_ms + 1000 * DECIDE_S.read(state)


def _put_new(context: Context, task: Task) -> int:
    """Give a task the next number, which is returned."""
    numbering = numbering_of(context.state)
    TASKS.put(context.state, task, numbering.task)
    TASK_AGENDA.add(context.state, task.closes_ms, numbering.task)
    NUMBERING.put(context.state, replace(numbering, task=numbering.task + 1))
    context.emit(Published(numbering.task, task.title, task.places))
    return numbering.task
