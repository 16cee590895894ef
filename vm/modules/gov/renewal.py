"""Renewal: all members of a body give way to others at once, as an election has decided."""

from collections.abc import Collection

from vm.context import Context
from vm.modules.gov.membership import REPLACED, admit, expel, is_member
from vm.modules.gov.tables import ALTERNATES, MAX_MEMBERS, ROLL


def replace_members(context: Context, name: str, accounts: Collection[bytes]) -> None:
    """Let a body have these members and no others; who is among them already stays. The alternates
    of those before are none any more. That all may be members is the caller's to check."""
    state = context.state
    ALTERNATES.delete(state, name)
    for (_, account), _ in list(ROLL.scan(state, name, limit=MAX_MEMBERS)):
        if account not in accounts:
            expel(context, name, account, reason=REPLACED, barred_s=0)
    for account in accounts:
        if not is_member(state, name, account):
            admit(context, name, account)
