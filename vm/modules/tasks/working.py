"""Tasks: published or proposed, claimed with evidence, and judged by a committee in batches."""

from dataclasses import replace
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.steps import reward_factor
from vm.modules.tasks.granting import grant
from vm.modules.tasks.tables import (
    CLAIMS,
    ENDS_TOO_EARLY,
    NUMBERING,
    TASKS,
    ClaimRow,
    Places,
    PlacesLeft,
    Task,
    Title,
    numbering_of,
    tasks,
)
from vm.view import View

MOST_JUDGED = 32

UNKNOWN_TASK = tasks.error("unknown-task", "There is no such task.")
ACCEPTED = tasks.error("already-accepted", "The task was accepted already.")
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
        _check_end(context, self.until_ms)
        task = Task(None, self.name, self.brief, self.reward, self.places, self.until_ms)
        _put_new(context, task)


@tasks.action(gas=6_000)
@record("tasks.propose")
class Propose(Action):
    """Propose a new form of taking part, for the committee to accept as a task (W5)."""

    title: Title
    brief: Cid

    def apply(self, context: Context) -> None:
        _put_new(context, Task(context.sender, self.title, self.brief, 0, 0, 0))


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
        row = task_row(context.state, self.task)
        if row.proposer is None or row.until_ms:
            raise ACCEPTED.failed(field="task")
        _check_end(context, self.until_ms)
        row = replace(row, reward=self.reward, places=self.places, until_ms=self.until_ms)
        TASKS.put(context.state, row, self.task)
        context.emit(Published(self.task, row.title, row.places))


@tasks.action(gas=4_000, free=True)
@record("tasks.claim")
class Claim(Action):
    """Claim a task's reward, once, with the content id of what shows that one has done it (W5)."""

    task: Counter
    evidence: Cid

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, task_row(context.state, self.task)
        if context.block.time_ms >= row.until_ms:
            raise OVER.failed(field="task")
        if not row.places:
            raise NO_PLACE.failed(field="task")
        if CLAIMS.get(state, self.task, sender) is not None:
            raise CLAIMED.failed(field="task")
        CLAIMS.put(state, ClaimRow(self.evidence, is_judged=False), self.task, sender)


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
        state, row = context.state, task_row(context.state, self.task)
        if len(self.approved) > row.places:
            raise NO_PLACE.failed(f"{row.places} places are left", field="approved")
        units = row.reward * reward_factor(state)
        for name, accounts in (("approved", self.approved), ("refused", self.refused)):
            for i, account in enumerate(accounts):
                claim = CLAIMS.get(state, self.task, account)
                if claim is None or claim.is_judged:
                    raise NO_CLAIM.failed(field=f"{name}[{i}]")
                CLAIMS.put(state, replace(claim, is_judged=True), self.task, account)
                paid = units if name == "approved" else 0
                if paid:
                    grant(context, account, paid)
                context.emit(Judged(self.task, account, paid))
        TASKS.put(state, replace(row, places=row.places - len(self.approved)), self.task)


def task_row(view: View, number: int) -> Task:
    """The task; raises ActionFailed (`task`) if there is none."""
    row = TASKS.get(view, number)
    if row is None:
        raise UNKNOWN_TASK.failed(f"there is no task {number}", field="task")
    return row


def _check_end(context: Context, until_ms: int) -> None:
    if until_ms <= context.block.time_ms:
        raise ENDS_TOO_EARLY.failed(f"now it is {context.block.time_ms} ms", field="until_ms")


def _put_new(context: Context, task: Task) -> None:
    numbering = numbering_of(context.state)
    TASKS.put(context.state, task, numbering.task)
    NUMBERING.put(context.state, replace(numbering, task=numbering.task + 1))
    context.emit(Published(numbering.task, task.title, task.places))
