"""Answers about tasks, claims on them, and check-ins. Any thread may call."""

from typing import cast

from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.participation_answers import (
    ENDED,
    FULL,
    OPEN,
    PROPOSED,
    CheckinAnswer,
    ClaimItem,
    ClaimsAnswer,
    TaskAnswer,
    TaskItem,
    TasksAnswer,
)
from node.query.state_queries import scan
from vm.modules.checkin import (
    CURRENT,
    ENTRIES,
    PAST,
    RULES,
    airdrop_of,
    open_period,
    share_of,
)
from vm.modules.economy import CLOCK, ECONOMY
from vm.modules.steps import reward_factor
from vm.modules.tasks import CLAIMS, TASKS, UNKNOWN_TASK, WAITING, ClaimRow, Task
from vm.view import View


def tasks(view: ChainView, limit: int, cursor: str | None) -> TasksAnswer:
    """All tasks that are not closed; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, TASKS.prefix(), limit, cursor)
    items = tuple(
        _item(view, cast(int, TASKS.key_parts(key)[0]), Task.decode(value)) for key, value in found
    )
    return TasksAnswer(items, following, place_of(view.block))


def task(view: ChainView, number: int) -> TaskAnswer:
    """A task; raises NotFound."""
    row = TASKS.get(view.state, number)
    if row is None:
        raise NotFound(
            f"there is no task {number}, or it is closed", field="task", code=UNKNOWN_TASK.code
        )
    return TaskAnswer(_item(view, number, row), place_of(view.block))


def claims(
    view: ChainView, number: int, *, waiting: bool, limit: int, cursor: str | None
) -> ClaimsAnswer:
    """The claims on a task, or those that are not decided; raises NotFound, InvalidEncoding
    (`cursor`)."""
    task(view, number)
    found, following = scan(view, CLAIMS.prefix(number), limit, cursor)
    items = (
        ClaimItem(cast(bytes, CLAIMS.key_parts(key)[1]), ClaimRow.decode(value))
        for key, value in found
    )
    wanted = tuple(item for item in items if not waiting or item.row.status == WAITING)
    return ClaimsAnswer(wanted, following, place_of(view.block))


def checkin(view: ChainView, account: bytes) -> CheckinAnswer:
    """How check-ins stand for an account."""
    state = view.state
    rules, entry, share = (
        RULES.get(state),
        ENTRIES.get(state, account),
        share_of(state, account),
    )
    period = None if rules is None else open_period(state, rules)
    airdrop = 0 if rules is None else airdrop_of(state, rules)
    units = 0 if entry is None else entry.units
    locked = 0 if share is not None else units
    by_all = 0 if period is None else period.locked
    past = PAST.get(state, account)
    return CheckinAnswer(
        account=account,
        is_on=rules is not None and rules.from_height <= view.block.height,
        rules=rules,
        period=None if period is None else period.number,
        ends_ms=_ends_ms(state),
        locked_by_all=by_all,
        locked=locked,
        airdrop_now=airdrop,
        share_now=airdrop * locked // by_all if by_all else 0,
        back=units - locked,
        share=share or 0,
        periods=() if past is None else past.periods,
        at=place_of(view.block),
    )


def _item(view: ChainView, number: int, row: Task) -> TaskItem:
    pays = row.reward * reward_factor(view.state)
    return TaskItem(number, _state_of(row, view.time_ms), pays, row)


def _state_of(row: Task, now_ms: int) -> str:
    if not row.is_accepted:
        return PROPOSED
    if now_ms >= row.until_ms:
        return ENDED
    return OPEN if row.places else FULL


def _ends_ms(state: View) -> int | None:
    current, clock, constants = CURRENT.get(state), CLOCK.get(state), ECONOMY.get(state)
    if current is None or not current.over_on or clock is None or constants is None:
        return None
    days_left = max(0, current.over_on - clock.days_with_blocks)
    return clock.over_ms + days_left * 1000 * constants.day_s
