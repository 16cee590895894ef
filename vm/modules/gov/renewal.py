"""Renewal: all members of a body give way to others at once, as an election has decided."""

from collections.abc import Collection

from vm.context import Context
from vm.modules.gov.membership import (
    REPLACED,
    admit,
    expel,
    forget_vacancies,
    is_member,
    name_alternates,
)
from vm.modules.gov.tables import MAX_MEMBERS, ROLL


def replace_members(context: Context, name: str, accounts: Collection[bytes]) -> None:
    """Let a body have these members and no others; who is among them already stays. The alternates
    of those before are none any more. That all may be members is the caller's to check."""
    state = context.state
    name_alternates(state, name, ())
    for (_, account), _ in list(ROLL.scan(state, name, limit=MAX_MEMBERS)):
        if account not in accounts:
            expel(context, name, account, reason=REPLACED, barred_s=0)
    forget_vacancies(state, name)
    for account in accounts:
        if not is_member(state, name, account):
            admit(context, name, account)
