"""The roll: proposals admit members to bodies, dismiss and replace them, and name who comes next
(K5, K8)."""

from typing import Annotated

from consensus.address import format_address
from consensus.kinds import AccountId
from consensus.record import AtMost, Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.gov.membership import (
    ALREADY_MEMBER,
    DISMISSED,
    NOT_MEMBER,
    REPLACED,
    TOO_FEW,
    admit,
    body_named,
    can_be_replaced,
    can_spare,
    check_alternate,
    expel,
    fill_vacancies,
    is_member,
    name_alternates,
)
from vm.modules.gov.tables import (
    MAX_ALTERNATES,
    BodyName,
    Span,
    gov,
)

TWICE = gov.error("named-twice", "An account is named twice.")
TOO_MANY = gov.error("too-many-alternates", "So many cannot wait to be members of this body.")
NO_ALTERNATE = gov.error(
    "no-alternate", "No alternate can step in: name some first (gov.name_alternates)."
)


@gov.event
@record("gov.alternates_named")
class AlternatesNamed(Record):
    """Who fills a body's vacancies from now on, the next first."""

    body: BodyName
    accounts: Annotated[tuple[AccountId, ...], AtMost(MAX_ALTERNATES)]


@gov.action(gas=6_000, governed=True)
@record("gov.admit")
class Admit(Action):
    """Make an account a member of a body; where members have terms, begin its term anew. Places
    that members left are their alternates', where a body can have any (K5)."""

    body: BodyName
    account: AccountId

    @property
    def subject(self) -> str:
        return self.body

    def in_words(self) -> str:
        return f"admit {format_address(self.account)} to {self.body}"

    def apply(self, context: Context) -> None:
        admit(context, self.body, self.account)


@gov.action(gas=10_000, governed=True)
@record("gov.dismiss")
class Dismiss(Action):
    """Take a member out of a body, and bar it for so many seconds; the next alternate takes the
    place at once."""

    body: BodyName
    account: AccountId
    barred_s: Span

    @property
    def subject(self) -> str:
        return self.body

    def in_words(self) -> str:
        barred = f", barred for {self.barred_s} s" if self.barred_s else ""
        return f"dismiss {format_address(self.account)} from {self.body}{barred}"

    def apply(self, context: Context) -> None:
        body_named(context.state, self.body)
        if not is_member(context.state, self.body, self.account):
            raise NOT_MEMBER.failed(field="account")
        if not can_spare(context, self.body):
            raise TOO_FEW.failed(field="body")
        expel(context, self.body, self.account, reason=DISMISSED, barred_s=self.barred_s)


@gov.action(gas=12_000, governed=True)
@record("gov.replace")
class Replace(Action):
    """Take a member out of a body for the next alternate, who takes the place at once; without one
    that can step in the member stays (K5)."""

    body: BodyName
    account: AccountId

    @property
    def subject(self) -> str:
        return self.body

    def in_words(self) -> str:
        return f"replace {format_address(self.account)} in {self.body} by the next alternate"

    def apply(self, context: Context) -> None:
        body_named(context.state, self.body)
        if not is_member(context.state, self.body, self.account):
            raise NOT_MEMBER.failed(field="account")
        if not can_be_replaced(context, self.body):
            raise NO_ALTERNATE.failed(field="body")
        expel(context, self.body, self.account, reason=REPLACED, barred_s=0)


@gov.action(gas=12_000, governed=True)
@record("gov.name_alternates")
class NameAlternates(Action):
    """Say who fills a body's vacancies, the next first, in the place of those named before; places
    that are vacant are filled at once (K8)."""

    body: BodyName
    accounts: Annotated[tuple[AccountId, ...], AtMost(MAX_ALTERNATES)]

    @property
    def subject(self) -> str:
        return self.body

    def in_words(self) -> str:
        names = ", ".join(format_address(account) for account in self.accounts) or "nobody"
        return f"name as alternates of {self.body}, in this order: {names}"

    def apply(self, context: Context) -> None:
        state = context.state
        most = body_named(state, self.body).alternates
        if len(self.accounts) > most:
            raise TOO_MANY.failed(f"{self.body} has {most} at most", field="accounts")
        if len(set(self.accounts)) < len(self.accounts):
            raise TWICE.failed(field="accounts")
        for account in self.accounts:
            check_alternate(context, self.body, account)
            if is_member(state, self.body, account):
                raise ALREADY_MEMBER.failed(format_address(account), field="accounts")
        name_alternates(state, self.body, self.accounts)
        context.emit(AlternatesNamed(self.body, self.accounts))
        fill_vacancies(context, self.body)
